// What the cipher classes share: a keyed EVP context.
#pragma once

#include <span>

#include "base/result.h"
#include "crypto/evp_handle.h"

namespace ipsecgw::crypto {

/// A context for OpenSSL's cipher `name` with `key` set and no IV yet. The algorithm is fetched here, so setting an IV
/// later looks nothing up and allocates nothing. kInvalidArgument: `key` has another length than the cipher's;
/// kUnsupported: the cipher is not in this OpenSSL; kResourceExhausted.
base::Result<CipherCtxPtr> key_cipher(const char* name, Operation operation, std::span<const uint8_t> key);

}  // namespace ipsecgw::crypto
