// What the data path tells an IKE daemon, and what such a daemon sends: the seam between ControlPlane and lib/iked.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "model/policy.h"
#include "model/sa_params.h"
#include "net/address.h"

namespace ipsecgw::control {

/// A UDP datagram from or to one of our addresses. On port 4500 the non-ESP marker (RFC 3948 section 2.2) is
/// ControlPlane's: `payload` begins with the IKE header on every port.
struct Datagram {
    net::IpAddress local, remote;
    uint16_t local_port = 0;
    uint16_t remote_port = 0;
    std::span<const uint8_t> payload;
};

/// A packet that a policy protects and no SA could take. It has been dropped.
struct Acquire {
    std::string_view policy;  // its name
    net::IpAddress source, destination;
    uint8_t protocol = 0;
    bool ports_known = false;
    uint16_t source_port = 0;  // ICMP: type * 256 + code, in both
    uint16_t destination_port = 0;
};

/// An authentic packet of an inbound SA with UDP encapsulation came from an endpoint that is not the SA's (RFC 7296
/// section 2.23). Told at most once a second and SA; not of SAs that a port opens, which does not show the outer
/// header.
struct SaMoved {
    std::string_view name;
    net::IpAddress remote;
    uint16_t remote_port = 0;
};

enum class SaEnd : uint8_t {
    kSoft,       // time for a successor; the SA goes on
    kHard,       // a limit is reached: nothing passes any more; the record stays until somebody removes it
    kExhausted,  // the sequence numbers are used up, to the same effect
    kPortLost,   // the port that held it was reset or removed, and it could not go on without: to the same effect
};

struct SaExpiry {
    std::string_view name;
    uint32_t spi = 0;
    model::Direction direction = model::Direction::kInbound;
    SaEnd end = SaEnd::kSoft;
    std::string_view what;  // "3600 seconds", "1000000 packets"
};

/// Called on the control thread, out of handle_punts() and tick(). What the arguments refer to is gone when the call
/// returns. A callback may change SAs and policies; an SA whose expiry it is told has been stopped already, and may be
/// removed.
struct Listeners {
    /// True: taken. False: there is no room for it now, the peer will send it again.
    std::function<bool(const Datagram&)> datagram;
    std::function<void(const Acquire&)> acquire;
    std::function<void(const SaMoved&)> moved;
    /// True: the SA is the listener's, which deals with it. False: the operator is told by a log line.
    std::function<bool(const SaExpiry&)> expiry;
};

/// The use of an SA so far.
struct SaUse {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    uint64_t idle_ns = 0;  // since its last packet; since it was installed where there was none
    bool is_used = false;
};

}  // namespace ipsecgw::control
