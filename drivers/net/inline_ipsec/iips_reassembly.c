/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * IP reassembly behind ESP, for sessions that ask for it on a port where it is configured (rte_eth_ip_reassembly_conf_set): inner
 * packets that came in fragments, each in an ESP packet of its own, are received as one chain of segments. What cannot be put
 * together is received unaltered: its fragments hang together by the dynamic field, each with the flag that says so.
 *
 * Fragments of different sessions are never mixed: what an SA protects, only its own packets may complete.
 */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ip.h>

#include "iips.h"

#define MAX_DATAGRAM 65535

/* What a fragment says of itself. */
struct fragment {
	struct iips_datagram_key key;
	uint16_t header;	/* bytes of Ethernet, IP and fragment header */
	uint16_t offset, len;	/* of what it carries, in its datagram */
	bool last;
};

/* ---- configuration ---- */

int iips_reassembly_capability_get(struct rte_eth_dev *dev, struct rte_eth_ip_reassembly_params *capa)
{
	const struct iips_port *port = dev->data->dev_private;

	if (port->profile == IIPS_PROFILE_BF2)
		return -ENOTSUP;
	*capa = (struct rte_eth_ip_reassembly_params){ IIPS_REASSEMBLY_MAX_MS, IIPS_MAX_FRAGMENTS,
						       RTE_ETH_DEV_REASSEMBLY_F_IPV4 | RTE_ETH_DEV_REASSEMBLY_F_IPV6 };
	return 0;
}

int iips_reassembly_conf_get(struct rte_eth_dev *dev, struct rte_eth_ip_reassembly_params *conf)
{
	const struct iips_port *port = dev->data->dev_private;

	if (port->reassembly.conf.flags == 0)
		return -EINVAL;
	*conf = port->reassembly.conf;
	return 0;
}

/* All zero: off again. The port is stopped, so nothing is held. */
int iips_reassembly_conf_set(struct rte_eth_dev *dev, const struct rte_eth_ip_reassembly_params *conf)
{
	struct iips_port *port = dev->data->dev_private;
	struct rte_eth_ip_reassembly_params most = { 0 };
	int flag, ret = iips_reassembly_capability_get(dev, &most);

	if (ret != 0)
		return ret;
	if (conf->max_frags > most.max_frags || conf->timeout_ms > most.timeout_ms || (conf->flags & ~most.flags) != 0) {
		IIPS_LOG(ERR, "reassembly of at most %u fragments within %u ms", most.max_frags, most.timeout_ms);
		return -EINVAL;
	}
	if (rte_eth_ip_reassembly_dynfield_register(&port->reassembly.dynfield, &flag) != 0)
		return -EINVAL;
	port->reassembly.incomplete = RTE_BIT64(flag);
	port->reassembly.conf = *conf;
	return 0;
}

/* ---- fragments ---- */

static bool read_ipv4(const struct rte_mbuf *m, struct fragment *f)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, RTE_ETHER_HDR_LEN);
	uint16_t bits = rte_be_to_cpu_16(ip->fragment_offset);

	if ((bits & (RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) == 0)
		return false;
	f->key.id = ip->packet_id;
	f->key.protocol = ip->next_proto_id;
	memcpy(f->key.addresses, &ip->src_addr, 8);
	f->header = (uint16_t)(RTE_ETHER_HDR_LEN + ip->ihl * 4);
	f->offset = (uint16_t)((bits & RTE_IPV4_HDR_OFFSET_MASK) * 8);
	f->last = (bits & RTE_IPV4_HDR_MF_FLAG) == 0;
	return true;
}

/* Where the fragment header is the first extension header; others are received as they are. */
static bool read_ipv6(const struct rte_mbuf *m, struct fragment *f)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv6_hdr *, RTE_ETHER_HDR_LEN);
	const uint8_t *extension = (const uint8_t *)(ip + 1);
	uint16_t bits;

	if (ip->proto != IPPROTO_FRAGMENT || m->data_len < RTE_ETHER_HDR_LEN + sizeof(*ip) + 8)
		return false;
	bits = (uint16_t)(extension[2] << 8 | extension[3]);
	memcpy(&f->key.id, extension + 4, 4);
	memcpy(f->key.addresses, IIPS_IPV6_BYTES(ip->src_addr), 16);
	memcpy(f->key.addresses + 16, IIPS_IPV6_BYTES(ip->dst_addr), 16);
	f->header = RTE_ETHER_HDR_LEN + sizeof(*ip) + 8;
	f->offset = bits & 0xfff8;
	f->last = (bits & 1) == 0;
	return true;
}

