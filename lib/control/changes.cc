// Single objects of the tables coming, going and being replaced, each with its owner.
#include <utility>

#include "base/text.h"
#include "control/control_plane_internal.h"
#include "control/owner_check_internal.h"

namespace ipsecgw::control {
namespace {

using base::Error;
using base::ErrorCode;

/// No name has this character, so the name with it is free.
constexpr char kAside = '\x01';
/// Of the time that publishing the routes takes, between two publications: the control thread has other things to do.
constexpr uint64_t kRouteRests = 8;

Error no_sa(std::string_view name)
{
    return {ErrorCode::kNotFound,
            base::format("no SA is named \"%.*s\"", static_cast<int>(name.size()), name.data()), ""};
}

std::string quoted(const char* kind, std::string_view name)
{
    return std::string(kind) + " \"" + std::string(name) + "\"";
}

}  // namespace

model::EngineChoice ControlPlane::State::engine_of(const model::SaParams& params) const
{
    return params.engine == model::EngineChoice::kAuto ? default_engine : params.engine;
}

base::Result<SaRecord*> ControlPlane::State::install(model::SaParams params, model::Owner owner, SaRecord* predecessor)
{
    params.engine = engine_of(params);
    SaRecord* record = GW_TRY(installer.install(std::move(params), parts.now_ns(), predecessor));
    record->made_by = owner;
    path_mtus.start(*record, parts.now_ns());
    tunnels.add(*record);
    lifetimes.track(*record);
    keepalives.track(*record);
    return record;
}

void ControlPlane::State::remove(SaRecord& sa)
{
    lifetimes.untrack(sa);
    keepalives.untrack(sa);
    tunnels.remove(sa, *parts.reclaimer);
    installer.remove(sa);
}

void ControlPlane::State::set_aside(SaRecord& sa)
{
    sas.rename(sa, sa.params.name + kAside);
}

void ControlPlane::State::put_back(SaRecord& sa)
{
    sas.rename(sa, sa.params.name.substr(0, sa.params.name.size() - 1));
    if (!sa.is_inbound())
        policies.attach_outbound(sa);
}

base::Result<void> ControlPlane::State::may_follow(const SaRecord& sa, const model::SaParams& next) const
{
    const std::string name = quoted("SA", next.name);
    if (sa.params.direction != next.direction)
        return Error{ErrorCode::kInvalidArgument,
                     name + " cannot turn from " + std::string(model::to_string(sa.params.direction)) +
                         "bound to " + std::string(model::to_string(next.direction)) + "bound",
                     "give the new SA another name"};
    if (sa.params.spi != next.spi || !installer.has_key(sa, next))
        return {};
    if (sa.is_inbound())
        return Error{ErrorCode::kUnsupported, name + " would keep SPI and key but lose its replay window",
                     "give it a new SPI and key on both ends, or remove it first"};
    if (sa.kind == sa::OffloadKind::kFullProtocol)
        return Error{ErrorCode::kUnsupported,
                     name + " would keep its key, and which sequence numbers are used only the port knows",
                     "give it a new SPI and key on both ends"};
    return {};
}

SaRecord* ControlPlane::State::predecessor_of(const model::SaParams& next, SaRecord& sa) const
{
    const bool goes_on = !sa.is_inbound() && next.direction == model::Direction::kOutbound &&
                         sa.params.spi == next.spi && sa.params.remote == next.remote && installer.has_key(sa, next);
    return goes_on ? &sa : nullptr;
}

base::Result<void> ControlPlane::install_sa(model::SaParams params, model::Owner owner)
{
    GW_TRY(state_->install(std::move(params), owner));
    return {};
}

base::Result<void> ControlPlane::remove_sa(std::string_view name, std::optional<model::Owner> by)
{
    SaRecord* record = state_->sas.find(name);
    if (record == nullptr)
        return no_sa(name);
    GW_TRY(check_owner(quoted("SA", name), record->made_by, by));
    state_->remove(*record);
    return {};
}

base::Result<void> ControlPlane::replace_sa(model::SaParams params, model::Owner owner,
                                            std::optional<model::Owner> by)
{
    State& s = *state_;
    SaRecord* old = s.sas.find(params.name);
    if (old == nullptr)
        return no_sa(params.name);
    GW_TRY(check_owner(quoted("SA", params.name), old->made_by, by));
    GW_TRY(s.installer.check_alone(params));
    GW_TRY(s.may_follow(*old, params));
    if (old->is_inbound() && old->params.spi == params.spi) {
        const std::string name = quoted("SA", params.name);
        s.remove(*old);
        auto installed = install_sa(std::move(params), owner);
        if (!installed)
            return Error{installed.error().code, installed.error().what + "; the " + name + " of before is gone",
                         installed.error().hint};
        return installed;
    }
    SaRecord* predecessor = s.predecessor_of(params, *old);
    s.set_aside(*old);
    const auto installed = s.install(std::move(params), owner, predecessor);
    if (!installed) {
        s.put_back(*old);
        return installed.error();
    }
    s.remove(*old);
    return {};
}

base::Result<void> ControlPlane::add_policy(model::Policy policy, model::Owner owner)
{
    return state_->policies.add(std::move(policy), owner);
}

base::Result<void> ControlPlane::remove_policy(std::string_view name, std::optional<model::Owner> by)
{
    if (const PolicyRecord* record = state_->policies.find(name); record != nullptr)
        GW_TRY(check_owner(quoted("policy", name), record->owner, by));
    return state_->policies.remove(name);
}

// Publishing costs as much as all routes: where it is frequent it takes a bounded part of the time.
void ControlPlane::State::note_route_change()
{
    if (!routes_published)
        routes_published = routes.snapshot();
    if (routes_due_ns == kNever)
        routes_due_ns = parts.now_ns() + kRouteRests * routes_cost_ns;
}

base::Result<void> ControlPlane::publish_routes()
{
    State& s = *state_;
    if (!s.routes_published)
        return {};
    auto before = std::exchange(s.routes_published, std::nullopt);
    s.routes_due_ns = kNever;
    const uint64_t start = s.parts.now_ns();
    auto published = s.routes.publish();
    s.routes_cost_ns = s.parts.now_ns() - start;
    if (!published)
        s.routes.restore(*std::move(before));
    return published;
}

base::Result<void> ControlPlane::add_route(const model::Route& route, model::Owner owner, Publish when)
{
    GW_TRY(state_->routes.next_hop_of(route));
    state_->note_route_change();
    GW_TRY(state_->routes.add(route, owner));
    return when == Publish::kNow ? publish_routes() : base::Result<void>();
}

base::Result<void> ControlPlane::remove_route(const net::Prefix& prefix, std::optional<model::Owner> by, Publish when)
{
    const auto& all = state_->routes.all();
    if (const auto it = all.find(prefix.network()); it != all.end() && !it->second.connected)
        GW_TRY(check_owner("route " + prefix.network().to_string(), it->second.owner, by));
    state_->note_route_change();
    GW_TRY(state_->routes.remove(prefix));
    return when == Publish::kNow ? publish_routes() : base::Result<void>();
}

base::Result<void> ControlPlane::add_neighbour(const model::Neighbour& neighbour, model::Owner owner)
{
    GW_TRY(state_->neighbours.add_static(neighbour, owner));
    state_->neighbours.publish();
    return {};
}

base::Result<void> ControlPlane::remove_neighbour(const model::Neighbour& neighbour, std::optional<model::Owner> by)
{
    if (const StaticNeighbour* known = state_->neighbours.find(neighbour); known != nullptr)
        GW_TRY(check_owner("neighbour " + neighbour.address.to_string(), known->owner, by));
    GW_TRY(state_->neighbours.remove(neighbour));
    state_->neighbours.publish();
    return {};
}

}  // namespace ipsecgw::control
