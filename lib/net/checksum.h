// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "net/address.h"

namespace ipsecgw::net {

/// Unfolded one's-complement sum of `bytes` read as network-order words; an odd tail is padded with zero. Sums of
/// even-length pieces may be added. `initial` carries the sum so far.
[[nodiscard]] uint64_t checksum_add(uint64_t initial, const void* bytes, size_t length) noexcept;

/// Folds and complements; the result is in network order, ready to store.
[[nodiscard]] uint16_t checksum_finish_be(uint64_t sum) noexcept;

/// Checksum over a header whose checksum field is zero, in network order.
[[nodiscard]] inline uint16_t checksum_be(const void* bytes, size_t length) noexcept
{
    return checksum_finish_be(checksum_add(0, bytes, length));
}

/// The checksum after one 16-bit word became less by `by`, without a borrow; all as they lie on the wire (RFC 1624 eqn. 3, where the sum of what is
/// covered falls, the checksum rises).
[[nodiscard]] inline uint16_t checksum_raise(uint16_t checksum, uint16_t by) noexcept
{
    const uint32_t sum = uint32_t{checksum} + by;
    // 0xffff and 0 are the same number to a sum; what is covered is not all zeros, so 0 is how it is written.
    return static_cast<uint16_t>(sum + (sum >= 0xffff ? 1 : 0));
}

/// Whether a sum that is not 0 itself is 0 in one's complement, which is arithmetic modulo 0xffff. A product with the
/// inverse of 0xffff modulo 2^64 is small for its multiples alone: where the compiler chooses to divide instead, the
/// division takes longer than all else of a header.
[[nodiscard]] constexpr bool is_all_ones(uint64_t sum) noexcept
{
    constexpr uint64_t kInverse = 0xfffefffefffeffff;
    static_assert(kInverse * 0xffff == 1);
    return sum * kInverse <= UINT64_MAX / 0xffff;
}

/// Whether the checksum of an IPv4 header without options (20 bytes) is right. The sum is not 0: the version is in it.
[[nodiscard]] inline bool ipv4_checksum_holds(const uint8_t* header) noexcept
{
    uint32_t words[5];
    std::memcpy(words, header, sizeof words);
    const uint64_t sum = uint64_t{words[0]} + words[1] + words[2] + words[3] + words[4];
    return is_all_ones(sum);
}

/// Sum of the pseudo header of TCP, UDP and ICMPv6 (RFC 9293 3.1, RFC 8200 section 8.1).
[[nodiscard]] uint64_t checksum_pseudo(const IpAddress& source, const IpAddress& destination, uint8_t protocol,
                                       uint32_t length) noexcept;

/// The checksum after one 16-bit word changed from `before` to `after`; all three as they lie on the wire (RFC 1624
/// eqn. 3).
[[nodiscard]] inline uint16_t checksum_adjust(uint16_t checksum, uint16_t before, uint16_t after) noexcept
{
    uint32_t sum = static_cast<uint16_t>(~checksum) + static_cast<uint32_t>(static_cast<uint16_t>(~before)) + after;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
}

}  // namespace ipsecgw::net
