#include "support/packets.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace ipsecgw::test {

namespace {

bool is_v6(const std::string& address)
{
    return address.find(':') != std::string::npos;
}

Bytes address(const std::string& text)
{
    Bytes bytes(is_v6(text) ? 16 : 4);
    if (inet_pton(is_v6(text) ? AF_INET6 : AF_INET, text.c_str(), bytes.data()) != 1)
        std::abort();
    return bytes;
}

void put16(Bytes& to, size_t at, size_t value)
{
    to[at] = static_cast<uint8_t>(value >> 8);
    to[at + 1] = static_cast<uint8_t>(value);
}

uint16_t get16(const Bytes& from, size_t at)
{
    return static_cast<uint16_t>(from[at] << 8 | from[at + 1]);
}

/// RFC 1071, byte by byte.
uint16_t checksum(const Bytes& bytes)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < bytes.size(); i++) {
        sum += i % 2 == 0 ? static_cast<uint32_t>(bytes[i]) << 8 : bytes[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<uint16_t>(~sum);
}

Bytes pseudo(const Bytes& source, const Bytes& destination, uint8_t protocol, const Bytes& segment)
{
    Bytes bytes = concat(source, destination);
    const size_t length = segment.size();
    const Bytes tail =
        source.size() == 4
            ? Bytes{0, protocol, static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)}
            : Bytes{0, 0, static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length), 0, 0, 0, protocol};
    return concat(concat(bytes, tail), segment);
}

Bytes with_checksum(const Ip& ip, uint8_t protocol, Bytes segment, size_t at)
{
    uint16_t sum = checksum(pseudo(address(ip.source), address(ip.destination), protocol, segment));
    if (protocol == 17 && sum == 0)
        sum = 0xffff;
    put16(segment, at, sum);
    return segment;
}

Bytes ipv6_packet(const Ip& ip, uint8_t protocol, const Bytes& payload)
{
    Bytes extensions = ip.options;
    uint8_t first = extensions.empty() ? protocol : ip.first_extension;
    if (!extensions.empty())
        extensions[ip.last_extension] = protocol;
    if (ip.fragment_offset != 0 || ip.more_fragments) {
        Bytes fragment(8);
        fragment[0] = first;
        put16(fragment, 2, static_cast<size_t>(ip.fragment_offset) << 3 | (ip.more_fragments ? 1 : 0));
        extensions = concat(fragment, extensions);
        first = 44;
    }
    Bytes header(8);
    header[0] = static_cast<uint8_t>(0x60 | ip.tos >> 4);
    header[1] = static_cast<uint8_t>(ip.tos << 4 | ip.flow_label >> 16);
    put16(header, 2, ip.flow_label & 0xffff);
    put16(header, 4, extensions.size() + payload.size());
    header[6] = first;
    header[7] = ip.hops;
    header = concat(concat(header, address(ip.source)), address(ip.destination));
    return concat(concat(header, extensions), payload);
}

size_t upper_offset(const Bytes& ip)
{
    return ip[0] >> 4 == 4 ? (ip[0] & 15u) * 4 : 40;
}

std::string address_text(const Bytes& ip, size_t at)
{
    char text[INET6_ADDRSTRLEN] = {};
    inet_ntop(ip[0] >> 4 == 4 ? AF_INET : AF_INET6, ip.data() + at, text, sizeof text);
    return text;
}

}  // namespace

Bytes concat(const Bytes& a, const Bytes& b)
{
    Bytes all = a;
    all.insert(all.end(), b.begin(), b.end());
    return all;
}

