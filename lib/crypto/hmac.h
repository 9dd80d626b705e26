// HMAC-SHA-2 (RFC 2104, RFC 4868) keyed once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace ipsecgw::crypto {

enum class Hash : uint8_t { kSha256, kSha384, kSha512 };

/// Bytes of the whole digest.
constexpr size_t digest_bytes(Hash hash) noexcept
{
    return hash == Hash::kSha256 ? 32 : hash == Hash::kSha384 ? 48 : 64;
}
inline constexpr size_t kMaxDigestBytes = 64;

/// Holds the two hash states after the padded key, so a message costs its own blocks plus one. Any number of threads
/// may compute with one object at the same time. Wiped on destruction.
class Hmac {
  public:
    /// Keys of any length; one longer than the hash's block is hashed first (RFC 2104 section 2).
    Hmac(Hash hash, std::span<const uint8_t> key) noexcept;
    Hmac(const Hmac&) = delete;
    Hmac& operator=(const Hmac&) = delete;
    ~Hmac();

    /// The MAC of `message` followed by `more`, truncated to the size of `mac` (at most the digest). Does not allocate.
    void compute(std::span<const uint8_t> message, std::span<const uint8_t> more,
                 std::span<uint8_t> mac) const noexcept;

    /// True when `mac` is the MAC of `message` followed by `more`, as truncated. Constant time. Does not allocate.
    [[nodiscard]] bool verify(std::span<const uint8_t> message, std::span<const uint8_t> more,
                              std::span<const uint8_t> mac) const noexcept;

  private:
    /// Chaining values of either word size (FIPS 180-4 section 6).
    union State {
        std::array<uint32_t, 8> words32;
        std::array<uint64_t, 8> words64;
    };

    State inner_;
    State outer_;
    Hash hash_;
};

}  // namespace ipsecgw::crypto
