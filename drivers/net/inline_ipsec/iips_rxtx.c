/* SPDX-License-Identifier: BSD-3-Clause */

/* The data path: what happens to a frame between the wire and the application, and back. */

#include <rte_ip.h>
#include <rte_malloc.h>

#include "iips.h"
#include "iips_ethdev.h"

static void fire(struct iips_port *port, struct iips_events *events)
{
	uint16_t i;

	static const enum rte_eth_event_type types[] = { RTE_ETH_EVENT_INTR_LSC, RTE_ETH_EVENT_INTR_RESET, RTE_ETH_EVENT_INTR_RMV };
	uint32_t pending;

	for (i = 0; i < events->count; i++)
		rte_eth_dev_callback_process(port->dev, RTE_ETH_EVENT_IPSEC, &events->desc[i]);
	events->count = 0;
	if (__atomic_load_n(&port->pending_events, __ATOMIC_RELAXED) == 0)
		return;
	pending = __atomic_exchange_n(&port->pending_events, 0, __ATOMIC_ACQ_REL);
	for (i = 0; i < RTE_DIM(types); i++)
		if ((pending >> types[i]) & 1)
			rte_eth_dev_callback_process(port->dev, types[i], NULL);
}

static void forget_sessions(struct iips_port *port)
{
	__atomic_add_fetch(&port->epoch, 1, __ATOMIC_RELAXED);
}

static void lose_link(struct iips_port *port, enum rte_eth_event_type type)
{
	port->link_lost = true;
	port->link.link_status = RTE_ETH_LINK_DOWN;
	__atomic_fetch_or(&port->pending_events, 1u << type, __ATOMIC_RELEASE);
}

/*
 * Faults once the configured number of frames has passed. The link goes down for good, and the bf2 profile forgets its sessions
 * with it; a reset forgets the sessions and goes on; a removal does both.
 */
static bool link_is_lost(struct iips_port *port)
{
	uint64_t frame;

	if ((port->drop_link_after | port->reset_after | port->remove_after) == 0 || port->link_lost)
		return port->link_lost;
	frame = __atomic_add_fetch(&port->frames, 1, __ATOMIC_RELAXED);
	if (port->reset_after != 0 && frame == port->reset_after + 1) {
		forget_sessions(port);
		__atomic_fetch_or(&port->pending_events, 1u << RTE_ETH_EVENT_INTR_RESET, __ATOMIC_RELEASE);
	}
	if (port->remove_after != 0 && frame > port->remove_after) {
		forget_sessions(port);
		lose_link(port, RTE_ETH_EVENT_INTR_RMV);
	} else if (port->drop_link_after != 0 && frame > port->drop_link_after) {
		if (port->profile == IIPS_PROFILE_BF2)
			forget_sessions(port);
		lose_link(port, RTE_ETH_EVENT_INTR_LSC);
	}
	return port->link_lost;
}

/* ---- receive ---- */

static void to_queue(struct iips_port *port, uint16_t queue, struct rte_mbuf *m)
{
	if (rte_ring_enqueue(port->rx[queue].ring, m) == 0)
		return;
	__atomic_add_fetch(&port->rx[queue].errors, 1, __ATOMIC_RELAXED);
	iips_free_received(port, m);
}

/* BlueField-2 does not work on packets with IPv4 options or IPv6 extension headers. */
static bool is_beyond(const struct iips_port *port, const struct iips_frame *f)
{
	return port->profile == IIPS_PROFILE_BF2 &&
	       f->l4 - f->l3 != (int)(f->family == 4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr));
}

/* Inline work on one frame. False: the port drops it. True: the frame in *held is received; NULL: it waits for other fragments. */
static bool ingress_one(struct iips_port *port, struct rte_mbuf **held, const struct iips_frame *f, const struct rte_flow *rule,
			uint16_t queue, struct iips_events *events)
{
	struct rte_mbuf *m = *held;
	enum iips_verdict verdict;
	struct iips_sa *sa;

	m->ol_flags &= ~(RTE_MBUF_F_RX_SEC_OFFLOAD | RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED);
	if (rule == NULL || !rule->security || is_beyond(port, f))
		return true;
	sa = rule->sa != NULL ? rule->sa : iips_sa_by_spi(port, f->spi);
	if (sa == NULL || sa->xform.spi != f->spi || sa->epoch != port->epoch)
		return true;	/* no session: an ordinary packet to the application */
	rte_spinlock_lock(&sa->lock);
	verdict = iips_ingress(sa, m, f->esp);
	iips_check_lifetime(sa, events);
	rte_spinlock_unlock(&sa->lock);
	if (verdict == IIPS_EXPIRED)
		return false;
	m->ol_flags |= RTE_MBUF_F_RX_SEC_OFFLOAD;
	if (verdict == IIPS_FAILED)
		m->ol_flags |= RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED;
	*iips_tag(m) = (uint64_t)(uintptr_t)sa->userdata;
	if (verdict == IIPS_OK && sa->xform.options.ip_reassembly_en && port->reassembly.conf.flags != 0)
		*held = iips_reassemble(port, sa, m, queue);
	return true;
}

