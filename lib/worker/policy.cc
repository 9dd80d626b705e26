// The SPD's word on packets in clear (RFC 4301 section 5). The rules are in context.h.
#include <rte_cycles.h>

#include "sa/spd.h"
#include "worker/context.h"

namespace ipsecgw::worker {

using model::Action;
using model::PortRole;
using telemetry::Drop;

namespace {

void count_hit(const Context& context, const sa::PolicyEntry& policy) noexcept
{
    policy.hits_of(context.index).add(1);
}

const sa::PolicyEntry* match_outbound(Context& context, const sa::FlowKey& flow) noexcept
{
    FlowCache::Entry& known = context.flows.at(flow);
    if (known.generation != context.spd_generation) [[unlikely]] {
        known.outbound = context.data.spd->match_outbound(flow);
        known.generation = context.spd_generation;
    }
    return known.outbound;
}

bool is_own(Origin origin) noexcept
{
    return origin == Origin::kReplyToClear || origin == Origin::kReplyToOpened;
}

/// No SA can take the packet: it ends here, and where the policy wants it so, IKE learns of its flow (RFC 4301 section
/// 4.4.1.2's trigger). Control frees and counts what it is given, as the same drop.
void acquire(Context& context, const sa::PolicyEntry& policy, rte_mbuf* m) noexcept
{
    if (policy.take_acquire(rte_rdtsc(), rte_get_tsc_hz()) && context.data.punt != nullptr) {
        info(m).punt = Punt::kAcquire;
        tell_of_punt(context, m);
        if (context.data.punt->put_if_half_empty(m))
            return;
    }
    context.drops.drop(m, Drop::kNoSa);
}

/// Into the SA, or out in clear, or nowhere: as an outbound policy says.
void apply(Context& context, const sa::PolicyEntry& policy, rte_mbuf* m) noexcept
{
    count_hit(context, policy);
    if (policy.action == Action::kDiscard) {
        context.drops.drop(m, Drop::kPolicyDiscard);
        return;
    }
    // Acquire pairs with the release that swings the pointer: the SA behind it is complete.
    sa::OutboundSa* sa = policy.action == Action::kProtect ? policy.outbound.load(std::memory_order_acquire) : nullptr;
    if (policy.action == Action::kProtect && sa == nullptr) {
        acquire(context, policy, m);
        return;
    }
    if (!is_own(info(m).origin) && !take_hop(context, m))
        return;
    if (sa != nullptr)
        queue_for_sealing(context, m, *sa);
    else
        forward(context, m);
}

/// Lets a packet go on in clear towards somebody else.
void forward_in_clear(Context& context, rte_mbuf* m, const Route& route) noexcept
{
    if (take_hop(context, m))
        send(context, m, route);
}

/// What the inbound SPD lets pass, unless it would leave where an outbound policy wants ESP or nothing: it was not ours
/// to protect, so it is not sealed either, which would let a stranger send in our name.
void forward_bypassed(Context& context, rte_mbuf* m) noexcept
{
    const sa::FlowKey& flow = info(m).flow;
    const Route route = route_to(context, flow);
    if (route.port != nullptr && route.port->role != PortRole::kProtected) {
        const sa::PolicyEntry* policy = match_outbound(context, flow);
        if (policy != nullptr && policy->action != Action::kBypass) {
            count_hit(context, *policy);
            context.drops.drop(m, policy->action == Action::kProtect ? Drop::kClearText : Drop::kPolicyDiscard);
            return;
        }
    }
    forward_in_clear(context, m, route);
}

/// In clear from the unprotected side, or from a port that faces both and no outbound policy's.
void transit_by_inbound_policy(Context& context, const PortView& port, rte_mbuf* m) noexcept
{
    const sa::FlowKey& flow = info(m).flow;
    const sa::PolicyEntry* policy = port.role == PortRole::kProtected ? nullptr : context.data.spd->match_inbound(flow);
    if (policy == nullptr) {
        context.drops.drop(m, Drop::kNoPolicy);
        return;
    }
    count_hit(context, *policy);
    switch (policy->action) {
        case Action::kProtect:
            context.drops.drop(m, Drop::kClearText);
            return;
        case Action::kDiscard:
            context.drops.drop(m, Drop::kPolicyDiscard);
            return;
        case Action::kBypass:
            forward_bypassed(context, m);
            return;
    }
}

/// The outbound policy of each packet. Where flows are many, each step's memory is fetched for all of them before any
/// of them needs it.
void match_outbound(Context& context, std::span<rte_mbuf* const> packets, const sa::PolicyEntry** policies) noexcept
{
    std::array<uint32_t, kMaxWork> places;
    for (size_t i = 0; i < packets.size(); i++) {
        places[i] = context.flows.place(info(packets[i]).flow);
        context.flows.prefetch(places[i]);
    }
    const sa::Spd& spd = *context.data.spd;
    std::array<uint32_t, kMaxWork> unknown;
    size_t count = 0;
    for (uint32_t i = 0; i < packets.size(); i++) {
        const sa::FlowKey& flow = info(packets[i]).flow;
        const FlowCache::Entry* known = context.flows.find(places[i], flow, context.spd_generation);
        if (known != nullptr) [[likely]] {
            policies[i] = known->outbound;
            rte_prefetch0(policies[i]);
            continue;
        }
        unknown[count++] = i;
        spd.prefetch_indexes(flow);
    }
    const std::span<const uint32_t> ask(unknown.data(), count);
    for (const uint32_t i : ask)
        spd.prefetch_rules(info(packets[i]).flow);
    for (const uint32_t i : ask) {
        policies[i] = match_outbound(context, info(packets[i]).flow);
        rte_prefetch0(policies[i]);
    }
}

/// The inbound SPD is asked again, packet by packet: only where somebody watches.
void tell_of_policies(Context& context, const PortView& port, std::span<rte_mbuf* const> packets,
                      const sa::PolicyEntry* const* outbound) noexcept
{
    using trace::Point;
    for (size_t i = 0; i < packets.size(); i++) {
        if (outbound[i] != nullptr || port.role == PortRole::kProtected) {
            context.tap->matched(context.index, Point::kPolicyOut, packets.subspan(i, 1), &outbound[i], false);
            continue;
        }
        const sa::PolicyEntry* inbound = context.data.spd->match_inbound(info(packets[i]).flow);
        context.tap->matched(context.index, Point::kPolicyIn, packets.subspan(i, 1), &inbound, false);
    }
}

}  // namespace

void prefetch_for_sealing(const Context& context, const sa::PolicyEntry& policy) noexcept
{
    rte_prefetch0(&policy.hits_of(context.index));
    const sa::OutboundSa* sa = policy.outbound.load(std::memory_order_relaxed);
    if (sa == nullptr)
        return;
    rte_prefetch0(sa);
    rte_prefetch0(sa->outer);
    rte_prefetch0(&sa->next_sequence);
}

void transit_clear(Context& context, const PortView& port, std::span<rte_mbuf* const> packets) noexcept
{
    context.enter(Stage::kLookUp);
    std::array<const sa::PolicyEntry*, kMaxWork> policies{};
    if (port.role != PortRole::kUnprotected) {
        match_outbound(context, packets, policies.data());
        const sa::PolicyEntry* last = nullptr;
        for (size_t i = 0; i < packets.size(); i++)
            if (policies[i] != last && (last = policies[i]) != nullptr)
                prefetch_for_sealing(context, *last);
    }
    if (context.tap != nullptr) [[unlikely]]
        tell_of_policies(context, port, packets, policies.data());
    for (size_t i = 0; i < packets.size(); i++) {
        if (policies[i] != nullptr && policies[i]->action == Action::kProtect)
            context.known.learn_outbound(info(packets[i]), *policies[i], context.spd_generation);
        if (policies[i] != nullptr)
            apply(context, *policies[i], packets[i]);
        else
            transit_by_inbound_policy(context, port, packets[i]);
    }
}

void transit_opened(Context& context, rte_mbuf* m, uint64_t allowed_by) noexcept
{
    context.enter(Stage::kForward);
    const sa::FlowKey& flow = info(m).flow;
    const Route route = route_to(context, flow);
    if (route.port == nullptr || route.port->role == PortRole::kProtected) {
        if (route.mac != nullptr)
            context.known.learn_inbound(info(m), allowed_by, route, context.route_generation);
        forward_in_clear(context, m, route);
        return;
    }
    if (lacks_ports(context, m)) [[unlikely]]
        context.drops.drop(m, Drop::kFragment);
    else if (const sa::PolicyEntry* policy = match_outbound(context, flow); policy != nullptr)
        apply(context, *policy, m);
    else if (route.port->role == PortRole::kBoth)
        forward_in_clear(context, m, route);
    else
        context.drops.drop(m, Drop::kNoPolicy);
}

void send_own(Context& context, rte_mbuf* m) noexcept
{
    const PacketInfo& packet = info(m);
    if (const sa::PolicyEntry* policy = match_outbound(context, packet.flow); policy != nullptr) {
        apply(context, *policy, m);
        return;
    }
    const net::IpAddress destination = destination_of(packet.flow);
    const Route route = destination.is_link_local() ? on_link(context, context.port(packet.in_port), destination)
                                                    : route_to(context, destination);
    const bool back_where_asked =
        route.port != nullptr && (route.port->role == PortRole::kProtected || route.port->index == packet.in_port);
    if (route.port == nullptr)
        context.drops.drop(m, Drop::kNoRoute);
    else if (packet.origin == Origin::kReplyToClear && back_where_asked)
        send(context, m, route);
    else
        context.drops.drop(m, Drop::kNoPolicy);
}

bool may_arrive_in_clear(Context& context, const PortView& port, rte_mbuf* m) noexcept
{
    if (port.role == PortRole::kProtected)
        return true;
    const sa::PolicyEntry* policy = context.data.spd->match_inbound(info(m).flow);
    if (policy == nullptr || policy->action == Action::kBypass)
        return true;
    count_hit(context, *policy);
    context.drops.drop(m, policy->action == Action::kProtect ? Drop::kClearText : Drop::kPolicyDiscard);
    return false;
}

}  // namespace ipsecgw::worker
