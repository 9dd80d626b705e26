/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the port does to a packet: whole ESP for inline protocol, ciphering only for inline crypto. Written from the RFCs, for
 * clarity and not for speed; it is the other side of every test of the gateway's own ESP.
 */

#include <netinet/in.h>
#include <string.h>

#include <rte_esp.h>
#include <rte_ip.h>
#include <rte_random.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "iips.h"

#define ESP_HEADER ((uint32_t)sizeof(struct rte_esp_hdr))
#define NEXT_NONE 59	/* TFC dummy packet, RFC 4303 section 2.6 */
#define NAT_T_PORT 4500

/* ---- egress ---- */

struct inner {
	uint8_t family;
	uint8_t tos;
	bool df;
	uint32_t flow_label;
};

static bool read_inner(const void *ip, uint32_t len, struct inner *inner)
{
	const struct rte_ipv4_hdr *ip4 = ip;
	const struct rte_ipv6_hdr *ip6 = ip;

	if (len >= sizeof(*ip4) && ip4->version == 4) {
		*inner = (struct inner){ 4, ip4->type_of_service,
					 (ip4->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG)) != 0, 0 };
		return true;
	}
	if (len >= sizeof(*ip6) && ip4->version == 6) {
		uint32_t vtc = rte_be_to_cpu_32(ip6->vtc_flow);

		/* Routers never fragment IPv6, so its DF counts as set. */
		*inner = (struct inner){ 6, (uint8_t)(vtc >> RTE_IPV6_HDR_TC_SHIFT), true, vtc & RTE_IPV6_HDR_FL_MASK };
		return true;
	}
	return false;
}

static uint32_t tunnel_header_len(const struct iips_sa *sa)
{
	if (sa->xform.mode != RTE_SECURITY_IPSEC_SA_MODE_TUNNEL)
		return 0;
	return sa->xform.tunnel.type == RTE_SECURITY_IPSEC_TUNNEL_IPV4 ? sizeof(struct rte_ipv4_hdr)
									 : sizeof(struct rte_ipv6_hdr);
}

/* RFC 4301 section 5.1.2; ECN by RFC 6040 normal mode where the session asks for it. */
static void write_tunnel_header(const struct iips_sa *sa, uint8_t *at, uint32_t total, uint8_t protocol, const struct inner *in)
{
	const struct rte_security_ipsec_tunnel_param *t = &sa->xform.tunnel;
	uint8_t ecn = sa->xform.options.ecn ? in->tos & 3 : 0;

	if (t->type == RTE_SECURITY_IPSEC_TUNNEL_IPV4) {
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)at;
		uint8_t dscp = sa->xform.options.copy_dscp ? in->tos >> 2 : t->ipv4.dscp;
		bool df = sa->xform.options.copy_df ? in->df : t->ipv4.df != 0;

		memset(ip, 0, sizeof(*ip));
		ip->version_ihl = RTE_IPV4_VHL_DEF;
		ip->type_of_service = (uint8_t)(dscp << 2 | ecn);
		ip->total_length = rte_cpu_to_be_16((uint16_t)total);
		ip->packet_id = df ? 0 : rte_cpu_to_be_16((uint16_t)sa->next_seq);
		ip->fragment_offset = df ? rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG) : 0;
		ip->time_to_live = t->ipv4.ttl != 0 ? t->ipv4.ttl : 64;
		ip->next_proto_id = protocol;
		memcpy(&ip->src_addr, &t->ipv4.src_ip, 4);
		memcpy(&ip->dst_addr, &t->ipv4.dst_ip, 4);
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	} else {
		struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)at;
		uint32_t dscp = sa->xform.options.copy_dscp ? in->tos >> 2 : t->ipv6.dscp;
		uint32_t label = sa->xform.options.copy_flabel ? in->flow_label : t->ipv6.flabel;

		memset(ip, 0, sizeof(*ip));
		ip->vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28 | (dscp << 2 | ecn) << RTE_IPV6_HDR_TC_SHIFT | label);
		ip->payload_len = rte_cpu_to_be_16((uint16_t)(total - sizeof(*ip)));
		ip->proto = protocol;
		ip->hop_limits = t->ipv6.hlimit != 0 ? t->ipv6.hlimit : 64;
		memcpy(IIPS_IPV6_BYTES(ip->src_addr), &t->ipv6.src_addr, 16);
		memcpy(IIPS_IPV6_BYTES(ip->dst_addr), &t->ipv6.dst_addr, 16);
	}
}

