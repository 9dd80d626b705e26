// What the classes over EVP share.
#pragma once

#include <memory>
#include <span>
#include <string>

#include <openssl/evp.h>

#include "base/result.h"
#include "crypto/evp_handle.h"

namespace ipsecgw::crypto {

struct KeyCtxDeleter {
    void operator()(EVP_PKEY_CTX* ctx) const noexcept { EVP_PKEY_CTX_free(ctx); }
};
using KeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, KeyCtxDeleter>;

/// OpenSSL's words for what failed last on this thread; its queue of errors is empty afterwards.
std::string openssl_reason();

/// A context for OpenSSL's cipher `name` with `key` set and no IV yet. The algorithm is fetched here, so setting an IV
/// later looks nothing up and allocates nothing. kInvalidArgument: `key` has another length than the cipher's;
/// kUnsupported: the cipher is not in this OpenSSL; kResourceExhausted.
base::Result<CipherCtxPtr> key_cipher(const char* name, Operation operation, std::span<const uint8_t> key);

}  // namespace ipsecgw::crypto
