// Where a worker's time goes, stage by stage, always on: one turn in many is timed.
#pragma once

#include <array>
#include <cstdint>

#include <rte_cycles.h>

#include "telemetry/counter.h"
#include "telemetry/stage.h"

namespace ipsecgw::esp {

/// A stopwatch that is handed from stage to stage. In a turn that is not timed, entering a stage costs a test and a
/// branch; in one that is, a reading of the TSC, whose own cost is taken off again. Turns without packets count
/// nowhere.
///
/// Threads: one worker; the totals may be read by any.
class StageClock {
  public:
    /// A prime: no pattern of traffic or of the worker's own periodic work falls in step with it.
    static constexpr uint32_t kTurnsPerTimed = 61;

    StageClock() noexcept
    {
        // What two readings in a row see is what one costs.
        for (int i = 0; i < 16; i++) {
            const uint64_t begin = rte_rdtsc();
            const uint64_t cost = rte_rdtsc() - begin;
            reading_cycles_ = cost < reading_cycles_ ? cost : reading_cycles_;
        }
    }

    /// The turn begins in Stage::kRx.
    void begin_turn() noexcept
    {
        timed_ = ++turn_ == kTurnsPerTimed;
        if (timed_) [[unlikely]]
            start();
    }
    void enter(telemetry::Stage stage) noexcept
    {
        if (timed_) [[unlikely]]
            switch_to(stage);
    }
    void end_turn(uint32_t packets) noexcept
    {
        if (timed_) [[unlikely]]
            finish(packets);
    }

    /// TSC cycles in a stage in the turns that were timed.
    [[nodiscard]] uint64_t cycles(telemetry::Stage stage) const noexcept
    {
        return cycles_[static_cast<size_t>(stage)].get();
    }
    /// Packets of those turns.
    [[nodiscard]] uint64_t packets() const noexcept { return packets_.get(); }

  private:
    [[gnu::cold, gnu::noinline]] void start() noexcept
    {
        turn_ = 0;
        lap_ = {};
        stage_ = telemetry::Stage::kRx;
        since_ = rte_rdtsc();
    }
    [[gnu::cold, gnu::noinline]] void switch_to(telemetry::Stage stage) noexcept
    {
        const uint64_t now = rte_rdtsc();
        const uint64_t spent = now - since_;
        lap_[static_cast<size_t>(stage_)] += spent > reading_cycles_ ? spent - reading_cycles_ : 0;
        stage_ = stage;
        since_ = now;
    }
    [[gnu::cold, gnu::noinline]] void finish(uint32_t packets) noexcept
    {
        switch_to(stage_);
        timed_ = false;
        if (packets == 0)
            return;
        for (size_t i = 0; i < telemetry::kStageCount; i++)
            cycles_[i].add(lap_[i]);
        packets_.add(packets);
    }

    bool timed_ = false;
    uint32_t turn_ = 0;
    telemetry::Stage stage_ = telemetry::Stage::kRx;
    uint64_t since_ = 0;
    uint64_t reading_cycles_ = UINT64_MAX;
    std::array<uint64_t, telemetry::kStageCount> lap_{};
    std::array<telemetry::Counter, telemetry::kStageCount> cycles_{};
    telemetry::Counter packets_;
};

}  // namespace ipsecgw::esp
