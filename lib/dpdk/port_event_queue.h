// Where ports' events wait for their one reader.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "dpdk/port_events.h"

struct rte_ring;

namespace ipsecgw::dpdk {

/// Many writers, one reader, which an eventfd wakes. Put neither allocates nor locks.
///
/// Memory order: writers are the threads that drivers call back on, the reader is control. What a writer stored before put() is seen by who
/// takes the event: rte_ring releases and acquires its tail. No wake-up is lost, because both sides touch `woken_` with a read-modify-write.
/// These stand in one order: a writer's that comes behind the reader's reads false and writes the eventfd; one that comes before it is read by
/// it, perhaps through other writers', and so (release, acquire) the event is in the ring that the reader looks at next. With a plain store in
/// the reader neither would be sure.
class PortEventQueue {
  public:
    /// kResourceExhausted.
    static base::Result<std::unique_ptr<PortEventQueue>> create(uint32_t slots);
    ~PortEventQueue();
    PortEventQueue(const PortEventQueue&) = delete;
    PortEventQueue& operator=(const PortEventQueue&) = delete;

    /// An event that finds the queue full is counted and lost; it wakes the reader all the same. Threads: any.
    void put(const PortEvent& event) noexcept;
    /// What was put since the last call, oldest first. Threads: the reader.
    [[nodiscard]] std::vector<PortEvent> take();
    /// Readable when there is something to take.
    [[nodiscard]] int event_fd() const noexcept { return event_fd_; }
    /// How many found it full, in all. Threads: any.
    [[nodiscard]] uint64_t lost() const noexcept { return lost_.load(std::memory_order_relaxed); }

  private:
    PortEventQueue() = default;

    rte_ring* ring_ = nullptr;
    int event_fd_ = -1;
    std::atomic<bool> woken_{false};  // set by writers, cleared by the reader
    std::atomic<uint64_t> lost_{0};   // by writers
};

}  // namespace ipsecgw::dpdk
