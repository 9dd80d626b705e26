/* SPDX-License-Identifier: BSD-3-Clause */

/* rte_security: sessions, tags in the mbuf, lifetimes. */

#include <stdlib.h>
#include <string.h>

#include <rte_cryptodev.h>
#include <rte_malloc.h>
#include <rte_random.h>

#include "iips.h"

/* ---- what a session asks for ---- */

static bool aead_suite(const struct rte_security_session_conf *conf, struct iips_suite *suite)
{
	const struct rte_crypto_aead_xform *aead = &conf->crypto_xform->aead;

	switch (aead->algo) {
	case RTE_CRYPTO_AEAD_AES_GCM:
		suite->transform = IIPS_AES_GCM;
		break;
	case RTE_CRYPTO_AEAD_CHACHA20_POLY1305:
		suite->transform = IIPS_CHACHA20_POLY1305;
		break;
	default:
		return false;
	}
	suite->auth = RTE_CRYPTO_AUTH_NULL;
	suite->key_len = (uint8_t)aead->key.length;
	suite->iv_len = 8;
	suite->icv_len = (uint8_t)aead->digest_length;
	suite->align = 4;
	return true;
}

static bool chain_suite(const struct rte_crypto_cipher_xform *cipher, const struct rte_crypto_auth_xform *auth,
			struct iips_suite *suite)
{
	suite->auth = auth->algo;
	suite->auth_key_len = (uint8_t)auth->key.length;
	suite->icv_len = (uint8_t)auth->digest_length;
	suite->key_len = (uint8_t)cipher->key.length;
	suite->align = 4;
	switch (cipher->algo) {
	case RTE_CRYPTO_CIPHER_NULL:
		suite->transform = IIPS_NULL;
		break;
	case RTE_CRYPTO_CIPHER_AES_CBC:
		suite->transform = IIPS_AES_CBC;
		suite->iv_len = suite->align = 16;
		break;
	case RTE_CRYPTO_CIPHER_AES_CTR:
		suite->transform = IIPS_AES_CTR;
		suite->iv_len = 8;
		break;
	default:
		return false;
	}
	switch (auth->algo) {
	case RTE_CRYPTO_AUTH_AES_GMAC:
		if (suite->transform != IIPS_NULL)
			return false;
		suite->transform = IIPS_AES_GMAC;
		suite->key_len = (uint8_t)auth->key.length;
		suite->iv_len = 8;
		return true;
	case RTE_CRYPTO_AUTH_SHA1_HMAC:
	case RTE_CRYPTO_AUTH_SHA256_HMAC:
	case RTE_CRYPTO_AUTH_SHA384_HMAC:
	case RTE_CRYPTO_AUTH_SHA512_HMAC:
		return true;
	case RTE_CRYPTO_AUTH_NULL:
		suite->icv_len = 0;	/* a port may be asked for ESP without integrity, even without anything; the gateway never does */
		return true;
	default:
		return false;
	}
}

struct keys {
	const uint8_t *key, *auth_key;
};

static bool read_suite(const struct rte_security_session_conf *conf, struct iips_suite *suite, struct keys *keys)
{
	const struct rte_crypto_sym_xform *first = conf->crypto_xform, *cipher, *auth;
	uint32_t salt = conf->ipsec.salt;

	memset(suite, 0, sizeof(*suite));
	memcpy(suite->salt, &salt, sizeof(suite->salt));
	if (first == NULL)
		return false;
	if (first->type == RTE_CRYPTO_SYM_XFORM_AEAD) {
		*keys = (struct keys){ first->aead.key.data, NULL };
		return aead_suite(conf, suite);
	}
	if (first->next == NULL || first->next->type == first->type)
		return false;
	cipher = first->type == RTE_CRYPTO_SYM_XFORM_CIPHER ? first : first->next;
	auth = first->type == RTE_CRYPTO_SYM_XFORM_AUTH ? first : first->next;
	*keys = (struct keys){ cipher->cipher.key.data, auth->auth.key.data };
	if (auth->auth.algo == RTE_CRYPTO_AUTH_AES_GMAC)
		keys->key = auth->auth.key.data;
	return chain_suite(&cipher->cipher, &auth->auth, suite);
}