static void write_udp(const struct iips_sa *sa, uint8_t *at, uint32_t len)
{
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)at;

	udp->src_port = rte_cpu_to_be_16(sa->xform.udp.sport != 0 ? sa->xform.udp.sport : NAT_T_PORT);
	udp->dst_port = rte_cpu_to_be_16(sa->xform.udp.dport != 0 ? sa->xform.udp.dport : NAT_T_PORT);
	udp->dgram_len = rte_cpu_to_be_16((uint16_t)len);
	udp->dgram_cksum = 0;
}

static void write_iv(struct iips_sa *sa, uint8_t *iv)
{
	uint64_t random;
	uint32_t i;

	if (sa->has_iv_override) {
		memcpy(iv, sa->iv_override, sa->suite.iv_len);
	} else if (sa->suite.iv_len == 8) {
		random = rte_cpu_to_be_64(sa->iv_counter++);
		memcpy(iv, &random, 8);
	} else {
		for (i = 0; i < sa->suite.iv_len; i += 8) {	/* a model: not the unpredictable IV a product owes CBC */
			random = rte_rand();
			memcpy(iv + i, &random, 8);
		}
	}
}

/*
 * Where ESP stands in transport mode: behind the IP header and the extension headers that routers look at (RFC 4303 section
 * 3.1.1). Outbound, destination options are payload; inbound, a peer may have put them in front. 0: malformed.
 */
static uint32_t transport_offset(uint8_t *ip, uint32_t len, bool inbound, uint8_t **protocol)
{
	struct rte_ipv4_hdr *ip4 = (struct rte_ipv4_hdr *)ip;
	uint32_t at, size;

	if (ip4->version == 4) {
		*protocol = &ip4->next_proto_id;
		return ip4->ihl * 4u <= len ? ip4->ihl * 4u : 0;
	}
	*protocol = &((struct rte_ipv6_hdr *)ip)->proto;
	for (at = sizeof(struct rte_ipv6_hdr);
	     **protocol == IPPROTO_HOPOPTS || **protocol == IPPROTO_ROUTING || **protocol == IPPROTO_FRAGMENT ||
	     (inbound && **protocol == IPPROTO_DSTOPTS);
	     at += size) {
		if (at + 8 > len)
			return 0;
		size = **protocol == IPPROTO_FRAGMENT ? 8 : (ip[at + 1] + 1u) * 8;
		*protocol = ip + at;
	}
	return at <= len ? at : 0;
}

static void set_ip_length(uint8_t *ip, uint32_t len)
{
	struct rte_ipv4_hdr *ip4 = (struct rte_ipv4_hdr *)ip;

	if (ip4->version == 4) {
		ip4->total_length = rte_cpu_to_be_16((uint16_t)len);
		ip4->hdr_checksum = 0;
		ip4->hdr_checksum = rte_ipv4_cksum(ip4);
	} else {
		((struct rte_ipv6_hdr *)ip)->payload_len = rte_cpu_to_be_16((uint16_t)(len - sizeof(struct rte_ipv6_hdr)));
	}
}

static void set_ether_type(struct rte_mbuf *m, uint8_t family)
{
	rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->ether_type =
		rte_cpu_to_be_16(family == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
}

/* Appends the trailer and room for the ICV; returns the text's length (payload and trailer), or 0 when it does not fit. */
static uint32_t append_trailer(const struct iips_sa *sa, struct rte_mbuf *m, uint32_t payload, uint8_t next_header)
{
	uint32_t text = RTE_ALIGN_CEIL(payload + 2, (uint32_t)sa->suite.align);
	uint32_t pad = text - payload - 2, i;
	uint8_t *tail = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(pad + 2 + sa->suite.icv_len));

	if (tail == NULL)
		return 0;
	for (i = 0; i < pad; i++)
		tail[i] = (uint8_t)(i + 1);
	tail[pad] = (uint8_t)pad;
	tail[pad + 1] = next_header;
	return text;
}

