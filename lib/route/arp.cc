#include "route/arp.h"

#include <algorithm>
#include <cstring>

#include "base/byte_order.h"
#include "net/headers.h"

namespace ipsecgw::route {
namespace {

constexpr uint16_t kHardwareEthernet = 1;
constexpr size_t kMinFrameBytes = 60;  // IEEE 802.3, without the frame check sequence

}  // namespace

std::optional<ArpMessage> parse_arp(std::span<const uint8_t> payload) noexcept
{
    net::ArpPacket packet;
    if (payload.size() < sizeof packet)
        return std::nullopt;
    std::memcpy(&packet, payload.data(), sizeof packet);
    const uint16_t operation = base::swap_be16(packet.operation_be);
    if (base::swap_be16(packet.hardware_type_be) != kHardwareEthernet ||
        base::swap_be16(packet.protocol_type_be) != net::kEtherTypeIpv4 || packet.hardware_length != 6 ||
        packet.protocol_length != 4 || (operation != 1 && operation != 2))
        return std::nullopt;
    ArpMessage message;
    message.operation = static_cast<ArpOperation>(operation);
    message.sender_mac.bytes = packet.sender_mac;
    message.sender_ip = net::IpAddress::v4(packet.sender_ip.data());
    message.target_mac.bytes = packet.target_mac;
    message.target_ip = net::IpAddress::v4(packet.target_ip.data());
    return message;
}

std::vector<uint8_t> build_arp(const net::MacAddress& destination, const ArpMessage& message)
{
    const net::EthernetHeader ethernet = {destination.bytes, message.sender_mac.bytes,
                                          base::swap_be16(net::kEtherTypeArp)};
    net::ArpPacket packet = {};
    packet.hardware_type_be = base::swap_be16(kHardwareEthernet);
    packet.protocol_type_be = base::swap_be16(net::kEtherTypeIpv4);
    packet.hardware_length = 6;
    packet.protocol_length = 4;
    packet.operation_be = base::swap_be16(static_cast<uint16_t>(message.operation));
    packet.sender_mac = message.sender_mac.bytes;
    std::copy_n(message.sender_ip.data(), 4, packet.sender_ip.begin());
    packet.target_mac = message.target_mac.bytes;
    std::copy_n(message.target_ip.data(), 4, packet.target_ip.begin());

    std::vector<uint8_t> frame(kMinFrameBytes);
    std::memcpy(frame.data(), &ethernet, sizeof ethernet);
    std::memcpy(frame.data() + sizeof ethernet, &packet, sizeof packet);
    return frame;
}

}  // namespace ipsecgw::route
