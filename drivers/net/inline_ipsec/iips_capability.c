/* SPDX-License-Identifier: BSD-3-Clause */

/* What each profile offers through rte_security. */

#include <rte_cryptodev.h>

#include "iips.h"

#define AEAD_CAP(algorithm, key_min, key_max, key_step, tag_min, tag_step)                                          \
	{ .op = RTE_CRYPTO_OP_TYPE_SYMMETRIC, { .sym = { .xform_type = RTE_CRYPTO_SYM_XFORM_AEAD, { .aead = {         \
		.algo = algorithm, .block_size = 16, .key_size = { key_min, key_max, key_step },                      \
		.digest_size = { tag_min, 16, tag_step }, .aad_size = { 8, 12, 4 }, .iv_size = { 12, 12, 0 } } } } } }
#define CIPHER_CAP(algorithm, block, key_min, key_max, key_step, iv_min, iv_max, iv_step)                           \
	{ .op = RTE_CRYPTO_OP_TYPE_SYMMETRIC, { .sym = { .xform_type = RTE_CRYPTO_SYM_XFORM_CIPHER, { .cipher = {     \
		.algo = algorithm, .block_size = block, .key_size = { key_min, key_max, key_step },                   \
		.iv_size = { iv_min, iv_max, iv_step } } } } } }
#define AUTH_CAP(algorithm, block, key_min, key_max, key_step, icv_min, icv_max, icv_step, iv_min, iv_max)          \
	{ .op = RTE_CRYPTO_OP_TYPE_SYMMETRIC, { .sym = { .xform_type = RTE_CRYPTO_SYM_XFORM_AUTH, { .auth = {         \
		.algo = algorithm, .block_size = block, .key_size = { key_min, key_max, key_step },                   \
		.digest_size = { icv_min, icv_max, icv_step }, .iv_size = { iv_min, iv_max, 0 } } } } } }
#define CAP_END { .op = RTE_CRYPTO_OP_TYPE_UNDEFINED }

static const struct rte_cryptodev_capabilities generic_crypto[] = {
	AEAD_CAP(RTE_CRYPTO_AEAD_AES_GCM, 16, 32, 8, 8, 4),
	AEAD_CAP(RTE_CRYPTO_AEAD_CHACHA20_POLY1305, 32, 32, 0, 16, 0),
	CIPHER_CAP(RTE_CRYPTO_CIPHER_NULL, 1, 0, 0, 0, 0, 0, 0),
	CIPHER_CAP(RTE_CRYPTO_CIPHER_AES_CBC, 16, 16, 32, 8, 16, 16, 0),
	CIPHER_CAP(RTE_CRYPTO_CIPHER_AES_CTR, 16, 16, 32, 8, 8, 16, 8),
	AUTH_CAP(RTE_CRYPTO_AUTH_NULL, 1, 0, 0, 0, 0, 0, 0, 0, 0),
	AUTH_CAP(RTE_CRYPTO_AUTH_SHA1_HMAC, 64, 20, 64, 1, 12, 12, 0, 0, 0),
	AUTH_CAP(RTE_CRYPTO_AUTH_SHA256_HMAC, 64, 32, 64, 1, 16, 16, 0, 0, 0),
	AUTH_CAP(RTE_CRYPTO_AUTH_SHA384_HMAC, 128, 48, 128, 1, 24, 24, 0, 0, 0),
	AUTH_CAP(RTE_CRYPTO_AUTH_SHA512_HMAC, 128, 64, 128, 1, 32, 32, 0, 0, 0),
	AUTH_CAP(RTE_CRYPTO_AUTH_AES_GMAC, 16, 16, 32, 8, 16, 16, 0, 12, 12),
	CAP_END,
};

static const struct rte_cryptodev_capabilities bf2_crypto[] = {
	AEAD_CAP(RTE_CRYPTO_AEAD_AES_GCM, 16, 32, 16, 16, 0),
	CAP_END,
};

#define CRYPTO_OPTIONS                                                                                              \
	{ .udp_encap = 1, .copy_dscp = 1, .copy_flabel = 1, .copy_df = 1, .ecn = 1, .stats = 1,        \
	  .iv_gen_disable = 1, .tunnel_hdr_verify = RTE_SECURITY_IPSEC_TUNNEL_VERIFY_SRC_DST_ADDR,                    \
	  .udp_ports_verify = 1, .ip_csum_enable = 1, .l4_csum_enable = 1 }

