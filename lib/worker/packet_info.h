// What is known of a packet on its way through a worker. Lives in the mbuf's private area: every pool of ours reserves it.
#pragma once

#include <cstdint>

#include <rte_mbuf.h>

#include "net/address.h"
#include "sa/flow_key.h"
#include "worker/punt.h"

namespace ipsecgw::sa {
struct InboundSa;
}

namespace ipsecgw::worker {

struct alignas(8) PacketInfo {
    sa::FlowKey flow;          // of the packet as it starts now (outer before open, inner after)
    union {
        sa::InboundSa* inbound;    // after SAD look-up; also across the hand-over ring, where `spi` is checked again
        uint8_t next_hop[16];      // Punt::kResolve
    };
    uint32_t spi;
    uint16_t in_port;
    uint16_t out_port;
    net::Family next_hop_family;
    Punt punt;
    bool encapsulated;         // arrived in UDP
    uint8_t reserved[1];
};
static_assert(sizeof(PacketInfo) <= 80);

inline constexpr uint16_t kPacketInfoBytes = 128;  // private area of every mbuf pool

inline PacketInfo& info(rte_mbuf* m) noexcept { return *static_cast<PacketInfo*>(rte_mbuf_to_priv(m)); }

}  // namespace ipsecgw::worker
