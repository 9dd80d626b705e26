// What open and seal share: the shapes their bursts are stamped for, and small things done per burst.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include <rte_mbuf.h>

#include "base/byte_order.h"
#include "esp/drop_sink.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "sa/cipher_context.h"
#include "sa/inbound_sa.h"

namespace ipsecgw::esp {

/// The flags that change which bytes are where, and one more that says how the text is laid out. A burst function is
/// stamped for each combination and chosen once per burst, so that header lengths are constants and the copies of
/// headers are plain moves.
inline constexpr uint8_t kShapeMask = sa::kSaTransport | sa::kSaUdp | sa::kSaOuterIpv6;
/// Set for SAs with the layout of AEADs and counter mode: an IV of 8 bytes, text aligned to 4. In the place of a flag
/// that changes no layout.
inline constexpr uint8_t kShapeCounterIv = 1 << 0;
inline constexpr size_t kShapes = 16;
static_assert((kShapeMask | kShapeCounterIv) == kShapes - 1,
              "the shape flags are adjacent: they index the burst functions");

inline constexpr uint32_t kEspBytes = sizeof(net::EspHeader);
inline constexpr uint32_t kTrailerBytes = sizeof(net::EspTrailer);
inline constexpr uint32_t kCounterIvBytes = 8;
inline constexpr uint32_t kCounterAlign = 4;

template <uint8_t kFlags>
struct Shape {
    static constexpr bool kTransport = (kFlags & sa::kSaTransport) != 0;
    static constexpr bool kUdp = (kFlags & sa::kSaUdp) != 0;
    static constexpr bool kIpv6 = (kFlags & sa::kSaOuterIpv6) != 0;
    static constexpr bool kCounterIv = (kFlags & kShapeCounterIv) != 0;
    static constexpr uint32_t kUdpBytes = kUdp ? sizeof(net::UdpHeader) : 0;
    /// Without options and extension headers.
    static constexpr uint32_t kIpBytes = kIpv6 ? sizeof(net::Ipv6Header) : sizeof(net::Ipv4Header);
    static constexpr uint8_t kProtocol = kUdp ? net::kProtoUdp : net::kProtoEsp;

    /// Constants where the shape knows them.
    template <class Sa>
    static constexpr uint32_t iv_bytes(const Sa& sa) noexcept
    {
        return kCounterIv ? kCounterIvBytes : sa.iv_bytes;
    }
    template <class Sa>
    static constexpr uint32_t align_bytes(const Sa& sa) noexcept
    {
        return kCounterIv ? kCounterAlign : sa.align_bytes;
    }
};

/// One function per shape, in the order of shape_index(): `stamp.operator()<flags>()`.
template <class Stamp>
constexpr auto for_each_shape(Stamp stamp)
{
    return [&]<size_t... kIndex>(std::index_sequence<kIndex...>)
    {
        return std::array{stamp.template operator()<static_cast<uint8_t>(kIndex)>()...};
    }
    (std::make_index_sequence<kShapes>());
}
template <class Sa>
constexpr size_t shape_index(const Sa& sa) noexcept
{
    const bool counter_iv = sa.iv_bytes == kCounterIvBytes && sa.align_bytes == kCounterAlign;
    return (sa.flags & kShapeMask) | (counter_iv ? kShapeCounterIv : 0);
}

constexpr telemetry::Drop kKeep = telemetry::Drop::kCount;  // no reason: the packet goes on

/// Where the packets that one SA loses on one worker go. Out of line: losing packets must not lengthen the loops.
struct Losses {
    sa::SaDrops& of_sa;
    DropSink& drops;

    [[gnu::cold, gnu::noinline]] void add(rte_mbuf* m, telemetry::Drop reason) const noexcept
    {
        drops.drop(m, reason, of_sa);
    }
    [[gnu::cold, gnu::noinline]] void add(std::span<rte_mbuf*> burst, telemetry::Drop reason) const noexcept
    {
        for (rte_mbuf* m : burst)
            drops.drop(m, reason, of_sa);
    }
};

/// One bit per packet of a burst.
constexpr uint64_t burst_mask(size_t packets) noexcept
{
    return packets == sa::kMaxBurst ? ~uint64_t{0} : (uint64_t{1} << packets) - 1;
}

/// Moves a header of `bytes` within a packet; the ranges may overlap. `kUsual` is the length without options: a
/// fixed-size move.
template <uint32_t kUsual>
inline void move_header(uint8_t* to, const uint8_t* from, uint32_t bytes) noexcept
{
    if (bytes == kUsual) [[likely]] {
        std::array<uint8_t, kUsual> header;
        std::memcpy(header.data(), from, kUsual);
        std::memcpy(to, header.data(), kUsual);
        return;
    }
    std::memmove(to, from, bytes);
}

/// Words as they lie on the wire, for one's-complement sums (RFC 1071 section 2 (B): any byte order serves).
inline uint16_t load_wire16(const uint8_t* p) noexcept
{
    uint16_t word;
    std::memcpy(&word, p, sizeof word);
    return word;
}
inline void store_wire16(uint8_t* p, uint16_t word) noexcept
{
    std::memcpy(p, &word, sizeof word);
}

/// Tells the IP header at `ip` that `protocol` follows it in a packet of `bytes`. `field` is where the protocol stands:
/// in the header or in its last extension header. The IPv4 checksum moves along (RFC 1624).
template <class S>
inline void rewrite_ip(uint8_t* ip, uint8_t* field, uint8_t protocol, uint32_t bytes) noexcept
{
    if constexpr (S::kIpv6) {
        *field = protocol;
        base::store_be16(ip + offsetof(net::Ipv6Header, payload_length_be),
                         static_cast<uint16_t>(bytes - sizeof(net::Ipv6Header)));
    } else {
        uint8_t* length = ip + offsetof(net::Ipv4Header, total_length_be);
        uint8_t* ttl_protocol = ip + offsetof(net::Ipv4Header, ttl);
        uint8_t* checksum = ip + offsetof(net::Ipv4Header, checksum_be);
        const uint16_t length_before = load_wire16(length);
        const uint16_t protocol_before = load_wire16(ttl_protocol);
        base::store_be16(length, static_cast<uint16_t>(bytes));
        *field = protocol;
        uint16_t sum = net::checksum_adjust(load_wire16(checksum), length_before, load_wire16(length));
        sum = net::checksum_adjust(sum, protocol_before, load_wire16(ttl_protocol));
        store_wire16(checksum, sum);
    }
}

/// The second and third nibble (RFC 8200 section 3).
inline uint8_t ipv6_traffic_class(const uint8_t* ip) noexcept
{
    return static_cast<uint8_t>(base::load_be16(ip) >> 4);
}

}  // namespace ipsecgw::esp
