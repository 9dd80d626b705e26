#include "control/event_loop.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

namespace ipsecgw::control {
namespace {

constexpr uint64_t kMailbox = 0;  // epoll tag of the eventfd; watches count from 1
constexpr size_t kEventsPerTurn = 64;
constexpr uint64_t kNsPerMs = 1'000'000;
constexpr int kRetryMs = 100;  // after a before-sleep hook that failed: it may have been about to arm a timer

/// Runs a callback so that nothing it throws gets lost or stops the loop.
template <class F, class... Args>
void guarded(const char* kind, const F& callback, Args... args)
{
    try {
        callback(args...);
    } catch (const std::exception& e) {
        base::log(base::LogLevel::kError, "event loop: a %s failed: %s", kind, e.what());
    } catch (...) {
        base::log(base::LogLevel::kError, "event loop: a %s failed with an unknown exception", kind);
    }
}

base::Error io_error(const char* call, int fd)
{
    return {base::ErrorCode::kIo, base::format("%s for descriptor %d: %s", call, fd, std::strerror(errno)), ""};
}

}  // namespace

struct EventLoop::State {
    struct Watch {
        int fd;
        std::function<void(uint32_t)> ready;
    };
    using TimerKey = std::pair<uint64_t, uint64_t>;  // when, id: equal times fire in the order armed

    int epoll_fd = -1;
    int event_fd = -1;

    // The loop's thread only.
    uint64_t last_id = 0;
    std::unordered_map<uint64_t, std::shared_ptr<Watch>>
        watches;                             // by tag: an event for a tag taken back finds nothing,
    std::unordered_map<int, uint64_t> tags;  // even when its fd number is in use again
    std::map<TimerKey, std::function<void()>> timers;
    std::unordered_map<uint64_t, uint64_t> timer_when;
    std::function<bool()> before_sleep;

    std::atomic<bool> stopping{false};
    std::mutex mutex;
    std::vector<std::function<void()>> mailbox;  // under mutex
    bool closed = false;                         // under mutex: nothing runs any more

