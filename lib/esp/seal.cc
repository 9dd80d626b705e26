#include "esp/seal.h"

#include <algorithm>
#include <type_traits>

#include <rte_cycles.h>

#include "esp/burst_internal.h"
#include "esp/ecn.h"
#include "esp/extension_headers.h"
#include "esp/outer_header.h"
#include "esp/outer_writer_internal.h"
#include "esp/padding.h"
#include "esp/seal_internal.h"
#include "net/checksum.h"

namespace ipsecgw::esp {
namespace {

using telemetry::Drop;

// As little-endian words: the writer of the outer header works in those.
constexpr uint32_t kDontFragmentWire = base::swap_be16(net::kIpv4DontFragment);
constexpr uint32_t kFlowLabelWire = base::swap_be32(0x000fffff);

struct Reservation {
    uint64_t first;
    uint32_t count;
};

/// Takes `wanted` sequence numbers, or those that are left (RFC 4303 section 3.3.3). One atomic addition in the life of
/// the SA. At its end other workers may add past the last number before one of them puts the counter back to just past
/// it; the number space leaves room for a burst of every worker there (kLastExtendedSequence), so it never wraps.
Reservation reserve(sa::OutboundSa& sa, uint32_t wanted) noexcept
{
    const uint64_t last = sa.last_sequence;
    const uint64_t first = sa.next_sequence.fetch_add(wanted, std::memory_order_relaxed);
    if (first <= last && last - first >= wanted - 1) [[likely]]
        return {first, wanted};
    sa.next_sequence.store(last + 1, std::memory_order_relaxed);
    return {first, first <= last ? static_cast<uint32_t>(last - first + 1) : 0};
}

/// The ESP part of a packet of one SA. Fields are copied: stores through the packet's bytes would make the compiler
/// read them from the SA again and again.
template <class S>
struct EspFramer {
    uint64_t iv_base;
    uint32_t spi_be;
    uint32_t iv_bytes;
    uint32_t icv_bytes;
    uint32_t align_mask;

    explicit EspFramer(const sa::OutboundSa& sa) noexcept
        : iv_base(sa.iv_base),
          spi_be(base::swap_be32(sa.spi)),
          iv_bytes(S::iv_bytes(sa)),
          icv_bytes(sa.icv_bytes),
          align_mask(S::align_bytes(sa) - 1)
    {
    }
    /// ESP header and IV.
    [[nodiscard]] uint32_t bytes_before() const noexcept { return kEspBytes + iv_bytes; }
    /// Padding that makes text and trailer a multiple of the alignment (RFC 4303 section 2.4).
    [[nodiscard]] uint32_t pad_bytes(uint32_t text_bytes) const noexcept
    {
        return (0u - text_bytes - kTrailerBytes) & align_mask;
    }
    /// Padding, trailer and ICV.
    [[nodiscard]] uint32_t bytes_behind(uint32_t text_bytes) const noexcept
    {
        return pad_bytes(text_bytes) + kTrailerBytes + icv_bytes;
    }
    /// ESP header and IV at `esp`, trailer behind the `text_bytes` of text; describes it to the cipher.
    [[gnu::always_inline]] sa::EspText frame(uint8_t* esp, uint32_t text_bytes, uint8_t next_header,
                                             uint64_t sequence) const noexcept
    {
        const uint64_t header = spi_be | static_cast<uint64_t>(base::swap_be32(static_cast<uint32_t>(sequence))) << 32;
        std::memcpy(esp, &header, sizeof header);
        // A CBC context draws its own IV, which must be unpredictable; NULL has none.
        if constexpr (S::kCounterIv)
            base::store_be64(esp + sizeof header, iv_base + sequence);
        const uint32_t pad = pad_bytes(text_bytes);
        uint8_t* trailer = esp + bytes_before() + text_bytes;
        if constexpr (S::kCounterIv)
            write_short_trailer(trailer, pad, next_header);
        else
            write_trailer(trailer, pad, next_header);
        return {esp, text_bytes + pad + kTrailerBytes, static_cast<uint32_t>(sequence >> 32)};
    }
};

/// Makes the packet `front` bytes longer in front and `bytes` long in all. False when its buffer is too small.
bool grow(rte_mbuf* m, uint32_t front, uint32_t bytes) noexcept
{
    const uint32_t offset = m->data_off;
    if (offset < front || offset - front + bytes > m->buf_len) [[unlikely]]
        return false;
    m->data_off = static_cast<uint16_t>(offset - front);
    m->data_len = static_cast<uint16_t>(bytes);
    m->pkt_len = bytes;
    return true;
}

/// Tunnel mode over one SA (RFC 4301 section 5.1.2).
template <class S>
class TunnelFramer {
  public:
    explicit TunnelFramer(const sa::OutboundSa& sa) noexcept
        : esp_(sa),
          outer_(sa),
          tfc_pad_to_(sa.tfc_pad_to),
          tos_copied_((sa.is(sa::kSaCopyDscp) ? kDscpMask : 0u) | (sa.is(sa::kSaEcn) ? kEcnMask : 0u)),
          df_copied_(sa.df == model::DfPolicy::kCopy ? kDontFragmentWire : 0),
          df_set_(sa.df == model::DfPolicy::kSet ? kDontFragmentWire : 0),
          label_copied_(sa.is(sa::kSaCopyFlowLabel) ? kFlowLabelWire : 0)
    {
    }

