/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <rte_byteorder.h>

#include "iips.h"

#define ESP_HEADER 8

struct iips_cipher {
	struct iips_suite suite;
	EVP_CIPHER_CTX *cipher;	/* NULL for NULL encryption */
	EVP_MAC_CTX *mac;	/* NULL without HMAC */
};

static const char *cipher_name(const struct iips_suite *suite)
{
	switch (suite->transform) {
	case IIPS_AES_GCM:
	case IIPS_AES_GMAC:
		return suite->key_len == 16 ? "AES-128-GCM" : suite->key_len == 24 ? "AES-192-GCM" : "AES-256-GCM";
	case IIPS_CHACHA20_POLY1305:
		return "ChaCha20-Poly1305";
	case IIPS_AES_CBC:
		return suite->key_len == 16 ? "AES-128-CBC" : suite->key_len == 24 ? "AES-192-CBC" : "AES-256-CBC";
	case IIPS_AES_CTR:
		return suite->key_len == 16 ? "AES-128-CTR" : suite->key_len == 24 ? "AES-192-CTR" : "AES-256-CTR";
	case IIPS_NULL:
		return NULL;
	}
	return NULL;
}

static char *digest_name(enum rte_crypto_auth_algorithm auth)
{
	static char sha1[] = "SHA1", sha256[] = "SHA256", sha384[] = "SHA384", sha512[] = "SHA512";

	switch (auth) {
	case RTE_CRYPTO_AUTH_SHA1_HMAC:
		return sha1;
	case RTE_CRYPTO_AUTH_SHA256_HMAC:
		return sha256;
	case RTE_CRYPTO_AUTH_SHA384_HMAC:
		return sha384;
	case RTE_CRYPTO_AUTH_SHA512_HMAC:
		return sha512;
	default:
		return NULL;
	}
}

static bool create_mac(struct iips_cipher *c, const uint8_t *auth_key)
{
	char *digest = digest_name(c->suite.auth);
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	OSSL_PARAM params[2] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end() };

	c->mac = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
	EVP_MAC_free(hmac);
	return c->mac != NULL && EVP_MAC_init(c->mac, auth_key, c->suite.auth_key_len, params) == 1;
}

static bool create_cipher(struct iips_cipher *c, const uint8_t *key, bool encrypt)
{
	EVP_CIPHER *algorithm = EVP_CIPHER_fetch(NULL, cipher_name(&c->suite), NULL);
	bool ok;

	c->cipher = EVP_CIPHER_CTX_new();
	ok = algorithm != NULL && c->cipher != NULL &&
	     EVP_CipherInit_ex(c->cipher, algorithm, NULL, key, NULL, encrypt ? 1 : 0) == 1;
	if (ok)
		EVP_CIPHER_CTX_set_padding(c->cipher, 0);
	EVP_CIPHER_free(algorithm);
	return ok;
}

struct iips_cipher *iips_cipher_create(const struct iips_suite *suite, const uint8_t *key, const uint8_t *auth_key,
				       bool encrypt)
{
	struct iips_cipher *c = OPENSSL_zalloc(sizeof(*c));

	if (c == NULL)
		return NULL;
	c->suite = *suite;
	if ((suite->transform != IIPS_NULL && !create_cipher(c, key, encrypt)) ||
	    (digest_name(suite->auth) != NULL && !create_mac(c, auth_key))) {
		iips_cipher_destroy(c);
		return NULL;
	}
	return c;
}

void iips_cipher_destroy(struct iips_cipher *c)
{
	if (c == NULL)
		return;
	EVP_CIPHER_CTX_free(c->cipher);
	EVP_MAC_CTX_free(c->mac);
	OPENSSL_clear_free(c, sizeof(*c));
}

/* Nonce of the AEADs (RFC 4106 section 4, RFC 7634 section 2) and first counter block of CTR (RFC 3686 section 4). */
static void make_nonce(const struct iips_cipher *c, const uint8_t *esp, uint8_t nonce[16])
{
	memcpy(nonce, c->suite.salt, 4);
	memcpy(nonce + 4, esp + ESP_HEADER, 8);
	nonce[12] = nonce[13] = nonce[14] = 0;
	nonce[15] = 1;
}

/* SPI, then the 32 or 64 bits of sequence number (RFC 4106 section 5). */
static int make_aad(const uint8_t *esp, bool esn, uint32_t seq_hi, uint8_t aad[12])
{
	if (!esn) {
		memcpy(aad, esp, 8);
		return 8;
	}
	uint32_t hi = rte_cpu_to_be_32(seq_hi);

	memcpy(aad, esp, 4);
	memcpy(aad + 4, &hi, 4);
	memcpy(aad + 8, esp + 4, 4);
	return 12;
}