/* Why the bf2 profile refuses, as mlx5 full offload on BlueField-2 would; NULL: it does not. */
static const char *bf2_refuses(const struct rte_security_session_conf *conf, const struct iips_suite *suite)
{
	const struct rte_security_ipsec_xform *x = &conf->ipsec;
	bool inbound = x->direction == RTE_SECURITY_IPSEC_SA_DIR_INGRESS;

	if (conf->action_type != RTE_SECURITY_ACTION_TYPE_INLINE_PROTOCOL)
		return "only full protocol offload";
	if (suite->transform != IIPS_AES_GCM || suite->icv_len != 16)
		return "only AES-GCM with a 16 byte ICV";
	if (suite->key_len != 16 && suite->key_len != 32)
		return "only 128 and 256 bit keys";
	if (inbound && x->replay_win_sz != 0 && x->replay_win_sz != 32 && x->replay_win_sz != 64 && x->replay_win_sz != 128 &&
	    x->replay_win_sz != 256)
		return "the replay window is 32, 64, 128 or 256 packets";
	if (inbound && x->replay_win_sz != 0 && !x->options.esn)
		return "replay protection needs ESN";
	if (x->options.udp_encap && x->mode == RTE_SECURITY_IPSEC_SA_MODE_TUNNEL)
		return "UDP encapsulation in transport mode only";
	if (!inbound && x->esn.value > 1)
		return "the first sequence number is 1";
	if ((x->life.packets_hard_limit != 0 && x->life.packets_soft_limit >= x->life.packets_hard_limit) ||
	    (x->life.bytes_hard_limit != 0 && x->life.bytes_soft_limit >= x->life.bytes_hard_limit))
		return "soft limits below hard ones";
	return NULL;
}

static const char *refuses(const struct iips_port *port, const struct rte_security_session_conf *conf,
			   const struct iips_suite *suite)
{
	const struct rte_security_capability *cap;

	if (conf->protocol != RTE_SECURITY_PROTOCOL_IPSEC || conf->ipsec.proto != RTE_SECURITY_IPSEC_SA_PROTO_ESP)
		return "only ESP";
	for (cap = iips_capabilities(port->dev); cap->action != RTE_SECURITY_ACTION_TYPE_NONE; cap++)
		if (cap->action == conf->action_type && cap->ipsec.mode == conf->ipsec.mode &&
		    cap->ipsec.direction == conf->ipsec.direction)
			break;
	if (cap->action == RTE_SECURITY_ACTION_TYPE_NONE)
		return "no capability for this action, mode and direction";
	if (conf->ipsec.options.esn && !cap->ipsec.options.esn)
		return "no ESN with this action";
	if (conf->ipsec.options.ip_reassembly_en && !cap->ipsec.options.ip_reassembly_en)
		return "no IP reassembly with this action";
	if (conf->ipsec.options.dec_ttl)
		return "no TTL decrement";
	if (conf->ipsec.direction == RTE_SECURITY_IPSEC_SA_DIR_INGRESS &&
	    conf->ipsec.replay_win_sz > cap->ipsec.replay_win_sz_max)
		return "the replay window is larger than the port's";
	return port->profile == IIPS_PROFILE_BF2 ? bf2_refuses(conf, suite) : NULL;
}

/* ---- sessions ---- */

/* An IV for tests with known answers, "0x01, 0x02, ..." in ETH_SEC_IV_OVR: the convention of DPDK's inline test suite. */
static void read_iv_override(struct iips_sa *sa)
{
	const char *text = getenv("ETH_SEC_IV_OVR");
	char *end;
	uint8_t i;

	if (text == NULL || !sa->xform.options.iv_gen_disable)
		return;
	for (i = 0; i < sa->suite.iv_len; i++) {
		sa->iv_override[i] = (uint8_t)strtoul(text, &end, 0);
		if (end == text)
			return;
		for (text = end; *text == ',' || *text == ' '; text++)
			;
	}
	sa->has_iv_override = true;
}