#define CAPABILITY(act, m, d, opts, win, crypto)                                                                    \
	{ .action = RTE_SECURITY_ACTION_TYPE_INLINE_##act, .protocol = RTE_SECURITY_PROTOCOL_IPSEC,                   \
	  .ipsec = { .proto = RTE_SECURITY_IPSEC_SA_PROTO_ESP, .mode = RTE_SECURITY_IPSEC_SA_MODE_##m,                \
		     .direction = RTE_SECURITY_IPSEC_SA_DIR_##d, .options = opts, .replay_win_sz_max = win },         \
	  .crypto_capabilities = crypto, .ol_flags = RTE_SECURITY_TX_OLOAD_NEED_MDATA }

/* Inner packets are put together again behind ESP, so where the port does the whole protocol. */
#define PROTOCOL_OPTIONS                                                                                            \
	{ .esn = 1, .udp_encap = 1, .copy_dscp = 1, .copy_flabel = 1, .copy_df = 1, .ecn = 1, .stats = 1,             \
	  .iv_gen_disable = 1, .tunnel_hdr_verify = RTE_SECURITY_IPSEC_TUNNEL_VERIFY_SRC_DST_ADDR,                    \
	  .udp_ports_verify = 1, .ip_csum_enable = 1, .l4_csum_enable = 1, .ip_reassembly_en = 1 }

/* Inline crypto has no ESN: the high half is not in the packet, and rte_security has no way to hand it over. */
#define PROTOCOL_CAPABILITIES 4	/* come first */
static const struct rte_security_capability generic_capabilities[] = {
	CAPABILITY(PROTOCOL, TUNNEL, EGRESS, PROTOCOL_OPTIONS, 0, generic_crypto),
	CAPABILITY(PROTOCOL, TUNNEL, INGRESS, PROTOCOL_OPTIONS, IIPS_MAX_WINDOW, generic_crypto),
	CAPABILITY(PROTOCOL, TRANSPORT, EGRESS, PROTOCOL_OPTIONS, 0, generic_crypto),
	CAPABILITY(PROTOCOL, TRANSPORT, INGRESS, PROTOCOL_OPTIONS, IIPS_MAX_WINDOW, generic_crypto),
	CAPABILITY(CRYPTO, TUNNEL, EGRESS, CRYPTO_OPTIONS, 0, generic_crypto),
	CAPABILITY(CRYPTO, TUNNEL, INGRESS, CRYPTO_OPTIONS, 0, generic_crypto),
	CAPABILITY(CRYPTO, TRANSPORT, EGRESS, CRYPTO_OPTIONS, 0, generic_crypto),
	CAPABILITY(CRYPTO, TRANSPORT, INGRESS, CRYPTO_OPTIONS, 0, generic_crypto),
	{ .action = RTE_SECURITY_ACTION_TYPE_NONE },
};

#define BF2_TUNNEL { .esn = 1, .copy_dscp = 1, .copy_df = 1, .ecn = 1, .stats = 1 }
#define BF2_TRANSPORT { .esn = 1, .udp_encap = 1, .stats = 1 }

static const struct rte_security_capability bf2_capabilities[] = {
	CAPABILITY(PROTOCOL, TUNNEL, EGRESS, BF2_TUNNEL, 0, bf2_crypto),
	CAPABILITY(PROTOCOL, TUNNEL, INGRESS, BF2_TUNNEL, 256, bf2_crypto),
	CAPABILITY(PROTOCOL, TRANSPORT, EGRESS, BF2_TRANSPORT, 0, bf2_crypto),
	CAPABILITY(PROTOCOL, TRANSPORT, INGRESS, BF2_TRANSPORT, 256, bf2_crypto),
	{ .action = RTE_SECURITY_ACTION_TYPE_NONE },
};

const struct rte_security_capability *iips_capabilities(void *device)
{
	const struct iips_port *port = ((struct rte_eth_dev *)device)->data->dev_private;

	if (port->profile == IIPS_PROFILE_BF2)
		return bf2_capabilities;
	return port->crypto_only ? generic_capabilities + PROTOCOL_CAPABILITIES : generic_capabilities;
}
