// Between the data path and an IKE daemon.
#include "control/listeners.h"

#include <algorithm>
#include <utility>

#include <rte_mbuf.h>

#include "base/log.h"
#include "base/text.h"
#include "control/control_plane_internal.h"
#include "worker/packet_info.h"

namespace ipsecgw::control {
namespace {

using telemetry::Drop;

net::IpAddress address_of(net::Family family, const uint8_t* bytes)
{
    return family == net::Family::kIpv4 ? net::IpAddress::v4(bytes) : net::IpAddress::v6(bytes);
}

SaUse use_of(const SaRecord& sa, uint64_t now_ns)
{
    const SaCounts counts = sa.counts();
    const bool is_used = counts.last_used_tsc != 0;
    return {counts.packets, counts.bytes, is_used ? idle_ns(counts.last_used_tsc) : now_ns - sa.installed_ns, is_used};
}

}  // namespace

void ControlPlane::set_listeners(Listeners listeners)
{
    state_->listeners = std::move(listeners);
}

base::Result<void> ControlPlane::send(const Datagram& datagram)
{
    return state_->datagrams.send(datagram, UdpChecksum::kComputed, state_->parts.now_ns());
}

std::optional<net::IpAddress> ControlPlane::source_towards(const net::IpAddress& remote) const
{
    return state_->datagrams.source_towards(remote);
}

bool ControlPlane::is_own_address(const net::IpAddress& address) const
{
    return state_->datagrams.is_own(address);
}

std::optional<SaUse> ControlPlane::sa_use(std::string_view name) const
{
    const SaRecord* sa = state_->sas.find(name);
    if (sa == nullptr)
        return std::nullopt;
    return use_of(*sa, state_->parts.now_ns());
}

std::optional<SaUse> ControlPlane::inbound_use(uint32_t spi) const
{
    const auto [first, last] = state_->sas.by_spi().equal_range(spi);
    for (auto it = first; it != last; ++it)
        if (it->second->is_inbound())
            return use_of(*it->second, state_->parts.now_ns());
    return std::nullopt;
}

void ControlPlane::State::handle_ike(rte_mbuf* m)
{
    if (!listeners.datagram)
        return drops.drop(m, Drop::kNoIke);
    const auto datagram = Datagrams::read(m);
    if (!datagram)
        return drops.drop(m, datagram.error().code == base::ErrorCode::kIo ? Drop::kUdpChecksum : Drop::kRunt);
    drops.drop(m, listeners.datagram(*datagram) ? Drop::kIkeDone : Drop::kIkeFull);
}

// The packet waited in the ring: what its policy is, and whether it has an SA by now, is looked up again.
void ControlPlane::State::handle_acquire(rte_mbuf* m)
{
    const sa::FlowKey flow = worker::info(m).flow;
    drops.drop(m, Drop::kNoSa);
    const sa::PolicyEntry* entry = parts.data->spd->match_outbound(flow);
    if (!listeners.acquire || entry == nullptr || entry->outbound.load(std::memory_order_relaxed) != nullptr)
        return;
    const PolicyRecord* record = policies.find(*entry);
    if (record == nullptr || !record->policy.acquire)
        return;
    listeners.acquire({record->policy.name, address_of(flow.family, flow.source),
                       address_of(flow.family, flow.destination), flow.protocol, flow.ports_known, flow.source_port,
                       flow.destination_port});
}

// A notice, no packet. It waited in the ring: the SA may have gone, and its SPI may be another's by now.
void ControlPlane::State::handle_moved(rte_mbuf* m)
{
    const worker::PacketInfo about = worker::info(m);
    rte_pktmbuf_free(m);
    if (!listeners.moved)
        return;
    const net::IpAddress remote = address_of(about.flow.family, about.flow.source);
    const net::IpAddress local = address_of(about.flow.family, about.flow.destination);
    const auto [first, last] = sas.by_spi().equal_range(about.spi);
    const auto sa = std::find_if(first, last, [&](const auto& entry) {
        const model::SaParams& params = entry.second->params;
        return entry.second->is_inbound() && params.udp && params.local == local;
    });
    if (sa != last)
        listeners.moved({sa->second->params.name, remote, about.flow.source_port});
}

void ControlPlane::State::report(const SaExpiry& expiry)
{
    if (listeners.expiry && listeners.expiry(expiry))
        return;
    const std::string name(expiry.name), what(expiry.what);
    switch (expiry.end) {
        case SaEnd::kSoft:
            base::log(base::LogLevel::kInfo, "SA %s (0x%08x): soft lifetime of %s reached: rekey it", name.c_str(),
                      expiry.spi, what.c_str());
            return;
        case SaEnd::kHard:
            base::log(base::LogLevel::kWarning, "SA %s (0x%08x): hard lifetime of %s reached: stopped", name.c_str(),
                      expiry.spi, what.c_str());
            return;
        case SaEnd::kPortLost:
            base::log(base::LogLevel::kWarning, "SA %s (0x%08x): %s: stopped", name.c_str(), expiry.spi, what.c_str());
            return;
        case SaEnd::kExhausted:
            base::log(base::LogLevel::kWarning, "SA %s (0x%08x): %s used: stopped", name.c_str(), expiry.spi,
                      what.c_str());
            return;
    }
}

}  // namespace ipsecgw::control
