#include <algorithm>
#include <array>

#include "base/clock.h"
#include "control/keepalives_internal.h"

namespace ipsecgw::control {
namespace {

constexpr std::array<uint8_t, 1> kKeepalive = {0xff};  // RFC 3948 section 2.3

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
    // Without a route there is nothing to do but to count it, which has happened.
    static_cast<void>(datagrams_.send({flow.local, flow.remote, flow.local_port, flow.remote_port, kKeepalive},
                                      UdpChecksum::kZeroOverIpv4, now_ns));
}

}  // namespace ipsecgw::control
