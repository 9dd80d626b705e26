// What selectors look at, parsed once per packet.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "net/address.h"

namespace ipsecgw::sa {

/// Ports as FlowKey has them.
struct UpperPorts {
    uint16_t source = 0;
    uint16_t destination = 0;
    bool known = false;
};

/// Addresses in network order, IPv4 in the first four bytes with the rest zero. Ports in host order; ICMP puts
/// type * 256 + code in both. `ports_known` is false for fragments after the first and for opaque protocols: such a
/// packet only matches selectors whose port range is ANY (RFC 4301 section 4.4.1.1, OPAQUE).
struct FlowKey {
    uint8_t source[16];
    uint8_t destination[16];
    uint16_t source_port;
    uint16_t destination_port;
    net::Family family;
    uint8_t protocol;
    bool ports_known;
    uint8_t reserved;

    /// Everything but the addresses, in one store: whoever looks the flow up loads it as one word.
    void set_upper(net::Family of, uint8_t upper_protocol, UpperPorts ports) noexcept
    {
        static_assert(std::endian::native == std::endian::little, "the fields are joined in little-endian order");
        const uint64_t word = ports.source | uint64_t{ports.destination} << 16 |
                              uint64_t{static_cast<uint8_t>(of)} << 32 | uint64_t{upper_protocol} << 40 |
                              uint64_t{ports.known} << 48;
        std::memcpy(reinterpret_cast<uint8_t*>(this) + 32, &word, sizeof word);
    }

    /// As five words, for hashing and comparing.
    [[nodiscard]] std::array<uint64_t, 5> words() const noexcept
    {
        std::array<uint64_t, 5> all;
        std::memcpy(all.data(), this, sizeof all);
        return all;
    }

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
static_assert(offsetof(FlowKey, source_port) == 32 && offsetof(FlowKey, destination_port) == 34 &&
                  offsetof(FlowKey, family) == 36 && offsetof(FlowKey, protocol) == 37 &&
                  offsetof(FlowKey, ports_known) == 38 && offsetof(FlowKey, reserved) == 39,
              "set_upper() writes them together");

}  // namespace ipsecgw::sa
