// What somebody watches: notes packets at points of their way, for as long as a session lasts.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sa/inbound_sa.h"
#include "sa/outbound_sa.h"
#include "sa/spd.h"
#include "telemetry/drop.h"
#include "trace/filter.h"
#include "trace/record_ring.h"

struct rte_mbuf;

namespace ipsecgw::worker {

/// A session's wishes, and a ring from each worker for what it notes. Workers look at it burst by burst; without one a
/// burst costs a test and a branch at each point.
///
/// A session that follows marks packets that its filter wants where they come in, or where they come out of an SA, and
/// notes marked ones at every point. One that does not follow notes what the filter wants at each of its points.
///
/// Threads: made by control; put to use by Worker::watch(), and freed by control a grace period after it was taken out
/// of use. What is said of workers, by each of them; rings by their worker and control.
class Tap {
  public:
    struct Settings {
        trace::Filter filter;
        trace::Points points = trace::kAllPoints;
        bool follows = true;
        uint16_t snap = 192;   // bytes of a packet to keep
        uint32_t limit = 0;    // packets that follow, or records; 0: no limit
        uint32_t session = 1;  // no other has it, and not 0
        uint32_t records = 4096;  // that wait for control, of each worker
    };
    Tap(const Settings& settings, uint16_t workers);

    // Workers.
    void received(uint16_t worker, uint16_t port, std::span<rte_mbuf* const> frames) noexcept;
    /// `policies`: of each packet, null: none matched. `by_known_flow`: with their Ethernet headers still.
    void matched(uint16_t worker, trace::Point point, std::span<rte_mbuf* const> packets, const sa::PolicyEntry* const* policies,
                 bool by_known_flow) noexcept;
    void at(uint16_t worker, trace::Point point, const sa::InboundSa& sa, std::span<rte_mbuf* const> packets) noexcept;
    void at(uint16_t worker, trace::Point point, const sa::OutboundSa& sa, std::span<rte_mbuf* const> packets) noexcept;
    void handed_over(uint16_t worker, uint16_t to, std::span<rte_mbuf* const> packets) noexcept;
    void to_control(uint16_t worker, rte_mbuf* m) noexcept;
    void sent(uint16_t worker, uint16_t port, std::span<rte_mbuf* const> frames) noexcept;
    void dropped(uint16_t worker, std::span<rte_mbuf* const> packets, const telemetry::Drop* reasons) noexcept;

    // Control.
    [[nodiscard]] trace::RecordRing& ring(uint16_t worker) noexcept { return *rings_[worker]; }
    /// All that were wanted have been seen.
    [[nodiscard]] bool is_used_up() const noexcept { return settings_.limit != 0 && left_.load(std::memory_order_relaxed) <= 0; }

  private:
    struct Seen;
    [[nodiscard]] bool wants(trace::Point point) const noexcept { return (settings_.points & trace::one(point)) != 0; }
    [[nodiscard]] bool is_marked(rte_mbuf* m) const noexcept;
    [[nodiscard]] bool filter_wants(rte_mbuf* m, bool has_ethernet) const noexcept;
    bool claim() noexcept;
    /// Marks a packet that begins to be followed. False: the session has all it wanted.
    bool mark(uint16_t worker, rte_mbuf* m) noexcept;
    /// Whether it is to be noted here; one that comes out of an SA may begin here.
    bool takes(uint16_t worker, trace::Point point, rte_mbuf* m, bool has_ethernet) noexcept;
    void note(uint16_t worker, trace::Record record, rte_mbuf* m) noexcept;

    const Settings settings_;
    std::vector<std::unique_ptr<trace::RecordRing>> rings_;  // [worker]
    std::vector<uint32_t> marked_;                           // [worker] packets so far; its own
    std::atomic<int64_t> left_;
};

}  // namespace ipsecgw::worker
