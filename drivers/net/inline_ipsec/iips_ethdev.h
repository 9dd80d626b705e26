/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IIPS_ETHDEV_H
#define IIPS_ETHDEV_H

#include <stdint.h>

struct rte_mbuf;

uint16_t iips_rx_burst(void *rxq, struct rte_mbuf **pkts, uint16_t n);
uint16_t iips_tx_burst(void *txq, struct rte_mbuf **pkts, uint16_t n);

#endif
