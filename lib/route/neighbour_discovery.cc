#include "route/neighbour_discovery.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/byte_order.h"
#include "net/checksum.h"
#include "net/headers.h"

namespace ipsecgw::route {
namespace {

constexpr uint8_t kHopLimit = 255;  // RFC 4861 section 7.1: whoever is not on the link cannot send it
constexpr uint8_t kSourceLinkLayerOption = 1;
constexpr uint8_t kTargetLinkLayerOption = 2;
constexpr uint32_t kRouterFlag = 0x80000000;
constexpr uint32_t kSolicitedFlag = 0x40000000;
constexpr uint32_t kOverrideFlag = 0x20000000;

constexpr uint8_t link_layer_option(DiscoveryType type)
{
    return type == DiscoveryType::kSolicitation ? kSourceLinkLayerOption : kTargetLinkLayerOption;
}

/// Walks all options. False: one has length 0 or leaves the packet, so the whole packet is invalid.
bool read_options(std::span<const uint8_t> options, DiscoveryMessage& message) noexcept
{
    while (!options.empty()) {
        if (options.size() < 2 || options[1] == 0 || size_t{options[1]} * 8 > options.size())
            return false;
        if (options[0] == link_layer_option(message.type) && options[1] == 1) {
            message.link_layer.emplace();
            std::copy_n(options.begin() + 2, 6, message.link_layer->bytes.begin());
        }
        options = options.subspan(size_t{options[1]} * 8);
    }
    return true;
}

bool is_valid_solicitation(const DiscoveryMessage& message) noexcept
{
    if (!message.source.is_unspecified())
        return true;
    // Duplicate address detection.
    return message.destination == solicited_node_address(message.target) && !message.link_layer;
}

bool is_valid_advertisement(const DiscoveryMessage& message) noexcept
{
    return !(message.destination.is_multicast() && message.is_solicited) && !message.source.is_unspecified();
}

}  // namespace

std::optional<DiscoveryMessage> parse_discovery(std::span<const uint8_t> packet) noexcept
{
    net::Ipv6Header ip;
    net::DiscoveryHeader header;
    if (packet.size() < sizeof ip + sizeof header)
        return std::nullopt;
    std::memcpy(&ip, packet.data(), sizeof ip);
    const size_t length = base::swap_be16(ip.payload_length_be);
    if ((packet[0] >> 4) != 6 || ip.next_header != net::kProtoIcmpv6 || ip.hop_limit != kHopLimit ||
        length < sizeof header || length > packet.size() - sizeof ip)
        return std::nullopt;
    const auto payload = packet.subspan(sizeof ip, length);
    std::memcpy(&header, payload.data(), sizeof header);
    if ((header.type != static_cast<uint8_t>(DiscoveryType::kSolicitation) &&
         header.type != static_cast<uint8_t>(DiscoveryType::kAdvertisement)) ||
        header.code != 0)
        return std::nullopt;

    DiscoveryMessage message;
    message.type = static_cast<DiscoveryType>(header.type);
    message.source = net::IpAddress::v6(ip.source.data());
    message.destination = net::IpAddress::v6(ip.destination.data());
    message.target = net::IpAddress::v6(header.target.data());
    const uint64_t pseudo = net::checksum_pseudo(message.source, message.destination, net::kProtoIcmpv6,
                                                 static_cast<uint32_t>(length));
    if (net::checksum_finish_be(net::checksum_add(pseudo, payload.data(), length)) != 0)
        return std::nullopt;
    const uint32_t flags = base::swap_be32(header.flags_be);
    message.is_router = (flags & kRouterFlag) != 0;
    message.is_solicited = (flags & kSolicitedFlag) != 0;
    message.is_override = (flags & kOverrideFlag) != 0;
    if (message.source.is_multicast() || message.target.is_multicast() ||
        !read_options(payload.subspan(sizeof header), message))
        return std::nullopt;
    const bool valid = message.type == DiscoveryType::kSolicitation ? is_valid_solicitation(message)
                                                                    : is_valid_advertisement(message);
    return valid ? std::optional(message) : std::nullopt;
}

std::vector<uint8_t> build_discovery(const net::MacAddress& ethernet_source, const net::MacAddress& ethernet_destination,
                                     const DiscoveryMessage& message)
{
    const size_t option_bytes = message.link_layer ? 8 : 0;
    const size_t length = sizeof(net::DiscoveryHeader) + option_bytes;
    const net::EthernetHeader ethernet = {ethernet_destination.bytes, ethernet_source.bytes,
                                          base::swap_be16(net::kEtherTypeIpv6)};
    net::Ipv6Header ip = {};
    ip.version_class_flow_be = base::swap_be32(6u << 28);
    ip.payload_length_be = base::swap_be16(static_cast<uint16_t>(length));
    ip.next_header = net::kProtoIcmpv6;
    ip.hop_limit = kHopLimit;
    std::copy_n(message.source.data(), 16, ip.source.begin());
    std::copy_n(message.destination.data(), 16, ip.destination.begin());
    net::DiscoveryHeader header = {};
    header.type = static_cast<uint8_t>(message.type);
    header.flags_be = base::swap_be32((message.is_router ? kRouterFlag : 0) | (message.is_solicited ? kSolicitedFlag : 0) |
                                      (message.is_override ? kOverrideFlag : 0));
    std::copy_n(message.target.data(), 16, header.target.begin());

    std::vector<uint8_t> frame(sizeof ethernet + sizeof ip + length);
    uint8_t* const payload = frame.data() + sizeof ethernet + sizeof ip;
    std::memcpy(frame.data(), &ethernet, sizeof ethernet);
    std::memcpy(frame.data() + sizeof ethernet, &ip, sizeof ip);
    std::memcpy(payload, &header, sizeof header);
    if (message.link_layer) {
        uint8_t* const option = payload + sizeof header;
        option[0] = link_layer_option(message.type);
        option[1] = 1;  // in units of 8 bytes
        std::copy_n(message.link_layer->bytes.begin(), 6, option + 2);
    }
    const uint64_t pseudo = net::checksum_pseudo(message.source, message.destination, net::kProtoIcmpv6,
                                                 static_cast<uint32_t>(length));
    const uint16_t checksum_be = net::checksum_finish_be(net::checksum_add(pseudo, payload, length));
    std::memcpy(payload + offsetof(net::DiscoveryHeader, checksum_be), &checksum_be, sizeof checksum_be);
    return frame;
}

net::IpAddress solicited_node_address(const net::IpAddress& target) noexcept
{
    std::array<uint8_t, 16> bytes = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
    std::copy_n(target.data() + 13, 3, bytes.begin() + 13);
    return net::IpAddress::v6(bytes.data());
}

net::IpAddress all_nodes_address() noexcept
{
    static constexpr std::array<uint8_t, 16> kBytes = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return net::IpAddress::v6(kBytes.data());
}

net::MacAddress multicast_mac(const net::IpAddress& group) noexcept
{
    const uint8_t* bytes = group.data();
    return {{0x33, 0x33, bytes[12], bytes[13], bytes[14], bytes[15]}};
}

net::Prefix link_local_prefix(const net::MacAddress& mac) noexcept
{
    const auto& m = mac.bytes;
    const std::array<uint8_t, 16> bytes = {0xfe, 0x80, 0,    0,    0,    0,    0,    0,
                                           static_cast<uint8_t>(m[0] ^ 0x02), m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]};
    return {net::IpAddress::v6(bytes.data()), 64};
}

std::vector<net::Prefix> with_link_local(std::vector<net::Prefix> addresses, const net::MacAddress& mac)
{
    const bool has_one = std::any_of(addresses.begin(), addresses.end(), [](const net::Prefix& prefix) {
        return !prefix.address.is_v4() && prefix.address.is_link_local();
    });
    if (!has_one)
        addresses.push_back(link_local_prefix(mac));
    return addresses;
}

}  // namespace ipsecgw::route
