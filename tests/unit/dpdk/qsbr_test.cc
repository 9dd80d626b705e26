#include "dpdk/qsbr.h"

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace ipsecgw::dpdk {
namespace {

TEST(Qsbr, WaitsForEveryOnlineReader)
{
    auto qsbr = Qsbr::create(2);
    ASSERT_TRUE(qsbr);
    (*qsbr)->online(0);
    (*qsbr)->online(1);
    const uint64_t token = (*qsbr)->start();
    EXPECT_FALSE((*qsbr)->passed(token));
    (*qsbr)->quiescent(0);
    EXPECT_FALSE((*qsbr)->passed(token));
    (*qsbr)->offline(1);
    EXPECT_TRUE((*qsbr)->passed(token));
}

TEST(Reclaimer, FreesInOrderAfterTheGracePeriodAndTheRestAtItsEnd)
{
    auto qsbr = Qsbr::create(1);
    ASSERT_TRUE(qsbr);
    int freed = 0;
    {
        Reclaimer reclaimer(**qsbr);
        (*qsbr)->online(0);
        reclaimer.retire([&] { freed = freed * 10 + 1; });
        (*qsbr)->quiescent(0);
        reclaimer.retire([&] { freed = freed * 10 + 2; });
        EXPECT_EQ(reclaimer.pending(), 2u);
        EXPECT_EQ(reclaimer.poll(), 1u);
        EXPECT_EQ(freed, 1);
        EXPECT_EQ(reclaimer.poll(), 0u);
    }
    EXPECT_EQ(freed, 12);
}

TEST(Reclaimer, WaitsForIdleObjectsInTheirOrderWithoutHoldingUpOthers)
{
    auto qsbr = Qsbr::create(1);
    ASSERT_TRUE(qsbr);
    Reclaimer reclaimer(**qsbr);
    bool is_idle = false;
    std::string freed;
    reclaimer.retire_when([&] { return is_idle; }, [&] { freed += "a"; });
    reclaimer.retire_when([] { return true; }, [&] { freed += "b"; });
    reclaimer.retire([&] { freed += "c"; });
    EXPECT_EQ(reclaimer.poll(), 1u);
    EXPECT_EQ(freed, "c") << "a's reader may still read b";
    EXPECT_EQ(reclaimer.pending(), 2u);
    is_idle = true;
    EXPECT_EQ(reclaimer.poll(), 2u);
    EXPECT_EQ(freed, "cab");
}

TEST(Reclaimer, IdlenessDoesNotReplaceTheGracePeriod)
{
    auto qsbr = Qsbr::create(1);
    ASSERT_TRUE(qsbr);
    Reclaimer reclaimer(**qsbr);
    (*qsbr)->online(0);
    bool freed = false;
    reclaimer.retire_when([] { return true; }, [&] { freed = true; });
    EXPECT_EQ(reclaimer.poll(), 0u);
    EXPECT_FALSE(freed);
    (*qsbr)->quiescent(0);
    EXPECT_EQ(reclaimer.poll(), 1u);
    EXPECT_TRUE(freed);
}

/// Readers that come and go, as sleeping workers do: what one reads while it is there is not taken from it.
TEST(Reclaimer, OverlooksNoReaderThatComesOnline)
{
    constexpr uint16_t kReaders = 3;
    constexpr auto kDuration = std::chrono::milliseconds(300);
    constexpr uint64_t kGone = 0;
    auto qsbr = Qsbr::create(kReaders).value();
    Reclaimer reclaimer(*qsbr);
    std::array<uint64_t, 64> objects{};  // plain: tsan tells when a reader and the writer meet in one
    std::vector<uint64_t*> free_objects;
    for (uint64_t& object : objects)
        free_objects.push_back(&object);
    std::atomic<uint64_t*> published{nullptr};
    std::atomic<bool> done{false};
    std::atomic<uint64_t> reads{0}, wrong{0};
    std::vector<std::thread> readers;
    for (uint16_t id = 0; id < kReaders; id++)
        readers.emplace_back([&, id] {
            while (!done.load(std::memory_order_relaxed)) {
                qsbr->online(id);
                if (const uint64_t* object = published.load(std::memory_order_acquire); object != nullptr) {
                    wrong.fetch_add(*object == kGone ? 1 : 0, std::memory_order_relaxed);
                    reads.fetch_add(1, std::memory_order_relaxed);
                }
                qsbr->offline(id);
            }
        });
    // By time, not by count: on a busy machine a reader that is not running holds up each grace period.
    const auto end = std::chrono::steady_clock::now() + kDuration;
    for (uint64_t i = 1; std::chrono::steady_clock::now() < end; i++) {
        if (free_objects.empty() && reclaimer.poll() == 0) {
            std::this_thread::yield();
            continue;
        }
        uint64_t* next = free_objects.back();
        free_objects.pop_back();
        *next = i;
        uint64_t* old = published.exchange(next, std::memory_order_acq_rel);
        if (old != nullptr)
            reclaimer.retire([old, &free_objects] {
                *old = kGone;
                free_objects.push_back(old);
            });
        reclaimer.poll();
    }
    done = true;
    for (auto& reader : readers)
        reader.join();
    EXPECT_EQ(wrong.load(), 0u);
    reclaimer.poll(SIZE_MAX);
    EXPECT_EQ(reclaimer.pending(), 0u);
}

}  // namespace
}  // namespace ipsecgw::dpdk
