/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A model of a port that does IPsec itself (rte_security inline crypto and inline protocol), on top of any other port or looped
 * back. Shares no ESP code with the gateway: each checks the other.
 *
 * Locks: data path functions of a queue run under that queue's lock; control operations that free or change what the data path
 * reads take every queue's lock (iips_quiesce). A model may afford that, and a session may then be destroyed under traffic.
 */
#ifndef IIPS_H
#define IIPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <ethdev_driver.h>
#include <rte_ether.h>
#include <rte_flow.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_security.h>
#include <rte_security_driver.h>
#include <rte_spinlock.h>

#include "iips_compat.h"

#define IIPS_MAX_QUEUES 16
#define IIPS_RETA_SIZE 128
#define IIPS_HASH_KEY_BYTES 40
#define IIPS_BURST 64
#define IIPS_RING_SIZE 4096
#define IIPS_MAX_WINDOW 4096
#define IIPS_BF2_RULES 32768	/* SAs BlueField-2 holds */
#define IIPS_MAX_FRAGMENTS 4	/* of a datagram the port puts together, as cn10k */
#define IIPS_DATAGRAMS 64	/* that may be incomplete at once */
#define IIPS_REASSEMBLY_MAX_MS 60000
#define IIPS_RSS_TYPES (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_ESP)

