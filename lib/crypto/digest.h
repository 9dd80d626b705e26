// SHA-2, and SHA-1 where a protocol field is defined by it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "crypto/hmac.h"

namespace ipsecgw::crypto {

/// SHA-2 (FIPS 180-4) of `message` into `digest`, which has digest_bytes(hash). Threads: any. Does not allocate.
void sha2(Hash hash, std::span<const uint8_t> message, std::span<uint8_t> digest) noexcept;

inline constexpr size_t kSha1Bytes = 20;

/// SHA-1 (FIPS 180-4). It names things and is no proof of anything: NAT_DETECTION_*_IP (RFC 7296 section 2.23), and the
/// hash of a CA's key in CERTREQ (section 3.7). Signatures never use it (RFC 8247 section 3.2). Does not allocate.
std::array<uint8_t, kSha1Bytes> sha1(std::span<const uint8_t> message) noexcept;

}  // namespace ipsecgw::crypto
