// Packets for tests, byte by byte, with checksums of their own so that nothing of lib/ is its own oracle.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ipsecgw::test {

using Bytes = std::vector<uint8_t>;

/// Fields of an IPv4 or IPv6 header; the family is that of `source`.
struct Ip {
    std::string source;
    std::string destination;
    uint8_t hops = 64;
    uint8_t tos = 0;  // traffic class
    uint32_t flow_label = 0;
    uint16_t identification = 0;
    bool dont_fragment = true;
    uint16_t fragment_offset = 0;  // in 8 bytes; IPv6: with `more_fragments`, a fragment header when either is set
    bool more_fragments = false;
    Bytes options = {};  // IPv4: a multiple of 4; IPv6: whole extension headers, the first of type `first_extension`
    uint8_t first_extension = 0;  // their last header's next-header byte is filled in at `last_extension`
    size_t last_extension = 0;
};

Bytes concat(const Bytes& a, const Bytes& b);
/// `size` recognisable bytes.
Bytes text(size_t size);

/// A whole IP packet.
Bytes ip_packet(const Ip& ip, uint8_t protocol, const Bytes& payload);
Bytes udp_packet(const Ip& ip, uint16_t source_port, uint16_t destination_port, const Bytes& payload);
Bytes tcp_packet(const Ip& ip, uint16_t source_port, uint16_t destination_port, const Bytes& payload);
Bytes echo_request(const Ip& ip, uint16_t identifier, uint16_t sequence, const Bytes& payload);
/// ICMPv6 of any type with a right checksum.
Bytes icmpv6_packet(const Ip& ip, uint8_t type, uint8_t code, const Bytes& body);

/// Ethernet; the type is the packet's family unless given.
Bytes frame(const std::string& to, const std::string& from, const Bytes& packet, uint16_t type = 0);
Bytes without_ethernet(const Bytes& frame);

/// What is wrong with an IP packet's lengths and checksums (IP, UDP, TCP, ICMP); empty: nothing.
std::string defect(const Bytes& ip);

/// The fields of an IP header, whose checksum is right where it has one.
struct IpFields {
    uint8_t version, tos, hop_limit, protocol;
    uint16_t total_bytes;  // header included, also for IPv6
    uint16_t identification;
    bool dont_fragment, checksum_valid;
    uint32_t flow_label;
    Bytes source, destination;
};
IpFields read_ip(const Bytes& ip);

/// Some of them as text and numbers.
std::string source_of(const Bytes& ip);
std::string destination_of(const Bytes& ip);
uint8_t hops_of(const Bytes& ip);
uint8_t protocol_of(const Bytes& ip);
uint32_t header_bytes_of(const Bytes& ip);  // without extension headers
/// The same packet after one more router.
Bytes after_a_hop(const Bytes& ip);

bool contains(const Bytes& haystack, const Bytes& needle);

}  // namespace ipsecgw::test