static bool take_sequence(struct iips_sa *sa, uint64_t *seq)
{
	if (sa->next_seq > sa->last_seq) {
		sa->overflow = true;
		return false;
	}
	*seq = sa->next_seq++;
	return true;
}

static bool frame_egress(struct iips_sa *sa, struct rte_mbuf *m, uint64_t seq, uint8_t **esp, uint32_t *text)
{
	uint32_t ip_len = m->data_len - RTE_ETHER_HDR_LEN;
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN);
	uint32_t udp = sa->xform.options.udp_encap ? sizeof(struct rte_udp_hdr) : 0;
	uint32_t outer = tunnel_header_len(sa), keep = 0, add;
	uint8_t next_header, *protocol = NULL;
	struct inner inner;
	struct rte_esp_hdr *header;

	if (m->nb_segs != 1 || !read_inner(ip, ip_len, &inner))
		return false;
	iips_fill_checksums(sa, ip, ip_len);
	if (outer != 0) {
		next_header = inner.family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	} else {
		keep = transport_offset(ip, ip_len, false, &protocol);
		if (keep == 0)
			return false;
		next_header = *protocol;
		*protocol = udp != 0 ? IPPROTO_UDP : IPPROTO_ESP;
	}
	*text = append_trailer(sa, m, ip_len - keep, next_header);
	add = outer + udp + ESP_HEADER + sa->suite.iv_len;
	if (*text == 0 || rte_pktmbuf_prepend(m, (uint16_t)add) == NULL)
		return false;
	/* Ethernet and, in transport mode, the IP header move to the front of what was added. */
	memmove(rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_mtod_offset(m, uint8_t *, add), RTE_ETHER_HDR_LEN + keep);
	ip = rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN);
	ip_len = m->data_len - RTE_ETHER_HDR_LEN;
	if (outer != 0) {
		write_tunnel_header(sa, ip, ip_len, udp != 0 ? IPPROTO_UDP : IPPROTO_ESP, &inner);
		set_ether_type(m, sa->xform.tunnel.type == RTE_SECURITY_IPSEC_TUNNEL_IPV4 ? 4 : 6);
	} else {
		set_ip_length(ip, ip_len);
	}
	if (udp != 0)
		write_udp(sa, ip + outer + keep, ip_len - outer - keep);
	header = (struct rte_esp_hdr *)(ip + outer + keep + udp);
	header->spi = rte_cpu_to_be_32(sa->xform.spi);
	header->seq = rte_cpu_to_be_32((uint32_t)seq);
	write_iv(sa, (uint8_t *)(header + 1));
	*esp = (uint8_t *)header;
	return true;
}

/* Inline crypto: the application has framed; ESP stands after the headers whose lengths it gave. */
static bool locate_egress(const struct iips_sa *sa, struct rte_mbuf *m, uint64_t *seq, uint8_t **esp, uint32_t *text)
{
	uint32_t at = (uint32_t)m->l2_len + m->l3_len, fixed = ESP_HEADER + sa->suite.iv_len + sa->suite.icv_len;
	const struct rte_esp_hdr *header;

	if (m->nb_segs != 1)
		return false;
	header = rte_pktmbuf_mtod_offset(m, const struct rte_esp_hdr *, at);
	if (at + fixed < m->data_len && header->spi != rte_cpu_to_be_32(sa->xform.spi)) {
		at += sizeof(struct rte_udp_hdr);
		header = rte_pktmbuf_mtod_offset(m, const struct rte_esp_hdr *, at);
	}
	if (at + fixed >= m->data_len || header->spi != rte_cpu_to_be_32(sa->xform.spi))
		return false;
	*esp = rte_pktmbuf_mtod_offset(m, uint8_t *, at);
	*text = m->data_len - at - fixed;
	*seq = rte_be_to_cpu_32(header->seq);
	return *text % sa->suite.align == 0;
}

