// The control thread's way to the wire: frames through the workers, since only they own transmit queues.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "net/address.h"
#include "telemetry/drop.h"
#include "worker/dataplane.h"
#include "worker/worker.h"

struct rte_mbuf;

namespace ipsecgw::control {

/// Packets control itself dropped or consumed, by reason.
class ControlDrops {
  public:
    void drop(rte_mbuf* m, telemetry::Drop reason);
    /// For a packet that could not even be made.
    void count(telemetry::Drop reason) { counts_[static_cast<size_t>(reason)]++; }
    [[nodiscard]] uint64_t get(telemetry::Drop reason) const { return counts_[static_cast<size_t>(reason)]; }

  private:
    std::array<uint64_t, telemetry::kDropCount> counts_{};
};

class Transmitter {
  public:
    Transmitter(const worker::DataPlane& data, std::vector<worker::Worker*> workers, ControlDrops& drops)
        : data_(data), workers_(std::move(workers)), drops_(drops)
    {
    }

    /// A packet with these bytes, or null and a counted kNoMbuf.
    [[nodiscard]] rte_mbuf* make(std::span<const uint8_t> bytes);
    /// A complete Ethernet frame. Takes `frame` over in every case.
    void send_frame(uint16_t port, rte_mbuf* frame);
    /// Frames that send_frame() would still take for this port.
    [[nodiscard]] uint32_t room(uint16_t port) const { return workers_[port % workers_.size()]->inject_room(); }
    /// An IP packet whose next hop is known by now. Takes `packet` over in every case.
    void send_ip(uint16_t port, const net::MacAddress& next_hop, rte_mbuf* packet);

  private:
    const worker::DataPlane& data_;
    std::vector<worker::Worker*> workers_;
    ControlDrops& drops_;
};

}  // namespace ipsecgw::control
