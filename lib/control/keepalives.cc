#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <vector>

#include "base/byte_order.h"
#include "base/clock.h"
#include "control/keepalives_internal.h"
#include "net/checksum.h"
#include "net/headers.h"

namespace ipsecgw::control {
namespace {

constexpr uint8_t kHopLimit = 64;
constexpr uint8_t kKeepalive = 0xff;  // RFC 3948 section 2.3
constexpr uint16_t kUdpBytes = sizeof(net::UdpHeader) + 1;

template <class T>
void append(std::vector<uint8_t>& bytes, const T& header)
{
    const auto* raw = reinterpret_cast<const uint8_t*>(&header);
    bytes.insert(bytes.end(), raw, raw + sizeof header);
}

void append_ipv4(std::vector<uint8_t>& bytes, const net::IpAddress& source, const net::IpAddress& destination)
{
    net::Ipv4Header ip{};
    ip.version_ihl = 0x45;
    ip.total_length_be = base::swap_be16(sizeof ip + kUdpBytes);
    ip.ttl = kHopLimit;
    ip.protocol = net::kProtoUdp;
    std::memcpy(ip.source.data(), source.data(), ip.source.size());
    std::memcpy(ip.destination.data(), destination.data(), ip.destination.size());
    ip.checksum_be = net::checksum_be(&ip, sizeof ip);
    append(bytes, ip);
}

void append_ipv6(std::vector<uint8_t>& bytes, const net::IpAddress& source, const net::IpAddress& destination)
{
    net::Ipv6Header ip{};
    ip.version_class_flow_be = base::swap_be32(uint32_t{6} << 28);
    ip.payload_length_be = base::swap_be16(kUdpBytes);
    ip.next_header = net::kProtoUdp;
    ip.hop_limit = kHopLimit;
    std::memcpy(ip.source.data(), source.data(), ip.source.size());
    std::memcpy(ip.destination.data(), destination.data(), ip.destination.size());
    append(bytes, ip);
}

}  // namespace

void Keepalives::set_interval(uint32_t seconds)
{
    interval_ns_ = seconds * base::kNsPerSecond;
}

Keepalives::Flow Keepalives::flow_of(const SaRecord& sa)
{
    return {sa.params.local, sa.params.remote, sa.params.udp->local_port, sa.params.udp->remote_port};
}

void Keepalives::track(SaRecord& sa)
{
    if (interval_ns_ == 0 || sa.is_inbound() || !sa.params.udp)
        return;
    const auto [it, is_new] = flows_.try_emplace(flow_of(sa));
    it->second.sas.insert(&sa);
    if (is_new) {
        it->second.due_ns = sa.installed_ns + interval_ns_;
        due_.emplace(it->second.due_ns, &*it);
    }
}

void Keepalives::untrack(SaRecord& sa)
{
    if (sa.is_inbound() || !sa.params.udp)
        return;
    const auto it = flows_.find(flow_of(sa));
    if (it == flows_.end() || it->second.sas.erase(&sa) == 0 || !it->second.sas.empty())
        return;
    due_.erase({it->second.due_ns, &*it});
    flows_.erase(it);
}

uint64_t Keepalives::last_used_ns(const State& state, uint64_t now_ns)
{
    uint64_t last = 0;
    for (const SaRecord* sa : state.sas) {
        const uint64_t idle = idle_ns(sa->counts().last_used_tsc);
        last = std::max(last, idle > now_ns ? uint64_t{0} : now_ns - idle);
    }
    return last;
}

void Keepalives::tick(uint64_t now_ns)
{
    for (size_t looks = 0; looks < kLooksPerTick && next_ns() <= now_ns; looks++) {
        auto& [flow, state] = *due_.begin()->second;
        due_.erase(due_.begin());
        const uint64_t quiet_since = last_used_ns(state, now_ns);
        if (quiet_since + interval_ns_ <= now_ns) {
            send(flow, now_ns);
            state.due_ns = now_ns + interval_ns_;
        } else {
            state.due_ns = quiet_since + interval_ns_;
        }
        due_.emplace(state.due_ns, &*flows_.find(flow));
    }
}

void Keepalives::send(const Flow& flow, uint64_t now_ns)
{
    const route::NextHop* hop = data_.tables->fib().lookup(flow.remote);
    if (hop == nullptr) {
        drops_.count(telemetry::Drop::kNoRoute);
        return;
    }
    std::vector<uint8_t> bytes;
    if (flow.local.is_v4())
        append_ipv4(bytes, flow.local, flow.remote);
    else
        append_ipv6(bytes, flow.local, flow.remote);
    net::UdpHeader udp{};
    udp.source_port_be = base::swap_be16(flow.local_port);
    udp.destination_port_be = base::swap_be16(flow.remote_port);
    udp.length_be = base::swap_be16(kUdpBytes);
    const size_t at = bytes.size();
    append(bytes, udp);
    bytes.push_back(kKeepalive);
    if (!flow.local
             .is_v4()) {  // IPv4: zero, as RFC 3948 section 2.3 asks; IPv6 has no zero checksum (RFC 8200 section 8.1)
        const uint64_t pseudo = net::checksum_pseudo(flow.local, flow.remote, net::kProtoUdp, kUdpBytes);
        const uint16_t checksum = net::checksum_finish_be(net::checksum_add(pseudo, &bytes[at], kUdpBytes));
        udp.checksum_be = checksum == 0 ? uint16_t{0xffff} : checksum;
        std::memcpy(&bytes[at], &udp, sizeof udp);
    }
    if (rte_mbuf* m = transmitter_.make(bytes); m != nullptr)
        neighbours_.resolve(hop->port, hop->gateway.value_or(flow.remote), m, now_ns);
}

}  // namespace ipsecgw::control
