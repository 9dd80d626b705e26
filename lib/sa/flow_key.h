// What selectors look at, parsed once per packet.
#pragma once

#include <cstdint>
#include <cstring>

#include "net/address.h"

namespace ipsecgw::sa {

/// Addresses in network order, IPv4 in the first four bytes with the rest zero. Ports in host order; ICMP puts
/// type * 256 + code in both. `ports_known` is false for fragments after the first and for opaque protocols: such a packet only
/// matches selectors whose port range is ANY (RFC 4301 section 4.4.1.1, OPAQUE).
struct FlowKey {
    uint8_t source[16];
    uint8_t destination[16];
    uint16_t source_port;
    uint16_t destination_port;
    net::Family family;
    uint8_t protocol;
    bool ports_known;
    uint8_t reserved;

    /// The same flow seen from the other side.
    [[nodiscard]] FlowKey mirrored() const noexcept
    {
        FlowKey m = *this;
        std::memcpy(m.source, destination, 16);
        std::memcpy(m.destination, source, 16);
        m.source_port = destination_port;
        m.destination_port = source_port;
        return m;
    }
};
static_assert(sizeof(FlowKey) == 40);

}  // namespace ipsecgw::sa
