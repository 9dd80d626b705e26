#include "esp/seal.h"

#include <algorithm>

#include <rte_cycles.h>

#include "esp/burst_internal.h"
#include "esp/ecn.h"
#include "esp/extension_headers.h"
#include "esp/outer_header.h"
#include "esp/padding.h"
#include "net/checksum.h"

namespace ipsecgw::esp {
namespace {

using telemetry::Drop;

constexpr uint32_t kCounterIvBytes = 8;
constexpr uint32_t kTrailerBytes = sizeof(net::EspTrailer);
constexpr uint8_t kDontFragmentByte = net::kIpv4DontFragment >> 8;

struct Reservation {
    uint64_t first;
    uint32_t count;
};

/// Takes `wanted` sequence numbers, or those that are left (RFC 4303 section 3.3.3). One atomic addition in the life of the SA.
/// At its end other workers may add past the last number before one of them puts the counter back to just past it; the
/// number space leaves room for a burst of every worker there (kLastExtendedSequence), so it never wraps.
Reservation reserve(sa::OutboundSa& sa, uint32_t wanted) noexcept
{
    const uint64_t last = sa.last_sequence;
    const uint64_t first = sa.next_sequence.fetch_add(wanted, std::memory_order_relaxed);
    if (first <= last && last - first >= wanted - 1) [[likely]]
        return {first, wanted};
    sa.next_sequence.store(last + 1, std::memory_order_relaxed);
    return {first, first <= last ? static_cast<uint32_t>(last - first + 1) : 0};
}

/// The fields of an SA that every packet needs, in registers: stores through the packet's bytes would make the compiler read
/// them from the SA again and again.
struct Plan {
    uint64_t iv_base;
    uint32_t spi_be;
    uint32_t iv_bytes;
    uint32_t icv_bytes;
    uint32_t align_mask;
    uint32_t tfc_pad_to;
    uint8_t tos_copied;     // mask of the inner TOS bits that go to the outer header
    uint8_t df_copied;      // masks of the first byte of the IPv4 flags
    uint8_t df_set;
    uint32_t label_copied;  // mask of the inner flow label, network order

