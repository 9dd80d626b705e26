// Says that the gateway is alive only while it is: the control thread turns, and so does every worker.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "control/event_loop.h"
#include "worker/worker.h"

namespace ipsecgw::app {

/// Looks three times in an interval. A look at which every worker has turned since the one before says `alive`; a
/// worker that hangs keeps it quiet, as a control thread that hangs does by itself. Threads: the loop's.
class Watchdog {
  public:
    /// Both outlive this. `interval_ns` 0: nobody watches, and nothing is done.
    Watchdog(control::EventLoop& loop, std::vector<const worker::Worker*> workers, uint64_t interval_ns,
             std::function<void()> alive);
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

  private:
    void arm();
    void look();

    control::EventLoop& loop_;
    const std::vector<const worker::Worker*> workers_;
    std::vector<uint64_t> turns_;  // of each worker at the last look
    const uint64_t interval_ns_;
    const std::function<void()> alive_;
    uint64_t timer_ = 0;
};

}  // namespace ipsecgw::app