static int take_slot(struct iips_port *port, struct iips_sa *sa)
{
	uint32_t tried, slot;

	for (tried = 0; tried < port->max_sessions; tried++) {
		slot = (port->free_hint + tried) % port->max_sessions;
		if (port->sas[slot] != NULL)
			continue;
		sa->slot = slot;
		sa->generation = ++port->generations[slot];
		port->sas[slot] = sa;
		port->free_hint = slot + 1;
		port->nb_sas++;
		return 0;
	}
	return -ENOSPC;
}

static void link_ingress(struct iips_port *port, struct iips_sa *sa)
{
	struct iips_sa **bucket = &port->by_spi[iips_bucket(port, sa->xform.spi)];

	sa->next_by_spi = *bucket;
	*bucket = sa;
}

static void unlink_ingress(struct iips_port *port, struct iips_sa *sa)
{
	struct iips_sa **at;

	for (at = &port->by_spi[iips_bucket(port, sa->xform.spi)]; *at != NULL; at = &(*at)->next_by_spi) {
		if (*at == sa) {
			*at = sa->next_by_spi;
			return;
		}
	}
}

static void free_sa(struct iips_sa *sa)
{
	iips_cipher_destroy(sa->cipher);
	rte_free(sa);
}

static struct iips_sa *new_sa(const struct iips_port *port, const struct rte_security_session_conf *conf,
			      const struct iips_suite *suite, const struct keys *keys)
{
	struct iips_sa *sa = rte_zmalloc("iips_sa", sizeof(*sa), RTE_CACHE_LINE_SIZE);
	bool egress = conf->ipsec.direction == RTE_SECURITY_IPSEC_SA_DIR_EGRESS;

	if (sa == NULL)
		return NULL;
	sa->xform = conf->ipsec;
	sa->action = conf->action_type;
	sa->suite = *suite;
	sa->userdata = conf->userdata;
	sa->next_seq = conf->ipsec.esn.value != 0 ? conf->ipsec.esn.value : 1;
	sa->epoch = port->epoch;
	sa->last_seq = conf->ipsec.options.esn ? UINT64_MAX - 1 : UINT32_MAX;
	if (port->sequence_end != 0)
		sa->last_seq = RTE_MIN(sa->last_seq, port->sequence_end);
	sa->highest = egress ? 0 : conf->ipsec.esn.value;
	sa->iv_counter = rte_rand();
	rte_spinlock_init(&sa->lock);
	read_iv_override(sa);
	if (!port->cipher_none) {
		sa->cipher = iips_cipher_create(suite, keys->key, keys->auth_key, egress);
		if (sa->cipher == NULL) {
			rte_free(sa);
			return NULL;
		}
	}
	return sa;
}

static int session_create(void *device, struct rte_security_session_conf *conf, struct rte_security_session *session)
{
	struct iips_port *port = ((struct rte_eth_dev *)device)->data->dev_private;
	struct iips_sa **held = SECURITY_GET_SESS_PRIV(session), *sa;
	struct iips_suite suite;
	struct keys keys;
	const char *why;
	int ret;

	if (!read_suite(conf, &suite, &keys)) {
		IIPS_LOG(ERR, "session refused: algorithm not supported");
		return -ENOTSUP;
	}
	why = refuses(port, conf, &suite);
	if (why != NULL) {
		IIPS_LOG(ERR, "session for SPI 0x%08x refused: %s", conf->ipsec.spi, why);
		return -ENOTSUP;
	}
	if (port->fail_every != 0 && ++port->fault_count % port->fail_every == 0) {
		IIPS_LOG(ERR, "session for SPI 0x%08x refused: injected fault", conf->ipsec.spi);
		return -EIO;
	}
	sa = new_sa(port, conf, &suite, &keys);
	if (sa == NULL)
		return -ENOMEM;
	iips_quiesce(port);
	ret = take_slot(port, sa);
	if (ret == 0 && sa->xform.direction == RTE_SECURITY_IPSEC_SA_DIR_INGRESS)
		link_ingress(port, sa);
	iips_resume(port);
	if (ret != 0) {
		IIPS_LOG(ERR, "session for SPI 0x%08x refused: all %u sessions are in use", conf->ipsec.spi, port->max_sessions);
		free_sa(sa);
		return ret;
	}
	*held = sa;
	session->fast_mdata = 0;
	return 0;
}

