// The control thread's loop: one epoll, timers, and a mailbox for other threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"

namespace ipsecgw::control {

/// Every callback may watch, unwatch, arm and cancel anything, itself included; a callback taken back in a turn does
/// not run later in that turn. An exception that leaves a callback is logged as an error and the loop goes on: one bad
/// request must not stop rekeying and reclamation.
///
/// Threads: post() and stop() by any; everything else on the loop's own thread (or before run()).
///
/// Memory order: the mailbox is under a mutex, and its eventfd is written behind it; a task sees all that its poster did
/// before. stop() releases, and run() ends by acquiring it.
class EventLoop {
  public:
    static base::Result<std::unique_ptr<EventLoop>> create();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    /// Calls `ready(events)` with epoll's event bits whenever `fd` has one of `events`. The fd stays the caller's;
    /// unwatch before closing. kAlreadyExists when it is watched, kIo when epoll refuses it.
    base::Result<void> watch(int fd, uint32_t events, std::function<void(uint32_t)> ready);
    base::Result<void> change(int fd, uint32_t events);
    void unwatch(int fd);

    /// Calls `fire` once at `when_ns` (CLOCK_MONOTONIC) or soon after. Returns an id for cancel(), never 0.
    uint64_t arm(uint64_t when_ns, std::function<void()> fire);
    /// An id that has fired, or 0, is ignored.
    void cancel(uint64_t id);

    /// Runs `task` on the loop, in the order posted. After the loop has stopped, tasks are destroyed unrun.
    void post(std::function<void()> task);

    /// Called each time before the loop sleeps; returning false means "do not sleep, there is work".
    void set_before_sleep(std::function<bool()> before_sleep);

    /// Until stop(). Once: a loop that has stopped stays stopped.
    void run();
    void stop();

  private:
    struct State;
    explicit EventLoop(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace ipsecgw::control