extern int iips_logtype;
#define IIPS_LOG(level, fmt, ...) \
	rte_log(RTE_LOG_##level, iips_logtype, "net_inline_ipsec: " fmt "\n", ##__VA_ARGS__)

enum iips_profile {
	IIPS_PROFILE_GENERIC,
	IIPS_PROFILE_BF2,	/* refuses what mlx5 full offload on BlueField-2 refuses */
};

/* ---- cipher (iips_cipher.c): the only part that knows OpenSSL ---- */

enum iips_transform {
	IIPS_AES_GCM,
	IIPS_CHACHA20_POLY1305,
	IIPS_AES_GMAC,
	IIPS_NULL,	/* with HMAC or no integrity */
	IIPS_AES_CBC,
	IIPS_AES_CTR,
};

/* Lengths in bytes. */
struct iips_suite {
	enum iips_transform transform;
	enum rte_crypto_auth_algorithm auth;	/* RTE_CRYPTO_AUTH_NULL with an AEAD */
	uint8_t key_len;
	uint8_t auth_key_len;
	uint8_t iv_len;		/* explicit, in the packet */
	uint8_t icv_len;
	uint8_t align;		/* of the encrypted text, trailer included */
	uint8_t salt[4];
};

struct iips_cipher;

/* NULL when OpenSSL refuses. Keys are copied into OpenSSL contexts and nowhere else. */
struct iips_cipher *iips_cipher_create(const struct iips_suite *suite, const uint8_t *key, const uint8_t *auth_key,
				       bool encrypt);
void iips_cipher_destroy(struct iips_cipher *cipher);
/* ESP header, IV, text, ICV are contiguous from esp. With esn the high sequence bits enter the ICV. Not reentrant per cipher. */
bool iips_cipher_seal(struct iips_cipher *cipher, uint8_t *esp, uint32_t text_len, bool esn, uint32_t seq_hi);
bool iips_cipher_open(struct iips_cipher *cipher, uint8_t *esp, uint32_t text_len, bool esn, uint32_t seq_hi);

/* ---- security association ---- */

struct iips_sa {
	struct rte_security_ipsec_xform xform;
	enum rte_security_session_action_type action;
	struct iips_suite suite;
	struct iips_cipher *cipher;	/* NULL with cipher=none */
	void *userdata;
	uint32_t slot;			/* index in the port's table */
	uint32_t generation;		/* a tag from an earlier tenant of the slot is stale */
	rte_spinlock_t lock;		/* of all that follows: two queues may use one SA */
	uint64_t next_seq;		/* egress */
	uint64_t highest;		/* ingress: right edge of the window */
	uint64_t window[IIPS_MAX_WINDOW / 64];
	uint64_t iv_counter;
	uint8_t iv_override[16];
	bool has_iv_override;
	uint32_t epoch;			/* of the port when it was created: older than the port's, it is forgotten */
	uint64_t last_seq;		/* egress */
	bool expired, overflow;
	bool overflow_told, soft_packets_told, soft_bytes_told, hard_packets_told, hard_bytes_told;
	struct rte_security_ipsec_stats stats;
	struct iips_sa *next_by_spi;	/* ingress */
	bool has_rule;			/* a flow rule names this session */
};

enum iips_verdict {
	IIPS_OK,
	IIPS_FAILED,	/* deliver with SEC_OFFLOAD_FAILED (ingress) or drop (egress) */
	IIPS_EXPIRED,	/* drop */
};

/* iips_esp.c. Called with sa->lock held; the packet starts at its Ethernet header. */
enum iips_verdict iips_egress(struct iips_sa *sa, struct rte_mbuf *m);
enum iips_verdict iips_ingress(struct iips_sa *sa, struct rte_mbuf *m, uint16_t esp_offset);

/* iips_replay.c. Called with sa->lock held. */
uint64_t iips_full_sequence(const struct iips_sa *sa, uint32_t low);
bool iips_replayed(struct iips_sa *sa, uint64_t seq);
void iips_mark_seen(struct iips_sa *sa, uint64_t seq);

/* iips_checksum.c: no-ops where the session does not ask; the check sets mbuf flags. */
void iips_fill_checksums(const struct iips_sa *sa, void *ip, uint32_t len);
void iips_check_checksums(const struct iips_sa *sa, struct rte_mbuf *m, void *ip, uint32_t len);

/* ---- flow rules (iips_flow.c) ---- */

struct rte_flow {
	TAILQ_ENTRY(rte_flow) next;
	bool has_spi, has_udp, any_esp, catch_all;
	uint8_t family;			/* 0: either */
	bool has_src, has_dst;
	uint8_t src[16], dst[16];	/* 4 bytes of them, or all */
	uint32_t spi;
	uint32_t group, priority;
	bool has_jump;
	uint32_t jump;			/* to a higher group */
	struct iips_sa *sa;		/* SECURITY with a session */
	bool security;			/* SECURITY: with sa NULL any session, by SPI */
	bool drop;
	bool has_queue;
	uint16_t queue;
	bool has_rss;
	uint64_t rss_types;
	uint16_t rss_queues;
	uint16_t rss_queue[IIPS_RETA_SIZE];
	uint8_t rss_key[IIPS_HASH_KEY_BYTES] __rte_aligned(4);	/* rte_softrss reads it as words */
	struct rte_flow *next_by_spi;
};
TAILQ_HEAD(iips_flow_list, rte_flow);

extern const struct rte_flow_ops iips_flow_ops;

/* ---- reassembly of inner packets (iips_reassembly.c) ---- */

struct iips_piece {
	struct rte_mbuf *m;
	uint16_t offset, len;		/* of what it carries */
	uint16_t header;		/* bytes in front of that */
	bool last;
};

/* Compared as bytes: no holes. */
struct iips_datagram_key {
	uint8_t addresses[32];
	uint32_t id;
	uint32_t slot, generation;	/* of the session */
	uint8_t family, protocol, unused[2];
};

struct iips_datagram {
	bool used;
	bool spoiled;			/* fragments contradict each other: gathered, never put together */
	uint16_t queue;			/* that received the first of it */
	uint16_t count;
	uint32_t total;			/* bytes, once the last fragment is here */
	uint64_t since;			/* TSC */
	struct iips_datagram_key key;
	struct iips_piece pieces[IIPS_MAX_FRAGMENTS];	/* in the order they came */
};

struct iips_reassembly {
	struct rte_eth_ip_reassembly_params conf;	/* flags 0: off */
	int dynfield;			/* offset of what links an incomplete datagram's fragments */
	uint64_t incomplete;		/* mbuf flag; 0: not registered */
	rte_spinlock_t lock;		/* of datagrams: queues share them */
	struct iips_datagram datagrams[IIPS_DATAGRAMS];
};

/* ---- port ---- */

struct iips_queue {
	rte_spinlock_t lock;
	struct iips_port *port;
	uint16_t index;
	struct rte_ring *ring;		/* frames steered to this queue */
	uint64_t packets, bytes, errors;
};

/* What a data path call has to tell once its lock is released: a callback may call back into the port. */
struct iips_events {
	uint16_t count;
	struct rte_eth_event_ipsec_desc desc[IIPS_BURST];
};

struct iips_port {
	struct rte_eth_dev *dev;
	uint16_t backing;		/* RTE_MAX_ETHPORTS: none */
	struct rte_eth_dev_owner owner;
	bool loopback;			/* devarg, or lpbk_mode of the configuration */
	bool loopback_devarg;
	bool cipher_none;
	bool crypto_only;		/* offers inline crypto and no inline protocol */
	enum iips_profile profile;
	uint16_t max_queues;
	uint32_t max_sessions;
	uint32_t fail_every;		/* 0: off */
	uint64_t drop_link_after;	/* frames; 0: off */
	uint64_t reset_after, remove_after;
	uint32_t epoch;			/* one up: every session is forgotten */
	uint32_t pending_events;	/* bits by enum rte_eth_event_type */
	uint64_t sequence_end;		/* last sequence number of egress sessions; 0: as ESN says */
	uint64_t frames;
	bool link_lost;
	struct rte_ether_addr mac;
	struct rte_eth_link link;
	uint16_t mtu;
	uint16_t nb_rx, nb_tx, backing_rx, backing_tx;

	struct iips_queue rx[IIPS_MAX_QUEUES];
	struct iips_queue tx[IIPS_MAX_QUEUES];
	rte_spinlock_t backing_tx_lock[IIPS_MAX_QUEUES];

	uint8_t rss_key[IIPS_HASH_KEY_BYTES] __rte_aligned(4);	/* rte_softrss reads it as words */
	uint64_t rss_types;
	uint16_t reta[IIPS_RETA_SIZE];

	struct rte_security_ctx security;
	int dynfield;			/* offset of the security dynamic field */
	struct iips_sa **sas;		/* [max_sessions] by slot */
	uint32_t *generations;
	uint32_t nb_sas;
	uint32_t free_hint;
	struct iips_sa **by_spi;	/* [buckets] ingress sessions */
	struct rte_flow **rules_by_spi;	/* [buckets] rules with an SPI */
	uint32_t buckets;		/* power of two */
	struct iips_flow_list flows;	/* all rules; those without SPI are searched in order */
	uint32_t generic_flows;
	uint64_t stale_tags;
	uint64_t fault_count;
	struct iips_reassembly reassembly;
};

static inline rte_security_dynfield_t *iips_tag(struct rte_mbuf *m)
{
	return rte_security_dynfield(m);
}

static inline uint32_t iips_bucket(const struct iips_port *port, uint32_t spi)
{
	return (uint32_t)((spi * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (port->buckets - 1);
}

/* Stops every queue's data path until iips_resume; for control operations. */
void iips_quiesce(struct iips_port *port);
void iips_resume(struct iips_port *port);

/* iips_capability.c */
const struct rte_security_capability *iips_capabilities(void *device);

/* iips_security.c */
int iips_security_init(struct iips_port *port);
void iips_security_fini(struct iips_port *port);
struct iips_sa *iips_sa_by_spi(struct iips_port *port, uint32_t spi);
/* Notes what became due by this packet, each once. Called with sa->lock held. */
void iips_check_lifetime(struct iips_sa *sa, struct iips_events *events);

/* iips_parse.c: where things are in a frame. */
struct iips_frame {
	uint8_t family;			/* 4, 6, or 0: not IP */
	uint8_t protocol;		/* after IPv6 extension headers */
	const uint8_t *src, *dst;	/* addresses, in the frame */
	uint16_t l3, l4;		/* offsets from the frame's start */
	uint16_t esp;			/* offset of the ESP header; 0: none */
	uint32_t end;			/* of the IP packet; behind it is link padding */
	bool udp_esp;
	bool fragment;
	uint32_t spi;
};
void iips_parse(const struct rte_mbuf *m, struct iips_frame *frame);

/* iips_rss.c */
uint64_t iips_rss_types(const struct iips_port *port);
void iips_rss_default(struct iips_port *port);
uint32_t iips_rss_hash(const uint8_t *key, uint64_t types, const struct rte_mbuf *m, const struct iips_frame *frame);
uint16_t iips_steer(struct iips_port *port, struct rte_mbuf *m, const struct iips_frame *frame, const struct rte_flow *rule);

int iips_reta_update(struct rte_eth_dev *dev, struct rte_eth_rss_reta_entry64 *reta, uint16_t size);
int iips_reta_query(struct rte_eth_dev *dev, struct rte_eth_rss_reta_entry64 *reta, uint16_t size);
int iips_rss_hash_update(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf);
int iips_rss_hash_conf_get(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf);

/* iips_reassembly.c */
int iips_reassembly_capability_get(struct rte_eth_dev *dev, struct rte_eth_ip_reassembly_params *capa);
int iips_reassembly_conf_get(struct rte_eth_dev *dev, struct rte_eth_ip_reassembly_params *conf);
int iips_reassembly_conf_set(struct rte_eth_dev *dev, const struct rte_eth_ip_reassembly_params *conf);
/* What to receive now that this opened packet of the session is here: itself when it is whole, a datagram it completes or spoils, or
 * NULL. */
struct rte_mbuf *iips_reassemble(struct iips_port *port, const struct iips_sa *sa, struct rte_mbuf *m, uint16_t queue);
/* An incomplete datagram of the queue whose time is up, or NULL. */
struct rte_mbuf *iips_reassembly_overdue(struct iips_port *port, uint16_t queue);
/* With the fragments that hang on it. */
void iips_free_received(const struct iips_port *port, struct rte_mbuf *m);
/* Frees what is held. Data path stopped. */
void iips_reassembly_forget(struct iips_port *port);

/* iips_flow.c */
const struct rte_flow *iips_match(const struct iips_port *port, const struct iips_frame *frame);
void iips_flow_forget_sa(struct iips_port *port, const struct iips_sa *sa);
void iips_flow_flush(struct iips_port *port);

#endif
