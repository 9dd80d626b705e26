// ESP: which SA, whose SA, open, and what came out against the SA's selectors (RFC 4301 section 5.2).
#include <cstring>

#include <rte_cycles.h>

#include "base/byte_order.h"
#include "esp/open.h"
#include "net/headers.h"
#include "sa/spd.h"
#include "worker/context.h"
#include "worker/groups.h"
#include "worker/parse_internal.h"

namespace ipsecgw::worker {

using telemetry::Drop;

namespace {

constexpr uint32_t kSpiBytes = 4;

/// RFC 3948 section 2.2: in UDP an SPI of zero is the non-ESP marker, and ESP needs more than a keepalive's one byte.
/// Never on IKE's own port, which has no marker.
bool read_spi_in_udp(rte_mbuf* m) noexcept
{
    const uint32_t udp_offset = m->l3_len;
    if (info(m).flow.destination_port == net::kPortIke)
        return false;
    if (m->pkt_len < udp_offset + sizeof(net::UdpHeader) + sizeof(net::EspHeader))
        return false;
    const auto* bytes = rte_pktmbuf_mtod_offset(m, const uint8_t*, udp_offset);
    const auto& udp = *reinterpret_cast<const net::UdpHeader*>(bytes);
    const uint32_t udp_bytes = base::swap_be16(udp.length_be);
    const uint32_t spi = base::load_be32(bytes + sizeof udp);
    if (spi == 0 || udp_bytes < sizeof udp + sizeof(net::EspHeader) || udp_bytes > m->pkt_len - udp_offset)
        return false;
    info(m).spi = spi;
    info(m).encapsulated = true;
    return true;
}

/// The packet is ESP of `sa`, which this worker has looked up: not just anything with a matching number where an SPI
/// would be.
bool belongs(const PacketInfo& packet, const sa::InboundSa& sa, Kind kind) noexcept
{
    if (packet.encapsulated && (!sa.is(sa::kSaUdp) || packet.flow.destination_port != sa.udp_local_port))
        // To the NAT-T port of the gateway it was meant as ESP all the same; open_burst charges the SA.
        return kind == Kind::kLocal && packet.flow.destination_port == net::kPortNatT;
    return kind == Kind::kLocal || destination_of(packet.flow) == sa.local;
}

/// UDP: ESP starts behind it, and ends where it ends.
void strip_to_esp(rte_mbuf* m) noexcept
{
    if (!info(m).encapsulated)
        return;
    const uint32_t udp_offset = m->l3_len;
    const uint32_t udp_bytes = base::load_be16(rte_pktmbuf_mtod_offset(m, const uint8_t*, udp_offset + 4));
    rte_pktmbuf_trim(m, static_cast<uint16_t>(m->pkt_len - udp_offset - udp_bytes));
    m->l3_len = (udp_offset + sizeof(net::UdpHeader)) & 0x1ff;
}

/// No SA claims it.
void unclaimed(Context& context, rte_mbuf* m, Kind kind) noexcept
{
    const PacketInfo& packet = info(m);
    const PortView& port = context.port(packet.in_port);
    if (kind == Kind::kTransit)
        transit_clear(context, port, {&m, 1});
    else if (!packet.encapsulated || packet.flow.destination_port == net::kPortNatT)
        context.drops.drop(m, Drop::kUnknownSpi);
    else
        deliver_clear(context, port, m);
}

/// Inline crypto: what the port has deciphered apart from what it has not, which a rule that is just being made or
/// unmade lets through; both go by one window. They keep their order within each.
void open_inline_crypto(Context& context, sa::InboundSa& sa, std::span<rte_mbuf*> group) noexcept
{
    std::array<rte_mbuf*, kMaxWork> ciphered;
    uint16_t deciphered = 0;
    uint16_t others = 0;
    for (rte_mbuf* m : group) {
        switch (text_of(sa, m)) {
            case PortText::kDeciphered:
                group[deciphered++] = m;
                break;
            case PortText::kCiphered:
                ciphered[others++] = m;
                break;
            case PortText::kForged:
                context.drops.drop(m, Drop::kAuth, sa.drops);
                break;
            case PortText::kStale:
                context.drops.drop(m, Drop::kStaleTag);
                break;
        }
    }
    if (deciphered != 0)
        opened(context, sa, group.first(esp::open_deciphered_burst(sa, group.first(deciphered), context.drops)));
    if (others == 0) [[likely]]
        return;
    const std::span<rte_mbuf*> rest(ciphered.data(), others);
    opened(context, sa, rest.first(esp::open_burst(sa, rest, context.drops)));
}

/// Packets of one SA, in order.
void open_group(Context& context, sa::InboundSa& sa, std::span<rte_mbuf*> group) noexcept
{
    if (context.tap != nullptr) [[unlikely]]
        context.tap->at(context.index, trace::Point::kToOpen, sa, group);
    switch (sa.kind) {
        case sa::OffloadKind::kLookAside:
            context.look_aside->open(sa, group, context.drops);
            return;
        case sa::OffloadKind::kSoftware:
            opened(context, sa, group.first(esp::open_burst(sa, group, context.drops)));
            return;
        case sa::OffloadKind::kInlineCrypto:
            open_inline_crypto(context, sa, group);
            return;
        case sa::OffloadKind::kFullProtocol:
            // Replay protection is the port's: the gateway has no window to check these by.
            for (rte_mbuf* m : group)
                context.drops.drop(m, Drop::kMissedOffload, sa.drops);
            return;
    }
}

/// Whether the selectors let the SA carry the flow (RFC 4301 section 5.2 step 4).
bool allowed(Context& context, const sa::SelectorSet* selectors, const sa::FlowKey& flow) noexcept
{
    if (selectors == nullptr)
        return false;
    if (!selectors->is_long()) [[likely]]
        return selectors->allows(flow);
    FlowCache::Entry& known = context.flows.at(flow);
    if (known.allowed_by == selectors->id()) [[likely]]
        return true;
    if (!selectors->allows(flow))
        return false;
    known.allowed_by = selectors->id();
    return true;
}

/// Tells control, once a second, that an authentic packet came from an endpoint that is not the SA's. By a buffer of
/// its own: the packet goes on.
[[gnu::cold, gnu::noinline]] void tell_moved(Context& context, sa::InboundSa& sa, const sa::FlowKey& outer) noexcept
{
    const uint64_t now = rte_rdtsc();
    if (context.data.punt == nullptr || (sa.moved_tsc != 0 && now - sa.moved_tsc < rte_get_tsc_hz()))
        return;
    sa.moved_tsc = now;
    rte_mbuf* notice = rte_pktmbuf_alloc(context.data.pool);
    if (notice == nullptr)
        return;
    PacketInfo& about = info(notice);
    about = {};
    about.punt = Punt::kMoved;
    about.spi = sa.spi;
    about.flow = outer;
    if (!context.data.punt->put_if_half_empty(notice))
        rte_pktmbuf_free(notice);
}

/// Authentic packets of an SA with UDP, each still with the flow it arrived by.
void note_sources(Context& context, sa::InboundSa& sa, std::span<rte_mbuf* const> packets) noexcept
{
    for (rte_mbuf* m : packets) {
        const sa::FlowKey& outer = info(m).flow;
        if (outer.source_port != sa.udp_remote_port ||
            std::memcmp(outer.source, sa.remote.data(), sizeof outer.source) != 0) [[unlikely]]
            tell_moved(context, sa, outer);
    }
}

/// Through the stages.
void opened_one(Context& context, sa::InboundSa& sa, const sa::SelectorSet* selectors, rte_mbuf* m) noexcept
{
    PacketInfo& packet = info(m);
    packet.origin = Origin::kOpened;
    packet.encapsulated = false;
    const bool ipv4 = *rte_pktmbuf_mtod(m, const uint8_t*) >> 4 == 4;
    if ((ipv4 ? parse_ipv4(m) : parse_ip(m)) != kKeep) {
        context.drops.drop(m, Drop::kInnerHeader, sa.drops);
        return;
    }
    if (packet.fragment != Fragment::kWhole && selectors != nullptr) [[unlikely]]
        find_ports(context, m, selectors->id());
    if (!allowed(context, selectors, packet.flow)) [[unlikely]] {
        context.drops.drop(m, Drop::kSelectorMismatch, sa.drops);
        return;
    }
    switch (context.own.place(packet.flow)) {
        case Place::kMartian:
            context.drops.drop(m, Drop::kMartian);
            return;
        case Place::kGroup:
            context.drops.drop(m, Drop::kNoListener);
            return;
        case Place::kOurs:
            deliver_opened(context, m);
            return;
        case Place::kElsewhere:
            transit_opened(context, m, selectors->id());
            return;
    }
}

/// By a known flow's entry: what the stages did with the flow's packets before they do with this one.
bool send_known(Context& context, const KnownFlows::Entry& entry, const PlainIpv4& plain, rte_mbuf* m) noexcept
{
    if (plain.hops <= 1) [[unlikely]]
        return false;
    m->pkt_len = plain.bytes;
    m->data_len = static_cast<uint16_t>(plain.bytes);
    auto* ip = rte_pktmbuf_mtod(m, uint8_t*);
    if (!has_room_for_header(context, m, entry.port)) [[unlikely]]
        return false;
    take_hop_of_plain_ipv4(ip);
    send_with_header(context, m, entry.ethernet, entry.port);
    return true;
}

}  // namespace

void open_owned(Context& context, Incoming& incoming) noexcept
{
    const uint16_t count = incoming.count;
    incoming.count = 0;
    const Groups<sa::InboundSa, kMaxWork> groups({incoming.packets.data(), count}, {incoming.sas.data(), count});
    groups.for_each<kMaxWork>([&context](sa::InboundSa& sa, std::span<rte_mbuf*> group) {
        context.enter(Stage::kEsp);
        open_group(context, sa, group);
    });
}

void prefetch_for_opening(const sa::InboundSa& sa, uint32_t bytes) noexcept
{
    if (const sa::SelectorSet* selectors = sa.selectors.load(std::memory_order_acquire); selectors != nullptr)
        selectors->prefetch();
    if (sa.cipher != nullptr)
        sa.cipher->prefetch(bytes);
}

void opened(Context& context, sa::InboundSa& sa, std::span<rte_mbuf* const> packets) noexcept
{
    if (context.tap != nullptr) [[unlikely]]
        context.tap->at(context.index, trace::Point::kOpened, sa, packets);
    context.enter(Stage::kLookUp);
    // A port that opens packets shows nothing of what was around them.
    if (sa.is(sa::kSaUdp) && sa.kind != sa::OffloadKind::kFullProtocol) [[unlikely]]
        note_sources(context, sa, packets);
    const sa::SelectorSet* selectors = sa.selectors.load(std::memory_order_acquire);
    const uint64_t allowed_by = selectors == nullptr ? 0 : selectors->id();
    std::array<PlainIpv4, kMaxWork> plain;
    std::array<const KnownFlows::Entry*, kMaxWork> entries;  // null: the packet has no flow to look for
    for (size_t i = 0; i < packets.size(); i++) {
        rte_mbuf* m = packets[i];
        const bool is_plain = read_plain_ipv4(rte_pktmbuf_mtod(m, const uint8_t*), m->data_len,
                                              m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK, plain[i]);
        entries[i] = nullptr;
        if (!is_plain || !plain[i].flow.has_ports()) [[unlikely]]
            continue;
        entries[i] = &context.known.at(plain[i].flow);
        rte_prefetch0(entries[i]);
    }
    context.enter(Stage::kForward);
    for (size_t i = 0; i < packets.size(); i++) {
        if (entries[i] == nullptr || !entries[i]->leads(plain[i].flow, allowed_by, context.route_generation) ||
            !send_known(context, *entries[i], plain[i], packets[i])) [[unlikely]]
            opened_one(context, sa, selectors, packets[i]);
    }
}

bool read_spi(const PortView& port, rte_mbuf* m) noexcept
{
    const PacketInfo& packet = info(m);
    if (port.role == model::PortRole::kProtected || packet.fragment != Fragment::kWhole)
        return false;
    if (packet.flow.protocol == net::kProtoUdp)
        return read_spi_in_udp(m);
    if (packet.flow.protocol != net::kProtoEsp || m->pkt_len < m->l3_len + kSpiBytes)
        return false;
    info(m).spi = base::load_be32(rte_pktmbuf_mtod_offset(m, const uint8_t*, m->l3_len));
    return true;
}

void inbound(Context& context, std::span<rte_mbuf*> packets, std::span<const Kind> kinds) noexcept
{
    context.enter(Stage::kLookUp);
    for (rte_mbuf* m : packets)
        context.data.sad->prefetch_found(info(m).spi);
    const sa::InboundSa* last = nullptr;
    Incoming mine;
    for (size_t i = 0; i < packets.size(); i++) {
        rte_mbuf* m = packets[i];
        PacketInfo& packet = info(m);
        sa::InboundSa* sa = context.data.sad->find(packet.spi);
        if (sa == nullptr || !belongs(packet, *sa, kinds[i])) {
            unclaimed(context, m, kinds[i]);
            continue;
        }
        strip_to_esp(m);
        if (sa->owner != context.index) {
            hand_over(context, m, sa->owner);
            continue;
        }
        if (sa != last)
            prefetch_for_opening(*sa, m->pkt_len);
        last = sa;
        mine.add(m, *sa);
        if (mine.full())
            open_owned(context, mine);
    }
    open_owned(context, mine);
}

void inbound_handed_over(Context& context, std::span<rte_mbuf*> packets) noexcept
{
    context.enter(Stage::kLookUp);
    for (rte_mbuf* m : packets)
        context.data.sad->prefetch(info(m).spi);
    Incoming mine;
    Batch by_port;
    for (rte_mbuf* m : packets) {
        PacketInfo& packet = info(m);
        if (packet.fragment != Fragment::kWhole) [[unlikely]] {
            take_fragment_here(context, m);
            continue;
        }
        if (packet.spi == 0) {
            take_opened_handed_over(context, m, by_port);
            continue;
        }
        sa::InboundSa* sa = context.data.sad->find(packet.spi);
        if (sa == nullptr)
            context.drops.drop(m, Drop::kUnknownSpi);
        else if (sa->owner != context.index)
            hand_over(context, m, sa->owner);
        else
            mine.add(m, *sa);
        if (mine.full())
            open_owned(context, mine);
    }
    accept_opened_by_port(context, by_port);
    open_owned(context, mine);
}

}  // namespace ipsecgw::worker
