#include "app/watchdog.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "support/site.h"

namespace ipsecgw::app {
namespace {

constexpr uint64_t kIntervalNs = 6'000'000;

/// Runs the loop for ten intervals, with `turn` called between looks, and returns how often `alive` was said.
int said(std::vector<const worker::Worker*> workers, uint64_t interval_ns, const std::function<void()>& turn)
{
    auto loop = control::EventLoop::create();
    EXPECT_TRUE(loop);
    int count = 0;
    const Watchdog watchdog(**loop, std::move(workers), interval_ns, [&] {
        count++;
        turn();
    });
    turn();
    loop.value()->arm(base::monotonic_ns() + 10 * kIntervalNs, [&] { loop.value()->stop(); });
    loop.value()->run();
    return count;
}

TEST(Watchdog, SaysAliveWhileTheLoopTurns)
{
    EXPECT_GT(said({}, kIntervalNs, [] {}), 1);
}

TEST(Watchdog, IsQuietWhenNobodyWatches)
{
    EXPECT_EQ(said({}, 0, [] {}), 0);
}

TEST(Watchdog, IsQuietFromTheLookAtWhichAWorkerHasNotTurned)
{
    const auto site = test::make_site({.number = 1, .workers = 2});
    const std::vector<const worker::Worker*> workers = {&site->worker(0), &site->worker(1)};
    const auto all_turn = [&] {
        site->worker(0).turn();
        site->worker(1).turn();
    };
    EXPECT_GT(said(workers, kIntervalNs, all_turn), 1);
    EXPECT_EQ(said(workers, kIntervalNs, [&] { site->worker(0).turn(); }), 0) << "worker 1 hangs";
}

}  // namespace
}  // namespace ipsecgw::app
