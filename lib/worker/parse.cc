#include "worker/parse.h"

#include <cstring>

#include "base/byte_order.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "worker/packet_info.h"

namespace ipsecgw::worker {

using telemetry::Drop;

namespace {

// RFC 8504 section 5.3 lets a node bound the extension headers it walks. Far above what is seen on links, and l3_len of
// an mbuf holds 511.
constexpr int kMaxExtensionHeaders = 8;
constexpr uint32_t kMaxHeaderBytes = 400;

constexpr uint8_t kProtoDccp = 33;
constexpr uint8_t kProtoUdpLite = 136;

/// Ports, or ICMP type and code, where the packet has them.
void read_ports(const uint8_t* upper, uint32_t left, sa::FlowKey& flow) noexcept
{
    flow.ports_known = false;
    flow.source_port = 0;
    flow.destination_port = 0;
    switch (flow.protocol) {
        case net::kProtoTcp:
        case net::kProtoUdp:
        case net::kProtoSctp:
        case kProtoDccp:
        case kProtoUdpLite:
            if (left < 4)
                return;
            flow.source_port = base::load_be16(upper);
            flow.destination_port = base::load_be16(upper + 2);
            flow.ports_known = true;
            return;
        case net::kProtoIcmp:
        case net::kProtoIcmpv6:
            if (left < 2)
                return;
            flow.source_port = base::load_be16(upper);  // type * 256 + code
            flow.destination_port = flow.source_port;
            flow.ports_known = true;
            return;
        default:
            return;
    }
}

/// Four bytes and twelve zeros, in two whole stores: look-ups load them as two words, and would stall on smaller ones.
void store_ipv4(uint8_t* to, const uint8_t* address) noexcept
{
    uint64_t word = 0;
    std::memcpy(&word, address, 4);
    std::memcpy(to, &word, sizeof word);
    std::memset(to + sizeof word, 0, sizeof word);
}

void trim_to(rte_mbuf* m, uint32_t bytes) noexcept
{
    if (m->pkt_len > bytes)
        rte_pktmbuf_trim(m, static_cast<uint16_t>(m->pkt_len - bytes));
}

bool ipv4_checksum_holds(rte_mbuf* m, uint32_t header_bytes) noexcept
{
    const uint64_t verdict = m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
    m->ol_flags &= ~RTE_MBUF_F_RX_IP_CKSUM_MASK;
    if (verdict == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
        return true;
    return net::checksum_be(rte_pktmbuf_mtod(m, const uint8_t*), header_bytes) == 0;
}

Drop parse_ipv4(rte_mbuf* m) noexcept
{
    const auto* bytes = rte_pktmbuf_mtod(m, const uint8_t*);
    const auto& header = *reinterpret_cast<const net::Ipv4Header*>(bytes);
    if (m->pkt_len < sizeof header)
        return Drop::kRunt;
    const uint32_t header_bytes = header.header_bytes();
    const uint32_t total = base::swap_be16(header.total_length_be);
    if (header_bytes < sizeof header || total < header_bytes || total > m->pkt_len)
        return Drop::kIpHeader;
    if (!ipv4_checksum_holds(m, header_bytes))
        return Drop::kIpChecksum;
    trim_to(m, total);

    PacketInfo& packet = info(m);
    sa::FlowKey& flow = packet.flow;
    store_ipv4(flow.source, header.source.data());
    store_ipv4(flow.destination, header.destination.data());
    flow.family = net::Family::kIpv4;
    flow.protocol = header.protocol;
    flow.reserved = 0;
    const uint16_t fragment = base::swap_be16(header.fragment_be);
    packet.fragment = (fragment & net::kIpv4OffsetMask) != 0      ? Fragment::kLater
                      : (fragment & net::kIpv4MoreFragments) != 0 ? Fragment::kFirst
                                                                  : Fragment::kWhole;
    packet.source_routed = false;
    packet.transport_offset = static_cast<uint16_t>(header_bytes);
    m->l3_len = header_bytes & 0x1ff;
    read_ports(bytes + header_bytes, packet.fragment == Fragment::kLater ? 0 : total - header_bytes, flow);
    return kKeep;
}

/// A walk along the extension headers of one packet (RFC 8200 section 4).
struct ExtensionWalk {
    const uint8_t* bytes;
    uint32_t length;
    uint32_t offset = sizeof(net::Ipv6Header);
    uint32_t transport_offset = sizeof(net::Ipv6Header);
    uint8_t next;
    Fragment fragment = Fragment::kWhole;
    bool source_routed = false;
    bool done = false;

    /// One header on. False: the chain is broken.
    bool step(int index) noexcept
    {
        const bool known = next == net::kProtoHopByHop || next == net::kProtoRouting ||
                           next == net::kProtoDestination || next == net::kProtoFragment;
        if (!known || fragment == Fragment::kLater) {
            done = true;
            return true;
        }
        // Hop-by-hop options come first or not at all (RFC 8200 section 4.1). Every one of these headers has 8 bytes at
        // least.
        if ((next == net::kProtoHopByHop && index != 0) || length - offset < 8)
            return false;
        const uint8_t* header = bytes + offset;
        uint32_t header_bytes = 8;
        if (next == net::kProtoFragment) {
            const uint16_t field = base::load_be16(header + 2);
            fragment = (field & 0xfff8) != 0 ? Fragment::kLater
                       : (field & 1) != 0    ? Fragment::kFirst
                                             : Fragment::kWhole;
        } else {
            header_bytes = (header[1] + 1u) * 8;
        }
        source_routed |= next == net::kProtoRouting && header[3] != 0;
        if (header_bytes > length - offset || offset + header_bytes > kMaxHeaderBytes)
            return false;
        offset += header_bytes;
        // Destination options may stand behind ESP, the others may not (RFC 4303 section 3.1.1).
        if (next != net::kProtoDestination)
            transport_offset = offset;
        next = header[0];
        return true;
    }
};

Drop parse_ipv6(rte_mbuf* m) noexcept
{
    const auto* bytes = rte_pktmbuf_mtod(m, const uint8_t*);
    const auto& header = *reinterpret_cast<const net::Ipv6Header*>(bytes);
    if (m->pkt_len < sizeof header)
        return Drop::kRunt;
    const uint32_t total = sizeof header + base::swap_be16(header.payload_length_be);
    if (total > m->pkt_len)
        return Drop::kIpHeader;
    trim_to(m, total);

    ExtensionWalk walk{.bytes = bytes, .length = total, .next = header.next_header};
    for (int index = 0; !walk.done; index++) {
        if (index > kMaxExtensionHeaders || !walk.step(index))
            return Drop::kIpHeader;
    }
    PacketInfo& packet = info(m);
    sa::FlowKey& flow = packet.flow;
    std::memcpy(flow.source, header.source.data(), 16);
    std::memcpy(flow.destination, header.destination.data(), 16);
    flow.family = net::Family::kIpv6;
    flow.protocol = walk.next;
    flow.reserved = 0;
    packet.fragment = walk.fragment;
    packet.source_routed = walk.source_routed;
    packet.transport_offset = static_cast<uint16_t>(walk.transport_offset);
    m->ol_flags &= ~RTE_MBUF_F_RX_IP_CKSUM_MASK;
    m->l3_len = walk.offset & 0x1ff;
    read_ports(bytes + walk.offset, walk.fragment == Fragment::kLater ? 0 : total - walk.offset, flow);
    return kKeep;
}

}  // namespace

Drop parse_ip(rte_mbuf* m) noexcept
{
    if (m->pkt_len < 1)
        return Drop::kRunt;
    switch (*rte_pktmbuf_mtod(m, const uint8_t*) >> 4) {
        case 4:
            return parse_ipv4(m);
        case 6:
            return parse_ipv6(m);
        default:
            return Drop::kIpHeader;
    }
}

}  // namespace ipsecgw::worker
