// Next hops: route, neighbour, and the Ethernet header.
#include <cstring>

#include "base/byte_order.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "worker/context.h"

namespace ipsecgw::worker {

using telemetry::Drop;

namespace {

/// Control resolves it and sends the packet, or drops it in the end.
void punt_for_resolution(Context& context, rte_mbuf* m, const Route& route) noexcept
{
    PacketInfo& packet = info(m);
    packet.punt = Punt::kResolve;
    packet.out_port = route.port->index;
    packet.next_hop_family = route.next_hop.family();
    std::memset(packet.next_hop, 0, sizeof packet.next_hop);
    std::memcpy(packet.next_hop, route.next_hop.data(), net::address_bytes(route.next_hop.family()));
    tell_of_punt(context, m);
    if (context.data.punt == nullptr || !context.data.punt->put_if_half_empty(m))
        context.drops.drop(m, Drop::kNeighbour);
}

/// The IPv6 type even where the packet is sealed: by its first nibble, not by the flow inside.
uint16_t ether_type_be(rte_mbuf* m) noexcept
{
    const bool ipv4 = *rte_pktmbuf_mtod(m, const uint8_t*) >> 4 == 4;
    return base::swap_be16(ipv4 ? net::kEtherTypeIpv4 : net::kEtherTypeIpv6);
}

net::IpAddress address_of(net::Family family, const uint8_t* bytes) noexcept
{
    return family == net::Family::kIpv4 ? net::IpAddress::v4(bytes) : net::IpAddress::v6(bytes);
}

Route look_up(Context& context, const net::IpAddress& destination) noexcept
{
    const route::NextHop* next_hop = context.data.tables->fib().lookup(destination);
    if (next_hop == nullptr || next_hop->port >= context.ports.size())
        return {};
    return on_link(context, context.port(next_hop->port), next_hop->gateway ? *next_hop->gateway : destination);
}

/// `bytes` as in a FlowKey: 16, IPv4 in the first four. The reference is good until the next call.
const Route& recall_or_look_up(Context& context, net::Family family, const uint8_t* bytes) noexcept
{
    std::array<uint64_t, 2> words;
    std::memcpy(words.data(), bytes, sizeof words);
    RouteCache::Entry& entry = context.routes.at(words);
    if (!entry.holds(family, words, context.route_generation)) [[unlikely]] {
        entry.route = look_up(context, address_of(family, bytes));
        entry.destination = words;
        entry.family = family;
        entry.generation = context.route_generation;
    }
    return entry.route;
}

/// Larger than the link takes.
void shrink_or_reject(Context& context, rte_mbuf* m, const Route& route) noexcept
{
    const uint32_t mtu = route.port->mtu;
    if (may_fragment(m, mtu)) {
        Batch pieces;
        fragment(context, m, mtu, pieces);
        for (rte_mbuf* piece : pieces.all())
            send(context, piece, route);
        return;
    }
    send_too_big(context, m, mtu);
    context.drops.drop(m, Drop::kTooBig);
}

}  // namespace

net::IpAddress destination_of(const sa::FlowKey& flow) noexcept
{
    return address_of(flow.family, flow.destination);
}

Route route_to(Context& context, const net::IpAddress& destination) noexcept
{
    return recall_or_look_up(context, destination.family(), destination.data());
}

Route route_to(Context& context, const sa::FlowKey& flow) noexcept
{
    return recall_or_look_up(context, flow.family, flow.destination);
}

Route route_to(Context& context, const sa::OutboundSa& sa) noexcept
{
    return recall_or_look_up(context, sa.is(sa::kSaOuterIpv6) ? net::Family::kIpv6 : net::Family::kIpv4, sa.peer);
}

Route on_link(Context& context, const PortView& port, const net::IpAddress& neighbour) noexcept
{
    return {&port, context.data.tables->neighbours().lookup(port.index, neighbour), neighbour};
}

bool take_hop(Context& context, rte_mbuf* m) noexcept
{
    auto* bytes = rte_pktmbuf_mtod(m, uint8_t*);
    const bool ipv4 = info(m).flow.family == net::Family::kIpv4;
    uint8_t* hops = bytes + (ipv4 ? offsetof(net::Ipv4Header, ttl) : offsetof(net::Ipv6Header, hop_limit));
    if (*hops <= 1) {
        send_time_exceeded(context, m);
        context.drops.drop(m, Drop::kHopLimit);
        return false;
    }
    if (!ipv4) {
        --*hops;
        return true;
    }
    // The word of the TTL as a whole: a byte stored and then loaded as part of a word would stall.
    uint8_t* field = bytes + offsetof(net::Ipv4Header, checksum_be);
    uint16_t word, checksum;
    std::memcpy(&word, hops, sizeof word);
    std::memcpy(&checksum, field, sizeof checksum);
    constexpr auto kOneHop = base::swap_be16(0x0100);
    word = static_cast<uint16_t>(word - kOneHop);  // the TTL is not 0: nothing is borrowed from its neighbour
    checksum = net::checksum_raise(checksum, kOneHop);
    std::memcpy(hops, &word, sizeof word);
    std::memcpy(field, &checksum, sizeof checksum);
    return true;
}

void forward(Context& context, rte_mbuf* m) noexcept
{
    send(context, m, route_to(context, info(m).flow));
}

void send(Context& context, rte_mbuf* m, const Route& route) noexcept
{
    context.enter(Stage::kForward);
    if (route.port == nullptr) {
        context.drops.drop(m, Drop::kNoRoute);
        return;
    }
    if (m->pkt_len > route.port->mtu) [[unlikely]] {
        shrink_or_reject(context, m, route);
        return;
    }
    if (route.mac == nullptr) {
        punt_for_resolution(context, m, route);
        return;
    }
    const uint16_t type_be = ether_type_be(m);
    auto* ethernet = reinterpret_cast<net::EthernetHeader*>(rte_pktmbuf_prepend(m, sizeof(net::EthernetHeader)));
    if (ethernet == nullptr) {
        context.drops.drop(m, Drop::kNoRoomInMbuf);
        return;
    }
    ethernet->destination = route.mac->bytes;
    ethernet->source = route.port->mac.bytes;
    ethernet->type_be = type_be;
    transmit(context, route.port->index, m);
}

}  // namespace ipsecgw::worker
