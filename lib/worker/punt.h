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
    kAcquire,         // IP packet that a policy protects and that no SA can take yet (RFC 7296's trigger)
    kTooBig,  // ICMP in clear that says that our ESP was too big: IP packet (RFC 4301 section 8.2)
    kMoved,  // no packet: an authentic one of the SA PacketInfo::spi came from the source of PacketInfo::flow, which is
             // not the SA's (RFC 7296 section 2.23)
};

/// What an IKE message is, as far as a worker looks: it decides how much of the ring the likes of it may fill.
enum class IkeKind : uint8_t {
    kInitial,  // without a responder SPI: anybody can send any number of these
    kOfAnIkeSa,
};

/// Workers to control. Many producers, one consumer. When control sleeps, the first packet wakes it through an eventfd,
/// so an idle gateway polls nothing and a busy one makes no system calls.
///
/// IKE messages have a ring of their own, a quarter as long: a flood of them keeps out neither what resolves
/// neighbours, nor, as initial ones may fill only half of it, the messages of IKE SAs that are there.
class PuntQueue {
  public:
    /// Packets that can wait in a queue of this size, for sizing the pool.
    static constexpr uint32_t packets(uint32_t size) noexcept { return size + ike_size(size); }

    static base::Result<std::unique_ptr<PuntQueue>> create(uint32_t size);
    /// Frees the packets that still wait.
    ~PuntQueue();
    PuntQueue(const PuntQueue&) = delete;
    PuntQueue& operator=(const PuntQueue&) = delete;

    /// False when full; the caller keeps the packet. Threads: any worker.
    bool put(rte_mbuf* m) noexcept;
    /// The same, but false when half full already: for packets that wait for a neighbour. A scan through the gateway
    /// makes any number of them, and must not keep ARP and ND out.
    bool put_if_half_empty(rte_mbuf* m) noexcept;
    /// The same for an IKE message, into its own ring.
    bool put_ike(rte_mbuf* m, IkeKind kind) noexcept;
    /// Threads: control. Returns how many were taken; IKE messages come after everything else.
    uint32_t take(std::span<rte_mbuf*> out) noexcept;

    /// Readable when packets may be waiting; for epoll. Threads: control.
    [[nodiscard]] int event_fd() const noexcept { return event_fd_; }
    /// Declares that control goes to sleep on event_fd(); false when packets wait already, and then nothing is
    /// declared.
    bool prepare_to_sleep() noexcept;
    /// Clears event_fd() after waking.
    void woke() noexcept;

  private:
    PuntQueue(dpdk::Ring ring, dpdk::Ring ike_ring, int event_fd)
        : ring_(std::move(ring)), ike_ring_(std::move(ike_ring)), event_fd_(event_fd)
    {
    }
    static constexpr uint32_t ike_size(uint32_t size) noexcept { return size < 64 ? 16 : size / 4; }
    bool put_into(dpdk::Ring& ring, rte_mbuf* m) noexcept;

    dpdk::Ring ring_;
    dpdk::Ring ike_ring_;
    int event_fd_;
    std::atomic<bool> sleeping_{false};  // set by control, cleared by whoever wakes it
};

}  // namespace ipsecgw::worker
