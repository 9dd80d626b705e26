// ARP messages for IPv4 over Ethernet (RFC 826), to and from bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "net/address.h"

namespace ipsecgw::route {

enum class ArpOperation : uint16_t { kRequest = 1, kReply = 2 };

struct ArpMessage {
    ArpOperation operation = ArpOperation::kRequest;
    net::MacAddress sender_mac;
    net::IpAddress sender_ip;
    net::MacAddress target_mac;  // in a request: unknown, zero
    net::IpAddress target_ip;
};

/// Reads what follows the Ethernet header; bytes behind the message are padding. Nothing for another hardware, protocol or operation.
std::optional<ArpMessage> parse_arp(std::span<const uint8_t> payload) noexcept;

/// A whole frame from `message.sender_mac`, padded to Ethernet's minimum of 60 bytes.
std::vector<uint8_t> build_arp(const net::MacAddress& destination, const ArpMessage& message);

}  // namespace ipsecgw::route
