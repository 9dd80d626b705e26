#include "esp/open.h"

#include <rte_cycles.h>

#include "esp/burst_internal.h"
#include "esp/ecn.h"
#include "esp/extension_headers.h"
#include "esp/padding.h"
#include "net/checksum.h"

namespace ipsecgw::esp {
namespace {

using telemetry::Drop;

/// Between the first pass over a burst and the last: what the cipher takes, and the inferred sequence numbers.
struct Staged {
    std::array<sa::EspText, sa::kMaxBurst> texts;
    std::array<uint64_t, sa::kMaxBurst> sequences;
};

/// What is left of the hard lifetimes; exact, because the owner worker alone counts.
struct Budget {
    uint64_t packets;
    uint64_t bytes;

    explicit Budget(const sa::InboundSa& sa) noexcept
        : packets(left(sa.hard_packets, sa.counters->packets)), bytes(left(sa.hard_bytes, sa.counters->bytes))
    {
    }
    static uint64_t left(uint64_t limit, const telemetry::Counter& used) noexcept
    {
        if (limit == 0)
            return UINT64_MAX;
        return limit > used.get() ? limit - used.get() : 0;
    }
    [[nodiscard]] bool take(uint64_t packet_bytes) noexcept
    {
        if (packets == 0 || packet_bytes > bytes)
            return false;
        --packets;
        bytes -= packet_bytes;
        return true;
    }
};

constexpr Drop reason_of(sa::Replay verdict) noexcept
{
    return verdict == sa::Replay::kSeen ? Drop::kReplay : Drop::kTooOld;
}

/// The destination and the encapsulation an SA's packets arrive with (RFC 4301 section 5.2 step 3a checks the SPI and
/// destination; the source is not part of the look-up, and behind a NAT it changes).
template <class S>
struct Arrival {
    uint64_t local[2];  // IPv4: the address in the low half of the first
    uint16_t udp_port;

    explicit Arrival(const sa::InboundSa& sa) noexcept : udp_port(sa.udp_local_port)
    {
        std::memcpy(local, sa.local.data(), sizeof local);
    }
    [[nodiscard]] bool matches(uint8_t* ip, uint32_t l3_bytes) const noexcept
    {
        uint32_t wrong;
        if constexpr (S::kIpv6)
            wrong = wrong_ipv6(ip, l3_bytes - S::kUdpBytes);
        else
            wrong = wrong_ipv4(ip);
        // A runt that pretends to be UDP cannot get here: l3_bytes covers what the outer header announced.
        if constexpr (S::kUdp)
            wrong |= static_cast<uint32_t>(base::load_be16(ip + l3_bytes - 6) ^ udp_port);
        return wrong == 0;
    }

