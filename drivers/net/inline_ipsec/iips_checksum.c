/* SPDX-License-Identifier: BSD-3-Clause */

/* Inner IP and layer 4 checksums, computed or verified where a session asks for it. */

#include <netinet/in.h>

#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "iips.h"

static void *l4_checksum_field(uint8_t protocol, void *l4, uint32_t l4_len)
{
	if (protocol == IPPROTO_TCP && l4_len >= sizeof(struct rte_tcp_hdr))
		return &((struct rte_tcp_hdr *)l4)->cksum;
	if (protocol == IPPROTO_UDP && l4_len >= sizeof(struct rte_udp_hdr))
		return &((struct rte_udp_hdr *)l4)->dgram_cksum;
	return NULL;
}

static uint16_t l4_checksum(void *ip, void *l4)
{
	return ((struct rte_ipv4_hdr *)ip)->version == 4 ? rte_ipv4_udptcp_cksum(ip, l4) : rte_ipv6_udptcp_cksum(ip, l4);
}

void iips_fill_checksums(const struct iips_sa *sa, void *ip, uint32_t len)
{
	struct rte_ipv4_hdr *ip4 = ip;
	bool v4 = ip4->version == 4;
	uint32_t header = v4 ? ip4->ihl * 4u : (uint32_t)sizeof(struct rte_ipv6_hdr);
	uint8_t protocol = v4 ? ip4->next_proto_id : ((struct rte_ipv6_hdr *)ip)->proto;
	uint16_t *field;

	if (len < header)
		return;
	if (sa->xform.options.l4_csum_enable) {
		field = l4_checksum_field(protocol, (uint8_t *)ip + header, len - header);
		if (field != NULL) {
			*field = 0;
			*field = l4_checksum(ip, (uint8_t *)ip + header);
		}
	}
	if (sa->xform.options.ip_csum_enable && v4) {
		ip4->hdr_checksum = 0;
		ip4->hdr_checksum = rte_ipv4_cksum(ip4);
	}
}

void iips_check_checksums(const struct iips_sa *sa, struct rte_mbuf *m, void *ip, uint32_t len)
{
	struct rte_ipv4_hdr *ip4 = ip;
	bool v4 = ip4->version == 4;
	uint32_t header = v4 ? ip4->ihl * 4u : (uint32_t)sizeof(struct rte_ipv6_hdr);
	uint8_t protocol = v4 ? ip4->next_proto_id : ((struct rte_ipv6_hdr *)ip)->proto;
	uint16_t *field, found;

	if (len < header)
		return;
	if (sa->xform.options.ip_csum_enable && v4) {
		found = ip4->hdr_checksum;
		ip4->hdr_checksum = 0;
		m->ol_flags |= found == rte_ipv4_cksum(ip4) ? RTE_MBUF_F_RX_IP_CKSUM_GOOD : RTE_MBUF_F_RX_IP_CKSUM_BAD;
		ip4->hdr_checksum = found;
	}
	if (sa->xform.options.l4_csum_enable) {
		field = l4_checksum_field(protocol, (uint8_t *)ip + header, len - header);
		if (field == NULL)
			return;
		found = *field;
		*field = 0;
		m->ol_flags |= found == l4_checksum(ip, (uint8_t *)ip + header) ? RTE_MBUF_F_RX_L4_CKSUM_GOOD
										   : RTE_MBUF_F_RX_L4_CKSUM_BAD;
		*field = found;
	}
}