/* False: not a fragment, not one this port works on, or one that cannot be right (RFC 791, RFC 8200 section 4.5). */
static bool read_fragment(const struct iips_port *port, const struct iips_sa *sa, const struct rte_mbuf *m, struct fragment *f)
{
	uint8_t family = *rte_pktmbuf_mtod_offset(m, const uint8_t *, RTE_ETHER_HDR_LEN) >> 4;
	uint16_t wanted = family == 4 ? RTE_ETH_DEV_REASSEMBLY_F_IPV4 : RTE_ETH_DEV_REASSEMBLY_F_IPV6;

	memset(f, 0, sizeof(*f));
	if ((port->reassembly.conf.flags & wanted) == 0 || (family == 4 ? !read_ipv4(m, f) : !read_ipv6(m, f)) ||
	    f->header >= m->data_len)
		return false;
	f->key.family = family;
	f->key.slot = sa->slot;
	f->key.generation = sa->generation;
	f->len = (uint16_t)(m->data_len - f->header);
	return (f->last || f->len % 8 == 0) && f->offset + f->len + f->header - RTE_ETHER_HDR_LEN <= MAX_DATAGRAM;
}

/* ---- datagrams ---- */

static rte_eth_ip_reassembly_dynfield_t *link_of(const struct iips_port *port, struct rte_mbuf *m)
{
	return RTE_MBUF_DYNFIELD(m, port->reassembly.dynfield, rte_eth_ip_reassembly_dynfield_t *);
}

static uint64_t waited_ms(const struct iips_datagram *d)
{
	return (rte_get_tsc_cycles() - d->since) / (rte_get_tsc_hz() / 1000);
}

/* Unaltered, in the order they came. */
static struct rte_mbuf *give_up(const struct iips_port *port, struct iips_datagram *d)
{
	uint16_t i;

	for (i = 0; i < d->count; i++) {
		struct rte_mbuf *m = d->pieces[i].m;

		m->ol_flags |= port->reassembly.incomplete;
		*link_of(port, m) = (rte_eth_ip_reassembly_dynfield_t){
			.next_frag = i + 1 < d->count ? d->pieces[i + 1].m : NULL,
			.time_spent = (uint16_t)RTE_MIN(waited_ms(d), UINT64_C(65535)),
			.nb_frags = (uint16_t)(d->count - 1 - i) };
	}
	d->used = false;
	return d->pieces[0].m;
}

static void sort_pieces(struct iips_datagram *d)
{
	uint16_t i, j;

	for (i = 1; i < d->count; i++) {
		struct iips_piece piece = d->pieces[i];

		for (j = i; j > 0 && d->pieces[j - 1].offset > piece.offset; j--)
			d->pieces[j] = d->pieces[j - 1];
		d->pieces[j] = piece;
	}
}

/* The first fragment's header becomes the datagram's. */
static void finish_header(struct rte_mbuf *m, uint8_t family, uint16_t header, uint32_t total)
{
	uint8_t *start = rte_pktmbuf_mtod(m, uint8_t *);

	if (family == 4) {
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(start + RTE_ETHER_HDR_LEN);

		ip->fragment_offset &= rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG);
		ip->total_length = rte_cpu_to_be_16((uint16_t)(header - RTE_ETHER_HDR_LEN + total));
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	} else {
		struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(start + RTE_ETHER_HDR_LEN);

		ip->proto = *(const uint8_t *)(ip + 1);
		ip->payload_len = rte_cpu_to_be_16((uint16_t)total);
		memmove(start + 8, start, header - 8);
		rte_pktmbuf_adj(m, 8);
	}
}

static struct rte_mbuf *put_together(struct iips_datagram *d)
{
	struct rte_mbuf *head;
	uint16_t i;

	sort_pieces(d);
	head = d->pieces[0].m;
	finish_header(head, d->key.family, d->pieces[0].header, d->total);
	head->ol_flags &= ~(RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_IP_CKSUM_MASK);	/* were of a fragment */
	for (i = 1; i < d->count; i++) {
		rte_pktmbuf_adj(d->pieces[i].m, d->pieces[i].header);
		rte_pktmbuf_chain(head, d->pieces[i].m);
	}
	d->used = false;
	return head;
}

static bool is_whole(const struct iips_datagram *d)
{
	uint32_t bytes = 0;
	uint16_t i;

	for (i = 0; i < d->count; i++)
		bytes += d->pieces[i].len;
	return d->total != 0 && bytes == d->total;	/* pieces do not overlap and do not pass the end */
}

