// The ECN field at decapsulation (RFC 6040 section 4.2, figure 4).
#pragma once

#include <cstdint>

namespace ipsecgw::esp {

/// ECN codepoints as they lie in the low two bits of the TOS or traffic class (RFC 3168 section 5).
inline constexpr uint8_t kNotEct = 0;
inline constexpr uint8_t kEct1 = 1;
inline constexpr uint8_t kEct0 = 2;
inline constexpr uint8_t kCe = 3;
inline constexpr uint8_t kEcnMask = 3;
inline constexpr uint8_t kDscpMask = 0xfc;

namespace detail {

/// Row `inner`, one result of two bits per `outer`.
constexpr uint32_t ecn_row(uint8_t inner, uint8_t not_ect, uint8_t ect1, uint8_t ect0, uint8_t ce) noexcept
{
    return static_cast<uint32_t>(not_ect | ect1 << 2 | ect0 << 4 | ce << 6) << (8 * inner);
}
// The lower right cell of the first row is <drop>; ecn_forbids() tells.
inline constexpr uint32_t kEcnCombined = ecn_row(kNotEct, kNotEct, kNotEct, kNotEct, kNotEct) |
                                         ecn_row(kEct1, kEct1, kEct1, kEct1, kCe) |
                                         ecn_row(kEct0, kEct0, kEct1, kEct0, kCe) | ecn_row(kCe, kCe, kCe, kCe, kCe);

}  // namespace detail

/// The inner field after decapsulation. Both arguments are codepoints, 0 to 3.
constexpr uint8_t ecn_combine(uint8_t inner, uint8_t outer) noexcept
{
    return (detail::kEcnCombined >> (8 * inner + 2 * outer)) & kEcnMask;
}
/// CE on a packet whose transport does not take marks: the packet must be dropped, or congestion would go unnoticed.
constexpr bool ecn_forbids(uint8_t inner, uint8_t outer) noexcept
{
    return inner == kNotEct && outer == kCe;
}

}  // namespace ipsecgw::esp
