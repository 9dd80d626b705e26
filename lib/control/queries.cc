#include <algorithm>
#include <utility>

#include <rte_ethdev.h>
#include <rte_mempool.h>

#include "control/control_plane_internal.h"

namespace ipsecgw::control {
namespace {

using base::kNsPerSecond;

DropCount drop_count(telemetry::Drop reason, uint64_t packets)
{
    return {telemetry::drop_name(reason), telemetry::drop_help(reason), packets};
}

std::string state_of(const SaRecord& sa)
{
    if (sa.is_port_lost)
        return "port-lost";
    if (sa.expired)
        return "expired";
    return sa.is_exhausted() ? "exhausted" : "up";
}

/// The nearest of the time limits: the hard one; the soft one is only an event.
std::optional<uint64_t> expires_seconds(const SaRecord& sa, uint64_t now_ns)
{
    if (sa.params.lifetime.hard_seconds == 0)
        return std::nullopt;
    const uint64_t end = sa.installed_ns + sa.params.lifetime.hard_seconds * kNsPerSecond;
    return end > now_ns ? (end - now_ns) / kNsPerSecond : 0;
}

void fill_counts(const SaRecord& sa, SaStatus& row)
{
    const SaCounts counts = sa.counts_with_port();
    row.packets = counts.packets;
    row.bytes = counts.bytes;
    row.sequence = counts.sequence;
    if (counts.last_used_tsc != 0)
        row.idle_seconds = idle_ns(counts.last_used_tsc) / kNsPerSecond;
    for (size_t i = 0; i < counts.drops.size(); i++)
        if (counts.drops[i] != 0)
            row.drops.push_back(drop_count(static_cast<telemetry::Drop>(i), counts.drops[i]));
}

SaStatus status_of(const SaRecord& sa, uint64_t now_ns)
{
    SaStatus row;
    row.name = sa.params.name;
    row.owner = sa.made_by;
    row.spi = sa.params.spi;
    row.direction = sa.params.direction;
    row.mode = sa.params.mode;
    row.local = sa.params.local;
    row.remote = sa.params.remote;
    row.algorithm = sa.algorithm;
    row.esn = sa.params.esn;
    row.udp_encapsulation = sa.params.udp.has_value();
    row.offload = sa::to_string(sa.kind);
    row.offload_reason = sa.offload_reason;
    if (sa.is_inbound())
        row.steering = sa.steering;
    if (sa.outbound != nullptr)
        if (const uint16_t mtu = sa.outbound->path_mtu.load(std::memory_order_relaxed); mtu != sa::kAnyMtu)
            row.path_mtu = mtu;
    row.engine = sa.engine;
    row.engine_reason = sa.engine_reason;
    if (sa.is_inbound()) {
        row.worker = sa.owner;
        row.replay_window = sa.params.replay_window;
    }
    row.age_seconds = (now_ns - sa.installed_ns) / kNsPerSecond;
    row.expires_seconds = expires_seconds(sa, now_ns);
    row.state = state_of(sa);
    fill_counts(sa, row);
    return row;
}

std::vector<std::string> texts(const std::vector<model::TrafficSelector>& selectors)
{
    std::vector<std::string> out;
    for (const auto& selector : selectors)
        out.push_back(selector.to_string());
    return out;
}

std::string_view state_name(route::NeighbourState state)
{
    switch (state) {
        case route::NeighbourState::kIncomplete:
            return "incomplete";
        case route::NeighbourState::kReachable:
            return "reachable";
        case route::NeighbourState::kStale:
            return "stale";
        case route::NeighbourState::kProbe:
            return "probe";
        case route::NeighbourState::kStatic:
            return "static";
    }
    return "";
}

void fill_from_device(PortStatus& row)
{
    rte_eth_dev_info device{};
    if (rte_eth_dev_info_get(row.port_id, &device) == 0 && device.driver_name != nullptr)
        row.driver = device.driver_name;
    char name[RTE_ETH_NAME_MAX_LEN];
    if (rte_eth_dev_get_name_by_port(row.port_id, name) == 0)
        row.device = name;
    rte_eth_link link{};
    if (rte_eth_link_get_nowait(row.port_id, &link) == 0) {
        row.link_up = link.link_status == RTE_ETH_LINK_UP;
        row.speed_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
    }
    rte_eth_stats stats{};
    if (rte_eth_stats_get(row.port_id, &stats) == 0) {
        row.rx_missed = stats.imissed;
        row.rx_errors = stats.ierrors;
        row.tx_errors = stats.oerrors;
        row.rx_no_mbuf = stats.rx_nombuf;
    }
}

WorkerStatus status_of(const worker::Worker& worker)
{
    const worker::WorkerCounters& counters = worker.counters();
    WorkerStatus row;
    row.index = worker.index();
    for (const auto& port : counters.ports) {
        row.rx_packets += port.rx_packets.get();
        row.tx_packets += port.tx_packets.get();
    }
    row.turns = counters.turns.get();
    row.idle_turns = counters.idle_turns.get();
    row.busy_cycles = counters.busy_cycles.get();
    row.handed_over_out = counters.handed_over_out.get();
    row.handed_over_in = counters.handed_over_in.get();
    row.in_crypto_devices = counters.in_crypto_devices.get();
    // Work arrives by port and by hand-over ring.
    const uint64_t packets = row.rx_packets + row.handed_over_in;
    if (packets != 0)
        row.cycles_per_packet = static_cast<double>(row.busy_cycles) / static_cast<double>(packets);
    row.packets = packets - std::min(packets, row.handed_over_out);
    return row;
}

StageStatus stages_of(const worker::Worker& worker)
{
    const esp::StageClock& clock = worker.stages();
    StageStatus row;
    row.worker = worker.index();
    row.timed_packets = clock.packets();
    for (size_t i = 0; i < telemetry::kStageCount; i++)
        row.timed_cycles[i] = clock.cycles(static_cast<telemetry::Stage>(i));
    for (size_t i = 0; i < telemetry::kStageCount && row.timed_packets != 0; i++) {
        row.cycles[i] = static_cast<double>(clock.cycles(static_cast<telemetry::Stage>(i))) /
                        static_cast<double>(row.timed_packets);
        row.total += row.cycles[i];
    }
    return row;
}

void fill_shares(std::vector<WorkerStatus>& workers)
{
    uint64_t all = 0;
    for (const auto& row : workers)
        all += row.packets;
    for (auto& row : workers)
        row.share_percent = all == 0 ? 0 : 100.0 * static_cast<double>(row.packets) / static_cast<double>(all);
}

}  // namespace

std::vector<SaStatus> ControlPlane::list_sas(std::string_view after, size_t limit) const
{
    const uint64_t now = state_->parts.now_ns();
    const auto& all = state_->sas.all();
    std::vector<SaStatus> rows;
    for (auto it = after.empty() ? all.begin() : all.upper_bound(after); it != all.end() && rows.size() < limit; ++it)
        rows.push_back(status_of(it->second, now));
    return rows;
}

std::vector<SaStatus> ControlPlane::find_sas(uint32_t spi) const
{
    const uint64_t now = state_->parts.now_ns();
    std::vector<SaStatus> rows;
    const auto [first, last] = state_->sas.by_spi().equal_range(spi);
    for (auto it = first; it != last; ++it)
        rows.push_back(status_of(*it->second, now));
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return rows;
}

std::vector<PolicyStatus> ControlPlane::list_policies() const
{
    std::vector<PolicyStatus> rows;
    for (const auto& [name, record] : state_->policies.all()) {
        const model::Policy& policy = record.policy;
        rows.push_back({record.entry->id, name, policy.priority, policy.action, policy.direction, texts(policy.local),
                        texts(policy.remote), policy.outbound_sa, policy.inbound_sas,
                        state_->parts.data->spd->hits(*record.entry), record.owner});
    }
    // As they are tried; names are in order already.
    std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.priority < b.priority; });
    return rows;
}

