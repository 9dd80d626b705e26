// ICMP of the gateway: echo replies and errors (RFC 792, RFC 4443, RFC 1191, RFC 8201).
#include <algorithm>
#include <cstring>

#include <rte_cycles.h>

#include "base/byte_order.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "worker/context.h"

namespace ipsecgw::worker {

namespace {

constexpr uint8_t kHopLimit = 64;
constexpr uint8_t kEchoReplyV4 = 0, kUnreachableV4 = 3, kTimeExceededV4 = 11, kFragmentationNeeded = 4;
constexpr uint8_t kEchoReplyV6 = 129, kPacketTooBigV6 = 2, kTimeExceededV6 = 3;

// As much of the offending packet as fits: 576 bytes in all (RFC 1812 section 4.3.2.3), the minimum MTU (RFC 4443
// section 2.4 (c)).
constexpr uint32_t kMostV4 = 576;
constexpr uint32_t kMostV6 = 1280;

/// A header without options at `at` for a message of `bytes`.
void write_ipv4(uint8_t* at, const sa::FlowKey& flow, uint8_t tos, uint32_t bytes) noexcept
{
    net::Ipv4Header header{};
    header.version_ihl = 0x45;
    header.tos = tos;
    header.total_length_be = base::swap_be16(static_cast<uint16_t>(sizeof header + bytes));
    header.fragment_be = base::swap_be16(
        net::kIpv4DontFragment);  // never fragmented, so it needs no identification (RFC 6864 section 4.1)
    header.ttl = kHopLimit;
    header.protocol = net::kProtoIcmp;
    std::memcpy(header.source.data(), flow.source, 4);
    std::memcpy(header.destination.data(), flow.destination, 4);
    header.checksum_be = net::checksum_be(&header, sizeof header);
    std::memcpy(at, &header, sizeof header);
}

void write_ipv6(uint8_t* at, const sa::FlowKey& flow, uint8_t traffic_class, uint32_t bytes) noexcept
{
    net::Ipv6Header header{};
    header.version_class_flow_be = base::swap_be32(6u << 28 | static_cast<uint32_t>(traffic_class) << 20);
    header.payload_length_be = base::swap_be16(static_cast<uint16_t>(bytes));
    header.next_header = net::kProtoIcmpv6;
    header.hop_limit = kHopLimit;
    std::memcpy(header.source.data(), flow.source, 16);
    std::memcpy(header.destination.data(), flow.destination, 16);
    std::memcpy(at, &header, sizeof header);
}

uint32_t header_bytes(net::Family family) noexcept
{
    return family == net::Family::kIpv4 ? sizeof(net::Ipv4Header) : sizeof(net::Ipv6Header);
}

uint8_t tos_of(rte_mbuf* m) noexcept
{
    const auto* bytes = rte_pktmbuf_mtod(m, const uint8_t*);
    return bytes[0] >> 4 == 4 ? bytes[1] : static_cast<uint8_t>(base::load_be16(bytes) >> 4);
}

/// The checksum with the type changed: a request that was damaged stays damaged, and the asker's check finds it.
void change_type(uint8_t* icmp, uint8_t type) noexcept
{
    uint16_t before, after, checksum;
    std::memcpy(&before, icmp, sizeof before);
    icmp[0] = type;
    std::memcpy(&after, icmp, sizeof after);
    uint8_t* field = icmp + offsetof(net::IcmpHeader, checksum_be);
    std::memcpy(&checksum, field, sizeof checksum);
    checksum = net::checksum_adjust(checksum, before, after);
    std::memcpy(field, &checksum, sizeof checksum);
}

/// RFC 1122 section 3.2.2 and RFC 4443 section 2.4 (e): never about an error, a fragment but the first, or a packet of
/// our own. Group and unspecified addresses have not come so far.
bool may_be_told_of(const PacketInfo& packet) noexcept
{
    if ((packet.origin != Origin::kClear && packet.origin != Origin::kOpened) || packet.fragment == Fragment::kLater)
        return false;
    const int type = packet.flow.destination_port >> 8;
    if (packet.flow.protocol == net::kProtoIcmpv6 && packet.flow.family == net::Family::kIpv6)
        return packet.flow.ports_known && type >= 128 && type != 137;  // 137: redirect
    if (packet.flow.protocol == net::kProtoIcmp && packet.flow.family == net::Family::kIpv4)
        return packet.flow.ports_known && (type == 0 || type == 8 || (type >= 13 && type <= 18));
    return true;
}

/// The address an error comes from: of the port the packet came by (RFC 1812 section 4.3.2.4). One out of an SA came by
/// no port its sender knows; there it is the port it was going to, which the SA's selectors cover. Null: that port has
/// none of the family.
const net::IpAddress* error_source(Context& context, const PacketInfo& packet) noexcept
{
    const PortView* port = &context.port(packet.in_port);
    if (packet.origin == Origin::kOpened)
        port = route_to(context, packet.flow).port;
    if (port == nullptr)
        return nullptr;
    for (const auto& prefix : port->addresses) {
        if (prefix.family() == packet.flow.family && !prefix.address.is_link_local())
            return &prefix.address;
    }
    return nullptr;
}

struct Message {
    uint8_t type;
    uint8_t code;
    uint32_t rest;
};

/// Everything behind the IP header: type, code, the quoted packet and the checksum.
void write_message(uint8_t* at, const Message& message, std::span<const uint8_t> quoted,
                   const sa::FlowKey& flow) noexcept
{
    net::IcmpHeader icmp{
        .type = message.type, .code = message.code, .checksum_be = 0, .rest_be = base::swap_be32(message.rest)};
    std::memcpy(at, &icmp, sizeof icmp);
    std::memcpy(at + sizeof icmp, quoted.data(), quoted.size());
    const uint32_t bytes = static_cast<uint32_t>(sizeof icmp + quoted.size());
    uint64_t sum = 0;
    if (flow.family == net::Family::kIpv6)
        sum = net::checksum_pseudo(net::IpAddress::v6(flow.source), net::IpAddress::v6(flow.destination),
                                   net::kProtoIcmpv6, bytes);
    const uint16_t checksum_be = net::checksum_finish_be(net::checksum_add(sum, at, bytes));
    std::memcpy(at + offsetof(net::IcmpHeader, checksum_be), &checksum_be, sizeof checksum_be);
}

void send_error(Context& context, rte_mbuf* about, const Message& message) noexcept
{
    const PacketInfo& cause = info(about);
    if (!context.data.icmp_errors || !may_be_told_of(cause) || !context.icmp_limit.take(rte_rdtsc()))
        return;
    const net::IpAddress* source = error_source(context, cause);
    if (source == nullptr)
        return;
    rte_mbuf* m = rte_pktmbuf_alloc(context.data.pool);
    if (m == nullptr)
        return;
    const bool ipv4 = cause.flow.family == net::Family::kIpv4;
    const uint32_t header = header_bytes(cause.flow.family);
    const uint32_t room = (ipv4 ? kMostV4 : kMostV6) - header - static_cast<uint32_t>(sizeof(net::IcmpHeader));
    const uint32_t quoted = std::min(about->pkt_len, room);
    const uint32_t message_bytes = static_cast<uint32_t>(sizeof(net::IcmpHeader)) + quoted;

    PacketInfo& packet = info(m);
    packet.flow = cause.flow.mirrored();
    std::memcpy(packet.flow.source, source->data(), 16);
    packet.flow.protocol = ipv4 ? net::kProtoIcmp : net::kProtoIcmpv6;
    packet.flow.source_port = static_cast<uint16_t>(message.type * 256 + message.code);
    packet.flow.destination_port = packet.flow.source_port;
    packet.flow.ports_known = true;
    packet.in_port = cause.in_port;
    packet.trace = cause.trace;  // a part of the story of what it is about
    packet.origin = cause.origin == Origin::kOpened ? Origin::kReplyToOpened : Origin::kReplyToClear;
    packet.encapsulated = false;
    packet.fragment = Fragment::kWhole;
    packet.source_routed = false;
    packet.transport_offset = static_cast<uint16_t>(header);
    m->l3_len = header & 0x1ff;

    auto* bytes = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(m, static_cast<uint16_t>(header + message_bytes)));
    if (bytes == nullptr) {
        rte_pktmbuf_free(m);
        return;
    }
    // Precedence 6, internetwork control (RFC 1812 section 4.3.2.5); IPv6 has no such rule.
    ipv4 ? write_ipv4(bytes, packet.flow, 0xc0, message_bytes) : write_ipv6(bytes, packet.flow, 0, message_bytes);
    write_message(bytes + header, message, {rte_pktmbuf_mtod(about, const uint8_t*), quoted}, packet.flow);
    context.counters.icmp_sent.add(1);
    send_own(context, m);
}

}  // namespace

