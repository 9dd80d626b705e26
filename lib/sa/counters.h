// What is counted for one SA.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "telemetry/counter.h"
#include "telemetry/drop.h"

namespace ipsecgw::sa {

/// What one worker has passed on. `bytes` are inner IP bytes. Written by that worker; read by control.
struct SaCounters {
    telemetry::Counter packets;
    telemetry::Counter bytes;
    telemetry::Counter last_used_tsc;
};

/// Packets lost, by reason. One for all workers: losses are rare, and eight workers' would be most of an SA's memory.
/// Added to by any worker; read by control.
class SaDrops {
  public:
    /// `reason` must be one of those counted per SA.
    void add(telemetry::Drop reason, uint64_t packets = 1) noexcept
    {
        counts_[static_cast<size_t>(reason)].fetch_add(packets, std::memory_order_relaxed);
    }
    [[nodiscard]] uint64_t get(telemetry::Drop reason) const noexcept
    {
        return counts_[static_cast<size_t>(reason)].load(std::memory_order_relaxed);
    }

  private:
    std::array<std::atomic<uint64_t>, telemetry::kSaDropCount> counts_{};
};

}  // namespace ipsecgw::sa
