// One pass over an IP packet's headers.
#pragma once

#include <rte_mbuf.h>

#include "telemetry/drop.h"

namespace ipsecgw::worker {

/// Not a reason: the packet stays.
inline constexpr telemetry::Drop kKeep = telemetry::Drop::kCount;

/// Checks and reads the IP header with its options or extension headers, up to the ports of the upper-layer header;
/// trims what lies behind the packet's own length (link padding, TFC padding). The mbuf starts at the IP header and is
/// one segment.
///
/// Fills PacketInfo::flow, transport_offset, fragment and source_routed, and the mbuf's l3_len, the upper-layer
/// header's offset. An IPv4 header checksum the port has found good is not computed again; the port's verdict is
/// consumed, so that it cannot speak for an inner header. \return kKeep, kRunt, kIpHeader or kIpChecksum; the packet
/// stays the caller's. Threads: any. Does not allocate.
telemetry::Drop parse_ip(rte_mbuf* m) noexcept;

}  // namespace ipsecgw::worker