    explicit Plan(const sa::OutboundSa& sa) noexcept
        : iv_base(sa.iv_base), spi_be(base::swap_be32(sa.spi)), iv_bytes(sa.iv_bytes), icv_bytes(sa.icv_bytes),
          align_mask(sa.align_bytes - 1u), tfc_pad_to(sa.tfc_pad_to),
          tos_copied(static_cast<uint8_t>((sa.is(sa::kSaCopyDscp) ? kDscpMask : 0) | (sa.is(sa::kSaEcn) ? kEcnMask : 0))),
          df_copied(sa.df == model::DfPolicy::kCopy ? kDontFragmentByte : uint8_t{0}),
          df_set(sa.df == model::DfPolicy::kSet ? kDontFragmentByte : uint8_t{0}),
          label_copied(sa.is(sa::kSaCopyFlowLabel) ? base::swap_be32(0x000fffff) : 0)
    {
    }
    /// Padding that makes text and trailer a multiple of the alignment (RFC 4303 section 2.4).
    [[nodiscard]] uint32_t pad_bytes(uint32_t text_bytes) const noexcept
    {
        return (0u - text_bytes - kTrailerBytes) & align_mask;
    }
};

/// ESP header and IV at `esp`, trailer behind the `text_bytes` of text; describes it to the cipher.
sa::EspText frame(uint8_t* esp, uint32_t text_bytes, uint8_t next_header, uint64_t sequence, const Plan& plan) noexcept
{
    const net::EspHeader header = {plan.spi_be, base::swap_be32(static_cast<uint32_t>(sequence))};
    std::memcpy(esp, &header, sizeof header);
    // A CBC context draws its own IV, which must be unpredictable; NULL has none.
    if (plan.iv_bytes == kCounterIvBytes) [[likely]]
        base::store_be64(esp + sizeof header, plan.iv_base + sequence);
    const uint32_t pad = plan.pad_bytes(text_bytes);
    write_trailer(esp + sizeof header + plan.iv_bytes + text_bytes, pad, next_header);
    return {esp, text_bytes + pad + kTrailerBytes, static_cast<uint32_t>(sequence >> 32)};
}

/// Grows the packet to both sides. False when its buffer is too small.
bool grow(rte_mbuf* m, uint32_t front, uint32_t back) noexcept
{
    const uint32_t bytes = m->data_len + front + back;
    if (m->data_off < front || m->data_off - front + bytes > m->buf_len) [[unlikely]]
        return false;
    m->data_off = static_cast<uint16_t>(m->data_off - front);
    m->data_len = static_cast<uint16_t>(bytes);
    m->pkt_len = bytes;
    return true;
}

/// What the outer header takes from an inner packet.
struct InnerFields {
    uint8_t next_header;
    uint8_t tos;
    uint8_t df;            // the IPv4 flags byte, DF alone; set for IPv6, which routers never fragment
    uint32_t label;        // IPv6 flow label, network order; 0 for IPv4
};

Drop read_inner(const uint8_t* ip, uint32_t bytes, InnerFields& out) noexcept
{
    if (bytes >= sizeof(net::Ipv4Header) && ip[0] >> 4 == 4) {
        const auto flags = static_cast<uint8_t>(ip[offsetof(net::Ipv4Header, fragment_be)] & kDontFragmentByte);
        out = {net::kProtoIpv4, ip[1], flags, 0};
        return kKeep;
    }
    if (bytes >= sizeof(net::Ipv6Header) && ip[0] >> 4 == 6) {
        uint32_t word;
        std::memcpy(&word, ip, sizeof word);
        out = {net::kProtoIpv6, ipv6_traffic_class(ip), kDontFragmentByte, word & base::swap_be32(0x000fffff)};
        return kKeep;
    }
    return Drop::kInnerHeader;
}

/// Completes the outer header at `outer`, where the template lies already, for a packet of `bytes` in all.
template <class S>
void finish_outer(uint8_t* outer, uint32_t bytes, const InnerFields& inner, uint64_t sequence, const Plan& plan) noexcept
{
    const uint32_t tos = inner.tos & plan.tos_copied;
    if constexpr (S::kIpv6) {
        uint32_t word;
        std::memcpy(&word, outer, sizeof word);
        word |= base::swap_be32(tos << 20) | (inner.label & plan.label_copied);
        std::memcpy(outer, &word, sizeof word);
        base::store_be16(outer + offsetof(net::Ipv6Header, payload_length_be),
                         static_cast<uint16_t>(bytes - sizeof(net::Ipv6Header)));
    } else {
        // Identification: the sequence number's low half does not repeat within 65536 packets; meaningful without DF
        // only (RFC 6864 section 4).
        const uint16_t length_be = base::swap_be16(static_cast<uint16_t>(bytes));
        const uint16_t id_be = base::swap_be16(static_cast<uint16_t>(sequence));
        const uint16_t df_be = base::swap_be16(static_cast<uint16_t>(((inner.df & plan.df_copied) | plan.df_set) << 8));
        const uint16_t tos_be = base::swap_be16(static_cast<uint16_t>(tos));
        outer[1] = static_cast<uint8_t>(outer[1] | tos);
        store_wire16(outer + offsetof(net::Ipv4Header, total_length_be), length_be);
        store_wire16(outer + offsetof(net::Ipv4Header, identification_be), id_be);
        store_wire16(outer + offsetof(net::Ipv4Header, fragment_be), df_be);
        uint8_t* checksum = outer + offsetof(net::Ipv4Header, checksum_be);
        uint32_t sum = static_cast<uint32_t>(load_wire16(checksum)) + length_be + id_be + df_be + tos_be;
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        store_wire16(checksum, static_cast<uint16_t>(~sum));
    }
    if constexpr (S::kUdp)
        base::store_be16(outer + S::kIpBytes + offsetof(net::UdpHeader, length_be),
                         static_cast<uint16_t>(bytes - S::kIpBytes));
}

template <class S>
Drop wrap_tunnel(rte_mbuf* m, const uint8_t* outer_template, uint64_t sequence, const Plan& plan, sa::EspText& text) noexcept
{
    constexpr uint32_t kOuterBytes = S::kIpBytes + S::kUdpBytes;
    const auto* ip = rte_pktmbuf_mtod(m, const uint8_t*);
    const uint32_t inner_bytes = m->data_len;
    InnerFields inner;
    if (const Drop reason = read_inner(ip, inner_bytes, inner); reason != kKeep) [[unlikely]]
        return reason;
    const uint32_t front = kOuterBytes + sizeof(net::EspHeader) + plan.iv_bytes;
    const uint32_t text_bytes = std::max(inner_bytes, plan.tfc_pad_to);
    const uint32_t back = text_bytes - inner_bytes + plan.pad_bytes(text_bytes) + kTrailerBytes + plan.icv_bytes;
    if (!grow(m, front, back)) [[unlikely]]
        return Drop::kNoRoomInMbuf;
    auto* outer = rte_pktmbuf_mtod(m, uint8_t*);
    if (text_bytes != inner_bytes) [[unlikely]]
        std::memset(outer + front + inner_bytes, 0, text_bytes - inner_bytes);  // TFC padding, RFC 4303 section 2.7
    std::memcpy(outer, outer_template, kOuterBytes);
    finish_outer<S>(outer, m->data_len, inner, sequence, plan);
    text = frame(outer + kOuterBytes, text_bytes, inner.next_header, sequence, plan);
    return kKeep;
}

/// Where the protocol of the payload stands in the IP header of `header` bytes; null when the packet is not one that transport
/// mode takes: another family than the SA's, or a fragment (RFC 4303 section 3.3).
template <class S>
uint8_t* protocol_field(uint8_t* ip, uint32_t header, uint32_t bytes) noexcept
{
    if (header < S::kIpBytes || header > bytes || ip[0] >> 4 != (S::kIpv6 ? 6 : 4)) [[unlikely]]
        return nullptr;
    if constexpr (S::kIpv6) {
        return header == S::kIpBytes ? ip + offsetof(net::Ipv6Header, next_header) : last_next_header(ip, header);
    } else {
        const uint16_t fragment = base::load_be16(ip + offsetof(net::Ipv4Header, fragment_be));
        if ((fragment & (net::kIpv4MoreFragments | net::kIpv4OffsetMask)) != 0) [[unlikely]]
            return nullptr;
        return ip + offsetof(net::Ipv4Header, protocol);
    }
}

template <class S>
Drop wrap_transport(rte_mbuf* m, const uint8_t* udp_template, uint64_t sequence, const Plan& plan, sa::EspText& text) noexcept
{
    auto* ip = rte_pktmbuf_mtod(m, uint8_t*);
    const uint32_t header = m->l3_len;
    uint8_t* protocol = protocol_field<S>(ip, header, m->data_len);
    if (protocol == nullptr) [[unlikely]]
        return Drop::kInnerHeader;
    const uint32_t text_bytes = m->data_len - header;
    const uint32_t front = S::kUdpBytes + static_cast<uint32_t>(sizeof(net::EspHeader)) + plan.iv_bytes;
    if (!grow(m, front, plan.pad_bytes(text_bytes) + kTrailerBytes + plan.icv_bytes)) [[unlikely]]
        return Drop::kNoRoomInMbuf;
    const uint16_t ttl_protocol = load_wire16(ip + offsetof(net::Ipv4Header, ttl));
    const uint8_t next_header = *protocol;
    *protocol = S::kProtocol;
    if constexpr (S::kIpv6) {
        base::store_be16(ip + offsetof(net::Ipv6Header, payload_length_be),
                         static_cast<uint16_t>(m->data_len - sizeof(net::Ipv6Header)));
    } else {
        uint8_t* length = ip + offsetof(net::Ipv4Header, total_length_be);
        uint8_t* checksum = ip + offsetof(net::Ipv4Header, checksum_be);
        const uint16_t length_before = load_wire16(length);
        base::store_be16(length, m->data_len);
        uint16_t sum = net::checksum_adjust(load_wire16(checksum), length_before, load_wire16(length));
        sum = net::checksum_adjust(sum, ttl_protocol, load_wire16(ip + offsetof(net::Ipv4Header, ttl)));
        store_wire16(checksum, sum);
    }
    uint8_t* start = ip - front;
    move_header<S::kIpBytes>(start, ip, header);
    if constexpr (S::kUdp) {
        uint8_t* udp = start + header;
        std::memcpy(udp, udp_template, sizeof(net::UdpHeader));
        base::store_be16(udp + offsetof(net::UdpHeader, length_be), static_cast<uint16_t>(m->data_len - header));
    }
    text = frame(start + header + S::kUdpBytes, text_bytes, next_header, sequence, plan);
    return kKeep;
}

/// After the cipher: the UDP checksum over IPv6 covers the ciphertext.
template <class S>
void finish_udp(std::span<rte_mbuf*> burst, const sa::EspText* texts) noexcept
{
    for (size_t i = 0; i < burst.size(); ++i) {
        auto* ip = rte_pktmbuf_mtod(burst[i], uint8_t*);
        const auto udp_offset = static_cast<uint32_t>(texts[i].esp - ip) - S::kUdpBytes;
        store_wire16(ip + udp_offset + offsetof(net::UdpHeader, checksum_be),
                     udp_checksum_ipv6_be(ip, udp_offset, burst[i]->data_len));
    }
}

/// A burst between its framing and its cipher call.
struct Framed {
    std::array<sa::EspText, sa::kMaxBurst> texts;
    std::array<uint16_t, sa::kMaxBurst> inner_bytes;
    uint16_t packets = 0;
    uint64_t bytes = 0;
};

/// Drops what the cipher could not seal and packs the rest.
[[gnu::cold, gnu::noinline]] void drop_unsealed(std::span<rte_mbuf*> burst, uint64_t sealed, Framed& framed,
                                                const Losses& losses) noexcept
{
    framed.packets = 0;
    for (size_t i = 0; i < burst.size(); ++i) {
        if ((sealed >> i & 1) == 0) {
            framed.bytes -= framed.inner_bytes[i];
            losses.add(burst[i], Drop::kCipher);
            continue;
        }
        framed.texts[framed.packets] = framed.texts[i];
        burst[framed.packets++] = burst[i];
    }
}

/// Frames each packet and packs those that could be.
template <class S>
void frame_burst(const sa::OutboundSa& sa, uint64_t sequence, std::span<rte_mbuf*> burst, Framed& framed,
                 const Losses& losses) noexcept
{
    const Plan plan(sa);
    uint16_t kept = 0;
    uint64_t total = 0;
    for (rte_mbuf* m : burst) {
        const uint16_t bytes = m->data_len;
        Drop reason;
        if constexpr (S::kTransport)
            reason = wrap_transport<S>(m, sa.outer, sequence, plan, framed.texts[kept]);
        else
            reason = wrap_tunnel<S>(m, sa.outer, sequence, plan, framed.texts[kept]);
        ++sequence;
        if (reason != kKeep) [[unlikely]] {
            losses.add(m, reason);
            continue;
        }
        framed.inner_bytes[kept] = bytes;
        total += bytes;
        burst[kept++] = m;
    }
    framed.packets = kept;
    framed.bytes = total;
}

template <class S>
uint16_t seal_shape(sa::OutboundSa& sa, uint16_t worker, std::span<rte_mbuf*> burst, DropSink& drops) noexcept
{
    const Losses losses{sa.counters[worker], drops};
    const Reservation numbers = reserve(sa, static_cast<uint32_t>(burst.size()));
    // After the addition, which fetches the line for writing: reading it first would fetch it twice.
    if (sa.expired.load(std::memory_order_relaxed)) [[unlikely]] {
        losses.add(burst, Drop::kExpired);
        return 0;
    }
    if (numbers.count != burst.size()) [[unlikely]] {
        const Drop reason = sa.limited_by_lifetime ? Drop::kExpired : Drop::kSequenceExhausted;
        losses.add(burst.subspan(numbers.count), reason);
        burst = burst.first(numbers.count);
    }
    Framed framed;  // NOLINT(cppcoreguidelines-pro-type-member-init): the arrays are written before they are read
    frame_burst<S>(sa, numbers.first, burst, framed, losses);
    if (framed.packets == 0)
        return 0;
    sa::CipherContext& cipher = *sa.ciphers[worker];
    const uint64_t sealed = cipher.seal(cipher, {framed.texts.data(), framed.packets});
    if (sealed != burst_mask(framed.packets)) [[unlikely]]
        drop_unsealed(burst.first(framed.packets), sealed, framed, losses);
    if constexpr (S::kUdp && S::kIpv6)
        finish_udp<S>(burst.first(framed.packets), framed.texts.data());
    if (framed.packets != 0) {
        sa::SaCounters& counters = losses.counters;
        counters.packets.add(framed.packets);
        counters.bytes.add(framed.bytes);
        counters.last_used_tsc.set(rte_rdtsc());
    }
    return framed.packets;
}

using SealFunction = uint16_t (*)(sa::OutboundSa&, uint16_t, std::span<rte_mbuf*>, DropSink&) noexcept;
constexpr auto kSeal = for_each_shape([]<uint8_t kFlags>() -> SealFunction { return seal_shape<Shape<kFlags>>; });

}  // namespace

uint16_t seal_burst(sa::OutboundSa& sa, uint16_t worker, std::span<rte_mbuf*> burst, DropSink& drops) noexcept
{
    if (burst.empty())
        return 0;
    return kSeal[shape_index(sa.flags)](sa, worker, burst, drops);
}

}  // namespace ipsecgw::esp
