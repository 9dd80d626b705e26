// What a reload does, in an order that never shows a packet less protection than before or after.
#include <string>
#include <utility>

#include "base/text.h"
#include "control/reload_internal.h"

namespace ipsecgw::control {
namespace {

using base::Result;

/// No name has this character: the old one keeps its name with it until it goes.
constexpr char kAside = '\x01';

bool protects(const model::Policy& policy)
{
    return policy.action != model::Action::kBypass;
}
bool bypasses(const model::Policy& policy)
{
    return policy.action == model::Action::kBypass;
}

}  // namespace

// Workers see each policy come and go by itself. With all old ones and some new ones, or all new ones and some old ones,
// the best match could be a bypass that something better stood before, or stands before, unless what protects comes
// first and goes last. Routes come after what protects their traffic, SAs after the routes that tell their ports.
Result<std::vector<base::Error>> Reload::apply()
{
    const auto first_part = [this]() -> Result<void> {
        undo_.push_back([this, before = state_.default_engine] { state_.default_engine = before; });
        state_.default_engine = wanted_.settings.engine;
        GW_TRY(add_policies(protects));
        GW_TRY(change_neighbours());
        GW_TRY(change_routes());
        GW_TRY(install_sas());
        GW_TRY(rebind_policies());
        return add_policies(bypasses);
    };
    const auto done = first_part();
    if (!done) {
        take_back();
        return done.error();
    }
    remove_policies();
    remove_sas();
    return install_waiting();
}

void Reload::take_back()
{
    for (auto step = undo_.rbegin(); step != undo_.rend(); ++step)
        (*step)();
    state_.neighbours.publish();
}

Result<void> Reload::add_policies(bool (*is_of_this_turn)(const model::Policy&))
{
    for (const PolicyStep& step : policies_) {
        const model::Policy* const wanted = step.wanted;
        if (step.how == PolicyStep::How::kRebind || !is_of_this_turn(*wanted))
            continue;
        if (step.how == PolicyStep::How::kReplace) {
            const std::string aside = wanted->name + kAside;
            state_.policies.rename(wanted->name, aside);
            undo_.push_back([this, aside, wanted] { state_.policies.rename(aside, wanted->name); });
            old_policies_.push_back(aside);
        }
        GW_TRY(state_.policies.add(*wanted, model::Owner::kConfig));
        undo_.push_back([this, wanted] { static_cast<void>(state_.policies.remove(wanted->name)); });
    }
    return {};
}

Result<void> Reload::change_neighbours()
{
    for (const auto& old : old_neighbours_) {
        GW_TRY(state_.neighbours.remove(old));
        undo_.push_back([this, &old] { static_cast<void>(state_.neighbours.add_static(old, model::Owner::kConfig)); });
    }
    for (const auto& neighbour : new_neighbours_) {
        GW_TRY(state_.neighbours.add_static(neighbour, model::Owner::kConfig));
        undo_.push_back([this, &neighbour] { static_cast<void>(state_.neighbours.remove(neighbour)); });
    }
    state_.neighbours.publish();
    return {};
}

Result<void> Reload::change_routes()
{
    GW_TRY(plane_.publish_routes());  // what waits is not this reload's to take back
    if (old_routes_.empty() && new_routes_.empty())
        return {};
    undo_.push_back([this, before = state_.routes.snapshot()]() mutable {
        state_.routes.restore(std::move(before));
        static_cast<void>(state_.routes.publish());
    });
    for (const auto& prefix : old_routes_)
        GW_TRY(state_.routes.remove(prefix));
    for (const auto& route : new_routes_)
        GW_TRY(state_.routes.add(route, model::Owner::kConfig));
    return state_.routes.publish();
}

Result<void> Reload::install_sas()
{
    for (const SaStep& step : sas_) {
        if (!step.waits_for.empty())
            continue;
        if (step.old != nullptr) {
            state_.set_aside(*step.old);
            undo_.push_back([this, old = step.old] { state_.put_back(*old); });
        }
        SaRecord* next = GW_TRY(state_.install(step.wanted->clone(), model::Owner::kConfig, step.predecessor));
        undo_.push_back([this, next, predecessor = step.predecessor] {
            if (predecessor != nullptr)
                Installer::give_back_numbers(*next, *predecessor);
            state_.remove(*next);
        });
    }
    return {};
}

Result<void> Reload::rebind_policies()
{
    for (const PolicyStep& step : policies_) {
        if (step.how != PolicyStep::How::kRebind)
            continue;
        const model::Policy* const wanted = step.wanted;
        const model::Policy before = state_.policies.find(wanted->name)->policy;
        GW_TRY(state_.policies.rebind(wanted->name, wanted->outbound_sa, wanted->inbound_sas));
        undo_.push_back([this, before] {
            static_cast<void>(state_.policies.rebind(before.name, before.outbound_sa, before.inbound_sas));
        });
    }
    return {};
}

void Reload::remove_policies()
{
    for (const auto which : {bypasses, protects})
        for (const std::string& name : old_policies_)
            if (const PolicyRecord* old = state_.policies.find(name); old != nullptr && which(old->policy))
                static_cast<void>(state_.policies.remove(name));
}

void Reload::remove_sas()
{
    for (const SaStep& step : sas_)
        if (step.old != nullptr)
            state_.remove(*step.old);
    for (SaRecord* old : old_sas_)
        state_.remove(*old);
}

std::vector<base::Error> Reload::install_waiting()
{
    std::vector<base::Error> refused;
    for (const SaStep& step : sas_) {
        if (step.waits_for.empty())
            continue;
        const model::SaParams& wanted = *step.wanted;
        const auto installed = state_.install(wanted.clone(), model::Owner::kConfig);
        if (installed)
            continue;
        const bool had_other = step.old != nullptr && step.waits_for != wanted.name;
        const base::Error& why = installed.error();
        refused.push_back({why.code,
                           base::format("%s; it was to take inbound SPI 0x%08x: the SA \"%s\" that had it is gone%s",
                                        why.what.c_str(), wanted.spi, step.waits_for.c_str(),
                                        had_other ? ", and so is the one it was to follow" : ""),
                           why.hint});
    }
    return refused;
}

}  // namespace ipsecgw::control
