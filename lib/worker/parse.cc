#include "worker/parse_internal.h"

namespace ipsecgw::worker {

using telemetry::Drop;

namespace {

// RFC 8504 section 5.3 lets a node bound the extension headers it walks. Far above what is seen on links, and l3_len of
// an mbuf holds 511.
constexpr int kMaxExtensionHeaders = 8;
constexpr uint32_t kMaxHeaderBytes = 400;

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
    packet.fragment = walk.fragment;
    packet.source_routed = walk.source_routed;
    packet.transport_offset = static_cast<uint16_t>(walk.transport_offset);
    m->ol_flags &= ~RTE_MBUF_F_RX_IP_CKSUM_MASK;
    m->l3_len = walk.offset & 0x1ff;
    const uint32_t left = walk.fragment == Fragment::kLater ? 0 : total - walk.offset;
    flow.set_upper(net::Family::kIpv6, walk.next, read_ports(walk.next, bytes + walk.offset, left));
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
