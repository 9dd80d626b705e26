// UDP datagrams to and from the gateway's own addresses: IKE and NAT keepalives.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "control/listeners.h"
#include "control/neighbours_internal.h"
#include "control/transmitter_internal.h"
#include "worker/dataplane.h"

struct rte_mbuf;

namespace ipsecgw::control {

/// How the UDP checksum field is filled.
enum class UdpChecksum : uint8_t {
    kComputed,
    kZeroOverIpv4,  // as RFC 3948 section 2.1 asks for what shares a flow with ESP; IPv6 has no zero checksum (RFC 8200
                    // section 8.1)
};

class Datagrams {
  public:
    static constexpr size_t kLargest = 65'000;  // bytes of payload; less than a UDP length can say

    Datagrams(const worker::DataPlane& data, Transmitter& transmitter, Neighbours& neighbours, ControlDrops& drops)
        : data_(data), transmitter_(transmitter), neighbours_(neighbours), drops_(drops)
    {
    }

    /// The datagram in a packet of Punt::kIke, or why there is none. It refers to the packet.
    [[nodiscard]] static base::Result<Datagram> read(rte_mbuf* packet);

    /// Routed like any packet, its next hop resolved, fragmented where the link is narrower (RFC 791, RFC 8200
    /// section 4.5). The SPD has no say: IKE and keepalives bypass it (RFC 4301 section 4.4.1). What cannot leave is a
    /// counted drop and, where the caller can do something about it, an error: kInvalidArgument, kNotFound (no route),
    /// kResourceExhausted (too much waits to be sent: nothing is counted, try again soon).
    base::Result<void> send(const Datagram& datagram, UdpChecksum checksum, uint64_t now_ns);

    /// The address to send from towards `remote`: of the port its route leads to, on the next hop's link if possible.
    [[nodiscard]] std::optional<net::IpAddress> source_towards(const net::IpAddress& remote) const;
    [[nodiscard]] bool is_own(const net::IpAddress& address) const;

  private:
    void send_packet(uint16_t port, const net::IpAddress& next_hop, const std::vector<uint8_t>& bytes, uint64_t now_ns);

    const worker::DataPlane& data_;
    Transmitter& transmitter_;
    Neighbours& neighbours_;
    ControlDrops& drops_;
    uint32_t identification_ = 0;
};

}  // namespace ipsecgw::control
