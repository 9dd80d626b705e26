// Packets for the gateway itself.
#include "base/byte_order.h"
#include "net/headers.h"
#include "worker/context.h"

namespace ipsecgw::worker {

using telemetry::Drop;

namespace {

constexpr uint8_t kKeepaliveByte = 0xff;  // RFC 3948 section 2.3

/// Port 4500, ESP of our SAs already taken out: IKE behind the non-ESP marker, or a keepalive.
void deliver_nat_t(Context& context, rte_mbuf* m) noexcept
{
    const uint32_t udp_offset = m->l3_len;
    const uint32_t payload_offset = udp_offset + sizeof(net::UdpHeader);
    if (m->pkt_len < payload_offset) {
        context.drops.drop(m, Drop::kRunt);
        return;
    }
    const uint32_t udp_bytes = base::load_be16(rte_pktmbuf_mtod_offset(m, const uint8_t*, udp_offset + 4));
    if (udp_bytes < sizeof(net::UdpHeader) || udp_bytes > m->pkt_len - udp_offset) {
        context.drops.drop(m, Drop::kRunt);
        return;
    }
    const auto* payload = rte_pktmbuf_mtod_offset(m, const uint8_t*, payload_offset);
    const uint32_t payload_bytes = udp_bytes - static_cast<uint32_t>(sizeof(net::UdpHeader));
    if (payload_bytes == 1 && payload[0] == kKeepaliveByte)
        context.drops.drop(m, Drop::kNatKeepalive);
    else if (payload_bytes > sizeof(uint32_t) && base::load_be32(payload) == 0)
        punt(context, m, Punt::kIke);
    else
        context.drops.drop(m, payload_bytes < sizeof(net::EspHeader) ? Drop::kRunt : Drop::kNoListener);
}

bool is_echo_request(const sa::FlowKey& flow) noexcept
{
    const uint16_t type_code = flow.destination_port;
    return flow.ports_known &&
           (flow.family == net::Family::kIpv4 ? flow.protocol == net::kProtoIcmp && type_code == 8 * 256
                                              : flow.protocol == net::kProtoIcmpv6 && type_code == 128 * 256);
}

void answer_echo(Context& context, rte_mbuf* m, Origin origin) noexcept
{
    if (!is_echo_request(info(m).flow)) {
        context.drops.drop(m, Drop::kNoListener);
        return;
    }
    if (!make_echo_reply(m)) {
        context.drops.drop(m, Drop::kRunt);
        return;
    }
    info(m).origin = origin;
    context.counters.icmp_sent.add(1);
    send_own(context, m);
}

}  // namespace

void deliver_clear(Context& context, const PortView& port, rte_mbuf* m) noexcept
{
    const PacketInfo& packet = info(m);
    if (packet.fragment != Fragment::kWhole) {
        context.drops.drop(m, Drop::kFragment);
        return;
    }
    // IKE and what belongs to ESP bypass the SPD (RFC 4301 section 4.4.1, RFC 3948).
    if (packet.flow.protocol == net::kProtoUdp && packet.flow.ports_known) {
        if (packet.flow.destination_port == net::kPortIke) {
            punt(context, m, Punt::kIke);
            return;
        }
        if (packet.flow.destination_port == net::kPortNatT) {
            deliver_nat_t(context, m);
            return;
        }
    }
    if (packet.flow.protocol == net::kProtoEsp && port.role != model::PortRole::kProtected) {
        context.drops.drop(m, Drop::kRunt);  // too short to hold an SPI
        return;
    }
    if (may_arrive_in_clear(context, port, m))
        answer_echo(context, m, Origin::kReplyToClear);
}

void deliver_opened(Context& context, rte_mbuf* m) noexcept
{
    if (info(m).fragment != Fragment::kWhole)
        context.drops.drop(m, Drop::kFragment);
    else
        answer_echo(context, m, Origin::kReplyToOpened);
}

}  // namespace ipsecgw::worker
