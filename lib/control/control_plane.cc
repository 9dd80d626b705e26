#include "control/control_plane.h"

#include <algorithm>
#include <array>
#include <utility>

#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "base/log.h"
#include "control/control_plane_internal.h"
#include "worker/packet_info.h"
#include "worker/punt.h"

namespace ipsecgw::control {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kReclaimNs = 10 * kNsPerMs;  // a grace period is a few turns of the workers, so this is patient
constexpr size_t kPuntBurst = 64;
constexpr size_t kPuntBudget = 16;  // bursts before timers get their turn

std::vector<int> sockets_of(const ControlPlane::Parts& parts)
{
    std::vector<int> sockets(parts.data->workers, -1);
    for (size_t i = 0; i < std::min(sockets.size(), parts.lcores.size()); i++)
        sockets[i] = static_cast<int>(rte_lcore_to_socket_id(parts.lcores[i]));
    return sockets;
}

}  // namespace

ControlPlane::State::State(Parts given)
    : parts(std::move(given)),
      started_ns(parts.now_ns()),
      tunnels(parts.max_tunnels),
      policies(*parts.data->spd, sas),
      owners({*parts.data, *parts.data->sad, parts.steering, parts.data->workers}),
      installer({*parts.data, *parts.data->sad, *parts.data->spd, parts.provider, parts.steering, *parts.reclaimer,
                 *parts.engines, sas, policies, owners, key_prints, sockets_of(parts)}),
      routes(*parts.data),
      transmitter(*parts.data, parts.workers, drops),
      neighbours(*parts.data, transmitter, drops),
      datagrams(*parts.data, transmitter, neighbours, drops),
      keepalives(datagrams),
      path_mtus(sas)
{
}

ControlPlane::ControlPlane(Parts parts) : state_(std::make_unique<State>(std::move(parts))) {}
ControlPlane::~ControlPlane() = default;

base::Result<void> ControlPlane::load(const model::Gateway& gateway)
{
    std::vector<std::function<void()>> undo;
    auto loaded = load_all(gateway, undo);
    if (!loaded)
        for (auto step = undo.rbegin(); step != undo.rend(); ++step)
            (*step)();
    state_->neighbours.publish();
    return loaded;
}

// Policies come first, so each SA gets its selectors once and nothing a policy protects finds a route before its
// policy; routes before SAs, so that an SA's port is known.
base::Result<void> ControlPlane::load_all(const model::Gateway& gateway, std::vector<std::function<void()>>& undo)
{
    State& s = *state_;
    undo.push_back([&s, before = s.default_engine] { s.default_engine = before; });
    s.default_engine = gateway.settings.engine;
    s.keepalives.set_interval(gateway.settings.nat_keepalive_seconds);
    for (const auto& policy : gateway.policies) {
        GW_TRY(s.policies.add(policy, model::Owner::kConfig));
        undo.push_back([&s, &policy] { static_cast<void>(s.policies.remove(policy.name)); });
    }
    for (const auto& neighbour : gateway.neighbours) {
        GW_TRY(s.neighbours.add_static(neighbour, model::Owner::kConfig));
        undo.push_back([&s, &neighbour] { static_cast<void>(s.neighbours.remove(neighbour)); });
    }
    undo.push_back([&s, before = s.routes.snapshot()]() mutable {
        s.routes.restore(std::move(before));
        static_cast<void>(s.routes.publish());
    });
    for (const auto& route : gateway.routes)
        GW_TRY(s.routes.add(route, model::Owner::kConfig));
    GW_TRY(s.routes.publish());
    for (const auto& sa : gateway.sas) {
        GW_TRY(install_sa(sa.clone()));
        undo.push_back([this, &sa] { static_cast<void>(remove_sa(sa.name)); });
    }
    return {};
}

base::Result<ReservedSpi> ControlPlane::reserve_spi(const SpiRequest& request)
{
    return state_->owners.reserve(request);
}

void ControlPlane::release_spi(uint32_t spi)
{
    state_->owners.release(spi);
}

base::Result<void> ControlPlane::rebind_policy(std::string_view name, std::string outbound_sa,
                                               std::vector<std::string> inbound_sas)
{
    return state_->policies.rebind(name, std::move(outbound_sa), std::move(inbound_sas));
}

void ControlPlane::announce(uint64_t now_ns)
{
    state_->neighbours.announce(now_ns);
    state_->neighbours.publish();
}

bool ControlPlane::handle_punts(uint64_t now_ns)
{
    std::array<rte_mbuf*, kPuntBurst> burst;
    size_t bursts = 0;
    uint32_t count = 0;
    do {
        count = state_->parts.data->punt->take(burst);
        for (uint32_t i = 0; i < count; i++)
            state_->handle_punt(burst[i], now_ns);
    } while (count == burst.size() && ++bursts < kPuntBudget);
    state_->neighbours.publish();
    return count < burst.size();
}

void ControlPlane::State::handle_punt(rte_mbuf* m, uint64_t now_ns)
{
    const worker::PacketInfo& info = worker::info(m);
    switch (info.punt) {
        case worker::Punt::kNeighbourFrame:
            return neighbours.receive(m, now_ns);
        case worker::Punt::kResolve: {
            const bool v4 = info.next_hop_family == net::Family::kIpv4;
            const auto next_hop = v4 ? net::IpAddress::v4(info.next_hop) : net::IpAddress::v6(info.next_hop);
            return neighbours.resolve(info.out_port, next_hop, m, now_ns);
        }
        case worker::Punt::kIke:
            return handle_ike(m);
        case worker::Punt::kAcquire:
            return handle_acquire(m);
        case worker::Punt::kMoved:
            return handle_moved(m);
        case worker::Punt::kTooBig:
            return handle_too_big(m, now_ns);
        case worker::Punt::kNone:
            break;
    }
    drops.drop(m, telemetry::Drop::kNoListener);
}

uint64_t ControlPlane::tick(uint64_t now_ns)
{
    State& s = *state_;
    s.neighbours.tick(now_ns);
    s.keepalives.tick(now_ns);
    s.path_mtus.tick(now_ns);
    s.neighbours.publish();
    if (now_ns >= s.routes_due_ns)
        if (const auto published = publish_routes(); !published)
            base::log(base::LogLevel::kError, "%s: the latest routes are taken back", published.error().what.c_str());
    s.expire_sas(now_ns);
    s.parts.reclaimer->poll();
    const uint64_t counting = s.tunnels.step(s.sas, now_ns) ? now_ns : kNever;
    const uint64_t reclaim = s.parts.reclaimer->pending() != 0 ? now_ns + kReclaimNs : kNever;
    return std::min({s.neighbours.next_ns(), s.keepalives.next_ns(), s.path_mtus.next_ns(), s.lifetimes.next_ns(),
                     s.routes_due_ns, reclaim, counting});
}

}  // namespace ipsecgw::control
