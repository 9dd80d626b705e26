// The parts of parsing that the stages inline: the ports, and the whole of IPv4, which is short.
#pragma once

#include <cstring>

#include <rte_mbuf.h>

#include "base/byte_order.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "telemetry/drop.h"
#include "worker/packet_info.h"
#include "worker/parse.h"

namespace ipsecgw::worker {

inline constexpr uint8_t kProtoDccp = 33;
inline constexpr uint8_t kProtoUdpLite = 136;

/// Whether packets of the protocol say ports, or ICMP type and code.
inline bool may_have_ports(uint8_t protocol) noexcept
{
    switch (protocol) {
        case net::kProtoTcp:
        case net::kProtoUdp:
        case net::kProtoSctp:
        case kProtoDccp:
        case kProtoUdpLite:
        case net::kProtoIcmp:
        case net::kProtoIcmpv6:
        // Where later IPv6 fragments name the header that the first one has in front of the ports.
        case net::kProtoDestination:
            return true;
        default:
            return false;
    }
}

/// Ports, or ICMP type and code, where the packet has them.
inline sa::UpperPorts read_ports(uint8_t protocol, const uint8_t* upper, uint32_t left) noexcept
{
    if ((protocol == net::kProtoUdp || protocol == net::kProtoTcp) && left >= 4) [[likely]]
        return {base::load_be16(upper), base::load_be16(upper + 2), true};
    switch (protocol) {
        case net::kProtoTcp:
        case net::kProtoUdp:
        case net::kProtoSctp:
        case kProtoDccp:
        case kProtoUdpLite:
            if (left < 4)
                return {};
            return {base::load_be16(upper), base::load_be16(upper + 2), true};
        case net::kProtoIcmp:
        case net::kProtoIcmpv6: {
            if (left < 2)
                return {};
            const uint16_t type_code = base::load_be16(upper);  // type * 256 + code
            return {type_code, type_code, true};
        }
        default:
            return {};
    }
}

/// Four bytes and twelve zeros, in one store of sixteen: look-ups load sixteen or eight, and would wait for smaller
/// stores to reach the cache.
inline void store_ipv4(uint8_t* to, const uint8_t* address) noexcept
{
    using Sixteen [[gnu::vector_size(16)]] = uint32_t;
    uint32_t word;
    std::memcpy(&word, address, sizeof word);
    const Sixteen whole = {word, 0, 0, 0};
    std::memcpy(to, &whole, sizeof whole);
}

inline void trim_to(rte_mbuf* m, uint32_t bytes) noexcept
{
    // One segment: classify() has made it one.
    m->pkt_len = bytes;
    m->data_len = static_cast<uint16_t>(bytes);
}

inline bool ipv4_checksum_holds(rte_mbuf* m, uint32_t header_bytes) noexcept
{
    const uint64_t verdict = m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
    m->ol_flags &= ~RTE_MBUF_F_RX_IP_CKSUM_MASK;
    if (verdict == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
        return true;
    const auto* header = rte_pktmbuf_mtod(m, const uint8_t*);
    if (header_bytes == sizeof(net::Ipv4Header)) [[likely]]
        return net::ipv4_checksum_holds(header);
    return net::checksum_be(header, header_bytes) == 0;
}

inline telemetry::Drop parse_ipv4(rte_mbuf* m) noexcept
{
    const auto* bytes = rte_pktmbuf_mtod(m, const uint8_t*);
    const auto& header = *reinterpret_cast<const net::Ipv4Header*>(bytes);
    if (m->pkt_len < sizeof header)
        return telemetry::Drop::kRunt;
    const uint32_t header_bytes = header.header_bytes();
    const uint32_t total = base::swap_be16(header.total_length_be);
    if (header_bytes < sizeof header || total < header_bytes || total > m->pkt_len)
        return telemetry::Drop::kIpHeader;
    if (!ipv4_checksum_holds(m, header_bytes))
        return telemetry::Drop::kIpChecksum;
    trim_to(m, total);

    PacketInfo& packet = info(m);
    sa::FlowKey& flow = packet.flow;
    store_ipv4(flow.source, header.source.data());
    store_ipv4(flow.destination, header.destination.data());
    const uint16_t fragment = base::swap_be16(header.fragment_be);
    packet.fragment = Fragment::kWhole;
    if ((fragment & (net::kIpv4OffsetMask | net::kIpv4MoreFragments)) != 0) [[unlikely]]
        packet.fragment = (fragment & net::kIpv4OffsetMask) != 0 ? Fragment::kLater : Fragment::kFirst;
    packet.source_routed = false;
    packet.transport_offset = static_cast<uint16_t>(header_bytes);
    m->l3_len = header_bytes & 0x1ff;
    const uint32_t left = packet.fragment == Fragment::kLater ? 0 : total - header_bytes;
    flow.set_upper(net::Family::kIpv4, header.protocol, read_ports(header.protocol, bytes + header_bytes, left));
    return kKeep;
}

}  // namespace ipsecgw::worker