/* Over IPv6 the UDP checksum may not be zero (RFC 8200 section 8.1); it covers the ciphertext, so it comes last. */
static void write_udp_checksum(struct rte_mbuf *m, uint8_t *esp)
{
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(esp - sizeof(*udp));
	struct rte_ipv6_hdr pseudo = *rte_pktmbuf_mtod_offset(m, const struct rte_ipv6_hdr *, RTE_ETHER_HDR_LEN);

	if ((pseudo.vtc_flow & rte_cpu_to_be_32(UINT32_C(0xf0000000))) != rte_cpu_to_be_32(UINT32_C(0x60000000)))
		return;
	/* Extension headers are no part of it. */
	pseudo.payload_len = udp->dgram_len;
	pseudo.proto = IPPROTO_UDP;
	udp->dgram_cksum = rte_ipv6_udptcp_cksum(&pseudo, udp);
}

enum iips_verdict iips_egress(struct iips_sa *sa, struct rte_mbuf *m)
{
	bool protocol = sa->action == RTE_SECURITY_ACTION_TYPE_INLINE_PROTOCOL;
	uint32_t text = 0, bytes = m->pkt_len;
	uint8_t *esp = NULL;
	uint64_t seq = 0;

	if (sa->expired) {
		sa->stats.oerrors++;
		return IIPS_EXPIRED;
	}
	if (protocol ? !take_sequence(sa, &seq) || !frame_egress(sa, m, seq, &esp, &text)
		     : !locate_egress(sa, m, &seq, &esp, &text)) {
		sa->stats.oerrors++;
		return IIPS_FAILED;
	}
	if (sa->cipher != NULL &&
	    !iips_cipher_seal(sa->cipher, esp, text, sa->xform.options.esn, (uint32_t)(seq >> 32))) {
		sa->stats.oerrors++;
		return IIPS_FAILED;
	}
	if (protocol && sa->xform.options.udp_encap)
		write_udp_checksum(m, esp);
	sa->stats.opackets++;
	sa->stats.obytes += bytes;
	return IIPS_OK;
}

/* ---- ingress ---- */

static bool verify_tunnel(const struct iips_sa *sa, const uint8_t *ip)
{
	const struct rte_security_ipsec_tunnel_param *t = &sa->xform.tunnel;
	uint32_t mode = sa->xform.options.tunnel_hdr_verify;
	bool v4 = t->type == RTE_SECURITY_IPSEC_TUNNEL_IPV4;
	const void *src = v4 ? (const void *)&t->ipv4.src_ip : (const void *)&t->ipv6.src_addr;
	const void *dst = v4 ? (const void *)&t->ipv4.dst_ip : (const void *)&t->ipv6.dst_addr;
	size_t len = v4 ? 4 : 16;

	if (mode == 0 || sa->xform.mode != RTE_SECURITY_IPSEC_SA_MODE_TUNNEL)
		return true;
	if ((ip[0] >> 4 == 4) != v4)
		return false;
	if (memcmp(ip + (v4 ? 16 : 24), dst, len) != 0)
		return false;
	return mode != RTE_SECURITY_IPSEC_TUNNEL_VERIFY_SRC_DST_ADDR || memcmp(ip + (v4 ? 12 : 8), src, len) == 0;
}

static bool verify_udp_ports(const struct iips_sa *sa, const uint8_t *esp)
{
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(esp - sizeof(struct rte_udp_hdr));

	if (!sa->xform.options.udp_ports_verify || !sa->xform.options.udp_encap)
		return true;
	return udp->src_port == rte_cpu_to_be_16(sa->xform.udp.sport != 0 ? sa->xform.udp.sport : NAT_T_PORT) &&
	       udp->dst_port == rte_cpu_to_be_16(sa->xform.udp.dport != 0 ? sa->xform.udp.dport : NAT_T_PORT);
}

