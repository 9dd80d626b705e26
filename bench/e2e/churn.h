// SAs replaced under load, as a rekey does it, and policies that come and go, from the control plane's side.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "case.h"
#include "rig.h"

namespace ipsecgw::bench {

/// Replaces SAs of a case that are in use, one after the other, make before break: new SA, policy moved, traffic moved,
/// old SA removed once nothing of it is under way. Threads: the one that made the rig, while workers run.
class Churn {
  public:
    Churn(const Case& what, Rig& rig) : what_(what), rig_(rig), live_(what.sas) {}

    /// At the case's rates until `done` says so. An error of the control plane ends it.
    base::Result<void> run(const std::function<bool()>& done);
    /// Replacements a second that run() came to.
    [[nodiscard]] double rate() const { return rate_; }
    /// Policies added and removed a second.
    [[nodiscard]] double policy_rate() const { return policy_rate_; }

  private:
    struct Old {
        uint32_t sa;
        uint64_t token;  // of the workers' quiescence
    };
    base::Result<void> replace(uint32_t sa);
    base::Result<void> remove_old();
    /// The policy gets the newest outbound SA, or all inbound ones there are.
    base::Result<void> bind(uint32_t sa);
    /// Removes a policy that no packet matches, or adds it again.
    base::Result<void> change_policy();

    const Case& what_;
    Rig& rig_;
    std::vector<std::vector<std::string>> live_;  // names by SA, oldest first; empty: the one it was made with
    std::deque<Old> old_;
    uint32_t serial_ = 0;
    double rate_ = 0;
    uint64_t policy_serial_ = 0;
    double policy_rate_ = 0;
};

}  // namespace ipsecgw::bench
