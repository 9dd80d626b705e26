// Ownership of OpenSSL objects, declared without OpenSSL's headers: those stay inside this library.
#pragma once

#include <cstdint>
#include <memory>

struct evp_cipher_ctx_st;
struct evp_pkey_st;
struct X509_crl_st;
struct x509_st;

namespace ipsecgw::crypto {

/// Which way a keyed cipher runs. It is fixed when the key is set.
enum class Operation : uint8_t { kSeal, kOpen };

/// Wipes the key schedule and frees.
struct CipherCtxDeleter {
    void operator()(evp_cipher_ctx_st* ctx) const noexcept;
};
using CipherCtxPtr = std::unique_ptr<evp_cipher_ctx_st, CipherCtxDeleter>;

/// Drops one reference; the last one wipes what is private.
struct KeyDeleter {
    void operator()(evp_pkey_st* key) const noexcept;
};
using KeyPtr = std::unique_ptr<evp_pkey_st, KeyDeleter>;

}  // namespace ipsecgw::crypto