std::vector<PortStatus> ControlPlane::list_ports() const
{
    std::vector<PortStatus> rows;
    for (const auto& port : state_->parts.data->ports) {
        PortStatus row;
        row.name = port.name;
        row.index = port.index;
        row.port_id = port.port_id;
        row.role = port.role;
        row.mac = port.mac;
        row.mtu = port.mtu;
        row.rx_queues = port.rx_queues;
        row.tx_queues = port.tx_queues;
        for (const auto& address : port.addresses)
            row.addresses.push_back(address.to_string());
        for (const auto* worker : state_->parts.workers) {
            const auto& counters = worker->counters().ports[port.index];
            row.rx_packets += counters.rx_packets.get();
            row.rx_bytes += counters.rx_bytes.get();
            row.tx_packets += counters.tx_packets.get();
            row.tx_bytes += counters.tx_bytes.get();
        }
        fill_from_device(row);
        row.steering = state_->parts.steering != nullptr ? state_->parts.steering->describe(port.port_id) : "";
        rows.push_back(std::move(row));
    }
    return rows;
}

std::vector<RouteStatus> ControlPlane::list_routes() const
{
    std::vector<RouteStatus> rows;
    for (const auto& [prefix, record] : state_->routes.all()) {
        const auto& gateway = record.next_hop.gateway;
        rows.push_back({prefix.to_string(), gateway ? gateway->to_string() : "",
                        state_->parts.data->ports[record.next_hop.port].name,
                        std::string(record.connected ? "connected" : model::to_string(record.owner))});
    }
    return rows;
}

