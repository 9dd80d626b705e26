// What is known of a packet on its way through a worker. Lives in the mbuf's private area: every pool of ours reserves
// it.
#pragma once

#include <cstddef>
#include <cstdint>

#include <rte_mbuf.h>

#include "net/address.h"
#include "sa/flow_key.h"
#include "worker/punt.h"

namespace ipsecgw::sa {
struct InboundSa;
}

namespace ipsecgw::worker {

/// How a packet came to be here: decides how it may leave (policy.h).
enum class Origin : uint8_t {
    kClear,          // arrived in clear
    kOpened,         // came out of an inbound SA
    kReplyToClear,   // made here, because of a packet that arrived in clear
    kReplyToOpened,  // made here, because of one that came out of an inbound SA
    kSealed,         // leaves as ESP
};

enum class Fragment : uint8_t { kWhole, kFirst, kLater };

/// What nearly all packets need comes first, in one cache line: the private area starts on one.
struct alignas(8) PacketInfo {
    sa::FlowKey flow;  // of the packet as it starts now (outer before open, inner after)
    uint32_t spi;      // of an ESP packet; all that the hand-over ring carries of its SA; 0: the port's tag does
    uint16_t in_port;
    uint16_t transport_offset;  // where ESP goes in, in transport mode (RFC 4303 section 3.1.1); the payload's offset
                                // is the mbuf's l3_len
    bool encapsulated;          // arrived in UDP
    Origin origin;
    Fragment fragment;
    bool source_routed;  // IPv6 routing header with segments left
    uint16_t out_port;
    net::Family next_hop_family;
    Punt punt;
    union {
        sa::InboundSa* inbound;  // after SAD look-up, for the rest of the turn
        uint8_t next_hop[16];    // Punt::kResolve
    };
    uint64_t trace;  // Tap's mark; where a packet's buffer was another's before, its number is of no session
    uint64_t tag;  // sa::SaTag: inbound, of a packet the port has opened; outbound, of one the port shall seal
};
static_assert(sizeof(PacketInfo) <= 88);
static_assert(offsetof(PacketInfo, inbound) + sizeof(void*) == 64 && sizeof(rte_mbuf) % 64 == 0);

inline constexpr uint16_t kPacketInfoBytes = 128;  // private area of every mbuf pool
static_assert(sizeof(PacketInfo) <= kPacketInfoBytes);

inline PacketInfo& info(rte_mbuf* m) noexcept
{
    return *static_cast<PacketInfo*>(rte_mbuf_to_priv(m));
}

}  // namespace ipsecgw::worker
