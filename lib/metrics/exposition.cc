#include "metrics/exposition.h"

#include <array>
#include <iterator>
#include <string_view>
#include <utility>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "base/text.h"
#include "telemetry/drop.h"
#include "telemetry/stage.h"

namespace ipsecgw::metrics {
namespace {

using control::PortStatus;
using control::TunnelStatus;
using control::WorkerStatus;
using prometheus::MetricType;

/// One series: its label values, in the order of the family's label names, and its value.
struct Sample {
    std::vector<std::string> labels;
    double value;
};
using Samples = std::vector<Sample>;

/// What becomes a family: the table below is all there is.
struct Family {
    std::string_view name;
    MetricType type;
    std::string_view labels;  // "port, role"
    std::string_view help;
    void (*collect)(const Snapshot& snapshot, Samples& out);
};

constexpr auto kCounter = MetricType::Counter;
constexpr auto kGauge = MetricType::Gauge;

double number(uint64_t value)
{
    return static_cast<double>(value);
}

template <auto kMember>
void of_port(const Snapshot& snapshot, Samples& out)
{
    for (const PortStatus& port : snapshot.ports)
        out.push_back({{port.name}, static_cast<double>(port.*kMember)});
}

template <auto kMember>
void of_worker(const Snapshot& snapshot, Samples& out)
{
    for (const WorkerStatus& worker : snapshot.stats.workers)
        out.push_back({{std::to_string(worker.index)}, static_cast<double>(worker.*kMember)});
}

template <auto kMember>
void of_tunnel(const Snapshot& snapshot, Samples& out)
{
    for (const TunnelStatus& tunnel : snapshot.tunnels)
        out.push_back({{tunnel.name, std::string(model::to_string(tunnel.direction))},
                       static_cast<double>(tunnel.*kMember)});
}

template <auto kMember>
void of_stats(const Snapshot& snapshot, Samples& out)
{
    out.push_back({{}, static_cast<double>(snapshot.stats.*kMember)});
}

template <auto kMember>
void of_ike(const Snapshot& snapshot, Samples& out)
{
    if (snapshot.ike)
        out.push_back({{}, static_cast<double>(snapshot.ike->stats.*kMember)});
}

void drops(const Snapshot& snapshot, Samples& out)
{
    for (const auto& row : snapshot.drops) {
        const std::string worker = row.worker ? std::to_string(*row.worker) : "control";
        for (size_t i = 0; i < row.packets.size(); i++) {
            const auto reason = static_cast<telemetry::Drop>(i);
            // Nothing but what has happened, or there would be a thousand zeros; a worker's reasons are there once one
            // has had them.
            if (row.packets[i] != 0)
                out.push_back({{worker, std::string(telemetry::drop_name(reason)),
                                telemetry::drop_is_benign(reason) ? "no" : "yes"},
                               number(row.packets[i])});
        }
    }
}

void tunnel_drops(const Snapshot& snapshot, Samples& out)
{
    for (const TunnelStatus& tunnel : snapshot.tunnels)
        for (size_t i = 0; i < tunnel.drops.size(); i++)
            if (tunnel.drops[i] != 0)
                out.push_back({{tunnel.name, std::string(model::to_string(tunnel.direction)),
                                std::string(telemetry::drop_name(static_cast<telemetry::Drop>(i)))},
                               number(tunnel.drops[i])});
}

void tunnel_ages(const Snapshot& snapshot, Samples& out)
{
    for (const TunnelStatus& tunnel : snapshot.tunnels)
        if (tunnel.oldest_seconds)
            out.push_back(
                {{tunnel.name, std::string(model::to_string(tunnel.direction))}, number(*tunnel.oldest_seconds)});
}

void stage_cycles(const Snapshot& snapshot, Samples& out)
{
    for (const auto& row : snapshot.stats.stages)
        for (size_t i = 0; i < telemetry::kStageCount; i++)
            out.push_back(
                {{std::to_string(row.worker), std::string(telemetry::stage_name(static_cast<telemetry::Stage>(i)))},
                 number(row.timed_cycles[i])});
}

void stage_packets(const Snapshot& snapshot, Samples& out)
{
    for (const auto& row : snapshot.stats.stages)
        out.push_back({{std::to_string(row.worker)}, number(row.timed_packets)});
}

void ike_states(const Snapshot& snapshot, Samples& out)
{
    if (!snapshot.ike)
        return;
    for (size_t i = 0; i < snapshot.ike->states.size(); i++) {
        std::string state(ike::to_string(static_cast<ike::IkeState>(i)));
        for (char& c : state)
            c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        out.push_back({{std::move(state)}, number(snapshot.ike->states[i])});
    }
}

// clang-format off
constexpr Family kFamilies[] = {
    {"info", kGauge, "version", "1; the label tells the version.",
     [](const Snapshot& s, Samples& out) { out.push_back({{s.stats.version}, 1}); }},
    {"uptime_seconds", kGauge, "", "Seconds since the gateway started.", of_stats<&control::Stats::uptime_seconds>},
    {"mbufs", kGauge, "state", "Packet buffers: in use, and free.",
     [](const Snapshot& s, Samples& out) {
         out.push_back({{"used"}, number(s.stats.mbufs_in_use)});
         out.push_back({{"free"}, number(s.stats.mbufs_total - s.stats.mbufs_in_use)});
     }},
    {"retired_objects", kGauge, "", "Objects that wait for their grace period.",
     of_stats<&control::Stats::retired_objects>},
    {"policies", kGauge, "", "Policies in the SPD.", of_stats<&control::Stats::policies>},
    {"sas", kGauge, "direction", "Security associations installed.",
     [](const Snapshot& s, Samples& out) {
         out.push_back({{"in"}, number(s.stats.inbound_sas)});
         out.push_back({{"out"}, number(s.stats.outbound_sas)});
     }},
    {"sas_max", kGauge, "", "Security associations of each direction that there is room for.",
     of_stats<&control::Stats::max_sas>},

    {"port_up", kGauge, "port, role", "1 where the link is up.",
     [](const Snapshot& s, Samples& out) {
         for (const PortStatus& port : s.ports)
             out.push_back({{port.name, std::string(model::to_string(port.role))}, port.link_up ? 1.0 : 0.0});
     }},
    {"port_speed_bytes_per_second", kGauge, "port", "Speed of the link; 0 when it is not known.",
     [](const Snapshot& s, Samples& out) {
         for (const PortStatus& port : s.ports)
             out.push_back({{port.name}, port.speed_mbps * 1e6 / 8});
     }},
    {"port_receive_packets_total", kCounter, "port", "Packets taken from the port.", of_port<&PortStatus::rx_packets>},
    {"port_receive_bytes_total", kCounter, "port", "Bytes of them, with Ethernet headers.", of_port<&PortStatus::rx_bytes>},
    {"port_transmit_packets_total", kCounter, "port", "Packets the port took.", of_port<&PortStatus::tx_packets>},
    {"port_transmit_bytes_total", kCounter, "port", "Bytes of them, with Ethernet headers.", of_port<&PortStatus::tx_bytes>},
    {"port_receive_missed_total", kCounter, "port", "Packets the port lost because its queues were full.", of_port<&PortStatus::rx_missed>},
    {"port_receive_errors_total", kCounter, "port", "Packets the port received wrongly.", of_port<&PortStatus::rx_errors>},
    {"port_receive_no_mbuf_total", kCounter, "port", "Times the port found no packet buffer.", of_port<&PortStatus::rx_no_mbuf>},
    {"port_transmit_errors_total", kCounter, "port", "Packets the port could not send.", of_port<&PortStatus::tx_errors>},

    {"worker_receive_packets_total", kCounter, "worker", "Packets the worker took from ports.", of_worker<&WorkerStatus::rx_packets>},
    {"worker_transmit_packets_total", kCounter, "worker", "Packets the worker gave to ports.", of_worker<&WorkerStatus::tx_packets>},
    {"worker_turns_total", kCounter, "worker", "Turns of the worker's loop.", of_worker<&WorkerStatus::turns>},
    {"worker_idle_turns_total", kCounter, "worker", "Turns without a packet.", of_worker<&WorkerStatus::idle_turns>},
    {"worker_busy_cycles_total", kCounter, "worker", "TSC cycles of turns with packets.", of_worker<&WorkerStatus::busy_cycles>},
    {"worker_handed_over_out_total", kCounter, "worker", "ESP packets given to the worker that owns their SA.", of_worker<&WorkerStatus::handed_over_out>},
    {"worker_handed_over_in_total", kCounter, "worker", "ESP packets taken over from other workers.", of_worker<&WorkerStatus::handed_over_in>},
    {"worker_crypto_device_packets", kGauge, "worker", "Packets that look-aside devices have now.", of_worker<&WorkerStatus::in_crypto_devices>},
    {"worker_inbound_sas", kGauge, "worker", "Inbound SAs the worker owns.", of_worker<&WorkerStatus::inbound_sas>},
    {"worker_stage_cycles_total", kCounter, "worker, stage", "TSC cycles in a stage, in the turns that are timed (one in 61); over worker_stage_packets_total: cycles a packet.", stage_cycles},
    {"worker_stage_packets_total", kCounter, "worker", "Packets of the turns that are timed.", stage_packets},

    {"dropped_packets_total", kCounter, "worker, reason, loss", "Packets that were not forwarded; loss is no for those consumed by design.", drops},

    {"tunnel_packets_total", kCounter, "tunnel, direction", "Packets of all SAs the tunnel has had.", of_tunnel<&TunnelStatus::packets>},
    {"tunnel_bytes_total", kCounter, "tunnel, direction", "Inner IP bytes of them.", of_tunnel<&TunnelStatus::bytes>},
    {"tunnel_dropped_packets_total", kCounter, "tunnel, direction, reason", "Packets dropped on the tunnel's account.", tunnel_drops},
    {"tunnel_sas", kGauge, "tunnel, direction", "Its SAs that are installed.", of_tunnel<&TunnelStatus::sas>},
    {"tunnel_installs_total", kCounter, "tunnel, direction", "SAs it has had.", of_tunnel<&TunnelStatus::installs>},
    {"tunnel_rekeys_total", kCounter, "tunnel, direction", "SAs that were installed while another was there.", of_tunnel<&TunnelStatus::rekeys>},
    {"tunnel_sa_age_seconds", kGauge, "tunnel, direction", "Age of its oldest SA.", tunnel_ages},

    {"ike_sas", kGauge, "state", "IKE SAs by state.", ike_states},
    {"ike_half_open_sas", kGauge, "", "IKE SAs of peers that have not proved themselves.", of_ike<&ike::EngineStats::half_open>},
    {"ike_child_sas", kGauge, "", "Child SAs, each a pair.", of_ike<&ike::EngineStats::child_sas>},
    {"ike_established_total", kCounter, "", "IKE SAs established.", of_ike<&ike::EngineStats::established>},
    {"ike_failed_total", kCounter, "", "Attempts that ended without an IKE SA.", of_ike<&ike::EngineStats::failed>},
    {"ike_children_established_total", kCounter, "", "Child SAs established.", of_ike<&ike::EngineStats::children_established>},
    {"ike_rekeys_total", kCounter, "", "IKE SAs rekeyed.", of_ike<&ike::EngineStats::ike_rekeys>},
    {"ike_child_rekeys_total", kCounter, "", "Child SAs rekeyed.", of_ike<&ike::EngineStats::child_rekeys>},
    {"ike_retransmits_total", kCounter, "", "Requests sent again.", of_ike<&ike::EngineStats::retransmits>},
    {"ike_cookies_sent_total", kCounter, "", "Cookies asked for (RFC 7296 section 2.6).", of_ike<&ike::EngineStats::cookies_sent>},
    {"ike_dropped_messages_total", kCounter, "reason", "IKE messages that were not dealt with.",
     [](const Snapshot& s, Samples& out) {
         if (!s.ike)
             return;
         const ike::EngineStats& ike = s.ike->stats;
         out.push_back({{"malformed"}, number(ike.dropped_malformed)});
         out.push_back({{"unknown-spi"}, number(ike.dropped_unknown_spi)});
         out.push_back({{"unauthentic"}, number(ike.dropped_unauthentic)});
         out.push_back({{"replayed"}, number(ike.dropped_replayed)});
         out.push_back({{"half-open"}, number(ike.dropped_half_open)});
     }},

    {"scrape_seconds", kGauge, "", "How long counting for this scrape took, beside the control thread's other work.",
     [](const Snapshot& s, Samples& out) { out.push_back({{}, s.seconds}); }},
};
// clang-format on

std::string full_name(const Family& family)
{
    return "ipsec_gw_" + std::string(family.name);
}

std::vector<std::string> labels_of(const Family& family)
{
    std::vector<std::string> names;
    if (!family.labels.empty())
        for (const auto name : base::split(family.labels, ','))
            names.emplace_back(base::trim(name));
    return names;
}

prometheus::MetricFamily to_prometheus(const Family& family, const Samples& samples)
{
    prometheus::MetricFamily out;
    out.name = full_name(family);
    out.help = family.help;
    out.type = family.type;
    out.metric.reserve(samples.size());
    const auto names = labels_of(family);
    for (const Sample& sample : samples) {
        auto& metric = out.metric.emplace_back();
        for (size_t i = 0; i < names.size(); i++)
            metric.label.push_back({names[i], sample.labels[i]});
        if (family.type == kCounter)
            metric.counter.value = sample.value;
        else
            metric.gauge.value = sample.value;
    }
    return out;
}

}  // namespace

std::string to_text(const Snapshot& snapshot)
{
    std::vector<prometheus::MetricFamily> out;
    Samples samples;
    for (const Family& family : kFamilies) {
        samples.clear();
        family.collect(snapshot, samples);
        if (!samples.empty())
            out.push_back(to_prometheus(family, samples));
    }
    return prometheus::TextSerializer().prometheus::Serializer::Serialize(out);
}

std::vector<Metric> all_metrics()
{
    std::vector<Metric> out;
    for (const Family& family : kFamilies)
        out.push_back({full_name(family), family.type == kCounter ? "counter" : "gauge", std::string(family.labels),
                       std::string(family.help)});
    return out;
}

}  // namespace ipsecgw::metrics
