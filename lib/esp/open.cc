#include "esp/open.h"

#include <rte_cycles.h>

#include "esp/burst_internal.h"
#include "esp/ecn.h"
#include "esp/extension_headers.h"
#include "esp/open_internal.h"
#include "esp/padding.h"
#include "net/checksum.h"

namespace ipsecgw::esp {
namespace {

using telemetry::Drop;

using Staged = StagedOpen;

/// What is left of the hard lifetimes; exact, because the owner worker alone counts.
struct Budget {
    uint64_t packets;
    uint64_t bytes;

    explicit Budget(const sa::InboundSa& sa) noexcept
        : packets(left(sa.hard_packets, sa.counters.packets)), bytes(left(sa.hard_bytes, sa.counters.bytes))
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

bool is_limited(const sa::InboundSa& sa) noexcept
{
    return sa.is(sa::kSaLimited);
}

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
    const auto overhead = static_cast<int32_t>(kEspBytes + S::iv_bytes(sa) + sa.icv_bytes);
    const auto align = static_cast<int32_t>(S::align_bytes(sa));
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

/// What became of an authentic packet: its length, or why it is lost.
struct Unwrapped {
    uint32_t bytes;
    Drop reason;
};

/// The packet is the `bytes` at `start`, in its buffer.
Unwrapped start_at(rte_mbuf* m, const uint8_t* start, uint32_t bytes) noexcept
{
    m->data_off = static_cast<uint16_t>(start - static_cast<const uint8_t*>(m->buf_addr));
    m->data_len = static_cast<uint16_t>(bytes);
    m->pkt_len = bytes;
    return {bytes, kKeep};
}

/// What the start of an inner packet says of it; `bytes` is 0 when it is not the start of a packet that fits.
struct InnerPacket {
    uint32_t bytes;  // by its own header: TFC padding lies behind (RFC 4303 section 2.7)
    uint8_t tos;
};

[[gnu::cold, gnu::noinline]] InnerPacket read_ipv4_with_options(uint32_t word, uint32_t total, uint32_t room) noexcept
{
    const uint32_t header = (word & 0x0f) * 4;
    const bool fits = (word & 0xf0) == 0x40 && header >= sizeof(net::Ipv4Header) && header <= total && total <= room;
    return {fits ? total : 0, static_cast<uint8_t>(word >> 8)};
}

/// The IPv4 checksum is the next router's and the host's to verify; it is only ever updated incrementally here, so a
/// wrong one stays wrong.
InnerPacket read_ipv4(const uint8_t* ip, uint32_t room) noexcept
{
    uint32_t word;
    std::memcpy(&word, ip, sizeof word);
    const uint32_t total = base::swap_be16(static_cast<uint16_t>(word >> 16));
    if ((word & 0xff) != 0x45) [[unlikely]]
        return read_ipv4_with_options(word, total, room);
    const bool fits = total >= sizeof(net::Ipv4Header) && total <= room;
    return {fits ? total : 0, static_cast<uint8_t>(word >> 8)};
}

InnerPacket read_ipv6(const uint8_t* ip, uint32_t room) noexcept
{
    const uint32_t total = sizeof(net::Ipv6Header) + base::load_be16(ip + offsetof(net::Ipv6Header, payload_length_be));
    const bool fits = ip[0] >> 4 == 6 && total <= room;
    return {fits ? total : 0, ipv6_traffic_class(ip)};
}

/// Brings the outer TOS to the inner header. False: the packet must be dropped.
bool combine_tos(uint8_t* inner, uint8_t inner_tos, uint8_t outer_tos, TosRules rules) noexcept
{
    if (rules.forbid(inner_tos, outer_tos))
        return false;
    const uint8_t tos = rules.apply(inner_tos, outer_tos);
    if (tos != inner_tos)
        inner[0] >> 4 == 4 ? set_ipv4_tos(inner, tos) : set_ipv6_traffic_class(inner, tos);
    return true;
}

/// Tunnel mode: the inner packet becomes the packet (RFC 4301 section 5.2 step 4, 5.1.2 for the header fields). An IP
/// header is read even where `room` is too small for one: trailer and ICV are behind it, and `room` refuses.
template <class S>
[[gnu::always_inline]] inline Unwrapped unwrap_tunnel(rte_mbuf* m, uint8_t* inner, uint32_t room, uint8_t next_header, TosRules rules) noexcept
{
    InnerPacket packet;
    if (next_header == net::kProtoIpv4) [[likely]]
        packet = read_ipv4(inner, room);
    else if (next_header == net::kProtoIpv6)
        packet = read_ipv6(inner, room);
    else
        return {0, next_header == net::kProtoNoNext ? Drop::kDummy : Drop::kInnerHeader};
    if (packet.bytes == 0) [[unlikely]]
        return {0, Drop::kInnerHeader};
    const auto* outer = rte_pktmbuf_mtod(m, const uint8_t*);
    const uint8_t outer_tos = S::kIpv6 ? ipv6_traffic_class(outer) : outer[1];
    if (outer_tos != packet.tos && !combine_tos(inner, packet.tos, outer_tos, rules)) [[unlikely]]
        return {0, Drop::kEcn};
    return start_at(m, inner, packet.bytes);
}

/// Transport mode: the IP header moves up to the payload and says what it said before ESP went in (RFC 4303
/// section 3.1.1).
template <class S>
Unwrapped unwrap_transport(rte_mbuf* m, uint8_t* payload, uint32_t room, uint8_t next_header) noexcept
{
    if (next_header == net::kProtoNoNext) [[unlikely]]
        return {0, Drop::kDummy};  // RFC 4303 section 2.6, whatever the mode
    auto* ip = rte_pktmbuf_mtod(m, uint8_t*);
    const uint32_t header = m->l3_len - S::kUdpBytes;
    const uint32_t bytes = header + room;
    uint8_t* field = ip + (S::kIpv6 ? offsetof(net::Ipv6Header, next_header) : offsetof(net::Ipv4Header, protocol));
    if (S::kIpv6 && header != S::kIpBytes) [[unlikely]]
        field = last_next_header(ip, header);  // not null: the arrival check went the same way
    rewrite_ip<S>(ip, field, next_header, bytes);
    move_header<S::kIpBytes>(payload - header, ip, header);
    m->l3_len = header & 0x1ff;  // the width of the field
    return start_at(m, payload - header, bytes);
}

/// Trailer, then what is inside. The packet is authentic.
template <class S>
[[gnu::always_inline]] inline Unwrapped unwrap(rte_mbuf* m, const sa::EspText& text, uint32_t iv_bytes,
                                               TosRules rules) noexcept
{
    uint8_t* start = text.esp + kEspBytes + iv_bytes;
    const Trailer trailer = read_trailer(start + text.text_bytes);
    const uint32_t behind = trailer.pad_bytes + kTrailerBytes;
    if (behind > text.text_bytes || !trailer.valid) [[unlikely]]
        return {0, Drop::kPad};
    const uint32_t room = text.text_bytes - behind;
    if constexpr (S::kTransport)
        return unwrap_transport<S>(m, start, room, trailer.next_header);
    else
        return unwrap_tunnel<S>(m, start, room, trailer.next_header, rules);
}

/// Last pass: what the verdicts of the cipher, the window and the trailer leave.
template <class S>
uint16_t finish(sa::InboundSa& sa, std::span<rte_mbuf*> candidates, const Losses& losses, const Staged& staged,
                uint64_t authentic) noexcept
{
    const uint32_t iv_bytes = S::iv_bytes(sa);
    const TosRules rules(sa);
    const bool limited = is_limited(sa);
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
        Unwrapped packet = unwrap<S>(m, staged.texts[i], iv_bytes, rules);
        if (limited && packet.reason == kKeep && !budget.take(packet.bytes)) [[unlikely]]
            packet.reason = Drop::kExpired;
        if (packet.reason != kKeep) [[unlikely]] {
            losses.add(m, packet.reason);
            continue;
        }
        bytes += packet.bytes;
        candidates[kept++] = m;
    }
    if (kept != 0) {
        sa.counters.packets.add(kept);
        sa.counters.bytes.add(bytes);
        sa.counters.last_used_tsc.set(rte_rdtsc());
    }
    return kept;
}

/// Whether the text still has to be verified and decrypted.
enum class Text : uint8_t { kCiphered, kDeciphered };

/// Nothing passes any more.
bool is_spent(const sa::InboundSa& sa) noexcept
{
    if (!is_limited(sa)) [[likely]]
        return false;
    const Budget budget(sa);
    return budget.packets == 0 || budget.bytes == 0;
}

template <class S>
uint16_t open_shape(sa::InboundSa& sa, std::span<rte_mbuf*> burst, Text text, DropSink& drops) noexcept
{
    const Losses losses{sa.drops, drops};
    if (is_spent(sa)) [[unlikely]] {
        losses.add(burst, Drop::kExpired);
        return 0;
    }
    Staged staged;  // NOLINT(cppcoreguidelines-pro-type-member-init): 1.5 KB, written before it is read
    const uint32_t count = stage<S>(sa, burst, losses, staged);
    if (count == 0)
        return 0;
    drops.clock.enter(telemetry::Stage::kCipher);
    const uint64_t authentic = text == Text::kCiphered ? sa.cipher->open(*sa.cipher, {staged.texts.data(), count})
                                                       : burst_mask(count);
    drops.clock.enter(telemetry::Stage::kEsp);
    return finish<S>(sa, burst.first(count), losses, staged, authentic);
}

using OpenFunction = uint16_t (*)(sa::InboundSa&, std::span<rte_mbuf*>, Text, DropSink&) noexcept;
constexpr auto kOpen = for_each_shape([]<uint8_t kFlags>() -> OpenFunction { return open_shape<Shape<kFlags>>; });

// The halves, for a cipher that works meanwhile.
using StageFunction = uint32_t (*)(const sa::InboundSa&, std::span<rte_mbuf*>, const Losses&, Staged&) noexcept;
constexpr auto kStage = for_each_shape([]<uint8_t kFlags>() -> StageFunction { return stage<Shape<kFlags>>; });
using FinishFunction = uint16_t (*)(sa::InboundSa&, std::span<rte_mbuf*>, const Losses&, const Staged&,
                                    uint64_t) noexcept;
constexpr auto kFinish = for_each_shape([]<uint8_t kFlags>() -> FinishFunction { return finish<Shape<kFlags>>; });

}  // namespace

uint16_t open_burst(sa::InboundSa& sa, std::span<rte_mbuf*> burst, DropSink& drops) noexcept
{
    return kOpen[shape_index(sa)](sa, burst, Text::kCiphered, drops);
}

uint16_t open_deciphered_burst(sa::InboundSa& sa, std::span<rte_mbuf*> burst, DropSink& drops) noexcept
{
    return kOpen[shape_index(sa)](sa, burst, Text::kDeciphered, drops);
}

uint16_t stage_open(const sa::InboundSa& sa, std::span<rte_mbuf*> burst, StagedOpen& staged, DropSink& drops) noexcept
{
    const Losses losses{sa.drops, drops};
    if (is_spent(sa)) [[unlikely]] {
        losses.add(burst, Drop::kExpired);
        return 0;
    }
    return static_cast<uint16_t>(kStage[shape_index(sa)](sa, burst, losses, staged));
}

uint16_t finish_open(sa::InboundSa& sa, std::span<rte_mbuf*> burst, const StagedOpen& staged, uint64_t authentic,
                     DropSink& drops) noexcept
{
    return kFinish[shape_index(sa)](sa, burst, Losses{sa.drops, drops}, staged, authentic);
}

uint16_t accept_opened(sa::InboundSa& sa, std::span<rte_mbuf*> burst, DropSink& drops) noexcept
{
    uint16_t kept = 0;
    uint64_t bytes = 0;
    if (is_limited(sa)) [[unlikely]] {
        Budget budget(sa);
        for (rte_mbuf* m : burst) {
            if (!budget.take(m->data_len)) {
                drops.drop(m, Drop::kExpired, sa.drops);
                continue;
            }
            burst[kept++] = m;
        }
    } else {
        kept = static_cast<uint16_t>(burst.size());
    }
    if (kept == 0)
        return 0;
    for (const rte_mbuf* m : burst.first(kept))
        bytes += m->data_len;
    sa.counters.packets.add(kept);
    sa.counters.bytes.add(bytes);
    sa.counters.last_used_tsc.set(rte_rdtsc());
    return kept;
}

}  // namespace ipsecgw::esp
