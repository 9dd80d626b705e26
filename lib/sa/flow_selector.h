// Selectors and flows as words, so that matching is masking and comparing.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include "model/policy.h"
#include "net/address.h"
#include "sa/flow_key.h"

namespace ipsecgw::sa {

/// A flow seen from the gateway: local address, remote address (two words each), then family, protocol and ports. A
/// mask over it has the same shape.
using FlowWords = std::array<uint64_t, 5>;

constexpr uint64_t pack_upper(net::Family family, uint8_t protocol, uint16_t local_port, uint16_t remote_port) noexcept
{
    return uint64_t{static_cast<uint8_t>(family)} << 40 | uint64_t{protocol} << 32 | uint64_t{remote_port} << 16 |
           local_port;
}

/// One packet ready for look-up.
struct Flow {
    FlowWords words;
    uint16_t local_port;
    uint16_t remote_port;
    bool ports_known;

    /// A packet that leaves the protected side: its source is local.
    static Flow outbound(const FlowKey& packet) noexcept
    {
        Flow flow;
        std::memcpy(&flow.words[0], packet.source, 16);
        std::memcpy(&flow.words[2], packet.destination, 16);
        flow.local_port = packet.source_port;
        flow.remote_port = packet.destination_port;
        flow.ports_known = packet.ports_known;
        flow.words[4] = pack_upper(packet.family, packet.protocol, flow.local_port, flow.remote_port);
        return flow;
    }
    /// A packet that came from the unprotected side, opened or clear: its destination is local.
    static Flow inbound(const FlowKey& packet) noexcept
    {
        Flow flow;
        std::memcpy(&flow.words[0], packet.destination, 16);
        std::memcpy(&flow.words[2], packet.source, 16);
        flow.local_port = packet.destination_port;
        flow.remote_port = packet.source_port;
        flow.ports_known = packet.ports_known;
        flow.words[4] = pack_upper(packet.family, packet.protocol, flow.local_port, flow.remote_port);
        return flow;
    }
};

/// The ports of a selector pair. Ranges other than ANY match only where the packet's ports are known.
struct PortMatch {
    net::PortRange local;
    net::PortRange remote;

    [[nodiscard]] bool is_any() const noexcept { return local.is_any() && remote.is_any(); }
    [[nodiscard]] bool allows(const Flow& flow) const noexcept
    {
        return is_any() || (flow.ports_known && local.contains(flow.local_port) && remote.contains(flow.remote_port));
    }
    bool operator==(const PortMatch&) const = default;
};

/// A pair of traffic selectors. A flow matches when its masked words equal `value` and the ports are allowed; single
/// ports are in the words too, so that they can be hashed.
struct FlowSelector {
    FlowWords mask;
    FlowWords value;
    PortMatch ports;

    /// Nothing when no packet can match both: different families, different protocols.
    static std::optional<FlowSelector> from(const model::TrafficSelector& local, const model::TrafficSelector& remote);

    [[nodiscard]] bool matches(const Flow& flow) const noexcept
    {
        uint64_t difference = 0;
        for (size_t i = 0; i < mask.size(); i++)
            difference |= (flow.words[i] & mask[i]) ^ value[i];
        return difference == 0 && ports.allows(flow);
    }
    [[nodiscard]] net::Family family() const noexcept { return net::Family{static_cast<uint8_t>(value[4] >> 40)}; }
    /// Bits of both prefixes.
    [[nodiscard]] uint32_t prefix_bits() const noexcept;
};

}  // namespace ipsecgw::sa
