#include <algorithm>
#include <utility>

#include "base/text.h"
#include "control/errors_internal.h"
#include "control/policies_internal.h"

namespace ipsecgw::control {
namespace {

/// No name has this character, so the name with it is nobody's.
constexpr char kAside = '\x01';

base::Error no_policy(std::string_view name)
{
    return {base::ErrorCode::kNotFound,
            base::format("no policy is named \"%.*s\"", static_cast<int>(name.size()), name.data()), ""};
}

base::Error wrong_direction(const std::string& policy, const std::string& sa, model::Direction direction)
{
    const bool inbound = direction == model::Direction::kInbound;
    return {base::ErrorCode::kInvalidArgument,
            base::format("policy \"%s\" names the %s SA \"%s\" for the other direction", policy.c_str(),
                         inbound ? "inbound" : "outbound", sa.c_str()),
            inbound ? "put it into the policy's inbound SAs" : "make it the policy's outbound SA"};
}

}  // namespace

base::Result<void> Policies::add(model::Policy policy, model::Owner owner)
{
    if (const auto errors = model::validate(policy); !errors.empty())
        return all_of("policy", policy.name, errors);
    GW_TRY(check_directions(policy));
    const std::string name = policy.name;
    if (records_.contains(name))
        return base::Error{base::ErrorCode::kAlreadyExists, "a policy is named \"" + name + "\" already", "remove it first"};
    while (spd_.find(policy.name) != nullptr)
        policy.name += kAside;
    sa::PolicyEntry* entry = GW_TRY(spd_.add(policy));  // drops with kNoSa until its SA is attached below
    std::string spd_name = std::exchange(policy.name, name);
    PolicyRecord& record =
        records_.emplace(name, PolicyRecord{std::move(policy), entry, owner, std::move(spd_name)}).first->second;
    if (record.policy.acquire) {
        by_id_.resize(std::max<size_t>(by_id_.size(), entry->id + size_t{1}), nullptr);
        by_id_[entry->id] = &record;
    }
    register_users(record);
    refresh_selectors(record.policy.inbound_sas);
    entry->outbound.store(outbound_of(record.policy), std::memory_order_release);
    return {};
}

base::Result<void> Policies::remove(std::string_view name)
{
    const auto it = records_.find(name);
    if (it == records_.end())
        return no_policy(name);
    if (it->second.policy.acquire)
        by_id_[it->second.entry->id] = nullptr;
    GW_TRY(spd_.remove(it->second.spd_name));
    unregister_users(it->second);
    refresh_selectors(it->second.policy.inbound_sas);
    records_.erase(it);
    return {};
}

void Policies::rename(std::string_view name, std::string to)
{
    auto node = records_.extract(records_.find(name));
    node.mapped().policy.name = to;
    node.key() = std::move(to);
    records_.insert(std::move(node));
}

const PolicyRecord* Policies::find(std::string_view name) const
{
    const auto it = records_.find(name);
    return it == records_.end() ? nullptr : &it->second;
}

base::Result<void> Policies::rebind(std::string_view name, std::string outbound_sa,
                                    std::vector<std::string> inbound_sas)
{
    const auto it = records_.find(name);
    if (it == records_.end())
        return no_policy(name);
    PolicyRecord& record = it->second;
    model::Policy next = record.policy;
    next.outbound_sa = std::move(outbound_sa);
    next.inbound_sas = std::move(inbound_sas);
    if (const auto errors = model::validate(next); !errors.empty())
        return all_of("policy", next.name, errors);
    GW_TRY(check_directions(next));

    unregister_users(record);
    const model::Policy before = std::exchange(record.policy, std::move(next));
    register_users(record);
    refresh_selectors(record.policy.inbound_sas);
    record.entry->outbound.store(outbound_of(record.policy), std::memory_order_release);
    refresh_selectors(before.inbound_sas);
    return {};
}

const PolicyRecord* Policies::find(const sa::PolicyEntry& entry) const
{
    const PolicyRecord* record = entry.id < by_id_.size() ? by_id_[entry.id] : nullptr;
    return record != nullptr && record->entry == &entry ? record : nullptr;
}

base::Result<void> Policies::may_install(const model::SaParams& sa) const
{
    const auto users = users_.find(sa.name);
    if (users == users_.end())
        return {};
    const PolicySet& wrong =
        sa.direction == model::Direction::kInbound ? users->second.outbound : users->second.inbound;
    if (!wrong.empty())
        return wrong_direction((*wrong.begin())->policy.name, sa.name, sa.direction);
    return {};
}

std::unique_ptr<const sa::SelectorSet> Policies::selectors_for(const std::string& name) const
{
    const auto users = users_.find(name);
    if (users == users_.end() || users->second.inbound.empty())
        return nullptr;
    std::vector<sa::SelectorSet::Pair> pairs;
    for (const PolicyRecord* record : users->second.inbound)
        for (const auto& local : record->policy.local)
            for (const auto& remote : record->policy.remote)
                if (local.prefix.family() == remote.prefix.family())
                    pairs.push_back({local, remote});
    return std::make_unique<const sa::SelectorSet>(std::move(pairs));
}

void Policies::attach_outbound(const SaRecord& sa)
{
    if (const auto users = users_.find(sa.params.name); users != users_.end())
        for (const PolicyRecord* record : users->second.outbound)
            record->entry->outbound.store(sa.outbound, std::memory_order_release);
}

void Policies::detach_outbound(const SaRecord& sa)
{
    if (const auto users = users_.find(sa.params.name); users != users_.end())
        for (const PolicyRecord* record : users->second.outbound)
            record->entry->outbound.store(nullptr, std::memory_order_release);
}

base::Result<void> Policies::check_directions(const model::Policy& policy)
{
    if (const SaRecord* out = sas_.find(policy.outbound_sa); out != nullptr && out->is_inbound())
        return wrong_direction(policy.name, policy.outbound_sa, model::Direction::kInbound);
    for (const std::string& name : policy.inbound_sas)
        if (const SaRecord* in = sas_.find(name); in != nullptr && !in->is_inbound())
            return wrong_direction(policy.name, name, model::Direction::kOutbound);
    return {};
}

void Policies::register_users(const PolicyRecord& record)
{
    if (!record.policy.outbound_sa.empty())
        users_[record.policy.outbound_sa].outbound.insert(&record);
    for (const std::string& name : record.policy.inbound_sas)
        users_[name].inbound.insert(&record);
}

void Policies::unregister_users(const PolicyRecord& record)
{
    const auto leave = [this, &record](const std::string& name, PolicySet Users::*side) {
        const auto users = users_.find(name);
        if (users == users_.end())
            return;
        (users->second.*side).erase(&record);
        if (users->second.outbound.empty() && users->second.inbound.empty())
            users_.erase(users);
    };
    leave(record.policy.outbound_sa, &Users::outbound);
    for (const std::string& name : record.policy.inbound_sas)
        leave(name, &Users::inbound);
}

void Policies::refresh_selectors(const std::vector<std::string>& inbound_sas)
{
    for (const std::string& name : inbound_sas)
        if (const SaRecord* sa = sas_.find(name); sa != nullptr && !sa->expired)
            spd_.set_selectors(*sa->inbound, selectors_for(name));
}

sa::OutboundSa* Policies::outbound_of(const model::Policy& policy)
{
    const SaRecord* sa = sas_.find(policy.outbound_sa);
    return sa == nullptr ? nullptr : sa->outbound;
}

}  // namespace ipsecgw::control