    Drop wrap(rte_mbuf* m, uint64_t sequence, sa::EspText& text) const noexcept
    {
        auto* ip = rte_pktmbuf_mtod(m, uint8_t*);
        const uint32_t inner_bytes = m->data_len;
        OuterFields fields;
        const uint8_t next_header = read(ip, inner_bytes, fields);
        if (next_header == 0) [[unlikely]]
            return Drop::kInnerHeader;
        const uint32_t front = OuterWriter<S>::kBytes + esp_.bytes_before();
        const uint32_t text_bytes = std::max(inner_bytes, tfc_pad_to_);
        const uint32_t bytes = front + text_bytes + esp_.bytes_behind(text_bytes);
        if (!grow(m, front, bytes)) [[unlikely]]
            return Drop::kNoRoomInMbuf;
        if (text_bytes != inner_bytes) [[unlikely]]
            std::memset(ip + inner_bytes, 0, text_bytes - inner_bytes);  // TFC padding, RFC 4303 section 2.7
        outer_.write(ip - front, bytes, fields, sequence);
        text = esp_.frame(ip - front + OuterWriter<S>::kBytes, text_bytes, next_header, sequence);
        return kKeep;
    }

  private:
    /// The next header of an inner packet and what it gives to the outer header; 0 when it is no IP packet.
    uint8_t read(const uint8_t* ip, uint32_t bytes, OuterFields& out) const noexcept
    {
        uint64_t word;  // up to the flags of IPv4, up to the hop limit of IPv6
        std::memcpy(&word, ip, sizeof word);
        if ((word & 0xf0) == 0x40 && bytes >= sizeof(net::Ipv4Header)) {
            const auto tos = static_cast<uint32_t>(word >> 8);
            const auto fragment = static_cast<uint32_t>(word >> 48);
            out = {tos & tos_copied_, (fragment & df_copied_) | df_set_, 0};
            return net::kProtoIpv4;
        }
        if ((word & 0xf0) == 0x60 && bytes >= sizeof(net::Ipv6Header)) {
            const auto first = static_cast<uint32_t>(word);
            // Routers never fragment IPv6, so its DF counts as set.
            out = {base::swap_be32(first) >> 20 & tos_copied_, df_copied_ | df_set_, first & label_copied_};
            return net::kProtoIpv6;
        }
        return 0;
    }

    EspFramer<S> esp_;
    OuterWriter<S> outer_;
    uint32_t tfc_pad_to_;
    uint32_t tos_copied_;  // mask of inner TOS bits
    uint32_t df_copied_;   // mask of the inner DF bit
    uint32_t df_set_;
    uint32_t label_copied_;  // mask of the inner flow label
};

/// Where the protocol of the payload stands in the IP header of `header` bytes; null when the packet is not one that
/// transport mode takes: another family than the SA's, or a fragment (RFC 4303 section 3.3).
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

/// Transport mode over one SA (RFC 4303 section 3.1.1).
template <class S>
class TransportFramer {
  public:
    explicit TransportFramer(const sa::OutboundSa& sa) noexcept : esp_(sa)
    {
        if constexpr (S::kUdp)
            std::memcpy(&udp_, sa.outer, sizeof udp_);
    }

