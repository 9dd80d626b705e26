// What SAs have carried, tunnel by tunnel, so that counters go on where an SA takes another's place.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/control_plane.h"
#include "control/sa_table_internal.h"
#include "dpdk/qsbr.h"

namespace ipsecgw::control {

/// One direction of a tunnel. A walk over all SAs takes many turns, and SAs go meanwhile: what a removed SA had counted
/// moves to `retired` at once, and `moved` says how much of that the walk has seen, or is taken to have seen.
struct TunnelSide {
    uint32_t sas = 0;
    uint64_t installs = 0;
    uint64_t rekeys = 0;
    SaCounts retired;  // of SAs that are gone
    // Of the walk with this number, and no other.
    uint64_t walk = 0;
    SaCounts seen;
    SaCounts moved;
    uint64_t oldest_ns = kNever;

    void begin(uint64_t number);
    [[nodiscard]] SaCounts total(uint64_t number) const;
};

struct Tunnel {
    std::string name;
    std::array<TunnelSide, 2> sides;  // [model::Direction]
    bool is_listed_idle = false;

    [[nodiscard]] uint32_t sas() const noexcept { return sides[0].sas + sides[1].sas; }
};

/// At most `max` tunnels have counters of their own; where there are more, those without an SA go first, the longest
/// idle before the others, and what remains shares kOtherTunnels. A total never falls.
class Tunnels {
  public:
    static constexpr size_t kSasPerStep = 1024;

    explicit Tunnels(size_t max) : max_(max), others_(std::make_shared<Tunnel>()) { others_->name = kOtherTunnels; }

    void add(SaRecord& record);
    /// Before its hot object is retired: what is counted until the grace period is over is added then.
    void remove(SaRecord& record, dpdk::Reclaimer& reclaimer);

    void count(std::function<void(std::vector<TunnelStatus>)> done) { waiting_.push_back(std::move(done)); }
    /// Goes on with the walk, a bounded number of SAs. True: there is more to do.
    bool step(const SaTable& sas, uint64_t now_ns);
    /// step() has something to do.
    [[nodiscard]] bool is_counting() const noexcept { return !waiting_.empty() || !asking_.empty(); }

  private:
    std::shared_ptr<Tunnel> find_or_make(const std::string& name);
    bool forget_idle();
    void finish(uint64_t now_ns);

    const size_t max_;
    std::map<std::string, std::shared_ptr<Tunnel>, std::less<>> tunnels_;
    std::shared_ptr<Tunnel> others_;
    std::deque<std::weak_ptr<Tunnel>> idle_;  // without an SA, oldest first; some may have SAs again

    using Done = std::function<void(std::vector<TunnelStatus>)>;
    std::vector<Done> waiting_;  // for the next walk
    std::vector<Done> asking_;   // for this one
    uint64_t walk_ = 0;
    std::string cursor_;         // the name of the last SA seen
};

}  // namespace ipsecgw::control
