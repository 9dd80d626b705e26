/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What differs for drivers between DPDK 22.11, which this one is built and tested with, and later releases up to 25.11. It was compiled
 * against the headers of 25.11 once, by hand, and not linked or run.
 */

#ifndef IIPS_COMPAT_H
#define IIPS_COMPAT_H

#include <rte_version.h>

/* 24.11 gave IPv6 addresses a type: the bytes of an address in a header. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
#define IIPS_IPV6_BYTES(address) ((address).a)
#else
#define IIPS_IPV6_BYTES(address) (address)
#endif

/* 25.11 asks a driver for its counters per queue by a parameter of their own; this one has none. */
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
#define IIPS_QUEUE_STATS , struct eth_queue_stats *queues __rte_unused
#else
#define IIPS_QUEUE_STATS
#endif

#endif
