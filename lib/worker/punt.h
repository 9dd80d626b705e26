// Packets between workers and the control thread, over rings.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/result.h"
#include "dpdk/ring.h"

struct rte_mbuf;

namespace ipsecgw::worker {

/// Why a worker hands a packet to control; in PacketInfo::punt.
enum class Punt : uint8_t {
    kNone,
    kNeighbourFrame,  // ARP, ND: whole Ethernet frame
    kResolve,         // IP packet whose next hop (PacketInfo::next_hop, out_port) has no MAC yet
    kIke,             // UDP 500, or 4500 behind the non-ESP marker: IP packet
};

/// Workers to control. Many producers, one consumer. When control sleeps, the first packet wakes it through an eventfd,
/// so an idle gateway polls nothing and a busy one makes no system calls.
class PuntQueue {
  public:
    static base::Result<std::unique_ptr<PuntQueue>> create(uint32_t size);
    /// Frees the packets that still wait.
    ~PuntQueue();
    PuntQueue(const PuntQueue&) = delete;
    PuntQueue& operator=(const PuntQueue&) = delete;

    /// False when full; the caller keeps the packet. Threads: any worker.
    bool put(rte_mbuf* m) noexcept;
    /// The same, but false when half full already: for packets that wait for a neighbour. A scan through the gateway
    /// makes any number of them, and must not keep ARP, ND and IKE out.
    bool put_if_half_empty(rte_mbuf* m) noexcept;
    /// Threads: control. Returns how many were taken.
    uint32_t take(std::span<rte_mbuf*> out) noexcept;

    /// Readable when packets may be waiting; for epoll. Threads: control.
    [[nodiscard]] int event_fd() const noexcept { return event_fd_; }
    /// Declares that control goes to sleep on event_fd(); false when packets wait already, and then nothing is
    /// declared.
    bool prepare_to_sleep() noexcept;
    /// Clears event_fd() after waking.
    void woke() noexcept;

  private:
    PuntQueue(dpdk::Ring ring, int event_fd) : ring_(std::move(ring)), event_fd_(event_fd) {}
    dpdk::Ring ring_;
    int event_fd_;
    std::atomic<bool> sleeping_{false};  // set by control, cleared by whoever wakes it
};

}  // namespace ipsecgw::worker
