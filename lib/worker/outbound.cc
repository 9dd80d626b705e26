// Into outbound SAs: path MTU, groups, seal, and on by the outer destination.
#include <algorithm>

#include "base/byte_order.h"
#include "esp/seal.h"
#include "net/headers.h"
#include "worker/context.h"
#include "worker/groups.h"

namespace ipsecgw::worker {

using telemetry::Drop;

namespace {

constexpr uint32_t kIpv6MinimumMtu = 1280;  // RFC 8200 section 5

/// The upper bound of what an SA's packets may be on their way: what the port takes, and what routers behind it do.
uint32_t path_mtu(const Route& route, const sa::OutboundSa& sa) noexcept
{
    const uint32_t told = sa.path_mtu.load(std::memory_order_relaxed);
    return route.port == nullptr ? told : std::min<uint32_t>(told, route.port->mtu);
}

/// What the packet will be on the wire. esp::sealed_bytes knows transport mode for the plain header alone; its result
/// differs by the length of the headers ESP stays behind, which do not count for padding.
uint32_t bytes_sealed(const sa::OutboundSa& sa, rte_mbuf* m) noexcept
{
    if (!sa.is(sa::kSaTransport))
        return esp::sealed_bytes(sa, m->pkt_len);
    const uint32_t plain = sa.is(sa::kSaOuterIpv6) ? 40 : 20;
    const uint32_t more = info(m).transport_offset - std::min<uint32_t>(plain, info(m).transport_offset);
    return esp::sealed_bytes(sa, m->pkt_len - more) + more;
}

/// Larger inside than `mtu` outside allows. Fragments before it seals (RFC 4301 section 8.2 leaves the choice), so that
/// the peer has nothing to put together; where that may not be, the sender learns what fits.
void shrink_or_reject(Context& context, rte_mbuf* m, sa::OutboundSa& sa, uint32_t mtu) noexcept
{
    const uint32_t inner = esp::inner_mtu(sa, mtu);
    if (!sa.is(sa::kSaTransport) && may_fragment(m, inner)) {
        Batch pieces;
        fragment(context, m, inner, pieces);
        for (rte_mbuf* piece : pieces.all())
            enqueue_for_sealing(context, piece, sa);
        return;
    }
    // An IPv6 sender never goes below 1280 (RFC 8201 section 4): telling it less would be told in vain.
    if (info(m).flow.family == net::Family::kIpv6)
        send_too_big(context, m, std::max(inner, kIpv6MinimumMtu));
    else if (inner != 0)
        send_too_big(context, m, inner);
    context.drops.drop(m, Drop::kTooBig, sa.drops);
}

/// Seals the packets of one SA and sends them, or leaves them to a look-aside device meanwhile.
void seal_group(Context& context, sa::OutboundSa& sa, std::span<rte_mbuf*> group) noexcept
{
    if (context.tap != nullptr) [[unlikely]]
        context.tap->at(context.index, trace::Point::kToSeal, sa, group);
    if (sa.kind == sa::OffloadKind::kLookAside)
        context.look_aside->seal(sa, group, context.drops);
    else
        send_sealed(context, sa, group.first(esp::seal_burst(sa, context.index, group, context.drops)));
}

/// SA by SA.
void seal_in_groups(Context& context, const Outgoing& work) noexcept
{
    const Groups<sa::OutboundSa, 2 * kMaxWork> groups({work.packets.data(), work.count}, {work.sas.data(), work.count});
    groups.for_each<kMaxWork>([&context](sa::OutboundSa& sa, std::span<rte_mbuf*> group) {
        context.enter(Stage::kEsp);
        seal_group(context, sa, group);
    });
}

uint16_t ether_type_be(bool ipv6) noexcept
{
    return base::swap_be16(ipv6 ? net::kEtherTypeIpv6 : net::kEtherTypeIpv4);
}

/// Sends packets with the SA's outer header to one neighbour.
void send_outer(Context& context, const sa::OutboundSa& sa, const Route& route, std::span<rte_mbuf*> packets) noexcept
{
    // What the port has yet to seal is of either family.
    const bool is_inner = sa.kind == sa::OffloadKind::kFullProtocol;
    bool ipv6 = sa.is(sa::kSaOuterIpv6);
    net::EthernetHeader header = {route.mac->bytes, route.port->mac.bytes, ether_type_be(ipv6)};
    for (rte_mbuf* m : packets) {
        if (is_inner && (*rte_pktmbuf_mtod(m, const uint8_t*) >> 4 == 6) != ipv6) [[unlikely]] {
            ipv6 = !ipv6;
            header.type_be = ether_type_be(ipv6);
        }
        if (has_room_for_header(context, m, route.port->index)) [[likely]] {
            send_with_header(context, m, header, route.port->index);
            continue;
        }
        info(m).origin = Origin::kSealed;
        send(context, m, route);
    }
}

}  // namespace

void queue_for_sealing(Context& context, rte_mbuf* m, sa::OutboundSa& sa) noexcept
{
    context.enter(Stage::kEsp);
    if (sa.is(sa::kSaTransport)) {
        // For whole packets only (RFC 4303 section 3.1.1).
        if (info(m).fragment != Fragment::kWhole) {
            context.drops.drop(m, Drop::kFragment);
            return;
        }
        m->l3_len = info(m).transport_offset & 0x1ff;
    }
    // What fits every port needs no route to be told so, and what fits by far needs no exact length.
    const uint32_t least = mtu_before_route(context, sa);
    if (sa.tfc_pad_to != 0 || m->pkt_len + kMostSealedBytes > least) {
        const uint32_t bytes = bytes_sealed(sa, m);
        if (bytes > least) [[unlikely]] {
            const uint32_t mtu = path_mtu(route_to(context, sa), sa);
            if (bytes > mtu) {
                shrink_or_reject(context, m, sa, mtu);
                return;
            }
        }
    }
    enqueue_for_sealing(context, m, sa);
}

void send_sealed(Context& context, const sa::OutboundSa& sa, std::span<rte_mbuf*> packets) noexcept
{
    if (context.tap != nullptr) [[unlikely]]
        context.tap->at(context.index, trace::Point::kSealed, sa, packets);
    context.enter(Stage::kForward);
    if (sa.kind == sa::OffloadKind::kInlineCrypto || sa.kind == sa::OffloadKind::kFullProtocol)
        for (rte_mbuf* m : packets)
            info(m).tag = sa.tag().value();
    const bool transport = sa.is(sa::kSaTransport);
    const Route route = route_to(context, sa);
    if (!transport && route.port != nullptr && route.mac != nullptr) [[likely]] {
        send_outer(context, sa, route, packets);
        return;
    }
    for (rte_mbuf* m : packets) {
        info(m).origin = Origin::kSealed;
        send(context, m, transport ? route_to(context, info(m).flow) : route);
    }
}

void seal_queued(Context& context) noexcept
{
    while (context.outgoing.count != 0) {
        // Sealing may queue more: what it sends may make the gateway tell somebody.
        Outgoing work;  // NOLINT(cppcoreguidelines-pro-type-member-init): written before it is read
        work.count = context.outgoing.count;
        work.runs = context.outgoing.runs;
        std::copy_n(context.outgoing.packets.begin(), work.count, work.packets.begin());
        std::copy_n(context.outgoing.sas.begin(), work.count, work.sas.begin());
        context.outgoing.count = 0;
        context.outgoing.runs = 0;
        context.enter(Stage::kEsp);
        if (work.runs == 1 && work.count <= kMaxWork)
            seal_group(context, *work.sas[0], {work.packets.data(), work.count});
        else
            seal_in_groups(context, work);
    }
}

}  // namespace ipsecgw::worker
