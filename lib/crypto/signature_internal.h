// What public and private keys share.
#pragma once

#include <memory>

#include <openssl/evp.h>

#include "base/result.h"
#include "crypto/signature.h"

namespace ipsecgw::crypto {

struct DigestCtxDeleter {
    void operator()(EVP_MD_CTX* ctx) const noexcept { EVP_MD_CTX_free(ctx); }
};
using DigestCtxPtr = std::unique_ptr<EVP_MD_CTX, DigestCtxDeleter>;

/// The kind of `key`; kUnsupported, with a hint, for kinds and sizes that PublicKey does not take.
base::Result<KeyType> key_type_of(evp_pkey_st* key);

/// Padding and salt of `scheme`. False when OpenSSL refuses.
bool set_scheme(evp_pkey_ctx_st* ctx, const SignatureScheme& scheme);

/// OpenSSL's name of the scheme's hash function; nullptr for Ed25519.
const char* digest_name(const SignatureScheme& scheme) noexcept;

}  // namespace ipsecgw::crypto