/* Takes ownership: the frame ends in a queue's ring or is freed. */
static void receive_one(struct iips_port *port, struct rte_mbuf *m, struct iips_events *events)
{
	const struct rte_flow *rule;
	struct iips_frame f;
	uint16_t queue;

	iips_parse(m, &f);
	if (f.family != 0 && m->nb_segs == 1 && f.end < m->data_len)
		rte_pktmbuf_trim(m, (uint16_t)(m->data_len - f.end));
	rule = iips_match(port, &f);
	queue = iips_steer(port, m, &f, rule);
	m->port = port->dev->data->port_id;
	if (link_is_lost(port) || (rule != NULL && rule->drop) || !ingress_one(port, &m, &f, rule, queue, events)) {
		__atomic_add_fetch(&port->rx[queue].errors, 1, __ATOMIC_RELAXED);
		rte_pktmbuf_free(m);
	} else if (m != NULL) {
		to_queue(port, queue, m);
	}
}

uint16_t iips_rx_burst(void *rxq, struct rte_mbuf **pkts, uint16_t n)
{
	struct iips_queue *q = rxq;
	struct iips_port *port = q->port;
	struct iips_events events = { .count = 0 };
	struct rte_mbuf *wire[IIPS_BURST], *overdue;
	uint16_t i, got;

	rte_spinlock_lock(&q->lock);
	if (q->index < port->backing_rx && rte_ring_count(q->ring) < n) {
		got = rte_eth_rx_burst(port->backing, q->index, wire, RTE_MIN(n, IIPS_BURST));
		for (i = 0; i < got; i++)
			receive_one(port, wire[i], &events);
	}
	while ((overdue = iips_reassembly_overdue(port, q->index)) != NULL)
		to_queue(port, q->index, overdue);
	got = (uint16_t)rte_ring_dequeue_burst(q->ring, (void **)pkts, n, NULL);
	for (i = 0; i < got; i++)
		q->bytes += pkts[i]->pkt_len;
	q->packets += got;
	rte_spinlock_unlock(&q->lock);
	fire(port, &events);
	return got;
}

/* ---- transmit ---- */

/* False: the frame may not leave; above all never in clear when it was meant to be sealed. */
static bool egress_one(struct iips_port *port, struct rte_mbuf *m, struct iips_events *events)
{
	uint64_t tag;
	struct iips_sa *sa;
	enum iips_verdict verdict;
	uint32_t slot;

	if ((m->ol_flags & RTE_MBUF_F_TX_SEC_OFFLOAD) == 0)
		return true;
	tag = *iips_tag(m);
	slot = (uint32_t)tag;
	sa = slot < port->max_sessions ? port->sas[slot] : NULL;
	if (sa == NULL || sa->generation != (uint32_t)(tag >> 32) || sa->epoch != port->epoch ||
	    sa->xform.direction != RTE_SECURITY_IPSEC_SA_DIR_EGRESS) {
		__atomic_add_fetch(&port->stale_tags, 1, __ATOMIC_RELAXED);
		return false;
	}
	rte_spinlock_lock(&sa->lock);
	verdict = iips_egress(sa, m);
	iips_check_lifetime(sa, events);
	rte_spinlock_unlock(&sa->lock);
	m->ol_flags &= ~RTE_MBUF_F_TX_SEC_OFFLOAD;
	return verdict == IIPS_OK;
}

static uint16_t to_backing(struct iips_port *port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t at = (uint16_t)(queue % port->backing_tx), sent;

	rte_spinlock_lock(&port->backing_tx_lock[at]);
	sent = rte_eth_tx_burst(port->backing, at, pkts, n);
	rte_spinlock_unlock(&port->backing_tx_lock[at]);
	return sent;
}

/*
 * Every frame given is consumed: a port that has sealed a frame cannot give it back unsealed. What the wire does not take is
 * counted as an error.
 */
uint16_t iips_tx_burst(void *txq, struct rte_mbuf **pkts, uint16_t n)
{
	struct iips_queue *q = txq;
	struct iips_port *port = q->port;
	struct iips_events events = { .count = 0 };
	struct rte_mbuf *wire[IIPS_BURST];
	uint16_t i, ready, sent, done, chunk;

	for (done = 0; done < n; done = (uint16_t)(done + chunk)) {
		chunk = (uint16_t)RTE_MIN(n - done, IIPS_BURST);
		rte_spinlock_lock(&q->lock);
		for (i = 0, ready = 0; i < chunk; i++) {
			struct rte_mbuf *m = pkts[done + i];

			if (!link_is_lost(port) && egress_one(port, m, &events)) {
				q->bytes += m->pkt_len;
				wire[ready++] = m;
			} else {
				q->errors++;
				rte_pktmbuf_free(m);
			}
		}
		q->packets += ready;
		sent = ready;
		if (port->loopback) {
			for (i = 0; i < ready; i++)
				receive_one(port, wire[i], &events);
		} else if (ready != 0) {
			sent = to_backing(port, q->index, wire, ready);
		}
		if (sent < ready) {
			q->errors += (uint64_t)(ready - sent);
			q->packets -= (uint64_t)(ready - sent);
			rte_pktmbuf_free_bulk(wire + sent, ready - sent);
		}
		rte_spinlock_unlock(&q->lock);
		fire(port, &events);
	}
	return n;
}

void iips_quiesce(struct iips_port *port)
{
	uint16_t i;

	for (i = 0; i < IIPS_MAX_QUEUES; i++) {
		rte_spinlock_lock(&port->rx[i].lock);
		rte_spinlock_lock(&port->tx[i].lock);
	}
}

void iips_resume(struct iips_port *port)
{
	uint16_t i;

	for (i = IIPS_MAX_QUEUES; i-- > 0;) {
		rte_spinlock_unlock(&port->tx[i].lock);
		rte_spinlock_unlock(&port->rx[i].lock);
	}
}