static int session_destroy(void *device, struct rte_security_session *session)
{
	struct iips_port *port = ((struct rte_eth_dev *)device)->data->dev_private;
	struct iips_sa **held = SECURITY_GET_SESS_PRIV(session), *sa = *held;

	if (sa == NULL)
		return -EINVAL;
	iips_quiesce(port);
	iips_flow_forget_sa(port, sa);
	if (sa->xform.direction == RTE_SECURITY_IPSEC_SA_DIR_INGRESS)
		unlink_ingress(port, sa);
	port->sas[sa->slot] = NULL;
	port->free_hint = sa->slot;
	port->nb_sas--;
	iips_resume(port);
	*held = NULL;
	free_sa(sa);
	return 0;
}

static int session_update(void *device, struct rte_security_session *session, struct rte_security_session_conf *conf)
{
	struct iips_sa *sa = *(struct iips_sa **)SECURITY_GET_SESS_PRIV(session);

	RTE_SET_USED(device);
	if (sa == NULL || sa->action != RTE_SECURITY_ACTION_TYPE_INLINE_PROTOCOL)
		return -EINVAL;
	rte_spinlock_lock(&sa->lock);
	if (sa->xform.direction == RTE_SECURITY_IPSEC_SA_DIR_EGRESS)
		sa->next_seq = conf->ipsec.esn.value;
	else
		sa->highest = conf->ipsec.esn.value;
	sa->xform.life = conf->ipsec.life;
	rte_spinlock_unlock(&sa->lock);
	return 0;
}

static unsigned int session_get_size(void *device)
{
	RTE_SET_USED(device);
	return sizeof(struct iips_sa *);
}

static int session_stats_get(void *device, struct rte_security_session *session, struct rte_security_stats *stats)
{
	const struct iips_port *port = ((struct rte_eth_dev *)device)->data->dev_private;
	struct iips_sa *sa = *(struct iips_sa **)SECURITY_GET_SESS_PRIV(session);

	if (sa == NULL)
		return -EINVAL;
	if (sa->epoch != port->epoch)
		return -ENOENT;
	stats->protocol = RTE_SECURITY_PROTOCOL_IPSEC;
	rte_spinlock_lock(&sa->lock);
	stats->ipsec = sa->stats;
	rte_spinlock_unlock(&sa->lock);
	return 0;
}

/* The tag is slot and generation, never a pointer: a packet that outlives its session is a counted drop. */
static int set_pkt_metadata(void *device, struct rte_security_session *session, struct rte_mbuf *m, void *params)
{
	const struct iips_sa *sa = *(struct iips_sa **)SECURITY_GET_SESS_PRIV(session);

	RTE_SET_USED(device);
	RTE_SET_USED(params);
	if (sa == NULL)
		return -EINVAL;
	*iips_tag(m) = (uint64_t)sa->generation << 32 | sa->slot;
	return 0;
}

static const struct rte_security_ops security_ops = {
	.session_create = session_create,
	.session_update = session_update,
	.session_get_size = session_get_size,
	.session_stats_get = session_stats_get,
	.session_destroy = session_destroy,
	.set_pkt_metadata = set_pkt_metadata,
	.capabilities_get = iips_capabilities,
};

