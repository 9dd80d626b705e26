#include "worker/classify.h"

#include <cstring>

#include "base/byte_order.h"
#include "net/headers.h"
#include "worker/packet_info.h"
#include "worker/parse_internal.h"

namespace ipsecgw::worker {

using telemetry::Drop;

namespace {

constexpr Verdict dropped(Drop reason)
{
    return {Kind::kDrop, reason};
}

/// RFC 4861: router solicitation to redirect.
bool is_neighbour_discovery(const PacketInfo& packet) noexcept
{
    const uint16_t type = packet.flow.destination_port >> 8;
    return packet.flow.protocol == net::kProtoIcmpv6 && packet.flow.family == net::Family::kIpv6 &&
           packet.flow.ports_known && type >= 133 && type <= 137;
}

/// As words: std::array compares with memcmp, which is a call for six bytes.
bool same_mac(const uint8_t* a, const uint8_t* b) noexcept
{
    uint32_t front[2];
    uint16_t back[2];
    std::memcpy(&front[0], a, 4);
    std::memcpy(&front[1], b, 4);
    std::memcpy(&back[0], a + 4, 2);
    std::memcpy(&back[1], b + 4, 2);
    return ((front[0] ^ front[1]) | static_cast<uint32_t>(back[0] ^ back[1])) == 0;
}

Verdict classify_ip(const OwnAddresses& own, rte_mbuf* m, int version, bool link_group) noexcept
{
    if (const Drop reason = version == 4 ? parse_ipv4(m) : parse_ip(m); reason != kKeep)
        return dropped(reason);
    const PacketInfo& packet = info(m);
    if (version == 6 && is_neighbour_discovery(packet)) {
        // Taking the header off has left its bytes in place.
        rte_pktmbuf_prepend(m, sizeof(net::EthernetHeader));
        return {Kind::kNeighbour, kKeep};
    }
    switch (own.place(packet.flow)) {
        case Place::kMartian:
            return dropped(Drop::kMartian);
        case Place::kGroup:
            return dropped(Drop::kNoListener);
        case Place::kOurs:
            break;
        case Place::kElsewhere:
            // Unicast in a group frame is neither answered nor forwarded (RFC 1122 section 3.2.2, RFC 1812
            // section 5.3.4).
            return link_group ? dropped(Drop::kMartian) : Verdict{Kind::kTransit, kKeep};
    }
    if (link_group)
        return dropped(Drop::kMartian);
    // We are no intermediate stop of a source route (RFC 5095).
    return packet.source_routed ? dropped(Drop::kIpHeader) : Verdict{Kind::kLocal, kKeep};
}

}  // namespace

Verdict classify(const OwnAddresses& own, const PortView& port, rte_mbuf* m) noexcept
{
    if (m->pkt_len < sizeof(net::EthernetHeader))
        return dropped(Drop::kRunt);
    if (m->nb_segs > 1 && rte_pktmbuf_linearize(m) != 0)
        return dropped(Drop::kNoRoomInMbuf);
    const auto& ethernet = *rte_pktmbuf_mtod(m, const net::EthernetHeader*);
    const bool link_group = (ethernet.destination[0] & 1) != 0;
    if (!link_group && !same_mac(ethernet.destination.data(), port.mac.bytes.data()))
        return dropped(Drop::kNotForUs);

    const uint16_t type = base::swap_be16(ethernet.type_be);
    if (type == net::kEtherTypeArp)
        return {Kind::kNeighbour, kKeep};
    if (type != net::kEtherTypeIpv4 && type != net::kEtherTypeIpv6)
        return dropped(Drop::kEtherType);
    rte_pktmbuf_adj(m, sizeof ethernet);
    const int version = type == net::kEtherTypeIpv4 ? 4 : 6;
    if (m->pkt_len == 0)
        return dropped(Drop::kRunt);
    if (*rte_pktmbuf_mtod(m, const uint8_t*) >> 4 != version)
        return dropped(Drop::kIpHeader);
    return classify_ip(own, m, version, link_group);
}

}  // namespace ipsecgw::worker