    Drop wrap(rte_mbuf* m, uint64_t sequence, sa::EspText& text) const noexcept
    {
        auto* ip = rte_pktmbuf_mtod(m, uint8_t*);
        const uint32_t header = m->l3_len;
        const uint32_t inner_bytes = m->data_len;
        uint8_t* protocol = protocol_field<S>(ip, header, inner_bytes);
        if (protocol == nullptr) [[unlikely]]
            return Drop::kInnerHeader;
        const uint32_t front = S::kUdpBytes + esp_.bytes_before();
        const uint32_t text_bytes = inner_bytes - header;
        const uint32_t bytes = front + inner_bytes + esp_.bytes_behind(text_bytes);
        if (!grow(m, front, bytes)) [[unlikely]]
            return Drop::kNoRoomInMbuf;
        const uint8_t next_header = *protocol;
        rewrite_ip<S>(ip, protocol, S::kProtocol, bytes);
        uint8_t* start = ip - front;
        move_header<S::kIpBytes>(start, ip, header);
        if constexpr (S::kUdp) {
            net::UdpHeader udp = udp_;
            udp.length_be = base::swap_be16(static_cast<uint16_t>(bytes - header));
            std::memcpy(start + header, &udp, sizeof udp);
        }
        text = esp_.frame(start + header + S::kUdpBytes, text_bytes, next_header, sequence);
        return kKeep;
    }