static bool trailer_is_valid(const uint8_t *text, uint32_t text_len, uint32_t *payload, uint8_t *next_header)
{
	uint32_t pad = text[text_len - 2], i;

	if (pad + 2 > text_len)
		return false;
	for (i = 0; i < pad; i++)
		if (text[text_len - 2 - pad + i] != i + 1)
			return false;
	*payload = text_len - 2 - pad;
	*next_header = text[text_len - 1];
	return true;
}

/* RFC 6040 section 4.2: CE outside reaches the inside; false where it must not. */
static bool combine_ecn(uint8_t *inner, uint8_t outer_ecn)
{
	struct rte_ipv4_hdr *ip4 = (struct rte_ipv4_hdr *)inner;
	uint8_t ecn;

	if (ip4->version == 4) {
		ecn = ip4->type_of_service & 3;
	} else {
		ecn = (uint8_t)(rte_be_to_cpu_32(((struct rte_ipv6_hdr *)inner)->vtc_flow) >> RTE_IPV6_HDR_TC_SHIFT) & 3;
	}
	if (outer_ecn != 3 && !(outer_ecn == 1 && ecn == 2))
		return true;
	if (ecn == 0)
		return outer_ecn != 3;
	if (ip4->version == 4) {
		ip4->type_of_service = (uint8_t)((ip4->type_of_service & ~3) | outer_ecn);
		ip4->hdr_checksum = 0;
		ip4->hdr_checksum = rte_ipv4_cksum(ip4);
	} else {
		struct rte_ipv6_hdr *ip6 = (struct rte_ipv6_hdr *)inner;
		uint32_t vtc = rte_be_to_cpu_32(ip6->vtc_flow);

		vtc = (vtc & ~(UINT32_C(3) << RTE_IPV6_HDR_TC_SHIFT)) | (uint32_t)outer_ecn << RTE_IPV6_HDR_TC_SHIFT;
		ip6->vtc_flow = rte_cpu_to_be_32(vtc);
	}
	return true;
}

static uint8_t outer_ecn(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? ip[1] & 3 : (ip[1] >> 4) & 3;
}

static bool unwrap_tunnel(const struct iips_sa *sa, struct rte_mbuf *m, uint8_t *inner, uint32_t payload, uint8_t next_header)
{
	const uint8_t *outer = rte_pktmbuf_mtod_offset(m, const uint8_t *, RTE_ETHER_HDR_LEN);
	uint8_t family = next_header == IPPROTO_IPIP ? 4 : 6, ecn = outer_ecn(outer);
	struct rte_ether_hdr eth;
	uint32_t len, cut;

	if ((next_header != IPPROTO_IPIP && next_header != IPPROTO_IPV6) || payload < (family == 4 ? 20u : 40u) ||
	    inner[0] >> 4 != family)
		return false;
	len = family == 4 ? rte_be_to_cpu_16(((struct rte_ipv4_hdr *)inner)->total_length)
			  : sizeof(struct rte_ipv6_hdr) + rte_be_to_cpu_16(((struct rte_ipv6_hdr *)inner)->payload_len);
	if (len > payload || (sa->xform.options.ecn && !combine_ecn(inner, ecn)))
		return false;
	memcpy(&eth, rte_pktmbuf_mtod(m, void *), sizeof(eth));
	cut = (uint32_t)(inner - rte_pktmbuf_mtod(m, uint8_t *)) - RTE_ETHER_HDR_LEN;
	rte_pktmbuf_adj(m, (uint16_t)cut);
	memcpy(rte_pktmbuf_mtod(m, void *), &eth, sizeof(eth));
	set_ether_type(m, family);
	rte_pktmbuf_trim(m, (uint16_t)(m->data_len - RTE_ETHER_HDR_LEN - len));	/* trailer, ICV, TFC padding */
	iips_check_checksums(sa, m, rte_pktmbuf_mtod_offset(m, void *, RTE_ETHER_HDR_LEN), len);
	return true;
}