Bytes text(size_t size)
{
    static constexpr char kWords[] = "plaintext must not be seen on the unprotected side. ";
    Bytes bytes(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = static_cast<uint8_t>(kWords[i % (sizeof kWords - 1)]);
    return bytes;
}

Bytes ip_packet(const Ip& ip, uint8_t protocol, const Bytes& payload)
{
    if (is_v6(ip.source))
        return ipv6_packet(ip, protocol, payload);
    Bytes header(12);
    header[0] = static_cast<uint8_t>(0x45 + ip.options.size() / 4);
    header[1] = ip.tos;
    put16(header, 2, 20 + ip.options.size() + payload.size());
    put16(header, 4, ip.identification);
    put16(header, 6, (ip.dont_fragment ? 0x4000u : 0u) | (ip.more_fragments ? 0x2000u : 0u) | ip.fragment_offset);
    header[8] = ip.hops;
    header[9] = protocol;
    header = concat(concat(concat(header, address(ip.source)), address(ip.destination)), ip.options);
    put16(header, 10, checksum(header));
    return concat(header, payload);
}

Bytes udp_packet(const Ip& ip, uint16_t source_port, uint16_t destination_port, const Bytes& payload)
{
    Bytes segment(8);
    put16(segment, 0, source_port);
    put16(segment, 2, destination_port);
    put16(segment, 4, 8 + payload.size());
    return ip_packet(ip, 17, with_checksum(ip, 17, concat(segment, payload), 6));
}

Bytes tcp_packet(const Ip& ip, uint16_t source_port, uint16_t destination_port, const Bytes& payload)
{
    Bytes segment(20);
    put16(segment, 0, source_port);
    put16(segment, 2, destination_port);
    segment[12] = 0x50;
    segment[13] = 0x18;
    return ip_packet(ip, 6, with_checksum(ip, 6, concat(segment, payload), 16));
}

Bytes echo_request(const Ip& ip, uint16_t identifier, uint16_t sequence, const Bytes& payload)
{
    Bytes body(4);
    put16(body, 0, identifier);
    put16(body, 2, sequence);
    body = concat(body, payload);
    if (is_v6(ip.source))
        return icmpv6_packet(ip, 128, 0, body);
    Bytes message = concat(Bytes{8, 0, 0, 0}, body);
    put16(message, 2, checksum(message));
    return ip_packet(ip, 1, message);
}

Bytes icmpv6_packet(const Ip& ip, uint8_t type, uint8_t code, const Bytes& body)
{
    return ip_packet(ip, 58, with_checksum(ip, 58, concat(Bytes{type, code, 0, 0}, body), 2));
}

Bytes frame(const std::string& to, const std::string& from, const Bytes& packet, uint16_t type)
{
    Bytes header;
    for (const auto* mac : {&to, &from}) {
        unsigned b[6];
        if (std::sscanf(mac->c_str(), "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
            std::abort();
        for (const unsigned byte : b)
            header.push_back(static_cast<uint8_t>(byte));
    }
    header.resize(14);
    put16(header, 12, type != 0 ? type : packet[0] >> 4 == 4 ? 0x0800u : 0x86ddu);
    return concat(header, packet);
}

Bytes without_ethernet(const Bytes& frame)
{
    return {frame.begin() + 14, frame.end()};
}

std::string defect(const Bytes& ip)
{
    if (ip.size() < 20)
        return "no IP header";
    const bool v4 = ip[0] >> 4 == 4;
    if (v4 && (get16(ip, 2) != ip.size() || checksum({ip.begin(), ip.begin() + (ip[0] & 15) * 4}) != 0))
        return "IPv4 length or header checksum";
    if (!v4 && (ip.size() < 40 || get16(ip, 4) + 40u != ip.size()))
        return "IPv6 length";
    const uint8_t protocol = protocol_of(ip);
    const Bytes segment(ip.begin() + static_cast<ptrdiff_t>(upper_offset(ip)), ip.end());
    if (v4 && (get16(ip, 6) & 0x3fff) != 0)
        return "";  // a fragment
    if (protocol == 1)
        return checksum(segment) == 0 ? "" : "ICMP checksum";
    if (protocol != 6 && protocol != 17 && protocol != 58)
        return "";
    if (protocol == 17 && (segment.size() < 8 || get16(segment, 4) != segment.size()))
        return "UDP length";
    if (protocol == 17 && get16(segment, 6) == 0)
        return v4 ? "" : "UDP checksum zero over IPv6";
    const size_t at = v4 ? 12 : 8, bytes = v4 ? 4 : 16;
    const Bytes source(ip.begin() + static_cast<ptrdiff_t>(at), ip.begin() + static_cast<ptrdiff_t>(at + bytes));
    const Bytes destination(ip.begin() + static_cast<ptrdiff_t>(at + bytes),
                            ip.begin() + static_cast<ptrdiff_t>(at + 2 * bytes));
    return checksum(pseudo(source, destination, protocol, segment)) == 0 ? "" : "upper-layer checksum";
}

IpFields read_ip(const Bytes& ip)
{
    IpFields out{};
    out.version = ip[0] >> 4;
    const bool v4 = out.version == 4;
    const auto at = ip.begin() + (v4 ? 12 : 8);
    const ptrdiff_t bytes = v4 ? 4 : 16;
    out.source.assign(at, at + bytes);
    out.destination.assign(at + bytes, at + 2 * bytes);
    out.hop_limit = v4 ? ip[8] : ip[7];
    out.protocol = v4 ? ip[9] : ip[6];
    out.checksum_valid = true;
    if (v4) {
        out.tos = ip[1];
        out.total_bytes = get16(ip, 2);
        out.identification = get16(ip, 4);
        out.dont_fragment = ip[6] == 0x40;
        out.checksum_valid = checksum({ip.begin(), ip.begin() + (ip[0] & 15) * 4}) == 0;
    } else {
        out.tos = static_cast<uint8_t>(ip[0] << 4 | ip[1] >> 4);
        out.flow_label = static_cast<uint32_t>((ip[1] & 15) << 16 | ip[2] << 8 | ip[3]);
        out.total_bytes = static_cast<uint16_t>(40 + get16(ip, 4));
    }
    return out;
}

std::string source_of(const Bytes& ip)
{
    return address_text(ip, ip[0] >> 4 == 4 ? 12 : 8);
}
std::string destination_of(const Bytes& ip)
{
    return address_text(ip, ip[0] >> 4 == 4 ? 16 : 24);
}
uint8_t hops_of(const Bytes& ip)
{
    return read_ip(ip).hop_limit;
}
uint8_t protocol_of(const Bytes& ip)
{
    return read_ip(ip).protocol;
}
uint32_t header_bytes_of(const Bytes& ip)
{
    return static_cast<uint32_t>(upper_offset(ip));
}

Bytes after_a_hop(const Bytes& ip)
{
    Bytes next = ip;
    if (ip[0] >> 4 == 6) {
        next[7]--;
        return next;
    }
    next[8]--;
    put16(next, 10, 0);
    put16(next, 10, checksum({next.begin(), next.begin() + static_cast<ptrdiff_t>(upper_offset(next))}));
    return next;
}

bool contains(const Bytes& haystack, const Bytes& needle)
{
    return std::search(haystack.begin(), haystack.end(), needle.begin(), needle.end()) != haystack.end();
}

}  // namespace ipsecgw::test
