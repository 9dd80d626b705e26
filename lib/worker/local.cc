// Packets for the gateway itself.
#include <algorithm>
#include <optional>
#include <span>

#include "base/byte_order.h"
#include "net/headers.h"
#include "worker/context.h"

namespace ipsecgw::worker {

using telemetry::Drop;

namespace {

constexpr uint8_t kKeepaliveByte = 0xff;  // RFC 3948 section 2.3
constexpr size_t kIkeHeaderBytes = 28;    // RFC 7296 section 3.1
constexpr ptrdiff_t kResponderSpiAt = 8;
constexpr ptrdiff_t kResponderSpiEnd = 16;

/// What a UDP datagram carries; nothing where its lengths are wrong.
std::optional<std::span<const uint8_t>> udp_payload(rte_mbuf* m) noexcept
{
    const uint32_t udp_offset = m->l3_len;
    if (m->pkt_len < udp_offset + sizeof(net::UdpHeader))
        return std::nullopt;
    const uint32_t udp_bytes = base::load_be16(rte_pktmbuf_mtod_offset(m, const uint8_t*, udp_offset + 4));
    if (udp_bytes < sizeof(net::UdpHeader) || udp_bytes > m->pkt_len - udp_offset)
        return std::nullopt;
    return std::span(rte_pktmbuf_mtod_offset(m, const uint8_t*, udp_offset + sizeof(net::UdpHeader)),
                     udp_bytes - sizeof(net::UdpHeader));
}

/// An IKE message to control, which knows whether anybody negotiates. `message` begins with the IKE header.
void punt_ike(Context& context, rte_mbuf* m, std::span<const uint8_t> message) noexcept
{
    if (message.size() < kIkeHeaderBytes) {
        context.drops.drop(m, Drop::kRunt);
        return;
    }
    const bool without_responder = std::all_of(message.begin() + kResponderSpiAt, message.begin() + kResponderSpiEnd,
                                               [](uint8_t byte) { return byte == 0; });
    info(m).punt = Punt::kIke;
    tell_of_punt(context, m);
    const auto kind = without_responder ? IkeKind::kInitial : IkeKind::kOfAnIkeSa;
    if (context.data.punt == nullptr || !context.data.punt->put_ike(m, kind))
        context.drops.drop(m, Drop::kIkeFull);
}

void deliver_ike(Context& context, rte_mbuf* m) noexcept
{
    if (const auto payload = udp_payload(m))
        punt_ike(context, m, *payload);
    else
        context.drops.drop(m, Drop::kRunt);
}

/// Port 4500, ESP of our SAs already taken out: IKE behind the non-ESP marker, or a keepalive.
void deliver_nat_t(Context& context, rte_mbuf* m) noexcept
{
    const auto payload = udp_payload(m);
    if (!payload)
        context.drops.drop(m, Drop::kRunt);
    else if (payload->size() == 1 && payload->front() == kKeepaliveByte)
        context.drops.drop(m, Drop::kNatKeepalive);
    else if (payload->size() > sizeof(uint32_t) && base::load_be32(payload->data()) == 0)
        punt_ike(context, m, payload->subspan(sizeof(uint32_t)));
    else
        context.drops.drop(m, payload->size() < sizeof(net::EspHeader) ? Drop::kRunt : Drop::kNoListener);
}

bool is_echo_request(const sa::FlowKey& flow) noexcept
{
    const uint16_t type_code = flow.destination_port;
    return flow.ports_known &&
           (flow.family == net::Family::kIpv4 ? flow.protocol == net::kProtoIcmp && type_code == 8 * 256
                                              : flow.protocol == net::kProtoIcmpv6 && type_code == 128 * 256);
}

/// ICMP "fragmentation needed" or "packet too big".
bool says_too_big(const sa::FlowKey& flow) noexcept
{
    const uint16_t type_code = flow.destination_port;
    return flow.ports_known &&
           (flow.family == net::Family::kIpv4 ? flow.protocol == net::kProtoIcmp && type_code == 3 * 256 + 4
                                              : flow.protocol == net::kProtoIcmpv6 && type_code >> 8 == 2);
}

/// Control finds out whether it is about an SA of ours. Anybody can send any number of these.
void punt_too_big(Context& context, rte_mbuf* m) noexcept
{
    info(m).punt = Punt::kTooBig;
    if (context.data.punt == nullptr || !context.data.punt->put_if_half_empty(m))
        context.drops.drop(m, Drop::kPuntFull);
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
            deliver_ike(context, m);
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
    if (!may_arrive_in_clear(context, port, m))
        return;
    if (says_too_big(packet.flow) && port.role != model::PortRole::kProtected)
        punt_too_big(context, m);
    else
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