static bool unwrap_transport(const struct iips_sa *sa, struct rte_mbuf *m, uint8_t *text, uint32_t payload, uint8_t next_header)
{
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN), *protocol;
	uint32_t ip_len = m->data_len - RTE_ETHER_HDR_LEN, keep = transport_offset(ip, ip_len, true, &protocol), cut;

	if (keep == 0)
		return false;
	*protocol = next_header;
	cut = (uint32_t)(text - ip) - keep;
	memmove(rte_pktmbuf_mtod_offset(m, uint8_t *, cut), rte_pktmbuf_mtod(m, uint8_t *), RTE_ETHER_HDR_LEN + keep);
	rte_pktmbuf_adj(m, (uint16_t)cut);
	rte_pktmbuf_trim(m, (uint16_t)(m->data_len - RTE_ETHER_HDR_LEN - keep - payload));
	ip = rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN);
	set_ip_length(ip, keep + payload);
	iips_check_checksums(sa, m, ip, keep + payload);
	return true;
}

/* Where ESP ends, from the frame's start: in UDP where the datagram does, whatever follows it in the packet. */
static uint32_t end_of_esp(const struct iips_sa *sa, const struct rte_mbuf *m, uint16_t esp_offset)
{
	const struct rte_udp_hdr *udp;
	uint32_t end = m->data_len;

	if (sa->xform.options.udp_encap) {
		udp = rte_pktmbuf_mtod_offset(m, const struct rte_udp_hdr *, esp_offset - sizeof(*udp));
		end = (uint32_t)(esp_offset - sizeof(*udp) + rte_be_to_cpu_16(udp->dgram_len));
	}
	return RTE_MIN(end, (uint32_t)m->data_len);
}

enum iips_verdict iips_ingress(struct iips_sa *sa, struct rte_mbuf *m, uint16_t esp_offset)
{
	bool protocol = sa->action == RTE_SECURITY_ACTION_TYPE_INLINE_PROTOCOL;
	uint32_t fixed = ESP_HEADER + sa->suite.iv_len + sa->suite.icv_len, text_len, payload;
	uint8_t *esp = rte_pktmbuf_mtod_offset(m, uint8_t *, esp_offset), *text, next_header;
	uint32_t bytes = m->pkt_len, end = end_of_esp(sa, m, esp_offset);
	uint64_t seq;

	if (sa->expired) {
		sa->stats.ierrors++;
		return IIPS_EXPIRED;
	}
	if (m->nb_segs != 1 || esp_offset + fixed + 2 > end)
		goto failed;
	text_len = end - esp_offset - fixed;
	text = esp + ESP_HEADER + sa->suite.iv_len;
	seq = rte_be_to_cpu_32(((struct rte_esp_hdr *)esp)->seq);
	if (text_len % sa->suite.align != 0)
		goto failed;
	if (protocol) {
		seq = iips_full_sequence(sa, (uint32_t)seq);
		if (iips_replayed(sa, seq) || !verify_tunnel(sa, rte_pktmbuf_mtod_offset(m, const uint8_t *, RTE_ETHER_HDR_LEN)) ||
		    !verify_udp_ports(sa, esp))
			goto failed;
	}
	if (sa->cipher != NULL &&
	    !iips_cipher_open(sa->cipher, esp, text_len, sa->xform.options.esn, (uint32_t)(seq >> 32)))
		goto failed;
	if (protocol) {
		if (sa->xform.replay_win_sz != 0)
			iips_mark_seen(sa, seq);
		if (!trailer_is_valid(text, text_len, &payload, &next_header))
			goto failed;
		if (sa->xform.mode == RTE_SECURITY_IPSEC_SA_MODE_TUNNEL ? !unwrap_tunnel(sa, m, text, payload, next_header)
									 : !unwrap_transport(sa, m, text, payload, next_header))
			goto failed;
	}
	sa->stats.ipackets++;
	sa->stats.ibytes += bytes;
	return IIPS_OK;
failed:
	sa->stats.ierrors++;
	return IIPS_FAILED;
}
