#include "worker/punt.h"

#include <array>
#include <atomic>
#include <poll.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "support/mbufs.h"

namespace ipsecgw::worker {
namespace {

bool readable(int fd, int timeout_ms = 0)
{
    pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
    return poll(&entry, 1, timeout_ms) == 1;
}

TEST(PuntQueue, KeepsOrderAndRefusesWhenFull)
{
    const test::TestPool pool;
    auto queue = PuntQueue::create(7);
    ASSERT_TRUE(queue);
    std::vector<rte_mbuf*> put;
    rte_mbuf* m = pool.make({1});
    for (; (*queue)->put(m); m = pool.make({1}))
        put.push_back(m);
    EXPECT_GE(put.size(), 7u);
    rte_pktmbuf_free(m);  // the refused one is the caller's
    std::array<rte_mbuf*, 64> taken;
    ASSERT_EQ((*queue)->take(taken), put.size());
    for (size_t i = 0; i < put.size(); i++) {
        EXPECT_EQ(taken[i], put[i]);
        rte_pktmbuf_free(taken[i]);
    }
    EXPECT_EQ((*queue)->take(taken), 0u);
    EXPECT_EQ(pool.in_use(), 0u);
}

TEST(PuntQueue, WakesASleeperOnceAndNobodyElse)
{
    const test::TestPool pool;
    auto queue = PuntQueue::create(64);
    ASSERT_TRUE(queue);
    std::array<rte_mbuf*, 64> taken;
    ASSERT_TRUE((*queue)->put(pool.make({1})));
    EXPECT_FALSE(readable((*queue)->event_fd())) << "nobody sleeps";
    EXPECT_FALSE((*queue)->prepare_to_sleep()) << "a packet waits";
    ASSERT_EQ((*queue)->take(taken), 1u);
    rte_pktmbuf_free(taken[0]);

    EXPECT_TRUE((*queue)->prepare_to_sleep());
    EXPECT_FALSE(readable((*queue)->event_fd()));
    ASSERT_TRUE((*queue)->put(pool.make({1})));
    ASSERT_TRUE((*queue)->put(pool.make({1})));
    EXPECT_TRUE(readable((*queue)->event_fd()));
    uint64_t writes = 0;
    ASSERT_EQ(read((*queue)->event_fd(), &writes, sizeof writes), static_cast<ssize_t>(sizeof writes));
    EXPECT_EQ(writes, 1u) << "one wake-up for both";
    (*queue)->woke();
    EXPECT_FALSE(readable((*queue)->event_fd()));
    EXPECT_FALSE((*queue)->prepare_to_sleep());
    EXPECT_EQ((*queue)->take(taken), 2u);
    rte_pktmbuf_free_bulk(taken.data(), 2);
}

TEST(PuntQueue, FreesWhatNobodyTook)
{
    const test::TestPool pool;
    auto queue = PuntQueue::create(64);
    ASSERT_TRUE(queue);
    for (int i = 0; i < 10; i++)
        ASSERT_TRUE((*queue)->put(pool.make({1})));
}

/// Two producers and a consumer that sleeps whenever it may: a lost wake-up would leave it in poll().
TEST(PuntQueue, LosesNoWakeUp)
{
    constexpr int kPackets = 20'000;
    const test::TestPool pool;
    auto created = PuntQueue::create(256);
    ASSERT_TRUE(created);
    PuntQueue& queue = **created;
    std::atomic<int> window{0};  // so that the pool does not run dry
    const auto produce = [&] {
        for (int i = 0; i < kPackets / 2; i++) {
            while (window.load() > 200)
                std::this_thread::yield();
            window++;
            while (!queue.put(pool.make({1})))
                std::this_thread::yield();
        }
    };
    std::thread first(produce), second(produce);
    std::array<rte_mbuf*, 64> taken;
    int received = 0;
    while (received < kPackets) {
        const uint32_t count = queue.take(taken);
        rte_pktmbuf_free_bulk(taken.data(), count);
        received += static_cast<int>(count);
        window -= static_cast<int>(count);
        if (count == 0 && received < kPackets && queue.prepare_to_sleep()) {
            ASSERT_TRUE(readable(queue.event_fd(), 20'000)) << "slept through a packet";
            queue.woke();
        }
    }
    first.join();
    second.join();
}

}  // namespace
}  // namespace ipsecgw::worker
