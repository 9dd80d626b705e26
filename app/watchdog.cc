#include "app/watchdog.h"

#include <utility>

#include "base/clock.h"

namespace ipsecgw::app {

Watchdog::Watchdog(control::EventLoop& loop, std::vector<const worker::Worker*> workers, uint64_t interval_ns,
                   std::function<void()> alive)
    : loop_(loop), workers_(std::move(workers)), interval_ns_(interval_ns), alive_(std::move(alive))
{
    for (const auto* worker : workers_)
        turns_.push_back(worker->counters().turns.get());
    if (interval_ns_ != 0)
        arm();
}

Watchdog::~Watchdog()
{
    loop_.cancel(timer_);
}

void Watchdog::arm()
{
    timer_ = loop_.arm(base::monotonic_ns() + interval_ns_ / 3, [this] { look(); });
}

void Watchdog::look()
{
    bool all = true;
    for (size_t i = 0; i < workers_.size(); i++) {
        const uint64_t turns = workers_[i]->counters().turns.get();
        all &= turns != std::exchange(turns_[i], turns);
    }
    if (all)
        alive_();
    arm();
}

}  // namespace ipsecgw::app
