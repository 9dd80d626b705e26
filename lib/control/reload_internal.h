// From what runs to what a configuration wants, without disturbing what both have.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "control/control_plane_internal.h"

namespace ipsecgw::control {

/// Made for one reload; refers to the state and to the configuration.
class Reload {
  public:
    /// Finds out what is to be done. Changes nothing.
    Reload(ControlPlane& plane, ControlPlane::State& state, const model::Gateway& wanted);

    [[nodiscard]] ReloadPlan take_plan() { return std::move(plan_); }
    [[nodiscard]] const ReloadPlan& plan() const noexcept { return plan_; }
    /// Only without errors in the plan.
    /// See ControlPlane::reload().
    base::Result<std::vector<base::Error>> apply();

  private:
    struct SaStep {
        const model::SaParams* wanted;
        SaRecord* old;          // of its name; null: none
        SaRecord* predecessor;  // whose sequence numbers go on; null: nobody's
        std::string waits_for;  // who has its inbound SPI until then; empty: nobody
    };
    struct PolicyStep {
        const model::Policy* wanted;
        enum class How : uint8_t { kAdd, kRebind, kReplace } how;
    };

    void compare_sas();
    void compare_sa(const model::SaParams& wanted);
    void check_spi(SaStep& step);
    void find_predecessor(SaStep& step);
    void compare_policies();
    void compare_routes();
    void compare_neighbours();
    void note(Change::Kind kind, std::string_view object, std::string name, std::vector<std::string> settings = {});
    void refuse(base::Error error) { plan_.errors.push_back(std::move(error)); }
    [[nodiscard]] bool goes(const SaRecord& record) const;

    base::Result<void> add_policies(bool (*is_of_this_turn)(const model::Policy&));
    base::Result<void> change_neighbours();
    base::Result<void> change_routes();
    base::Result<void> install_sas();
    base::Result<void> rebind_policies();
    void remove_policies();
    void remove_sas();
    std::vector<base::Error> install_waiting();
    void take_back();

    ControlPlane& plane_;
    ControlPlane::State& state_;
    const model::Gateway& wanted_;
    ReloadPlan plan_;

    std::map<std::string_view, const model::SaParams*> wanted_sas_;
    std::vector<SaStep> sas_;
    std::vector<SaRecord*> old_sas_;  // that go
    std::vector<PolicyStep> policies_;
    std::vector<std::string> old_policies_;  // that go
    std::vector<model::Route> new_routes_;
    std::vector<net::Prefix> old_routes_;
    std::vector<model::Neighbour> new_neighbours_, old_neighbours_;
    std::vector<std::function<void()>> undo_;
};

}  // namespace ipsecgw::control
