#include "worker/known_flows.h"

#include "worker/dataplane.h"

namespace ipsecgw::worker {

KnownFlows::Entry* KnownFlows::entry_for(const PacketInfo& packet) noexcept
{
    const sa::FlowKey& key = packet.flow;
    if (key.family != net::Family::kIpv4 || !key.ports_known || packet.fragment != Fragment::kWhole)
        return nullptr;
    const auto words = key.words();
    const Ipv4Flow flow{words[0] | words[2] << 32,
                        base::swap_be16(key.source_port) |
                            static_cast<uint64_t>(base::swap_be16(key.destination_port)) << 16 |
                            static_cast<uint64_t>(key.protocol) << 32};
    if (!flow.has_ports())
        return nullptr;
    Entry& entry = at(flow);
    if (!(entry.flow == flow)) {
        entry.flow = flow;
        entry.spd_generation = kNoGeneration;
        entry.route_generation = kNoGeneration;
    }
    return &entry;
}

void KnownFlows::learn_outbound(const PacketInfo& packet, const sa::PolicyEntry& policy, uint64_t generation) noexcept
{
    Entry* entry = entry_for(packet);
    if (entry == nullptr)
        return;
    entry->outbound = &policy;
    entry->spd_generation = generation;
}

void KnownFlows::learn_inbound(const PacketInfo& packet, uint64_t allowed_by, const Route& route,
                               uint64_t generation) noexcept
{
    Entry* entry = entry_for(packet);
    if (entry == nullptr || allowed_by == 0)
        return;
    entry->allowed_by = allowed_by;
    entry->ethernet = {route.mac->bytes, route.port->mac.bytes, base::swap_be16(net::kEtherTypeIpv4)};
    entry->port = route.port->index;
    entry->route_generation = generation;
}

}  // namespace ipsecgw::worker
