#include "ike/timer_queue.h"

#include <map>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace ipsecgw::ike {
namespace {

TEST(TimerQueue, TakesWhatIsDueEarliestFirst)
{
    TimerQueue queue;
    Timer a(TimerKind::kRetransmit, 1, 0), b(TimerKind::kLiveness, 2, 0), c(TimerKind::kRekeyChild, 3, 7);
    queue.set(a, 30);
    queue.set(b, 10);
    queue.set(c, 20);
    EXPECT_EQ(queue.next_ns(), 10U);
    EXPECT_EQ(queue.take_due(9), nullptr);
    EXPECT_EQ(queue.take_due(25), &b);
    EXPECT_FALSE(b.is_set());
    EXPECT_EQ(queue.take_due(25), &c);
    EXPECT_EQ(queue.take_due(25), nullptr);
    EXPECT_EQ(queue.next_ns(), 30U);
}

TEST(TimerQueue, ATimerThatGoesLeaves)
{
    TimerQueue queue;
    {
        Timer gone(TimerKind::kRetransmit, 1, 0);
        queue.set(gone, 1);
    }
    EXPECT_EQ(queue.size(), 0U);
    EXPECT_EQ(queue.next_ns(), kNeverNs);
}

TEST(TimerQueue, NeverCancels)
{
    TimerQueue queue;
    Timer timer(TimerKind::kRetransmit, 1, 0);
    queue.set(timer, 5);
    queue.set(timer, kNeverNs);
    EXPECT_FALSE(timer.is_set());
    EXPECT_EQ(queue.size(), 0U);
}

TEST(TimerQueue, AgreesWithASortedListThroughManyMoves)
{
    std::mt19937 random(7);
    TimerQueue queue;
    std::vector<std::unique_ptr<Timer>> timers;
    std::multimap<uint64_t, Timer*> naive;
    const auto forget = [&](Timer* timer) {
        std::erase_if(naive, [&](const auto& entry) { return entry.second == timer; });
    };
    for (uint32_t i = 0; i < 100; i++)
        timers.push_back(std::make_unique<Timer>(TimerKind::kRetransmit, i, 0));
    for (int step = 0; step < 5000; step++) {
        Timer* timer = timers[random() % timers.size()].get();
        forget(timer);
        if (random() % 4 == 0) {
            queue.cancel(*timer);
        } else {
            const uint64_t when = random() % 1000;
            queue.set(*timer, when);
            naive.emplace(when, timer);
        }
        if (random() % 8 == 0) {
            const uint64_t now = random() % 200;
            while (Timer* due = queue.take_due(now)) {
                ASSERT_FALSE(naive.empty());
                forget(due);
            }
            ASSERT_TRUE(naive.empty() || naive.begin()->first > now);
        }
        ASSERT_EQ(queue.next_ns(), naive.empty() ? kNeverNs : naive.begin()->first);
        ASSERT_EQ(queue.size(), naive.size());
    }
}

}  // namespace
}  // namespace ipsecgw::ike
