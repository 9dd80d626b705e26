/* SPDX-License-Identifier: BSD-3-Clause */

#include <netinet/in.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_random.h>
#include <rte_tcp.h>
#include <rte_thash.h>

#include "iips.h"

/* Microsoft's verification key: what most ports start with. */
static const uint8_t default_key[IIPS_HASH_KEY_BYTES] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

/* mlx5 hashes the SPI by an explicit rule only. */
uint64_t iips_rss_types(const struct iips_port *port)
{
	return port->profile == IIPS_PROFILE_BF2 ? IIPS_RSS_TYPES & ~RTE_ETH_RSS_ESP : IIPS_RSS_TYPES;
}

void iips_rss_default(struct iips_port *port)
{
	int i;

	memcpy(port->rss_key, default_key, sizeof(default_key));
	port->rss_types = iips_rss_types(port);
	for (i = 0; i < IIPS_RETA_SIZE; i++)
		port->reta[i] = (uint16_t)(port->nb_rx == 0 ? 0 : i % port->nb_rx);
}

/*
 * The input of the hash, as host-order words: addresses, then the SPI for ESP (RTE_ETH_RSS_ESP), or the ports for TCP and UDP.
 * ESP in UDP hashes like other UDP: a port of this kind does not look behind the UDP header.
 */
uint32_t iips_rss_hash(const uint8_t *key, uint64_t types, const struct rte_mbuf *m, const struct iips_frame *f)
{
	uint32_t input[9];
	uint32_t n = 0, i;

	if (f->family == 0)
		return 0;
	if (f->family == 4) {
		const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, f->l3);

		input[n++] = rte_be_to_cpu_32(ip->src_addr);
		input[n++] = rte_be_to_cpu_32(ip->dst_addr);
	} else {
		const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv6_hdr *, f->l3);
		unaligned_uint32_t word;

		for (i = 0; i < 8; i++) {
			memcpy(&word, (i < 4 ? IIPS_IPV6_BYTES(ip->src_addr) : IIPS_IPV6_BYTES(ip->dst_addr)) + (i % 4) * 4, 4);
			input[n++] = rte_be_to_cpu_32(word);
		}
	}
	if (f->protocol == IPPROTO_ESP && f->esp != 0 && (types & RTE_ETH_RSS_ESP) != 0) {
		input[n++] = f->spi;
	} else if (!f->fragment && f->l4 + 4 <= m->data_len &&
		   ((f->protocol == IPPROTO_TCP && (types & RTE_ETH_RSS_TCP) != 0) ||
		    (f->protocol == IPPROTO_UDP && (types & RTE_ETH_RSS_UDP) != 0))) {
		unaligned_uint32_t ports;

		memcpy(&ports, rte_pktmbuf_mtod_offset(m, const void *, f->l4), 4);
		input[n++] = rte_be_to_cpu_32(ports);
	} else if ((types & RTE_ETH_RSS_IP) == 0) {
		return 0;
	}
	return rte_softrss(input, n, key);
}

uint16_t iips_steer(struct iips_port *port, struct rte_mbuf *m, const struct iips_frame *f, const struct rte_flow *rule)
{
	uint32_t hash;

	if (rule != NULL && rule->has_queue)
		return rule->queue;
	if (port->nb_rx <= 1)
		return 0;
	hash = iips_rss_hash(rule != NULL && rule->has_rss ? rule->rss_key : port->rss_key,
			     rule != NULL && rule->has_rss ? rule->rss_types : port->rss_types, m, f);
	m->hash.rss = hash;
	m->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
	if (rule != NULL && rule->has_rss)
		return rule->rss_queue[hash % rule->rss_queues];
	return port->reta[hash % IIPS_RETA_SIZE];
}

int iips_reta_update(struct rte_eth_dev *dev, struct rte_eth_rss_reta_entry64 *reta, uint16_t size)
{
	struct iips_port *port = dev->data->dev_private;
	uint16_t i;

	if (size != IIPS_RETA_SIZE)
		return -EINVAL;
	iips_quiesce(port);
	for (i = 0; i < size; i++)
		if ((reta[i / 64].mask >> (i % 64)) & 1)
			port->reta[i] = (uint16_t)(reta[i / 64].reta[i % 64] % RTE_MAX(port->nb_rx, 1));
	iips_resume(port);
	return 0;
}

int iips_reta_query(struct rte_eth_dev *dev, struct rte_eth_rss_reta_entry64 *reta, uint16_t size)
{
	const struct iips_port *port = dev->data->dev_private;
	uint16_t i;

	if (size != IIPS_RETA_SIZE)
		return -EINVAL;
	for (i = 0; i < size; i++)
		if ((reta[i / 64].mask >> (i % 64)) & 1)
			reta[i / 64].reta[i % 64] = port->reta[i];
	return 0;
}

int iips_rss_hash_update(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf)
{
	struct iips_port *port = dev->data->dev_private;

	iips_quiesce(port);
	port->rss_types = conf->rss_hf;
	if (conf->rss_key != NULL)
		memcpy(port->rss_key, conf->rss_key, IIPS_HASH_KEY_BYTES);
	iips_resume(port);
	return 0;
}

int iips_rss_hash_conf_get(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf)
{
	const struct iips_port *port = dev->data->dev_private;

	conf->rss_hf = port->rss_types;
	if (conf->rss_key != NULL && conf->rss_key_len >= IIPS_HASH_KEY_BYTES)
		memcpy(conf->rss_key, port->rss_key, IIPS_HASH_KEY_BYTES);
	return 0;
}
