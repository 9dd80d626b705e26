// Where a worker's dropped packets go: counted by reason, freed in bulk. And the clock of its stages.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include <rte_mbuf.h>

#include "esp/stage_clock.h"
#include "sa/counters.h"
#include "telemetry/counter.h"
#include "telemetry/drop.h"

namespace ipsecgw::esp {

/// What the bursts of one worker report to. Owns every mbuf it is given. Written by that worker; counters read by control.
class DropSink {
 public:
    DropSink() = default;
    ~DropSink() { flush(); }
    DropSink(const DropSink&) = delete;
    DropSink& operator=(const DropSink&) = delete;

    void drop(rte_mbuf* m, telemetry::Drop reason) noexcept
    {
        counters_[static_cast<size_t>(reason)].add(1);
        reasons_[count_] = reason;
        waiting_[count_++] = m;
        if (count_ == waiting_.size())
            flush();
    }
    /// `reason` must be one of those counted per SA.
    void drop(rte_mbuf* m, telemetry::Drop reason, sa::SaDrops& sa) noexcept
    {
        sa.add(reason);
        drop(m, reason);
    }
    /// Frees what waits. The worker calls it once per turn.
    void flush() noexcept
    {
        if (count_ == 0)
            return;
        if (watch_ != nullptr) [[unlikely]]
            watch_(watcher_, {waiting_.data(), count_}, reasons_.data());
        rte_pktmbuf_free_bulk(waiting_.data(), count_);
        count_ = 0;
    }
    /// Who sees packets right before they are freed, with their reasons; null: nobody.
    using Watch = void (*)(void* watcher, std::span<rte_mbuf* const> packets, const telemetry::Drop* reasons) noexcept;
    void watch(Watch how, void* watcher) noexcept
    {
        watch_ = how;
        watcher_ = watcher;
    }
    [[nodiscard]] uint64_t count(telemetry::Drop reason) const noexcept
    {
        return counters_[static_cast<size_t>(reason)].get();
    }

    StageClock clock;

 private:
    std::array<telemetry::Counter, telemetry::kDropCount> counters_{};
    std::array<rte_mbuf*, 64> waiting_{};
    std::array<telemetry::Drop, 64> reasons_{};  // of those that wait
    uint32_t count_ = 0;
    Watch watch_ = nullptr;
    void* watcher_ = nullptr;
};

}  // namespace ipsecgw::esp
