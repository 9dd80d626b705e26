// What ports report on their own: expiry of IPsec SAs they hold, link changes, resets, removal.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"

struct rte_ring;

namespace ipsecgw::dpdk {

enum class PortEventKind : uint8_t {
    kSoftPackets,  // RTE_ETH_EVENT_IPSEC: `userdata` is the session's
    kSoftBytes,
    kSoftTime,
    kHardPackets,
    kHardBytes,
    kSequenceOverflow,  // no sequence number is left
    kLinkChanged,       // RTE_ETH_EVENT_INTR_LSC
    kReset,             // RTE_ETH_EVENT_INTR_RESET: the port has forgotten rules and sessions
    kRemoved,           // RTE_ETH_EVENT_INTR_RMV
};

struct PortEvent {
    PortEventKind kind = PortEventKind::kLinkChanged;
    uint16_t port_id = 0;
    uint64_t userdata = 0;
};

/// Listens to ports and keeps what they report for one reader.
///
/// Drivers call back on EAL's interrupt thread, and some on the thread that polls them: the callback stores the event
/// in a ring and wakes the reader, without memory allocation or lock.
///
/// Threads: create, take and destroy by one. After the destructor no callback runs. Destroy it before the ports are
/// closed.
class PortEvents {
  public:
    static base::Result<std::unique_ptr<PortEvents>> create(std::span<const uint16_t> port_ids, uint32_t slots = 1024);
    ~PortEvents();
    PortEvents(const PortEvents&) = delete;
    PortEvents& operator=(const PortEvents&) = delete;

    /// Readable when there is something to take.
    [[nodiscard]] int event_fd() const noexcept { return event_fd_; }
    /// What has been reported since the last call, oldest first.
    [[nodiscard]] std::vector<PortEvent> take();
    /// Events that found the ring full, in all: their SAs must be looked at.
    [[nodiscard]] uint64_t lost() const noexcept { return lost_.load(std::memory_order_relaxed); }

  private:
    PortEvents() = default;
    base::Result<void> listen(uint16_t port_id);
    struct Callback;
    void report(const PortEvent& event) noexcept;

    rte_ring* ring_ = nullptr;
    int event_fd_ = -1;
    std::vector<uint16_t> port_ids_;
    std::atomic<bool> woken_{false};  // by callbacks; cleared by the reader
    std::atomic<uint64_t> lost_{0};   // by callbacks
};

}  // namespace ipsecgw::dpdk