bool make_echo_reply(rte_mbuf* m) noexcept
{
    PacketInfo& packet = info(m);
    const uint32_t icmp_offset = m->l3_len;
    if (m->pkt_len < icmp_offset + sizeof(net::IcmpHeader))
        return false;
    const bool ipv4 = packet.flow.family == net::Family::kIpv4;
    const uint8_t tos = tos_of(m);
    const uint8_t type = ipv4 ? kEchoReplyV4 : kEchoReplyV6;
    change_type(rte_pktmbuf_mtod_offset(m, uint8_t*, icmp_offset), type);
    // Options and extension headers of the request are not echoed: the new header stands right before the message.
    const uint32_t header = header_bytes(packet.flow.family);
    rte_pktmbuf_adj(m, static_cast<uint16_t>(icmp_offset - header));
    packet.flow = packet.flow.mirrored();
    packet.flow.source_port = static_cast<uint16_t>(type << 8);
    packet.flow.destination_port = packet.flow.source_port;
    packet.transport_offset = static_cast<uint16_t>(header);
    m->l3_len = header & 0x1ff;
    auto* bytes = rte_pktmbuf_mtod(m, uint8_t*);
    // The pseudo header's sum does not change when source and destination trade places.
    ipv4 ? write_ipv4(bytes, packet.flow, tos, m->pkt_len - header)
         : write_ipv6(bytes, packet.flow, tos, m->pkt_len - header);
    return true;
}

void send_time_exceeded(Context& context, rte_mbuf* about) noexcept
{
    const bool ipv4 = info(about).flow.family == net::Family::kIpv4;
    send_error(context, about, {ipv4 ? kTimeExceededV4 : kTimeExceededV6, 0, 0});
}

void send_too_big(Context& context, rte_mbuf* about, uint32_t mtu) noexcept
{
    if (info(about).flow.family == net::Family::kIpv4)
        send_error(context, about, {kUnreachableV4, kFragmentationNeeded, std::min<uint32_t>(mtu, UINT16_MAX)});
    else
        send_error(context, about, {kPacketTooBigV6, 0, mtu});
}

}  // namespace ipsecgw::worker
