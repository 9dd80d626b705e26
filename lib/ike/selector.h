// Traffic selectors as IKE has them: ranges of addresses (RFC 7296 section 3.13.1).
#pragma once

#include <cstdint>
#include <vector>

#include "net/address.h"

namespace ipsecgw::ike {

/// TS_IPV4_ADDR_RANGE or TS_IPV6_ADDR_RANGE. Both addresses are of one family and first <= last.
struct Selector {
    uint8_t protocol = 0;  // 0 is any
    net::PortRange ports;
    net::IpAddress first;
    net::IpAddress last;

    bool operator==(const Selector&) const = default;
};
using Selectors = std::vector<Selector>;

/// What a packet says of itself: the most specific selectors there are.
struct PacketSelectors {
    Selector local;
    Selector remote;
};

}  // namespace ipsecgw::ike
