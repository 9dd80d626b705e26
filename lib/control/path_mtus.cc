#include "control/path_mtus_internal.h"

#include <algorithm>

#include <rte_mbuf.h>

#include "base/byte_order.h"
#include "base/log.h"
#include "control/control_plane_internal.h"
#include "net/checksum.h"
#include "net/headers.h"

namespace ipsecgw::control {

namespace {

constexpr uint32_t kLeastIpv4 = 576;   // RFC 791: every host takes it
constexpr uint32_t kLeastIpv6 = 1280;  // RFC 8200 section 5
constexpr uint32_t kRecent = 1 << 16;  // packets on their way while a router's answer comes back
constexpr size_t kIcmpHeader = 8;
constexpr size_t kUdpHeader = 8;
constexpr uint8_t kUnreachable = 3, kFragmentationNeeded = 4, kPacketTooBig = 2;

/// The ICMP message of a packet to us, its checksum right; empty: none.
std::span<const uint8_t> icmp_of(std::span<const uint8_t> packet)
{
    if (packet.size() >= sizeof(net::Ipv4Header) && packet[0] >> 4 == 4) {
        const size_t header = (packet[0] & 15u) * 4;
        if (packet[9] != net::kProtoIcmp || packet.size() < header + kIcmpHeader)
            return {};
        const auto icmp = packet.subspan(header);
        return net::checksum_be(icmp.data(), icmp.size()) == 0 ? icmp : std::span<const uint8_t>();
    }
    if (packet.size() < sizeof(net::Ipv6Header) + kIcmpHeader || packet[6] != net::kProtoIcmpv6)
        return {};
    const auto icmp = packet.subspan(sizeof(net::Ipv6Header));
    const uint64_t pseudo =
        net::checksum_pseudo(net::IpAddress::v6(&packet[8]), net::IpAddress::v6(&packet[24]), net::kProtoIcmpv6,
                             static_cast<uint32_t>(icmp.size()));
    return net::checksum_finish_be(net::checksum_add(pseudo, icmp.data(), icmp.size())) == 0
               ? icmp
               : std::span<const uint8_t>();
}

/// What the message quotes: addresses, length, and the ESP header where it shows.
bool read_quoted(std::span<const uint8_t> quoted, TooBig& out)
{
    if (quoted.empty())
        return false;
    const bool v4 = quoted[0] == 0x45;
    const size_t header = v4 ? sizeof(net::Ipv4Header) : sizeof(net::Ipv6Header);
    if ((!v4 && quoted[0] >> 4 != 6) || quoted.size() < header)
        return false;
    out.local = v4 ? net::IpAddress::v4(&quoted[12]) : net::IpAddress::v6(&quoted[8]);
    out.remote = v4 ? net::IpAddress::v4(&quoted[16]) : net::IpAddress::v6(&quoted[24]);
    out.bytes = v4 ? base::load_be16(&quoted[2]) : static_cast<uint32_t>(header + base::load_be16(&quoted[4]));
    const uint8_t protocol = v4 ? quoted[9] : quoted[6];
    if (protocol != net::kProtoEsp && protocol != net::kProtoUdp)
        return false;
    const auto esp = quoted.subspan(header + std::min(protocol == net::kProtoUdp ? kUdpHeader : 0, quoted.size() - header));
    if (esp.size() < sizeof(net::EspHeader))
        return false;
    out.spi = base::load_be32(esp.data());
    out.sequence = base::load_be32(&esp[4]);
    return true;
}

}  // namespace

std::optional<TooBig> read_too_big(std::span<const uint8_t> packet)
{
    const auto icmp = icmp_of(packet);
    if (icmp.empty())
        return std::nullopt;
    const bool v4 = packet[0] >> 4 == 4;
    if (v4 ? icmp[0] != kUnreachable || icmp[1] != kFragmentationNeeded : icmp[0] != kPacketTooBig)
        return std::nullopt;
    TooBig out;
    out.mtu = v4 ? base::load_be16(&icmp[6]) : base::load_be32(&icmp[4]);
    if (!read_quoted(icmp.subspan(kIcmpHeader), out) || (out.local.family() == net::Family::kIpv4) != v4)
        return std::nullopt;
    return out;
}

SaRecord* PathMtus::sa_of(const TooBig& message) const
{
    const auto [first, last] = sas_.by_spi().equal_range(message.spi);
    const auto found = std::find_if(first, last, [&](const auto& entry) {
        const SaRecord& sa = *entry.second;
        return !sa.is_inbound() && sa.outbound != nullptr && sa.params.local == message.local &&
               sa.params.remote == message.remote;
    });
    return found == last ? nullptr : found->second;
}

bool PathMtus::learn(const TooBig& message, uint64_t now_ns)
{
    SaRecord* sa = sa_of(message);
    if (sa == nullptr)
        return false;
    // Which numbers a port has used only the port knows.
    const auto next = static_cast<uint32_t>(sa->outbound->next_sequence.load(std::memory_order_relaxed));
    if (sa->kind != sa::OffloadKind::kFullProtocol && (next - message.sequence == 0 || next - message.sequence > kRecent))
        return false;
    const uint32_t least = message.local.family() == net::Family::kIpv4 ? kLeastIpv4 : kLeastIpv6;
    const uint32_t mtu = std::max(message.mtu, least);
    if (mtu >= message.bytes)
        return false;
    const uint16_t before = sa->outbound->path_mtu.load(std::memory_order_relaxed);
    if (mtu >= before)
        return false;
    const auto learnt = static_cast<uint16_t>(mtu);
    sa->outbound->path_mtu.store(learnt, std::memory_order_relaxed);
    const Path path{message.local, message.remote};
    if (paths_.size() < kMaxPaths || paths_.contains(path))
        paths_[path] = {learnt, now_ns + kLifetimeNs};
    ends_.push_back({now_ns + kLifetimeNs, sa->params.name});
    base::log(base::LogLevel::kInfo, "SA %s (0x%08x): the path to %s takes %u bytes, as a router says",
              sa->params.name.c_str(), sa->params.spi, message.remote.to_string().c_str(), mtu);
    return true;
}

void PathMtus::start(const SaRecord& sa, uint64_t now_ns)
{
    if (sa.outbound == nullptr || paths_.empty())
        return;
    const auto known = paths_.find({sa.params.local, sa.params.remote});
    if (known == paths_.end() || known->second.until_ns <= now_ns)
        return;
    sa.outbound->path_mtu.store(known->second.mtu, std::memory_order_relaxed);
    // A little later than the path's own end: the queue stays in order.
    ends_.push_back({now_ns + kLifetimeNs, sa.params.name});
}

void PathMtus::tick(uint64_t now_ns)
{
    while (!ends_.empty() && ends_.front().at_ns <= now_ns) {
        const SaRecord* sa = sas_.find(ends_.front().sa);
        ends_.pop_front();
        if (sa == nullptr || sa->outbound == nullptr)
            continue;
        const auto known = paths_.find({sa->params.local, sa->params.remote});
        const bool holds = known != paths_.end() && known->second.until_ns > now_ns;
        sa->outbound->path_mtu.store(holds ? known->second.mtu : sa::kAnyMtu, std::memory_order_relaxed);
        if (known != paths_.end() && !holds)
            paths_.erase(known);
    }
}

void ControlPlane::State::handle_too_big(rte_mbuf* m, uint64_t now_ns)
{
    const auto message = read_too_big({rte_pktmbuf_mtod(m, const uint8_t*), m->data_len});
    const bool believed = message && path_mtus.learn(*message, now_ns);
    drops.drop(m, believed ? telemetry::Drop::kPuntDone : telemetry::Drop::kIcmpError);
}

}  // namespace ipsecgw::control
