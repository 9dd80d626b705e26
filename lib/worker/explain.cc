#include "worker/explain.h"

#include "esp/seal.h"
#include "sa/spd.h"
#include "worker/context.h"

namespace ipsecgw::worker {

using model::Action;
using model::PortRole;
using telemetry::Drop;
using From = ExplainRequest::From;
using End = Explained::End;

namespace {

Explained dropped(Explained so_far, Drop reason)
{
    so_far.end = End::kDropped;
    so_far.reason = reason;
    return so_far;
}

/// As look_up() in forward.cc does it.
Route route_to(const DataPlane& data, const net::IpAddress& destination)
{
    const route::NextHop* next_hop = data.tables->fib().lookup(destination);
    if (next_hop == nullptr || next_hop->port >= data.ports.size())
        return {};
    const PortView& port = data.ports[next_hop->port];
    const net::IpAddress hop = next_hop->gateway ? *next_hop->gateway : destination;
    return {&port, data.tables->neighbours().lookup(port.index, hop), hop};
}

Explained on_route(Explained so_far, End end, const Route& route, uint32_t bytes)
{
    so_far.route = route;
    so_far.wire_bytes = bytes;
    if (route.port == nullptr)
        return dropped(so_far, Drop::kNoRoute);
    so_far.end = end;
    so_far.is_too_big = bytes > route.port->mtu;
    return so_far;
}

Explained sealed(const DataPlane& data, const ExplainRequest& request, Explained so_far, const sa::OutboundSa& sa)
{
    so_far.sa = &sa;
    const bool is_transport = sa.is(sa::kSaTransport);
    const Route route = route_to(data, is_transport ? destination_of(request.flow) : sa.remote);
    so_far = on_route(so_far, End::kSealed, route, esp::sealed_bytes(sa, request.bytes));
    if (route.port != nullptr)
        so_far.inner_mtu = esp::inner_mtu(sa, route.port->mtu);
    if (sa.expired.load(std::memory_order_relaxed))
        return dropped(so_far, Drop::kExpired);
    if (sa.next_sequence.load(std::memory_order_relaxed) > sa.last_sequence)
        return dropped(so_far, Drop::kSequenceExhausted);
    return so_far;
}

/// As apply() in policy.cc does it.
Explained by_outbound_policy(const DataPlane& data, const ExplainRequest& request, const sa::PolicyEntry& policy)
{
    Explained so_far;
    so_far.policy = &policy;
    if (policy.action == Action::kDiscard)
        return dropped(so_far, Drop::kPolicyDiscard);
    if (policy.action == Action::kBypass)
        return on_route(so_far, End::kForwarded, route_to(data, destination_of(request.flow)), request.bytes);
    const sa::OutboundSa* sa = policy.outbound.load(std::memory_order_acquire);
    if (sa != nullptr)
        return sealed(data, request, so_far, *sa);
    so_far = dropped(so_far, Drop::kNoSa);
    if (policy.acquire_tsc.load(std::memory_order_relaxed) != sa::PolicyEntry::kNoAcquire)
        so_far.end = End::kAsksIke;
    return so_far;
}

Explained by_inbound_policy(const DataPlane& data, const ExplainRequest& request)
{
    Explained so_far;
    so_far.is_inbound_policy = true;
    so_far.policy = data.spd->match_inbound(request.flow);
    if (so_far.policy == nullptr)
        return dropped(so_far, Drop::kNoPolicy);
    if (so_far.policy->action != Action::kBypass)
        return dropped(so_far, so_far.policy->action == Action::kProtect ? Drop::kClearText : Drop::kPolicyDiscard);
    const Route route = route_to(data, destination_of(request.flow));
    if (route.port != nullptr && route.port->role != PortRole::kProtected)
        if (const sa::PolicyEntry* outbound = data.spd->match_outbound(request.flow);
            outbound != nullptr && outbound->action != Action::kBypass) {
            so_far.policy = outbound;
            so_far.is_inbound_policy = false;
            return dropped(so_far, outbound->action == Action::kProtect ? Drop::kClearText : Drop::kPolicyDiscard);
        }
    return on_route(so_far, End::kForwarded, route, request.bytes);
}

/// As transit_opened() in policy.cc does it.
Explained out_of_sa(const DataPlane& data, const ExplainRequest& request)
{
    const Route route = route_to(data, destination_of(request.flow));
    if (route.port == nullptr || route.port->role == PortRole::kProtected)
        return on_route({}, End::kForwarded, route, request.bytes);
    if (const sa::PolicyEntry* policy = data.spd->match_outbound(request.flow); policy != nullptr)
        return by_outbound_policy(data, request, *policy);
    if (route.port->role == PortRole::kBoth)
        return on_route({}, End::kForwarded, route, request.bytes);
    return dropped({}, Drop::kNoPolicy);
}

}  // namespace

Explained explain(const DataPlane& data, const OwnAddresses& own, const ExplainRequest& request)
{
    switch (own.place(request.flow)) {
        case Place::kMartian:
            return dropped({}, Drop::kMartian);
        case Place::kGroup:
            return dropped({}, Drop::kNoListener);
        case Place::kOurs: {
            Explained ours;
            ours.end = End::kOurs;
            return ours;
        }
        case Place::kElsewhere:
            break;
    }
    switch (request.from) {
        case From::kSa:
            return out_of_sa(data, request);
        case From::kUnprotected:
            return by_inbound_policy(data, request);
        case From::kProtected:
            break;
    }
    if (const sa::PolicyEntry* policy = data.spd->match_outbound(request.flow); policy != nullptr)
        return by_outbound_policy(data, request, *policy);
    return dropped({}, Drop::kNoPolicy);
}

}  // namespace ipsecgw::worker
