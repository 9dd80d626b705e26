// Whether a NAT stands between the ends (RFC 7296 section 2.23).
#pragma once

#include <cstdint>
#include <vector>

#include "ike/effects.h"
#include "ike/message.h"

namespace ipsecgw::ike {

/// NAT_DETECTION_*_IP's data: SHA-1 of both SPIs, as the message that carries it has them, an address and a port.
[[nodiscard]] Bytes nat_detection_hash(uint64_t spi_i, uint64_t spi_r, const Endpoint& end);

/// What the notifies of a message say about the way it came.
struct NatFinding {
    bool is_supported = false;  // the peer sent them
    bool local = false;         // our address is not the one the peer sends to
    bool remote = false;        // the peer's is not the one it thinks it has
};
[[nodiscard]] NatFinding find_nat(const Message& message, const Endpoint& local, const Endpoint& remote);

/// Our two notifies. `pretend`: a source that is nobody's, so that the peer uses UDP (swanctl's encap).
enum class Source : uint8_t { kReal, kPretend };
void append_nat_detection(std::vector<Payload>& payloads, const Header& header, const Endpoint& local,
                          const Endpoint& remote, Source source);

}  // namespace ipsecgw::ike