enum fit { FITS, REPEATS, CLASHES };

/*
 * An exact duplicate may be ignored; anything else that overlaps spoils the datagram, with the fragments that are yet to come (RFC
 * 5722, RFC 8200 section 4.5).
 */
static enum fit fit_of(const struct iips_datagram *d, const struct fragment *f, const struct rte_mbuf *m)
{
	uint16_t i;

	for (i = 0; i < d->count; i++) {
		const struct iips_piece *p = &d->pieces[i];

		if (p->offset == f->offset && p->len == f->len && p->last == f->last &&
		    memcmp(rte_pktmbuf_mtod_offset(p->m, const uint8_t *, p->header),
			   rte_pktmbuf_mtod_offset(m, const uint8_t *, f->header), f->len) == 0)
			return REPEATS;
		if (f->offset < p->offset + p->len && p->offset < f->offset + f->len)
			return CLASHES;
		if ((f->last && p->offset > f->offset) || (p->last && f->offset > p->offset))
			return CLASHES;
	}
	return FITS;
}

static struct iips_datagram *find_or_begin(struct iips_port *port, const struct fragment *f, uint16_t queue)
{
	struct iips_datagram *d, *unused = NULL;
	uint32_t i;

	for (i = 0; i < IIPS_DATAGRAMS; i++) {
		d = &port->reassembly.datagrams[i];
		if (d->used && memcmp(&d->key, &f->key, sizeof(d->key)) == 0)
			return d;
		if (!d->used)
			unused = d;
	}
	if (unused != NULL)
		*unused = (struct iips_datagram){ .used = true, .key = f->key, .queue = queue, .since = rte_get_tsc_cycles() };
	return unused;
}

static struct rte_mbuf *add(struct iips_port *port, struct rte_mbuf *m, const struct fragment *f, uint16_t queue)
{
	struct iips_datagram alone = { .since = rte_get_tsc_cycles() }, *d = find_or_begin(port, f, queue);
	enum fit fit;

	if (d == NULL)
		d = &alone;	/* no room: it goes as it came */
	fit = fit_of(d, f, m);
	if (fit == REPEATS) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	d->pieces[d->count++] = (struct iips_piece){ m, f->offset, f->len, f->header, f->last };
	if (f->last)
		d->total = (uint32_t)f->offset + f->len;
	d->spoiled |= fit == CLASHES;
	if (!d->spoiled && is_whole(d))
		return put_together(d);
	if (d == &alone || d->count >= port->reassembly.conf.max_frags)
		return give_up(port, d);
	return NULL;
}

struct rte_mbuf *iips_reassemble(struct iips_port *port, const struct iips_sa *sa, struct rte_mbuf *m, uint16_t queue)
{
	struct fragment f;

	if (!read_fragment(port, sa, m, &f))
		return m;
	rte_spinlock_lock(&port->reassembly.lock);
	m = add(port, m, &f, queue);
	rte_spinlock_unlock(&port->reassembly.lock);
	return m;
}

struct rte_mbuf *iips_reassembly_overdue(struct iips_port *port, uint16_t queue)
{
	struct rte_mbuf *m = NULL;
	uint32_t i;

	if (port->reassembly.conf.flags == 0)
		return NULL;
	rte_spinlock_lock(&port->reassembly.lock);
	for (i = 0; i < IIPS_DATAGRAMS && m == NULL; i++) {
		struct iips_datagram *d = &port->reassembly.datagrams[i];

		if (d->used && d->queue == queue && waited_ms(d) >= port->reassembly.conf.timeout_ms)
			m = give_up(port, d);
	}
	rte_spinlock_unlock(&port->reassembly.lock);
	return m;
}

void iips_free_received(const struct iips_port *port, struct rte_mbuf *m)
{
	struct rte_mbuf *next;

	for (; m != NULL; m = next) {
		next = port->reassembly.incomplete != 0 && (m->ol_flags & port->reassembly.incomplete) != 0 ? link_of(port, m)->next_frag
												     : NULL;
		rte_pktmbuf_free(m);
	}
}

void iips_reassembly_forget(struct iips_port *port)
{
	uint32_t i;

	for (i = 0; i < IIPS_DATAGRAMS; i++)
		if (port->reassembly.datagrams[i].used)
			iips_free_received(port, give_up(port, &port->reassembly.datagrams[i]));
}
