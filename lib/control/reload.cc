// What a reload finds out. What it does is in reload_apply.cc.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "control/errors_internal.h"
#include "control/reload_internal.h"
#include "model/differences.h"

namespace ipsecgw::control {
namespace {

using base::Error;
using base::ErrorCode;
using Kind = Change::Kind;

Error taken(const char* what, std::string_view name, model::Owner owner)
{
    return {ErrorCode::kAlreadyExists,
            std::string(what) + " \"" + std::string(name) + "\" is there already, and is " +
                std::string(model::to_string(owner)) + "'s",
            "remove it, or give the one in the file another name"};
}

std::string name_of(const model::Neighbour& neighbour)
{
    return neighbour.port + " " + neighbour.address.to_string();
}

bool differ_in_sas_only(const std::vector<std::string>& settings)
{
    return std::all_of(settings.begin(), settings.end(),
                       [](const std::string& setting) { return setting == "sa" || setting == "sa_in"; });
}

}  // namespace

Reload::Reload(ControlPlane& plane, ControlPlane::State& state, const model::Gateway& wanted)
    : plane_(plane), state_(state), wanted_(wanted)
{
    compare_sas();
    compare_policies();
    compare_routes();
    compare_neighbours();
}

void Reload::note(Kind kind, std::string_view object, std::string name, std::vector<std::string> settings)
{
    plan_.changes.push_back({kind, object, std::move(name), std::move(settings)});
}

/// Its inbound SPI, or its name, will be free.
bool Reload::goes(const SaRecord& record) const
{
    if (record.made_by != model::Owner::kConfig)
        return false;
    const auto wanted = wanted_sas_.find(record.params.name);
    return wanted == wanted_sas_.end() || wanted->second->spi != record.params.spi;
}

void Reload::compare_sas()
{
    for (const auto& sa : wanted_.sas)
        wanted_sas_.emplace(sa.name, &sa);
    for (const auto& sa : wanted_.sas)
        compare_sa(sa);
    for (const auto& [name, record] : state_.sas.all())
        if (record.made_by == model::Owner::kConfig && !wanted_sas_.contains(name)) {
            old_sas_.push_back(state_.sas.find(name));
            note(Kind::kRemove, "sa", name);
        }
}

void Reload::compare_sa(const model::SaParams& wanted)
{
    SaStep step{&wanted, state_.sas.find(wanted.name), nullptr, {}};
    if (step.old != nullptr && step.old->made_by != model::Owner::kConfig)
        return refuse(taken("SA", wanted.name, step.old->made_by));
    std::vector<std::string> settings;
    if (step.old != nullptr) {
        settings = model::differences(step.old->params, wanted);
        // A file that leaves the engine open gets the gateway's choice, here as at the start.
        const auto engine = wanted.engine == model::EngineChoice::kAuto ? wanted_.settings.engine : wanted.engine;
        std::erase(settings, "engine");
        if (step.old->params.engine != engine)
            settings.emplace_back("engine");
        if (!state_.installer.has_key(*step.old, wanted))
            settings.emplace_back("keymat");
        if (settings.empty())
            return;
    }
    if (const auto alone = state_.installer.check_alone(wanted); !alone)
        return refuse(alone.error());
    if (step.old != nullptr)
        if (const auto follows = state_.may_follow(*step.old, wanted); !follows) {
            Error error = follows.error();
            error.what += " (changed: " + base::join(settings) + ")";
            return refuse(std::move(error));
        }
    check_spi(step);
    find_predecessor(step);
    note(step.old == nullptr ? Kind::kAdd : Kind::kChange, "sa", wanted.name, std::move(settings));
    sas_.push_back(step);
}

void Reload::check_spi(SaStep& step)
{
    if (step.wanted->direction != model::Direction::kInbound)
        return;
    const auto [first, last] = state_.sas.by_spi().equal_range(step.wanted->spi);
    for (auto it = first; it != last; ++it) {
        const SaRecord& other = *it->second;
        if (!other.is_inbound())
            continue;
        const std::string what = base::format("SA \"%s\": inbound SPI 0x%08x is SA \"%s\"'s",
                                              step.wanted->name.c_str(), step.wanted->spi, other.params.name.c_str());
        if (&other != step.old && !goes(other))
            refuse({ErrorCode::kAlreadyExists, what, "each inbound SA has its own"});
        else if (&other != step.old && state_.installer.has_key(other, *step.wanted))
            refuse({ErrorCode::kUnsupported, what + ", with the same key: its replay window would be lost",
                    "keep the name, or give it a new SPI and key on both ends"});
        step.waits_for = other.params.name;
    }
}

/// An outbound SA under another name is the same to the peer, who has seen its sequence numbers.
void Reload::find_predecessor(SaStep& step)
{
    const auto [first, last] = state_.sas.by_spi().equal_range(step.wanted->spi);
    for (auto it = first; it != last && step.predecessor == nullptr; ++it)
        if (it->second == step.old ||
            (it->second->made_by == model::Owner::kConfig && !wanted_sas_.contains(it->second->params.name)))
            step.predecessor = state_.predecessor_of(*step.wanted, *it->second);
    if (step.predecessor != nullptr && step.predecessor->kind == sa::OffloadKind::kFullProtocol)
        refuse({ErrorCode::kUnsupported,
                base::format("SA \"%s\" has SPI and key of SA \"%s\", whose sequence numbers only its port knows",
                             step.wanted->name.c_str(), step.predecessor->params.name.c_str()),
                "give it a new SPI and key on both ends"});
}

void Reload::compare_policies()
{
    std::map<std::string_view, const model::Policy*> wanted_policies;
    for (const auto& policy : wanted_.policies) {
        wanted_policies.emplace(policy.name, &policy);
        if (const auto errors = model::validate(policy); !errors.empty()) {
            refuse(all_of("policy", policy.name, errors));
            continue;
        }
        const PolicyRecord* old = state_.policies.find(policy.name);
        if (old == nullptr) {
            policies_.push_back({&policy, PolicyStep::How::kAdd});
            note(Kind::kAdd, "policy", policy.name);
            continue;
        }
        if (old->owner != model::Owner::kConfig) {
            refuse(taken("policy", policy.name, old->owner));
            continue;
        }
        auto settings = model::differences(old->policy, policy);
        if (settings.empty())
            continue;
        const bool rebinds = differ_in_sas_only(settings);
        policies_.push_back({&policy, rebinds ? PolicyStep::How::kRebind : PolicyStep::How::kReplace});
        note(Kind::kChange, "policy", policy.name, std::move(settings));
    }
    for (const auto& [name, record] : state_.policies.all())
        if (record.owner == model::Owner::kConfig && !wanted_policies.contains(name)) {
            old_policies_.push_back(name);
            note(Kind::kRemove, "policy", name);
        }
}

void Reload::compare_routes()
{
    std::map<net::Prefix, const model::Route*> wanted_routes;
    for (const auto& route : wanted_.routes) {
        const net::Prefix prefix = route.prefix.network();
        wanted_routes.emplace(prefix, &route);
        const auto hop = state_.routes.next_hop_of(route);
        if (!hop) {
            refuse(hop.error());
            continue;
        }
        const auto old = state_.routes.all().find(prefix);
        if (old == state_.routes.all().end()) {
            new_routes_.push_back(route);
            note(Kind::kAdd, "route", prefix.to_string());
        } else if (old->second.connected) {
            refuse({ErrorCode::kAlreadyExists, "route " + prefix.to_string() + ": a port has this link",
                    "leave the route out"});
        } else if (old->second.owner != model::Owner::kConfig) {
            refuse(taken("route", prefix.to_string(), old->second.owner));
        } else if (old->second.next_hop != *hop) {
            old_routes_.push_back(prefix);
            new_routes_.push_back(route);
            note(Kind::kChange, "route", prefix.to_string(),
                 {old->second.next_hop.gateway == hop->gateway ? "port" : "via"});
        }
    }
    for (const auto& [prefix, record] : state_.routes.all())
        if (!record.connected && record.owner == model::Owner::kConfig && !wanted_routes.contains(prefix)) {
            old_routes_.push_back(prefix);
            note(Kind::kRemove, "route", prefix.to_string());
        }
}

void Reload::compare_neighbours()
{
    std::map<std::string, const model::Neighbour*> wanted_neighbours;
    for (const auto& neighbour : wanted_.neighbours) {
        wanted_neighbours.emplace(name_of(neighbour), &neighbour);
        const StaticNeighbour* old = state_.neighbours.find(neighbour);
        if (old != nullptr && old->owner != model::Owner::kConfig) {
            refuse(taken("neighbour", name_of(neighbour), old->owner));
        } else if (old == nullptr || old->neighbour.mac != neighbour.mac) {
            if (old != nullptr)
                old_neighbours_.push_back(old->neighbour);
            new_neighbours_.push_back(neighbour);
            note(old == nullptr ? Kind::kAdd : Kind::kChange, "neighbour", name_of(neighbour),
                 old == nullptr ? std::vector<std::string>{} : std::vector<std::string>{"mac"});
        }
    }
    for (const auto& old : state_.neighbours.statics())
        if (old.owner == model::Owner::kConfig && !wanted_neighbours.contains(name_of(old.neighbour))) {
            old_neighbours_.push_back(old.neighbour);
            note(Kind::kRemove, "neighbour", name_of(old.neighbour));
        }
}

ReloadPlan ControlPlane::compare(const model::Gateway& wanted) const
{
    // Finding out changes nothing; the records it notes are for apply() alone.
    return Reload(const_cast<ControlPlane&>(*this), *state_, wanted).take_plan();
}

base::Result<std::vector<base::Error>> ControlPlane::reload(const model::Gateway& wanted)
{
    Reload reload(*this, *state_, wanted);
    if (!reload.plan().errors.empty())
        return reload.plan().errors.front();
    return reload.apply();
}

}  // namespace ipsecgw::control
