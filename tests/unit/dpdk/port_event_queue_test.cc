#include "dpdk/port_event_queue.h"

#include <array>
#include <poll.h>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace ipsecgw::dpdk {
namespace {

bool readable(int fd, int wait_ms)
{
    pollfd one{fd, POLLIN, 0};
    return poll(&one, 1, wait_ms) == 1;
}

TEST(PortEventQueue, KeepsTheOrderAndCountsWhatFoundItFull)
{
    const auto queue = PortEventQueue::create(4).value();
    EXPECT_FALSE(readable(queue->event_fd(), 0));
    for (uint16_t port = 0; port < 6; port++)
        queue->put({PortEventKind::kReset, port, port});
    EXPECT_EQ(queue->lost(), 2u);
    EXPECT_TRUE(readable(queue->event_fd(), 0));
    const auto events = queue->take();
    ASSERT_EQ(events.size(), 4u);
    EXPECT_EQ(events.front().port_id, 0);
    EXPECT_EQ(events.back().port_id, 3);
    EXPECT_FALSE(readable(queue->event_fd(), 0));
    queue->put({PortEventKind::kRemoved, 9, 0});
    EXPECT_TRUE(readable(queue->event_fd(), 0)) << "who has taken is woken again";
}

/// A reader that sleeps whenever it has taken all: a lost wake-up would leave it in poll().
TEST(PortEventQueue, LosesNoWakeUp)
{
#ifdef __SANITIZE_THREAD__
    // One: producers of an rte_ring wait for each other by relaxed loads, which the sanitizer does not follow.
    constexpr uint16_t kWriters = 1;
#else
    constexpr uint16_t kWriters = 3;
#endif
    constexpr uint64_t kEvents = 1'000;  // of each
    const auto queue = PortEventQueue::create(kWriters * kEvents).value();
    std::vector<std::thread> writers;
    for (uint16_t writer = 0; writer < kWriters; writer++)
        writers.emplace_back([&queue, writer] {
            for (uint64_t i = 0; i < kEvents; i++) {
                queue->put({PortEventKind::kSoftPackets, writer, i});
                if (i % 16 == 0)
                    std::this_thread::yield();
            }
        });
    std::array<uint64_t, kWriters> next{};
    bool in_order = true, woken = true;
    for (uint64_t taken = 0; taken < kWriters * kEvents && woken;) {
        woken = readable(queue->event_fd(), 20'000);
        for (const PortEvent& event : queue->take()) {
            in_order = in_order && event.userdata == next[event.port_id]++;
            taken++;
        }
    }
    for (auto& writer : writers)
        writer.join();
    EXPECT_TRUE(woken) << "slept through an event";
    EXPECT_TRUE(in_order);
    EXPECT_EQ(queue->lost(), 0u);
}

}  // namespace
}  // namespace ipsecgw::dpdk
