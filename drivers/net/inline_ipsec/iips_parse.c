/* SPDX-License-Identifier: BSD-3-Clause */

#include <netinet/in.h>

#include <rte_esp.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "iips.h"

#define NAT_T_PORT 4500
#define MAX_EXTENSIONS 8

static bool parse_ipv4(const struct rte_mbuf *m, struct iips_frame *f)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, f->l3);

	if (m->data_len < f->l3 + sizeof(*ip) || ip->ihl < 5 || ip->version != 4)
		return false;
	f->family = 4;
	f->src = (const uint8_t *)&ip->src_addr;
	f->dst = (const uint8_t *)&ip->dst_addr;
	f->protocol = ip->next_proto_id;
	f->l4 = (uint16_t)(f->l3 + ip->ihl * 4);
	f->fragment = (ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) != 0;
	f->end = f->l3 + rte_be_to_cpu_16(ip->total_length);
	return f->l4 <= m->data_len && f->end >= f->l4;
}

static bool parse_ipv6(const struct rte_mbuf *m, struct iips_frame *f)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv6_hdr *, f->l3);
	const uint8_t *ext;
	int i;

	if (m->data_len < f->l3 + sizeof(*ip))
		return false;
	f->family = 6;
	f->src = ip->src_addr;
	f->dst = ip->dst_addr;
	f->protocol = ip->proto;
	f->l4 = (uint16_t)(f->l3 + sizeof(*ip));
	f->end = f->l4 + rte_be_to_cpu_16(ip->payload_len);
	for (i = 0; i < MAX_EXTENSIONS; i++) {
		if (f->protocol != IPPROTO_HOPOPTS && f->protocol != IPPROTO_ROUTING && f->protocol != IPPROTO_DSTOPTS &&
		    f->protocol != IPPROTO_FRAGMENT)
			return true;
		if (f->l4 + 8 > m->data_len)
			return false;
		ext = rte_pktmbuf_mtod_offset(m, const uint8_t *, f->l4);
		if (f->protocol == IPPROTO_FRAGMENT) {
			f->fragment = true;
			f->l4 = (uint16_t)(f->l4 + 8);
		} else {
			f->l4 = (uint16_t)(f->l4 + (ext[1] + 1) * 8);
		}
		f->protocol = ext[0];
	}
	return false;
}

static void find_esp(const struct rte_mbuf *m, struct iips_frame *f)
{
	uint16_t at = f->l4;
	const struct rte_udp_hdr *udp;
	uint32_t spi;

	if (f->fragment)
		return;
	if (f->protocol == IPPROTO_UDP) {
		/* Any port: a session may use others than 4500. A zero SPI is the non-ESP marker (RFC 3948 section 2.2). */
		if (at + sizeof(*udp) + sizeof(struct rte_esp_hdr) > m->data_len)
			return;
		udp = rte_pktmbuf_mtod_offset(m, const struct rte_udp_hdr *, at);
		at = (uint16_t)(at + sizeof(*udp));
		f->udp_esp = udp->dst_port == rte_cpu_to_be_16(NAT_T_PORT) || udp->src_port == rte_cpu_to_be_16(NAT_T_PORT);
	} else if (f->protocol != IPPROTO_ESP || at + sizeof(struct rte_esp_hdr) > m->data_len) {
		return;
	}
	spi = rte_be_to_cpu_32(rte_pktmbuf_mtod_offset(m, const struct rte_esp_hdr *, at)->spi);
	if (spi == 0)
		return;
	f->spi = spi;
	f->esp = at;
}

void iips_parse(const struct rte_mbuf *m, struct iips_frame *f)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	bool ok = false;

	memset(f, 0, sizeof(*f));
	if (m->data_len < sizeof(*eth))
		return;
	f->l3 = sizeof(*eth);
	if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4))
		ok = parse_ipv4(m, f);
	else if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6))
		ok = parse_ipv6(m, f);
	if (!ok) {
		f->family = 0;
		return;
	}
	find_esp(m, f);
}