  private:
    [[nodiscard]] uint32_t wrong_ipv4(const uint8_t* ip) const noexcept
    {
        uint32_t destination;
        std::memcpy(&destination, ip + offsetof(net::Ipv4Header, destination), sizeof destination);
        return static_cast<uint32_t>(ip[0] >> 4 ^ 4) |
               static_cast<uint32_t>(ip[offsetof(net::Ipv4Header, protocol)] ^ S::kProtocol) |
               (destination ^ static_cast<uint32_t>(local[0]));
    }
    [[nodiscard]] uint32_t wrong_ipv6(uint8_t* ip, uint32_t ip_bytes) const noexcept
    {
        uint64_t destination[2];
        std::memcpy(destination, ip + offsetof(net::Ipv6Header, destination), sizeof destination);
        const uint8_t* field = ip + offsetof(net::Ipv6Header, next_header);
        if (ip_bytes != S::kIpBytes) [[unlikely]] {
            field = last_next_header(ip, ip_bytes);
            if (field == nullptr)
                return 1;
        }
        const uint64_t elsewhere = (destination[0] ^ local[0]) | (destination[1] ^ local[1]);
        return static_cast<uint32_t>(ip[0] >> 4 ^ 6) | static_cast<uint32_t>(*field ^ S::kProtocol) |
               static_cast<uint32_t>(elsewhere != 0);
    }
};

/// First pass: everything that can be told before the ICV is verified. Packs the candidates to the front; returns how
/// many.
template <class S>
uint32_t stage(const sa::InboundSa& sa, std::span<rte_mbuf*> burst, const Losses& losses, Staged& staged) noexcept
{
    const int32_t overhead = static_cast<int32_t>(sizeof(net::EspHeader)) + sa.iv_bytes + sa.icv_bytes;
    const int32_t align = sa.align_bytes;
    const bool esn = sa.is(sa::kSaEsn);
    const Arrival<S> arrival(sa);
    uint32_t kept = 0;
    for (rte_mbuf* m : burst) {
        auto* ip = rte_pktmbuf_mtod(m, uint8_t*);
        const uint32_t l3_bytes = m->l3_len;
        const int32_t text_bytes = m->data_len - static_cast<int32_t>(l3_bytes) - overhead;
        if (text_bytes < align || (text_bytes & (align - 1)) != 0) [[unlikely]] {
            losses.add(m, Drop::kEspRunt);
            continue;
        }
        if (!arrival.matches(ip, l3_bytes)) [[unlikely]] {
            losses.add(m, Drop::kEncapMismatch);
            continue;
        }
        uint8_t* esp = ip + l3_bytes;
        const uint32_t low = base::load_be32(esp + offsetof(net::EspHeader, sequence_be));
        const uint64_t sequence = esn ? sa.replay.infer_esn(low) : low;
        const sa::Replay verdict = sa.replay.check(sequence);
        if (verdict != sa::Replay::kFresh) [[unlikely]] {
            losses.add(m, reason_of(verdict));
            continue;
        }
        staged.texts[kept] = {esp, static_cast<uint32_t>(text_bytes), static_cast<uint32_t>(sequence >> 32)};
        staged.sequences[kept] = sequence;
        burst[kept++] = m;
    }
    return kept;
}

/// Sets the TOS of an inner IPv4 header, its checksum moved along (RFC 1624).
void set_ipv4_tos(uint8_t* ip, uint8_t tos) noexcept
{
    const uint16_t before = load_wire16(ip);
    ip[1] = tos;
    uint8_t* checksum = ip + offsetof(net::Ipv4Header, checksum_be);
    store_wire16(checksum, net::checksum_adjust(load_wire16(checksum), before, load_wire16(ip)));
}

void set_ipv6_traffic_class(uint8_t* ip, uint8_t traffic_class) noexcept
{
    ip[0] = static_cast<uint8_t>((ip[0] & 0xf0) | traffic_class >> 4);
    ip[1] = static_cast<uint8_t>((ip[1] & 0x0f) | traffic_class << 4);
}

/// How the outer TOS bears on the inner one.
struct TosRules {
    uint8_t dscp_from_outer;  // mask
    bool ecn;

