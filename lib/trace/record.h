// What a tap notes of a packet at one point of its way.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "telemetry/drop.h"

namespace ipsecgw::trace {

/// The points of a packet's way, in the order a packet meets them.
enum class Point : uint8_t {
    kReceived,    // from a port, as a frame
    kToOpen,      // ESP, its inbound SA found
    kOpened,      // what came out of it
    kPolicyOut,   // the outbound SPD's answer to a packet in clear
    kPolicyIn,    // the inbound SPD's
    kToSeal,      // its outbound SA found
    kSealed,      // as ESP; in clear still where the port seals
    kHandedOver,  // to the worker that owns its SA
    kToControl,   // ARP, neighbour discovery, IKE, a next hop that is not known yet
    kSent,        // to a port, as a frame
    kDropped,
    kCount,
};
inline constexpr size_t kPointCount = static_cast<size_t>(Point::kCount);

constexpr std::string_view point_name(Point point) noexcept
{
    constexpr std::array<std::string_view, kPointCount> kNames = {
        "received", "to-open", "opened", "policy-out", "policy-in", "to-seal", "sealed", "handed-over", "to-control", "sent", "dropped"};
    return kNames[static_cast<size_t>(point)];
}

/// A set of points.
using Points = uint16_t;
constexpr Points one(Point point) noexcept
{
    return static_cast<Points>(1u << static_cast<unsigned>(point));
}
inline constexpr Points kAllPoints = (1u << kPointCount) - 1;

inline constexpr uint32_t kNoPolicy = UINT32_MAX;

/// The bytes follow it in the ring: `captured` of them.
struct Record {
    uint64_t packet = 0;    // a number of its own; the same along its way
    uint64_t tsc = 0;
    uint64_t sequence = 0;  // kOpened, kSealed: of the ESP packet, its low 32 bits
    uint32_t spi = 0;       // kToOpen to kSealed
    uint32_t slot = 0;      // of the SA, in its direction
    uint32_t policy = kNoPolicy;  // its id
    uint32_t length = 0;    // of the packet
    uint16_t captured = 0;
    uint16_t worker = 0;
    uint16_t port = 0;      // where it came from, kSent: where it goes to
    uint16_t to_worker = 0; // kHandedOver
    Point point = Point::kReceived;
    telemetry::Drop reason = telemetry::Drop::kCount;  // kDropped
    bool has_ethernet = false;  // the bytes begin with an Ethernet header; else with an IP header
    bool is_outbound = false;   // the SA
};

}  // namespace ipsecgw::trace
