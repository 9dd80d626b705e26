// From a frame off the wire to what kind of work it is.
#pragma once

#include <rte_mbuf.h>

#include "telemetry/drop.h"
#include "worker/own_addresses.h"

namespace ipsecgw::worker {

enum class Kind : uint8_t {
    kDrop,       // Verdict::reason says why
    kNeighbour,  // ARP or neighbour discovery: the frame as it came, Ethernet header included
    kLocal,      // IP packet for the gateway itself
    kTransit,    // IP packet for somebody else
};

struct Verdict {
    Kind kind;
    telemetry::Drop reason;  // of kDrop
};

/// Checks the Ethernet and IP headers and takes the former off; fills the flow's part of PacketInfo (parse.h). A chain
/// of segments is made one.
///
/// Reasons: kRunt, kNotForUs, kEtherType (VLAN tags included), kIpHeader, kIpChecksum, kMartian, kNoListener
/// (multicast, broadcast), kNoRoomInMbuf (a chain longer than its first buffer). The packet stays the caller's.
/// Threads: any. Does not allocate.
Verdict classify(const OwnAddresses& own, const PortView& port, rte_mbuf* m) noexcept;

}  // namespace ipsecgw::worker