    explicit TosRules(const sa::InboundSa& sa) noexcept
        : dscp_from_outer(sa.is(sa::kSaCopyDscp) ? kDscpMask : uint8_t{0}), ecn(sa.is(sa::kSaEcn))
    {
    }
    [[nodiscard]] bool forbid(uint8_t inner, uint8_t outer) const noexcept
    {
        return ecn && ecn_forbids(inner & kEcnMask, outer & kEcnMask);
    }
    [[nodiscard]] uint8_t apply(uint8_t inner, uint8_t outer) const noexcept
    {
        const uint8_t mark = ecn ? ecn_combine(inner & kEcnMask, outer & kEcnMask) : inner & kEcnMask;
        return static_cast<uint8_t>((inner & kDscpMask & ~dscp_from_outer) | (outer & dscp_from_outer) | mark);
    }
};

void cut(rte_mbuf* m, uint32_t front, uint32_t bytes) noexcept
{
    m->data_off = static_cast<uint16_t>(m->data_off + front);
    m->data_len = static_cast<uint16_t>(bytes);
    m->pkt_len = bytes;
}

/// Length of the inner packet from its own header, TFC padding behind it left out (RFC 4303 section 2.7); 0 when the
/// header is not that of a packet which fits `room`. The checksum is the next router's and the host's to verify; it is
/// only ever updated incrementally here, so a wrong one stays wrong.
uint32_t inner_bytes(const uint8_t* ip, uint32_t room, uint8_t next_header) noexcept
{
    if (next_header == net::kProtoIpv4) {
        if (room < sizeof(net::Ipv4Header))
            return 0;
        const uint32_t header = (ip[0] & 0x0fu) * 4;
        const uint32_t total = base::load_be16(ip + offsetof(net::Ipv4Header, total_length_be));
        const bool fits = ip[0] >> 4 == 4 && header >= sizeof(net::Ipv4Header) && header <= total && total <= room;
        return fits ? total : 0;
    }
    if (room < sizeof(net::Ipv6Header))
        return 0;
    const uint32_t total = sizeof(net::Ipv6Header) + base::load_be16(ip + offsetof(net::Ipv6Header, payload_length_be));
    return ip[0] >> 4 == 6 && total <= room ? total : 0;
}

/// Tunnel mode: the inner packet becomes the packet (RFC 4301 section 5.2 step 4, 5.1.2 for the header fields).
template <class S>
Drop unwrap_tunnel(rte_mbuf* m, uint32_t front, uint32_t room, uint8_t next_header, TosRules rules) noexcept
{
    if (next_header != net::kProtoIpv4 && next_header != net::kProtoIpv6) [[unlikely]]
        return next_header == net::kProtoNoNext ? Drop::kDummy : Drop::kInnerHeader;
    const auto* outer = rte_pktmbuf_mtod(m, const uint8_t*);
    auto* inner = rte_pktmbuf_mtod_offset(m, uint8_t*, front);
    const uint32_t bytes = inner_bytes(inner, room, next_header);
    if (bytes == 0) [[unlikely]]
        return Drop::kInnerHeader;
    const bool ipv4 = next_header == net::kProtoIpv4;
    const uint8_t outer_tos = S::kIpv6 ? ipv6_traffic_class(outer) : outer[1];
    const uint8_t inner_tos = ipv4 ? inner[1] : ipv6_traffic_class(inner);
    if (outer_tos != inner_tos) {
        if (rules.forbid(inner_tos, outer_tos)) [[unlikely]]
            return Drop::kEcn;
        const uint8_t tos = rules.apply(inner_tos, outer_tos);
        if (tos != inner_tos)
            ipv4 ? set_ipv4_tos(inner, tos) : set_ipv6_traffic_class(inner, tos);
    }
    cut(m, front, bytes);
    return kKeep;
}

/// Transport mode: the IP header moves up to the payload and says what it said before ESP went in (RFC 4303
/// section 3.1.1).
template <class S>
Drop unwrap_transport(rte_mbuf* m, uint32_t front, uint32_t room, uint8_t next_header) noexcept
{
    if (next_header == net::kProtoNoNext) [[unlikely]]
        return Drop::kDummy;  // RFC 4303 section 2.6, whatever the mode
    auto* ip = rte_pktmbuf_mtod(m, uint8_t*);
    const uint32_t header = m->l3_len - S::kUdpBytes;
    const uint32_t bytes = header + room;
    uint8_t* field = ip + (S::kIpv6 ? offsetof(net::Ipv6Header, next_header) : offsetof(net::Ipv4Header, protocol));
    if (S::kIpv6 && header != S::kIpBytes) [[unlikely]]
        field = last_next_header(ip, header);  // not null: the arrival check went the same way
    rewrite_ip<S>(ip, field, next_header, bytes);
    const uint32_t removed = front - header;
    move_header<S::kIpBytes>(ip + removed, ip, header);
    m->l3_len = header & 0x1ff;  // the width of the field
    cut(m, removed, bytes);
    return kKeep;
}

/// Trailer, then what is inside. The packet is authentic.
template <class S>
Drop unwrap(rte_mbuf* m, const sa::EspText& text, uint32_t iv_bytes, TosRules rules) noexcept
{
    const uint32_t before_text = sizeof(net::EspHeader) + iv_bytes;
    const uint8_t* trailer = text.esp + before_text + text.text_bytes - sizeof(net::EspTrailer);
    const uint32_t pad_bytes = trailer[0];
    const uint8_t next_header = trailer[1];
    if (pad_bytes + sizeof(net::EspTrailer) > text.text_bytes || !padding_is_valid(trailer, pad_bytes)) [[unlikely]]
        return Drop::kPad;
    const uint32_t room = text.text_bytes - static_cast<uint32_t>(sizeof(net::EspTrailer)) - pad_bytes;
    const uint32_t front = m->l3_len + before_text;
    if constexpr (S::kTransport)
        return unwrap_transport<S>(m, front, room, next_header);
    else
        return unwrap_tunnel<S>(m, front, room, next_header, rules);
}

/// Last pass: what the verdicts of the cipher, the window and the trailer leave.
template <class S>
uint16_t finish(sa::InboundSa& sa, std::span<rte_mbuf*> candidates, const Losses& losses, const Staged& staged,
                uint64_t authentic) noexcept
{
    const uint32_t iv_bytes = sa.iv_bytes;
    const TosRules rules(sa);
    Budget budget(sa);
    uint64_t bytes = 0;
    uint16_t kept = 0;
    for (size_t i = 0; i < candidates.size(); ++i) {
        rte_mbuf* m = candidates[i];
        if ((authentic >> i & 1) == 0) [[unlikely]] {
            losses.add(m, Drop::kAuth);
            continue;
        }
        // Again, and now for good: a copy of this packet may have been in the same burst.
        const sa::Replay verdict = sa.replay.commit(staged.sequences[i]);
        if (verdict != sa::Replay::kFresh) [[unlikely]] {
            losses.add(m, reason_of(verdict));
            continue;
        }
        Drop reason = unwrap<S>(m, staged.texts[i], iv_bytes, rules);
        if (reason == kKeep && !budget.take(m->data_len)) [[unlikely]]
            reason = Drop::kExpired;
        if (reason != kKeep) [[unlikely]] {
            losses.add(m, reason);
            continue;
        }
        bytes += m->data_len;
        candidates[kept++] = m;
    }
    if (kept != 0) {
        sa.counters->packets.add(kept);
        sa.counters->bytes.add(bytes);
        sa.counters->last_used_tsc.set(rte_rdtsc());
    }
    return kept;
}

template <class S>
uint16_t open_shape(sa::InboundSa& sa, std::span<rte_mbuf*> burst, DropSink& drops) noexcept
{
    const Losses losses{*sa.counters, drops};
    if ((sa.hard_packets | sa.hard_bytes) != 0) [[unlikely]] {
        const Budget budget(sa);
        if (budget.packets == 0 || budget.bytes == 0) {
            losses.add(burst, Drop::kExpired);
            return 0;
        }
    }
    Staged staged;  // NOLINT(cppcoreguidelines-pro-type-member-init): 1.5 KB, written before it is read
    const uint32_t count = stage<S>(sa, burst, losses, staged);
    if (count == 0)
        return 0;
    const uint64_t authentic = sa.cipher->open(*sa.cipher, {staged.texts.data(), count});
    return finish<S>(sa, burst.first(count), losses, staged, authentic);
}

using OpenFunction = uint16_t (*)(sa::InboundSa&, std::span<rte_mbuf*>, DropSink&) noexcept;
constexpr auto kOpen = for_each_shape([]<uint8_t kFlags>() -> OpenFunction { return open_shape<Shape<kFlags>>; });

}  // namespace

uint16_t open_burst(sa::InboundSa& sa, std::span<rte_mbuf*> burst, DropSink& drops) noexcept
{
    return kOpen[shape_index(sa.flags)](sa, burst, drops);
}

}  // namespace ipsecgw::esp
