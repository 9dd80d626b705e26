// Neighbour solicitation and advertisement (RFC 4861 sections 4.3, 4.4), to and from bytes, and the addresses they use.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "net/address.h"

namespace ipsecgw::route {

enum class DiscoveryType : uint8_t { kSolicitation = 135, kAdvertisement = 136 };

struct DiscoveryMessage {
    DiscoveryType type = DiscoveryType::kSolicitation;
    net::IpAddress source;
    net::IpAddress destination;
    net::IpAddress target;
    std::optional<net::MacAddress> link_layer;  // source option of a solicitation, target option of an advertisement
    // The flags of an advertisement.
    bool is_router = false;
    bool is_solicited = false;
    bool is_override = false;
};

/// Reads a packet from its IPv6 header on; bytes behind the IPv6 payload are padding. Nothing when it is another packet or fails a
/// check of RFC 4861 section 7.1.1 or 7.1.2: hop limit 255, checksum, code 0, lengths, target, option lengths, rules for the
/// unspecified source. Packets with extension headers are not read.
std::optional<DiscoveryMessage> parse_discovery(std::span<const uint8_t> packet) noexcept;

/// A whole frame, checksum included.
std::vector<uint8_t> build_discovery(const net::MacAddress& ethernet_source, const net::MacAddress& ethernet_destination,
                                     const DiscoveryMessage& message);

/// ff02::1:ffXX:XXXX (RFC 4291 section 2.7.1).
net::IpAddress solicited_node_address(const net::IpAddress& target) noexcept;
/// ff02::1 (RFC 4291 section 2.7.1).
net::IpAddress all_nodes_address() noexcept;
/// 33:33 and the last four bytes of the group (RFC 2464 section 7).
net::MacAddress multicast_mac(const net::IpAddress& group) noexcept;

/// fe80::/64 with the modified EUI-64 identifier of `mac` (RFC 4291 appendix A).
net::Prefix link_local_prefix(const net::MacAddress& mac) noexcept;
/// `addresses`, with link_local_prefix(mac) behind them when none of them is an IPv6 link-local one.
std::vector<net::Prefix> with_link_local(std::vector<net::Prefix> addresses, const net::MacAddress& mac);

}  // namespace ipsecgw::route
