// Every header we read or write, as it is on the wire. Fields end in _be where a swap is due.
#pragma once

#include <array>
#include <cstdint>

namespace ipsecgw::net {

inline constexpr uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr uint16_t kEtherTypeArp = 0x0806;
inline constexpr uint16_t kEtherTypeVlan = 0x8100;
inline constexpr uint16_t kEtherTypeIpv6 = 0x86dd;

// Protocol numbers (IANA).
inline constexpr uint8_t kProtoHopByHop = 0;
inline constexpr uint8_t kProtoIcmp = 1;
inline constexpr uint8_t kProtoIpv4 = 4;  // IP in IP
inline constexpr uint8_t kProtoTcp = 6;
inline constexpr uint8_t kProtoUdp = 17;
inline constexpr uint8_t kProtoIpv6 = 41;
inline constexpr uint8_t kProtoRouting = 43;
inline constexpr uint8_t kProtoFragment = 44;
inline constexpr uint8_t kProtoEsp = 50;
inline constexpr uint8_t kProtoAh = 51;
inline constexpr uint8_t kProtoIcmpv6 = 58;
inline constexpr uint8_t kProtoNoNext = 59;  // also the TFC dummy packet, RFC 4303 section 2.6
inline constexpr uint8_t kProtoDestination = 60;
inline constexpr uint8_t kProtoSctp = 132;

inline constexpr uint16_t kPortIke = 500;
inline constexpr uint16_t kPortNatT = 4500;

struct [[gnu::packed]] EthernetHeader {
    std::array<uint8_t, 6> destination;
    std::array<uint8_t, 6> source;
    uint16_t type_be;
};
static_assert(sizeof(EthernetHeader) == 14);

/// RFC 791.
struct [[gnu::packed]] Ipv4Header {
    uint8_t version_ihl;
    uint8_t tos;  // DSCP (6 bits), ECN (2 bits)
    uint16_t total_length_be;
    uint16_t identification_be;
    uint16_t fragment_be;  // flags (3 bits), offset in 8-byte units (13 bits)
    uint8_t ttl;
    uint8_t protocol;
    uint16_t checksum_be;
    std::array<uint8_t, 4> source;
    std::array<uint8_t, 4> destination;

    [[nodiscard]] uint8_t header_bytes() const noexcept { return static_cast<uint8_t>((version_ihl & 0x0f) * 4); }
};
static_assert(sizeof(Ipv4Header) == 20);
inline constexpr uint16_t kIpv4DontFragment = 0x4000;
inline constexpr uint16_t kIpv4MoreFragments = 0x2000;
inline constexpr uint16_t kIpv4OffsetMask = 0x1fff;

/// RFC 8200.
struct [[gnu::packed]] Ipv6Header {
    uint32_t version_class_flow_be;  // version (4 bits), traffic class (8), flow label (20)
    uint16_t payload_length_be;
    uint8_t next_header;
    uint8_t hop_limit;
    std::array<uint8_t, 16> source;
    std::array<uint8_t, 16> destination;
};
static_assert(sizeof(Ipv6Header) == 40);

/// RFC 768.
struct [[gnu::packed]] UdpHeader {
    uint16_t source_port_be;
    uint16_t destination_port_be;
    uint16_t length_be;
    uint16_t checksum_be;
};
static_assert(sizeof(UdpHeader) == 8);

/// RFC 4303 section 2.
struct [[gnu::packed]] EspHeader {
    uint32_t spi_be;
    uint32_t sequence_be;
};
static_assert(sizeof(EspHeader) == 8);

/// The last two bytes of the ESP plaintext, RFC 4303 section 2.
struct [[gnu::packed]] EspTrailer {
    uint8_t pad_length;
    uint8_t next_header;
};
static_assert(sizeof(EspTrailer) == 2);

/// RFC 792 and RFC 4443; `rest` is type-specific.
struct [[gnu::packed]] IcmpHeader {
    uint8_t type;
    uint8_t code;
    uint16_t checksum_be;
    uint32_t rest_be;
};
static_assert(sizeof(IcmpHeader) == 8);

/// Neighbour solicitation and advertisement, RFC 4861 sections 4.3 and 4.4; options follow.
struct [[gnu::packed]] DiscoveryHeader {
    uint8_t type;
    uint8_t code;
    uint16_t checksum_be;
    uint32_t flags_be;  // router, solicited, override in the top three bits; reserved in a solicitation
    std::array<uint8_t, 16> target;
};
static_assert(sizeof(DiscoveryHeader) == 24);

/// RFC 826 for IPv4 over Ethernet.
struct [[gnu::packed]] ArpPacket {
    uint16_t hardware_type_be;
    uint16_t protocol_type_be;
    uint8_t hardware_length;
    uint8_t protocol_length;
    uint16_t operation_be;
    std::array<uint8_t, 6> sender_mac;
    std::array<uint8_t, 4> sender_ip;
    std::array<uint8_t, 6> target_mac;
    std::array<uint8_t, 4> target_ip;
};
static_assert(sizeof(ArpPacket) == 28);

}  // namespace ipsecgw::net
