#include "control/event_loop.h"

#include <array>
#include <atomic>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/epoll.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"

namespace ipsecgw::control {
namespace {

struct Pipe {
    Pipe() { EXPECT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0); }
    ~Pipe()
    {
        close(ends[0]);
        close(ends[1]);
    }
    void write_one() const { EXPECT_EQ(write(ends[1], "x", 1), 1); }
    void read_one() const
    {
        char c;
        EXPECT_EQ(read(ends[0], &c, 1), 1);
    }
    int ends[2];
};

class EventLoopTest : public testing::Test {
  protected:
    EventLoopTest() : loop(EventLoop::create().value()) {}
    std::unique_ptr<EventLoop> loop;
};

TEST_F(EventLoopTest, RunsTasksInTheOrderPosted)
{
    std::vector<int> order;
    for (int i = 0; i < 100; i++)
        loop->post([&order, i] { order.push_back(i); });
    loop->post([&] { loop->stop(); });
    loop->run();
    ASSERT_EQ(order.size(), 100u);
    for (int i = 0; i < 100; i++)
        EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST_F(EventLoopTest, StopBeforeRunReturnsAtOnceAndDestroysTasksUnrun)
{
    const auto token = std::make_shared<int>(0);
    bool ran = false;
    loop->post([&ran, token] { ran = true; });
    loop->stop();
    loop->run();
    EXPECT_FALSE(ran);
    EXPECT_EQ(token.use_count(), 1);
    loop->post([&ran, token] { ran = true; });
    EXPECT_EQ(token.use_count(), 1);
}

TEST_F(EventLoopTest, TaskDestructorMayPostWhileTheLoopCloses)
{
    struct PostsWhenDestroyed {
        explicit PostsWhenDestroyed(EventLoop& target) : loop(target) {}
        ~PostsWhenDestroyed()
        {
            loop.post([] {});
        }
        EventLoop& loop;
    };
    loop->post([keep = std::make_shared<PostsWhenDestroyed>(*loop)] {});
    loop->stop();
    loop->run();
}

TEST_F(EventLoopTest, StopInsideATaskLeavesTheRestUnrun)
{
    int ran = 0;
    loop->post([&] { ran++; });
    loop->post([&] { loop->stop(); });
    loop->post([&] { ran++; });
    loop->run();
    EXPECT_EQ(ran, 1);
}

TEST_F(EventLoopTest, CallsTheWatcherOfAReadableDescriptor)
{
    const Pipe p;
    uint32_t seen = 0;
    ASSERT_TRUE(loop->watch(p.ends[0], EPOLLIN, [&](uint32_t events) {
        seen = events;
        p.read_one();
        loop->stop();
    }));
    p.write_one();
    loop->run();
    EXPECT_EQ(seen, static_cast<uint32_t>(EPOLLIN));
}

TEST_F(EventLoopTest, ChangeTurnsEventsOffAndOn)
{
    const Pipe p;
    int calls = 0;
    ASSERT_TRUE(loop->watch(p.ends[0], EPOLLIN, [&](uint32_t) {
        calls++;
        EXPECT_TRUE(loop->change(p.ends[0], 0));  // level-triggered: without this it would be called again
        loop->arm(base::monotonic_ns() + 20'000'000, [&] { loop->stop(); });
    }));
    p.write_one();
    loop->run();
    EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, RefusesASecondWatchAndUnknownDescriptors)
{
    const Pipe p;
    ASSERT_TRUE(loop->watch(p.ends[0], EPOLLIN, [](uint32_t) {}));
    EXPECT_EQ(loop->watch(p.ends[0], EPOLLIN, [](uint32_t) {}).error().code, base::ErrorCode::kAlreadyExists);
    EXPECT_EQ(loop->change(p.ends[1], EPOLLIN).error().code, base::ErrorCode::kNotFound);
    EXPECT_EQ(loop->watch(-1, EPOLLIN, [](uint32_t) {}).error().code, base::ErrorCode::kIo);
    loop->unwatch(p.ends[1]);
}

TEST_F(EventLoopTest, UnwatchInsideItsOwnCallbackIsSafe)
{
    const Pipe p;
    auto token = std::make_shared<int>(7);
    std::weak_ptr<int> alive = token;
    ASSERT_TRUE(loop->watch(p.ends[0], EPOLLIN, [this, &p, token](uint32_t) {
        loop->unwatch(p.ends[0]);
        EXPECT_EQ(*token, 7);  // the callback lives until it returns
        loop->post([this] { loop->stop(); });
    }));
    token.reset();
    p.write_one();
    loop->run();
    EXPECT_TRUE(alive.expired());
}

TEST_F(EventLoopTest, AnUnwatchedDescriptorIsNotCalledInTheSameTurnEvenWhenItsNumberIsReused)
{
    auto first = std::make_unique<Pipe>();
    auto second = std::make_unique<Pipe>();
    int calls = 0;
    int stale = 0;
    // Both are ready in one epoll_wait; whichever runs first takes the other's number for something else.
    const auto replace = [&](std::unique_ptr<Pipe>& mine, std::unique_ptr<Pipe>& other) {
        calls++;
        mine->read_one();
        loop->unwatch(mine->ends[0]);
        loop->unwatch(other->ends[0]);
        other.reset();
        other = std::make_unique<Pipe>();  // takes the freed numbers
        EXPECT_TRUE(loop->watch(other->ends[0], EPOLLIN, [&](uint32_t) { stale++; }));
        loop->arm(base::monotonic_ns() + 10'000'000, [&] { loop->stop(); });
    };
    ASSERT_TRUE(loop->watch(first->ends[0], EPOLLIN, [&](uint32_t) { replace(first, second); }));
    ASSERT_TRUE(loop->watch(second->ends[0], EPOLLIN, [&](uint32_t) { replace(second, first); }));
    first->write_one();
    second->write_one();
    loop->run();
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(stale, 0);
}

TEST_F(EventLoopTest, TimersFireInTimeOrderAndNotBeforeTheirTime)
{
    const uint64_t now = base::monotonic_ns();
    std::vector<int> order;
    loop->arm(now + 3'000'000, [&] {
        order.push_back(3);
        EXPECT_GE(base::monotonic_ns(), now + 3'000'000);
        loop->stop();
    });
    loop->arm(now + 1'000'000, [&] { order.push_back(1); });
    loop->arm(now + 2'000'000, [&] { order.push_back(2); });
    loop->run();
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST_F(EventLoopTest, ATimerCancelledByOneDueWithItDoesNotFire)
{
    const uint64_t now = base::monotonic_ns();
    bool fired = false;
    uint64_t second = 0;
    loop->arm(now, [&] { loop->cancel(second); });
    second = loop->arm(now, [&] { fired = true; });
    const uint64_t third = loop->arm(now + 1'000'000, [&] { loop->stop(); });
    EXPECT_NE(second, third);
    loop->cancel(0);
    loop->run();
    EXPECT_FALSE(fired);
    loop->cancel(third);  // has fired: ignored
}

TEST_F(EventLoopTest, ATimerThatRearmsItselfForNowDoesNotStarveDescriptors)
{
    const Pipe p;
    std::function<void()> again = [&] { loop->arm(0, again); };
    loop->arm(0, again);
    ASSERT_TRUE(loop->watch(p.ends[0], EPOLLIN, [&](uint32_t) { loop->stop(); }));
    p.write_one();
    loop->run();
}

TEST_F(EventLoopTest, BeforeSleepKeepsTheLoopAwakeWhileThereIsWork)
{
    int work = 1000;
    loop->set_before_sleep([&] {
        if (--work == 0)
            loop->stop();
        return work <= 0;
    });
    loop->run();
    EXPECT_EQ(work, 0);
}

TEST_F(EventLoopTest, AnExceptionIsReportedAndTheLoopGoesOn)
{
    const Pipe p;
    testing::internal::CaptureStderr();
    loop->post([] { throw std::runtime_error("task trouble"); });
    loop->arm(0, [] { throw std::runtime_error("timer trouble"); });
    ASSERT_TRUE(loop->watch(p.ends[0], EPOLLIN, [&](uint32_t) {
        loop->unwatch(p.ends[0]);
        loop->post([&] { loop->stop(); });
        throw std::runtime_error("descriptor trouble");
    }));
    bool first = true;
    loop->set_before_sleep([&first]() -> bool {
        if (std::exchange(first, false))
            throw 7;
        return true;
    });
    p.write_one();
    loop->run();
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_NE(text.find("a task failed: task trouble"), std::string::npos) << text;
    EXPECT_NE(text.find("a timer failed: timer trouble"), std::string::npos) << text;
    EXPECT_NE(text.find("a descriptor callback failed: descriptor trouble"), std::string::npos) << text;
    EXPECT_NE(text.find("a before-sleep hook failed with an unknown exception"), std::string::npos) << text;
}

TEST_F(EventLoopTest, ManyThreadsPostAndEachOnesOrderHolds)
{
    constexpr int kThreads = 4;
    constexpr int kTasks = 5000;
    std::array<int, kThreads> next{};  // the loop's thread alone touches it
    int done = 0;
    std::vector<std::thread> posters;
    for (int t = 0; t < kThreads; t++)
        posters.emplace_back([&, t] {
            for (int i = 0; i < kTasks; i++)
                loop->post([&, t, i] {
                    EXPECT_EQ(next[static_cast<size_t>(t)]++, i);
                    if (++done == kThreads * kTasks)
                        loop->stop();
                });
        });
    loop->run();
    for (auto& poster : posters)
        poster.join();
    EXPECT_EQ(done, kThreads * kTasks);
}

TEST_F(EventLoopTest, StopFromAnotherThreadWakesASleepingLoopWhileOthersStillPost)
{
    std::thread runner([&] { loop->run(); });
    std::atomic<bool> quit{false};
    std::thread poster([&] {
        while (!quit.load())
            loop->post([] {});
    });
    std::thread stopper([&] { loop->stop(); });
    stopper.join();
    runner.join();
    quit.store(true);
    poster.join();
}

}  // namespace
}  // namespace ipsecgw::control
