// Fragments that arrive: put together where they are for the gateway, judged by their first one's ports where they pass
// through (RFC 4301 section 7).
#include <optional>

#include <rte_cycles.h>

#include "base/byte_order.h"
#include "net/headers.h"
#include "sa/spd.h"
#include "worker/context.h"
#include "worker/parse.h"
#include "worker/parse_internal.h"

namespace ipsecgw::worker {

using telemetry::Drop;

namespace {

constexpr uint32_t kExtensionUnit = 8;

/// Where the Fragment header of a parsed IPv6 fragment is.
uint32_t fragment_header_at(const uint8_t* packet) noexcept
{
    uint32_t at = sizeof(net::Ipv6Header);
    uint8_t next = reinterpret_cast<const net::Ipv6Header*>(packet)->next_header;
    while (next != net::kProtoFragment) {
        next = packet[at];
        at += (packet[at + 1] + 1u) * kExtensionUnit;
    }
    return at;
}

FragmentPorts::Identity identity_of(rte_mbuf* m) noexcept
{
    const auto* packet = rte_pktmbuf_mtod(m, const uint8_t*);
    if (info(m).flow.family == net::Family::kIpv4)
        return {base::load_be16(packet + 4), reinterpret_cast<const net::Ipv4Header*>(packet)->protocol};
    const uint8_t* header = packet + fragment_header_at(packet);
    return {base::load_be32(header + 4), header[0]};
}

/// In units of eight bytes.
uint32_t offset_of(rte_mbuf* m) noexcept
{
    const auto* packet = rte_pktmbuf_mtod(m, const uint8_t*);
    if (info(m).flow.family == net::Family::kIpv4)
        return base::load_be16(packet + 6) & net::kIpv4OffsetMask;
    return base::load_be16(packet + fragment_header_at(packet) + 2) >> 3;
}

/// One worker sees all fragments of a packet, whatever queues a port spreads them to: the first one has ports to hash.
uint16_t worker_of(const Context& context, const sa::FlowKey& flow) noexcept
{
    const auto words = flow.words();
    const uint64_t mixed = (words[0] ^ words[1] * 0xbf58476d1ce4e5b9 ^ words[2] * 0x94d049bb133111eb ^
                            words[3] * 0xd6e8feb86659fd93) * 0x9e3779b97f4a7c15;
    return static_cast<uint16_t>((mixed >> 32) % context.peers.size());
}

void drop_dead(Context& context) noexcept
{
    for (rte_mbuf* m : context.reassembly->take_dead())
        context.drops.drop(m, Drop::kReassembly);
}

/// The packet, when `m` completes it.
rte_mbuf* reassemble(Context& context, rte_mbuf* m) noexcept
{
    const bool stands_first = info(m).flow.family == net::Family::kIpv4 ||
                              rte_pktmbuf_mtod(m, const net::Ipv6Header*)->next_header == net::kProtoFragment;
    if (context.reassembly == nullptr || !stands_first) {
        context.drops.drop(m, Drop::kFragment);
        return nullptr;
    }
    rte_mbuf* whole = context.reassembly->add(m, rte_rdtsc());
    drop_dead(context);
    return whole;
}

void reassemble_ours(Context& context, const PortView& port, rte_mbuf* m) noexcept
{
    PacketInfo first = info(m);
    rte_mbuf* whole = reassemble(context, m);
    if (whole == nullptr)
        return;
    context.counters.reassembled.add(1);
    PacketInfo& packet = info(whole);
    packet.in_port = first.in_port;
    if (const Drop reason = parse_ip(whole); reason != kKeep) {
        context.drops.drop(whole, reason);
        return;
    }
    if (packet.source_routed) {
        context.drops.drop(whole, Drop::kIpHeader);
        return;
    }
    if (!read_spi(port, whole)) {
        deliver_clear(context, port, whole);
        return;
    }
    const Kind kind = Kind::kLocal;
    inbound(context, {&whole, 1}, {&kind, 1});
}

/// RFC 3128: behind eight bytes of its header, a TCP segment could say something else than its first fragment did.
bool overlaps_tcp_header(rte_mbuf* m) noexcept
{
    return info(m).flow.protocol == net::kProtoTcp && offset_of(m) == 1;
}

}  // namespace

void find_ports(Context& context, rte_mbuf* m, FragmentPorts::Source source) noexcept
{
    sa::FlowKey& flow = info(m).flow;
    if (info(m).fragment == Fragment::kFirst && flow.ports_known)
        context.fragment_ports.learn(flow, identity_of(m), source, rte_rdtsc());
    else if (info(m).fragment == Fragment::kLater && !overlaps_tcp_header(m))
        static_cast<void>(context.fragment_ports.recall(flow, identity_of(m), source, rte_rdtsc()));
}

bool lacks_ports(const Context& context, rte_mbuf* m) noexcept
{
    return info(m).fragment != Fragment::kWhole && !info(m).flow.ports_known &&
           may_have_ports(info(m).flow.protocol) && context.data.spd->selects_ports();
}

void take_fragment_here(Context& context, rte_mbuf* m) noexcept
{
    const PortView& port = context.port(info(m).in_port);
    if (context.own.place(info(m).flow) == Place::kOurs) {
        reassemble_ours(context, port, m);
        return;
    }
    find_ports(context, m, FragmentPorts::kClear);
    if (lacks_ports(context, m))
        context.drops.drop(m, Drop::kFragment);
    else
        transit_clear(context, port, {&m, 1});
}

void take_fragment(Context& context, rte_mbuf* m) noexcept
{
    const uint16_t worker = worker_of(context, info(m).flow);
    if (worker == context.index)
        take_fragment_here(context, m);
    else
        hand_over(context, m, worker);
    context.enter(Stage::kClassify);
}

void expire_fragments(Context& context) noexcept
{
    if (context.reassembly == nullptr)
        return;
    context.reassembly->expire(rte_rdtsc());
    drop_dead(context);
}

}  // namespace ipsecgw::worker
