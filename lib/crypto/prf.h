// The pseudorandom functions of IKEv2 (RFC 7296 sections 2.13 and 3.3.2, RFC 4868 section 2.7.3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "crypto/hmac.h"

namespace ipsecgw::crypto {

/// PRF_HMAC_SHA2_*, keyed once. Threads: any number may compute at the same time. Wiped on destruction.
class Prf {
  public:
    /// A key of any length; HMAC pads or hashes it (RFC 2104 section 2).
    Prf(Hash hash, std::span<const uint8_t> key) noexcept : hmac_(hash, key), bytes_(digest_bytes(hash)) {}

    /// Bytes of one output, which is also the preferred key length (RFC 7296 section 2.13).
    [[nodiscard]] size_t bytes() const noexcept { return bytes_; }

    /// prf(K, message | more).
    [[nodiscard]] base::SecretBytes compute(std::span<const uint8_t> message, std::span<const uint8_t> more = {}) const;

    /// The first `bytes` of prf+(K, seed) (RFC 7296 section 2.13). kInvalidArgument for more than 255 outputs, where
    /// prf+ is not defined.
    [[nodiscard]] base::Result<base::SecretBytes> expand(std::span<const uint8_t> seed, size_t bytes) const;

  private:
    Hmac hmac_;
    size_t bytes_;
};

}  // namespace ipsecgw::crypto