    ~State()
    {
        if (event_fd >= 0)
            close(event_fd);
        if (epoll_fd >= 0)
            close(epoll_fd);
    }
    void ring() const
    {
        const uint64_t one = 1;
        // Only EAGAIN can happen, on a counter that is not zero anyway: the loop wakes.
        [[maybe_unused]] const auto written = write(event_fd, &one, sizeof one);
    }
    void run_timers();
    void run_mailbox();
    void close_mailbox();
    int timeout_ms();
    void wait();
};

void EventLoop::State::run_timers()
{
    // What is due is fixed first: a timer that arms itself for now runs in the next turn, so descriptors get theirs.
    const uint64_t now = base::monotonic_ns();
    std::vector<TimerKey> due;
    for (auto it = timers.begin(); it != timers.end() && it->first.first <= now; ++it)
        due.push_back(it->first);
    for (const TimerKey& key : due) {
        if (stopping.load(std::memory_order_relaxed))
            return;
        const auto timer = timers.extract(key);
        if (timer.empty())
            continue;  // cancelled by one before it
        timer_when.erase(key.second);
        guarded("timer", timer.mapped());
    }
}

void EventLoop::State::run_mailbox()
{
    std::vector<std::function<void()>> tasks;
    {
        const std::lock_guard lock(mutex);
        tasks.swap(mailbox);
    }
    for (auto& task : tasks) {
        if (stopping.load(std::memory_order_relaxed))
            return;
        guarded("task", task);
        task = nullptr;  // what it holds goes before the next one runs
    }
}

void EventLoop::State::close_mailbox()
{
    std::vector<std::function<void()>> unrun;
    const std::lock_guard lock(mutex);
    closed = true;
    unrun.swap(mailbox);
    // `unrun` was declared before the lock: the tasks go after the mutex is free, since a destructor may post.
}

int EventLoop::State::timeout_ms()
{
    if (before_sleep) {
        std::optional<bool> may_sleep;
        guarded("before-sleep hook", [&] { may_sleep = before_sleep(); });
        if (!may_sleep.has_value())
            return kRetryMs;
        if (!*may_sleep)
            return 0;
    }
    {
        const std::lock_guard lock(mutex);
        if (!mailbox.empty())
            return 0;
    }
    if (timers.empty())
        return -1;
    const uint64_t now = base::monotonic_ns();
    const uint64_t when = timers.begin()->first.first;
    if (when <= now)
        return 0;
    constexpr uint64_t kLongestMs = 3'600'000;
    return static_cast<int>(std::min((when - now + kNsPerMs - 1) / kNsPerMs, kLongestMs));
}

void EventLoop::State::wait()
{
    std::array<epoll_event, kEventsPerTurn> events;
    const int count = epoll_wait(epoll_fd, events.data(), static_cast<int>(events.size()), timeout_ms());
    for (int i = 0; i < count && !stopping.load(std::memory_order_relaxed); i++) {
        const epoll_event& event = events[static_cast<size_t>(i)];
        const uint64_t key = event.data.u64;  // epoll_event is packed: no reference may be bound to its members
        if (key == kMailbox) {
            uint64_t rings;
            [[maybe_unused]] const auto got = read(event_fd, &rings, sizeof rings);
            continue;
        }
        const auto it = watches.find(key);
        if (it == watches.end())
            continue;
        const auto watch = it->second;  // keeps the callback alive while it takes itself back
        guarded("descriptor callback", watch->ready, uint32_t{event.events});
    }
}

EventLoop::EventLoop(std::unique_ptr<State> state) : state_(std::move(state)) {}

EventLoop::~EventLoop()
{
    state_->close_mailbox();
}

base::Result<std::unique_ptr<EventLoop>> EventLoop::create()
{
    auto state = std::make_unique<State>();
    state->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (state->epoll_fd < 0)
        return io_error("epoll_create1", -1);
    state->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (state->event_fd < 0)
        return io_error("eventfd", -1);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = kMailbox;
    if (epoll_ctl(state->epoll_fd, EPOLL_CTL_ADD, state->event_fd, &event) != 0)
        return io_error("epoll_ctl", state->event_fd);
    return std::unique_ptr<EventLoop>(new EventLoop(std::move(state)));
}

base::Result<void> EventLoop::watch(int fd, uint32_t events, std::function<void(uint32_t)> ready)
{
    if (state_->tags.contains(fd))
        return base::Error{base::ErrorCode::kAlreadyExists, base::format("descriptor %d is watched already", fd), ""};
    const uint64_t tag = ++state_->last_id;
    epoll_event event{};
    event.events = events;
    event.data.u64 = tag;
    if (epoll_ctl(state_->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return io_error("epoll_ctl", fd);
    state_->tags.emplace(fd, tag);
    state_->watches.emplace(tag, std::make_shared<State::Watch>(State::Watch{fd, std::move(ready)}));
    return {};
}

base::Result<void> EventLoop::change(int fd, uint32_t events)
{
    const auto tag = state_->tags.find(fd);
    if (tag == state_->tags.end())
        return base::Error{base::ErrorCode::kNotFound, base::format("descriptor %d is not watched", fd), ""};
    epoll_event event{};
    event.events = events;
    event.data.u64 = tag->second;
    if (epoll_ctl(state_->epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0)
        return io_error("epoll_ctl", fd);
    return {};
}

void EventLoop::unwatch(int fd)
{
    const auto tag = state_->tags.find(fd);
    if (tag == state_->tags.end())
        return;
    epoll_ctl(state_->epoll_fd, EPOLL_CTL_DEL, fd, nullptr);
    state_->watches.erase(tag->second);
    state_->tags.erase(tag);
}

uint64_t EventLoop::arm(uint64_t when_ns, std::function<void()> fire)
{
    const uint64_t id = ++state_->last_id;
    state_->timers.emplace(State::TimerKey{when_ns, id}, std::move(fire));
    state_->timer_when.emplace(id, when_ns);
    return id;
}

void EventLoop::cancel(uint64_t id)
{
    const auto it = state_->timer_when.find(id);
    if (it == state_->timer_when.end())
        return;
    state_->timers.erase({it->second, id});
    state_->timer_when.erase(it);
}

void EventLoop::post(std::function<void()> task)
{
    const std::lock_guard lock(state_->mutex);
    if (state_->closed)
        return;  // `task` is the caller's temporary: it goes after the mutex is free
    state_->mailbox.push_back(std::move(task));
    if (state_->mailbox.size() == 1)
        state_->ring();
}

void EventLoop::set_before_sleep(std::function<bool()> before_sleep)
{
    state_->before_sleep = std::move(before_sleep);
}

void EventLoop::run()
{
    while (!state_->stopping.load(std::memory_order_acquire)) {
        state_->run_timers();
        state_->run_mailbox();
        if (!state_->stopping.load(std::memory_order_acquire))
            state_->wait();
    }
    state_->close_mailbox();
}

void EventLoop::stop()
{
    state_->stopping.store(true, std::memory_order_release);
    state_->ring();
}

}  // namespace ipsecgw::control