struct iips_sa *iips_sa_by_spi(struct iips_port *port, uint32_t spi)
{
	struct iips_sa *sa;

	for (sa = port->by_spi[iips_bucket(port, spi)]; sa != NULL; sa = sa->next_by_spi)
		if (sa->xform.spi == spi)
			return sa;
	return NULL;
}

static void tell(const struct iips_sa *sa, struct iips_events *events, enum rte_eth_event_ipsec_subtype subtype, bool *told)
{
	if (*told || events->count == RTE_DIM(events->desc))
		return;
	*told = true;
	events->desc[events->count++] = (struct rte_eth_event_ipsec_desc){ .subtype = subtype, .metadata = (uint64_t)(uintptr_t)sa->userdata };
}

void iips_check_lifetime(struct iips_sa *sa, struct iips_events *events)
{
	const struct rte_security_ipsec_lifetime *life = &sa->xform.life;
	uint64_t packets = sa->stats.opackets + sa->stats.ipackets, bytes = sa->stats.obytes + sa->stats.ibytes;

	if (sa->overflow)
		tell(sa, events, RTE_ETH_EVENT_IPSEC_ESN_OVERFLOW, &sa->overflow_told);
	if (life->packets_soft_limit != 0 && packets >= life->packets_soft_limit)
		tell(sa, events, RTE_ETH_EVENT_IPSEC_SA_PKT_EXPIRY, &sa->soft_packets_told);
	if (life->bytes_soft_limit != 0 && bytes >= life->bytes_soft_limit)
		tell(sa, events, RTE_ETH_EVENT_IPSEC_SA_BYTE_EXPIRY, &sa->soft_bytes_told);
	if (life->packets_hard_limit != 0 && packets >= life->packets_hard_limit) {
		sa->expired = true;
		tell(sa, events, RTE_ETH_EVENT_IPSEC_SA_PKT_HARD_EXPIRY, &sa->hard_packets_told);
	}
	if (life->bytes_hard_limit != 0 && bytes >= life->bytes_hard_limit) {
		sa->expired = true;
		tell(sa, events, RTE_ETH_EVENT_IPSEC_SA_BYTE_HARD_EXPIRY, &sa->hard_bytes_told);
	}
}

int iips_security_init(struct iips_port *port)
{
	port->dynfield = rte_security_dynfield_register();
	if (port->dynfield < 0)
		return -ENOMEM;
	port->buckets = rte_align32pow2(port->max_sessions);
	port->sas = rte_zmalloc("iips_sas", port->max_sessions * sizeof(*port->sas), 0);
	port->generations = rte_zmalloc("iips_generations", port->max_sessions * sizeof(*port->generations), 0);
	port->by_spi = rte_zmalloc("iips_by_spi", port->buckets * sizeof(*port->by_spi), 0);
	port->rules_by_spi = rte_zmalloc("iips_rules", port->buckets * sizeof(*port->rules_by_spi), 0);
	TAILQ_INIT(&port->flows);
	if (port->sas == NULL || port->generations == NULL || port->by_spi == NULL || port->rules_by_spi == NULL) {
		iips_security_fini(port);
		return -ENOMEM;
	}
	port->security.device = port->dev;
	port->security.ops = &security_ops;
	port->security.flags = 0;	/* metadata is slot and generation: set by the operation, not by the inlined fast path */
	port->dev->security_ctx = &port->security;
	return 0;
}

void iips_security_fini(struct iips_port *port)
{
	uint32_t slot;

	for (slot = 0; port->sas != NULL && slot < port->max_sessions; slot++)
		if (port->sas[slot] != NULL)
			free_sa(port->sas[slot]);
	rte_free(port->sas);
	rte_free(port->generations);
	rte_free(port->by_spi);
	rte_free(port->rules_by_spi);
	port->sas = NULL;
	port->by_spi = NULL;
	port->rules_by_spi = NULL;
	port->generations = NULL;
	port->dev->security_ctx = NULL;
}