std::vector<NeighbourRow> ControlPlane::list_neighbours() const
{
    std::vector<NeighbourRow> rows;
    for (const auto& status : state_->neighbours.list(state_->parts.now_ns())) {
        const bool known = status.state != route::NeighbourState::kIncomplete;
        rows.push_back({status.entry.address.to_string(), known ? status.entry.mac.to_string() : "",
                        state_->parts.data->ports[status.entry.port].name, std::string(state_name(status.state)),
                        status.age_ns / kNsPerSecond});
    }
    return rows;
}

std::vector<DropCount> ControlPlane::drops() const
{
    std::vector<DropCount> rows;
    for (size_t i = 0; i < telemetry::kDropCount; i++) {
        const auto reason = static_cast<telemetry::Drop>(i);
        uint64_t packets = state_->drops.get(reason);
        for (const auto* worker : state_->parts.workers)
            packets += worker->drops().count(reason);
        rows.push_back(drop_count(reason, packets));
    }
    return rows;
}

std::vector<DropsOf> ControlPlane::drops_by_worker() const
{
    std::vector<DropsOf> rows;
    for (const auto* worker : state_->parts.workers) {
        DropsOf& row = rows.emplace_back();
        row.worker = worker->index();
        for (size_t i = 0; i < telemetry::kDropCount; i++)
            row.packets[i] = worker->drops().count(static_cast<telemetry::Drop>(i));
    }
    DropsOf& own = rows.emplace_back();
    for (size_t i = 0; i < telemetry::kDropCount; i++)
        own.packets[i] = state_->drops.get(static_cast<telemetry::Drop>(i));
    return rows;
}

base::Result<std::unique_ptr<Watch>> ControlPlane::watch(const WatchRequest& request) const
{
    const State& s = *state_;
    std::vector<std::string> ports;
    for (const auto& port : s.parts.data->ports)
        ports.push_back(port.name);
    worker::Tap::Settings settings;
    settings.filter = GW_TRY(trace::Filter::parse(request.filter, ports));
    if (s.is_watched)
        return base::Error{base::ErrorCode::kAlreadyExists, "somebody traces or captures already",
                           "one session at a time: end the other"};
    settings.points = request.points;
    settings.follows = request.follows;
    settings.snap = request.snap;
    settings.limit = request.limit;
    settings.session = ++s.watch_session;
    Watch::Names names;
    names.sa = [&s](uint32_t spi, uint32_t slot, bool is_outbound) -> std::string {
        const auto [first, last] = s.sas.by_spi().equal_range(spi);
        for (auto it = first; it != last; ++it) {
            const SaRecord& record = *it->second;
            if (is_outbound ? record.outbound != nullptr && record.outbound->slot == slot
                            : record.inbound != nullptr && !record.expired && record.inbound->slot == slot)
                return record.params.name;
        }
        return "";
    };
    names.policy = [&s](uint32_t id) -> std::string {
        for (const auto& [name, record] : s.policies.all())
            if (record.entry->id == id)
                return name;
        return "";
    };
    names.port = [ports](uint16_t index) { return index < ports.size() ? ports[index] : ""; };
    s.is_watched = true;
    return std::make_unique<Watch>(settings, Watch::Parts{s.parts.workers, s.parts.reclaimer, std::move(names), [&s] { s.is_watched = false; }});
}

void ControlPlane::count_tunnels(std::function<void(std::vector<TunnelStatus>)> done) const
{
    state_->tunnels.count(std::move(done));
}

Stats ControlPlane::stats() const
{
    const Parts& parts = state_->parts;
    Stats stats;
    stats.version = parts.version;
    stats.uptime_seconds = (parts.now_ns() - state_->started_ns) / kNsPerSecond;
    for (const auto* worker : parts.workers) {
        WorkerStatus row = status_of(*worker);
        row.lcore = row.index < parts.lcores.size() ? parts.lcores[row.index] : 0;
        row.inbound_sas = state_->owners.owned()[row.index];
        stats.workers.push_back(row);
        stats.stages.push_back(stages_of(*worker));
        stats.stages.back().lcore = row.lcore;
    }
    fill_shares(stats.workers);
    stats.engines = parts.engines->list();
    stats.inbound_sas = parts.data->sad->inbound_count();
    stats.outbound_sas = parts.data->sad->outbound_count();
    stats.policies = parts.data->spd->count();
    stats.max_sas = parts.data->sad->capacity();
    if (parts.data->pool != nullptr) {
        stats.mbufs_total = parts.data->pool->size;
        stats.mbufs_in_use = rte_mempool_in_use_count(parts.data->pool);
    }
    stats.retired_objects = parts.reclaimer->pending();
    return stats;
}

}  // namespace ipsecgw::control