  private:
    EspFramer<S> esp_;
    net::UdpHeader udp_ = {};
};

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

using Framed = FramedSeal;

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
    const std::conditional_t<S::kTransport, TransportFramer<S>, TunnelFramer<S>> framer(sa);
    uint16_t kept = 0;
    uint64_t total = 0;
    for (rte_mbuf* m : burst) {
        const uint16_t bytes = m->data_len;
        const Drop reason = framer.wrap(m, sequence, framed.texts[kept]);
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

/// The port ciphers: it is told where ESP stands.
void leave_to_port(std::span<rte_mbuf*> burst, const sa::EspText* texts) noexcept
{
    for (size_t i = 0; i < burst.size(); ++i) {
        rte_mbuf* m = burst[i];
        m->l3_len = static_cast<uint64_t>(texts[i].esp - rte_pktmbuf_mtod(m, uint8_t*)) & 0x1ff;
        m->ol_flags |= RTE_MBUF_F_TX_SEC_OFFLOAD;
    }
}

/// The port ciphers AES-CBC: the gateway writes the IVs (make_iv_writer()). Suites without one pass.
[[gnu::noinline]] void write_ivs(sa::OutboundSa& sa, uint16_t worker, std::span<rte_mbuf*> burst, Framed& framed,
                                 const Losses& losses) noexcept
{
    sa::CipherContext* writer = sa.cipher(worker);
    if (writer == nullptr)
        return;
    const uint64_t written = writer->seal(*writer, {framed.texts.data(), framed.packets});
    if (written != burst_mask(framed.packets)) [[unlikely]]
        drop_unsealed(burst.first(framed.packets), written, framed, losses);
}

void count_sealed(sa::SaCounters& counters, uint64_t packets, uint64_t bytes) noexcept
{
    if (packets == 0)
        return;
    counters.packets.add(packets);
    counters.bytes.add(bytes);
    counters.last_used_tsc.set(rte_rdtsc());
}

/// What may still go: drops the rest of the burst.
bool is_within_limits(const sa::OutboundSa& sa, const Reservation& numbers, std::span<rte_mbuf*>& burst,
                      const Losses& losses) noexcept
{
    // After the addition of reserve(), which fetches the line for writing: reading it first would fetch it twice.
    if (sa.expired.load(std::memory_order_relaxed)) [[unlikely]] {
        losses.add(burst, Drop::kExpired);
        return false;
    }
    if (numbers.count != burst.size()) [[unlikely]] {
        const Drop reason = sa.limited_by_lifetime ? Drop::kExpired : Drop::kSequenceExhausted;
        losses.add(burst.subspan(numbers.count), reason);
        burst = burst.first(numbers.count);
    }
    return true;
}

/// Full protocol: numbers, framing and cipher are the port's. It takes a number for each packet it is given, so what is counted here is never
/// behind its count, and limits hold whatever it makes of them.
uint16_t leave_whole(sa::OutboundSa& sa, uint16_t worker, std::span<rte_mbuf*> burst, const Losses& losses) noexcept
{
    if (!is_within_limits(sa, reserve(sa, static_cast<uint32_t>(burst.size())), burst, losses)) [[unlikely]]
        return 0;
    uint64_t bytes = 0;
    for (rte_mbuf* m : burst) {
        bytes += m->data_len;
        m->ol_flags |= RTE_MBUF_F_TX_SEC_OFFLOAD;
    }
    count_sealed(sa.counters(worker), burst.size(), bytes);
    return static_cast<uint16_t>(burst.size());
}

/// Numbers, then frames, as many as the SA has numbers for.
template <class S>
[[gnu::always_inline]] inline void number_and_frame(sa::OutboundSa& sa, std::span<rte_mbuf*> burst, Framed& framed,
                                                    const Losses& losses) noexcept
{
    const Reservation numbers = reserve(sa, static_cast<uint32_t>(burst.size()));
    if (!is_within_limits(sa, numbers, burst, losses)) [[unlikely]]
        return;
    frame_burst<S>(sa, numbers.first, burst, framed, losses);
}

/// Behind the cipher.
template <class S>
[[gnu::always_inline]] inline uint16_t finish_shape(sa::SaCounters& counters, std::span<rte_mbuf*> burst,
                                                    Framed& framed, uint64_t sealed, const Losses& losses) noexcept
{
    if (sealed != burst_mask(framed.packets)) [[unlikely]]
        drop_unsealed(burst.first(framed.packets), sealed, framed, losses);
    if constexpr (S::kUdp && S::kIpv6)
        finish_udp<S>(burst.first(framed.packets), framed.texts.data());
    count_sealed(counters, framed.packets, framed.bytes);
    return framed.packets;
}

template <class S>
uint16_t seal_shape(sa::OutboundSa& sa, uint16_t worker, std::span<rte_mbuf*> burst, DropSink& drops) noexcept
{
    const Losses losses{sa.drops, drops};
    Framed framed;  // NOLINT(cppcoreguidelines-pro-type-member-init): the arrays are written before they are read
    number_and_frame<S>(sa, burst, framed, losses);
    if (framed.packets == 0)
        return 0;
    if (sa.kind == sa::OffloadKind::kInlineCrypto) {
        if constexpr (!S::kCounterIv)
            write_ivs(sa, worker, burst, framed, losses);
        leave_to_port(burst.first(framed.packets), framed.texts.data());
        count_sealed(sa.counters(worker), framed.packets, framed.bytes);
        return framed.packets;
    }
    sa::CipherContext& cipher = *sa.cipher(worker);
    drops.clock.enter(telemetry::Stage::kCipher);
    const uint64_t sealed = cipher.seal(cipher, {framed.texts.data(), framed.packets});
    drops.clock.enter(telemetry::Stage::kEsp);
    return finish_shape<S>(sa.counters(worker), burst, framed, sealed, losses);
}

using SealFunction = uint16_t (*)(sa::OutboundSa&, uint16_t, std::span<rte_mbuf*>, DropSink&) noexcept;
constexpr auto kSeal = for_each_shape([]<uint8_t kFlags>() -> SealFunction { return seal_shape<Shape<kFlags>>; });

// The halves, for a cipher that works meanwhile.
using FrameFunction = void (*)(sa::OutboundSa&, std::span<rte_mbuf*>, Framed&, const Losses&) noexcept;
constexpr auto kFrame =
    for_each_shape([]<uint8_t kFlags>() -> FrameFunction { return number_and_frame<Shape<kFlags>>; });
using FinishFunction = uint16_t (*)(sa::SaCounters&, std::span<rte_mbuf*>, Framed&, uint64_t,
                                    const Losses&) noexcept;
constexpr auto kFinish = for_each_shape([]<uint8_t kFlags>() -> FinishFunction { return finish_shape<Shape<kFlags>>; });

}  // namespace

uint16_t seal_burst(sa::OutboundSa& sa, uint16_t worker, std::span<rte_mbuf*> burst, DropSink& drops) noexcept
{
    if (burst.empty())
        return 0;
    if (sa.kind == sa::OffloadKind::kFullProtocol)
        return leave_whole(sa, worker, burst, Losses{sa.drops, drops});
    return kSeal[shape_index(sa)](sa, worker, burst, drops);
}

void frame_seal(sa::OutboundSa& sa, std::span<rte_mbuf*> burst, FramedSeal& framed, DropSink& drops) noexcept
{
    kFrame[shape_index(sa)](sa, burst, framed, Losses{sa.drops, drops});
}

uint16_t finish_seal(sa::OutboundSa& sa, uint16_t worker, std::span<rte_mbuf*> burst, FramedSeal& framed,
                     uint64_t sealed, DropSink& drops) noexcept
{
    return kFinish[shape_index(sa)](sa.counters(worker), burst, framed, sealed, Losses{sa.drops, drops});
}

}  // namespace ipsecgw::esp
