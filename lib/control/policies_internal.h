// Policies and what ties them to SAs, by name, in both directions.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "control/sa_table_internal.h"
#include "model/owner.h"
#include "model/policy.h"
#include "sa/spd.h"

namespace ipsecgw::control {

struct PolicyRecord {
    model::Policy policy;
    sa::PolicyEntry* entry = nullptr;  // owned by the Spd
    model::Owner owner = model::Owner::kConfig;
    std::string spd_name;  // unique in the Spd, where a policy may still be that was called so
};

/// A policy may name an SA that is not there: it drops with kNoSa until the SA appears, and is bound then. What an
/// inbound SA may carry is the union of the selectors of the policies that name it (RFC 4301 section 5.2). The cost of
/// a change grows with the policies that name the same SA, not with the SPD.
class Policies {
  public:
    using Map = std::map<std::string, PolicyRecord, std::less<>>;

    Policies(sa::Spd& spd, SaTable& sas) : spd_(spd), sas_(sas) {}

    base::Result<void> add(model::Policy policy, model::Owner owner);
    base::Result<void> remove(std::string_view name);
    /// To make room for a successor of the name. `name` is there, `to` is free and known to nobody outside.
    void rename(std::string_view name, std::string to);
    /// Gives a policy other SAs: inbound ones are allowed to carry it first, then outbound traffic moves with one
    /// store, so a rekey loses nothing; SAs it names no more lose its selectors last.
    base::Result<void> rebind(std::string_view name, std::string outbound_sa, std::vector<std::string> inbound_sas);

    /// kInvalidArgument when a policy names this SA for the other direction.
    [[nodiscard]] base::Result<void> may_install(const model::SaParams& sa) const;
    /// What the inbound SA called `name` may carry now; null: nothing.
    [[nodiscard]] std::unique_ptr<const sa::SelectorSet> selectors_for(const std::string& name) const;
    /// Swings every policy that names this outbound SA: to it, or away from it to nothing.
    void attach_outbound(const SaRecord& sa);
    void detach_outbound(const SaRecord& sa);

    /// The record of what a look-up in the SPD found, if it is one that asks for SAs; else null.
    [[nodiscard]] const PolicyRecord* find(const sa::PolicyEntry& entry) const;

    [[nodiscard]] const PolicyRecord* find(std::string_view name) const;

    [[nodiscard]] const Map& all() const noexcept { return records_; }

  private:
    using PolicySet = std::set<const PolicyRecord*>;
    struct Users {
        PolicySet outbound;
        PolicySet inbound;
    };

    [[nodiscard]] base::Result<void> check_directions(const model::Policy& policy);
    void register_users(const PolicyRecord& record);
    void unregister_users(const PolicyRecord& record);
    void refresh_selectors(const std::vector<std::string>& inbound_sas);
    [[nodiscard]] sa::OutboundSa* outbound_of(const model::Policy& policy);

    sa::Spd& spd_;
    SaTable& sas_;
    Map records_;
    std::vector<const PolicyRecord*> by_id_;        // of those that ask for SAs; PolicyEntry::id
    std::unordered_map<std::string, Users> users_;  // by SA name, whether installed or not
};

}  // namespace ipsecgw::control
