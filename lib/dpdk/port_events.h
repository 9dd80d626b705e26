// What ports report on their own: expiry of IPsec SAs they hold, link changes, resets, removal.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"

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

class PortEventQueue;

/// Listens to ports and keeps what they report for one reader.
///
/// Drivers call back on EAL's interrupt thread, and some on the thread that polls them: the callback stores the event
/// in a queue and wakes the reader, without memory allocation or lock.
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
    [[nodiscard]] int event_fd() const noexcept;
    /// What has been reported since the last call, oldest first.
    [[nodiscard]] std::vector<PortEvent> take();
    /// Events that found the ring full, in all: their SAs must be looked at.
    [[nodiscard]] uint64_t lost() const noexcept;

  private:
    explicit PortEvents(std::unique_ptr<PortEventQueue> queue);
    base::Result<void> listen(uint16_t port_id);
    struct Callback;

    std::unique_ptr<PortEventQueue> queue_;
    std::vector<uint16_t> port_ids_;
};

}  // namespace ipsecgw::dpdk
