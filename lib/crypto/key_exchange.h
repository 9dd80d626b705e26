// Diffie-Hellman of IKEv2: one ephemeral key pair and the secret it agrees on with a peer's public value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "crypto/evp_handle.h"

namespace ipsecgw::crypto {

/// Key exchange methods with their IANA numbers (Transform Type 4): RFC 3526, RFC 5903, RFC 8031.
enum class KeyExchangeMethod : uint16_t {
    kModp2048 = 14,
    kModp3072 = 15,
    kModp4096 = 16,
    kEcp256 = 19,
    kEcp384 = 20,
    kEcp521 = 21,
    kCurve25519 = 31,
    kCurve448 = 32,
};

/// The bytes of a public value of the method with this IANA number, as the KE payload carries it; 0 for a method that
/// is not supported.
size_t public_value_bytes(uint16_t method) noexcept;

/// One key pair, for one exchange. It knows nothing of the peer until shared_secret(), so pairs can be made ahead of
/// need. Wiped on destruction. Threads: one at a time.
class KeyExchange {
  public:
    /// Makes a new key pair. `method` is the IANA number. kUnsupported: no such method; kUnavailable: no random bytes.
    static base::Result<KeyExchange> create(uint16_t method);

    /// A key pair made elsewhere, for known answers. kInvalidArgument when the two are no pair of this method.
    static base::Result<KeyExchange> from_key_pair(uint16_t method, std::span<const uint8_t> private_key,
                                                   std::span<const uint8_t> public_value);

    [[nodiscard]] uint16_t method() const noexcept { return method_; }

    /// What goes into the KE payload: the number padded to the prime's length (RFC 7296 section 3.4), x and y without a
    /// prefix (RFC 5903 section 7), or the u-coordinate (RFC 8031 section 3.1).
    [[nodiscard]] std::span<const uint8_t> public_value() const noexcept { return public_value_; }

    /// g^ir of RFC 7296 section 2.14, padded to its full length. `peer` is checked as RFC 6989 section 2 and RFC 7748
    /// section 6 want: its length, 1 < r < p - 1, on the curve, no all-zero secret. kInvalidArgument, with the reason,
    /// when a check fails: the exchange must then be abandoned.
    [[nodiscard]] base::Result<base::SecretBytes> shared_secret(std::span<const uint8_t> peer) const;

  private:
    KeyExchange(uint16_t method, KeyPtr key, std::vector<uint8_t> public_value) noexcept
        : method_(method), key_(std::move(key)), public_value_(std::move(public_value))
    {
    }

    uint16_t method_;
    KeyPtr key_;
    std::vector<uint8_t> public_value_;
};

}  // namespace ipsecgw::crypto