static bool start_aead(struct iips_cipher *c, const uint8_t *esp, bool esn, uint32_t seq_hi)
{
	uint8_t nonce[16], aad[12];
	int aad_len, n;

	make_nonce(c, esp, nonce);
	aad_len = make_aad(esp, esn, seq_hi, aad);
	return EVP_CipherInit_ex(c->cipher, NULL, NULL, NULL, nonce, -1) == 1 &&
	       EVP_CipherUpdate(c->cipher, NULL, &n, aad, aad_len) == 1;
}

/* AEAD text, or for GMAC (RFC 4543 section 3.3) IV and text as further AAD. */
static bool run_aead(struct iips_cipher *c, uint8_t *esp, uint32_t text_len)
{
	uint8_t *text = esp + ESP_HEADER + c->suite.iv_len;
	int n;

	if (c->suite.transform == IIPS_AES_GMAC)
		return EVP_CipherUpdate(c->cipher, NULL, &n, esp + ESP_HEADER, (int)(c->suite.iv_len + text_len)) == 1;
	return EVP_CipherUpdate(c->cipher, text, &n, text, (int)text_len) == 1;
}

static bool run_mac(struct iips_cipher *c, const uint8_t *esp, uint32_t text_len, bool esn, uint32_t seq_hi, uint8_t *icv)
{
	uint32_t hi = rte_cpu_to_be_32(seq_hi);
	uint8_t full[64];
	size_t n;

	if (EVP_MAC_init(c->mac, NULL, 0, NULL) != 1 ||
	    EVP_MAC_update(c->mac, esp, ESP_HEADER + c->suite.iv_len + text_len) != 1 ||
	    (esn && EVP_MAC_update(c->mac, (const uint8_t *)&hi, 4) != 1) ||
	    EVP_MAC_final(c->mac, full, &n, sizeof(full)) != 1 || n < c->suite.icv_len)
		return false;
	memcpy(icv, full, c->suite.icv_len);
	return true;
}

static bool run_cipher(struct iips_cipher *c, uint8_t *esp, uint32_t text_len)
{
	uint8_t *text = esp + ESP_HEADER + c->suite.iv_len;
	uint8_t block[16];
	int n;

	if (c->suite.transform == IIPS_NULL)
		return true;
	if (c->suite.transform == IIPS_AES_CTR)
		make_nonce(c, esp, block);
	else
		memcpy(block, esp + ESP_HEADER, 16);
	return EVP_CipherInit_ex(c->cipher, NULL, NULL, NULL, block, -1) == 1 &&
	       EVP_CipherUpdate(c->cipher, text, &n, text, (int)text_len) == 1;
}

static bool is_aead(const struct iips_cipher *c)
{
	return c->suite.transform <= IIPS_AES_GMAC;
}

bool iips_cipher_seal(struct iips_cipher *c, uint8_t *esp, uint32_t text_len, bool esn, uint32_t seq_hi)
{
	uint8_t *icv = esp + ESP_HEADER + c->suite.iv_len + text_len;
	uint8_t none[16];
	int n;

	if (is_aead(c))
		return start_aead(c, esp, esn, seq_hi) && run_aead(c, esp, text_len) &&
		       EVP_CipherFinal_ex(c->cipher, none, &n) == 1 &&
		       EVP_CIPHER_CTX_ctrl(c->cipher, EVP_CTRL_AEAD_GET_TAG, c->suite.icv_len, icv) == 1;
	return run_cipher(c, esp, text_len) && (c->mac == NULL || run_mac(c, esp, text_len, esn, seq_hi, icv));
}

bool iips_cipher_open(struct iips_cipher *c, uint8_t *esp, uint32_t text_len, bool esn, uint32_t seq_hi)
{
	uint8_t *icv = esp + ESP_HEADER + c->suite.iv_len + text_len;
	uint8_t scratch[64];
	int n;

	if (is_aead(c))
		return start_aead(c, esp, esn, seq_hi) && run_aead(c, esp, text_len) &&
		       EVP_CIPHER_CTX_ctrl(c->cipher, EVP_CTRL_AEAD_SET_TAG, c->suite.icv_len, icv) == 1 &&
		       EVP_CipherFinal_ex(c->cipher, scratch, &n) == 1;
	if (c->mac != NULL && (!run_mac(c, esp, text_len, esn, seq_hi, scratch) ||
			       CRYPTO_memcmp(scratch, icv, c->suite.icv_len) != 0))
		return false;
	return run_cipher(c, esp, text_len);
}
