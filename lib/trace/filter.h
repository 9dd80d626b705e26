// Which packets somebody wants to see.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/address.h"
#include "telemetry/drop.h"

namespace ipsecgw::trace {

/// What a filter looks at, read from a packet's bytes without trust in them.
struct Headers {
    net::IpAddress source, destination;
    uint8_t protocol = 0;
    std::optional<uint16_t> source_port, destination_port;  // TCP, UDP; not of later fragments
    std::optional<uint32_t> spi;                            // ESP, in UDP port 4500 too
};
/// Nothing where there is no complete IP header.
std::optional<Headers> read_headers(std::span<const uint8_t> bytes, bool has_ethernet) noexcept;

/// Words after each other, all of which must hold: "src P", "dst P" and "host P" (an address or prefix, host: either), "proto N|tcp|udp|icmp|icmpv6|esp",
/// "sport N", "dport N", "port N" (either), "spi N", "on NAME" (a port of the gateway), "drop REASON" or "drop any".
struct Filter {
    std::optional<net::Prefix> source, destination, host;
    std::optional<uint8_t> protocol;
    std::optional<uint16_t> source_port, destination_port, either_port;
    std::optional<uint32_t> spi;
    std::optional<uint16_t> on;  // index of the port
    bool is_about_drops = false;
    std::optional<telemetry::Drop> reason;  // with is_about_drops; none: any

    /// `ports`: the gateway's, in their order.
    static base::Result<Filter> parse(std::string_view text, std::span<const std::string> ports);
    /// The words about addresses, protocol, ports and SPI.
    [[nodiscard]] bool matches(const Headers& headers) const noexcept;
    /// matches() needs no headers.
    [[nodiscard]] bool takes_all() const noexcept;
};

/// "tcp", "udp", "icmp", "icmpv6", "esp" or a number to 255.
base::Result<uint8_t> parse_protocol(std::string_view text);

}  // namespace ipsecgw::trace
