// The text Prometheus reads, and its reference.
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "metrics/exposition.h"

namespace ipsecgw::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

Snapshot snapshot()
{
    Snapshot out;
    out.stats.version = "0.1.0";
    out.stats.uptime_seconds = 93'784;
    out.stats.mbufs_total = 100;
    out.stats.mbufs_in_use = 30;
    out.stats.retired_objects = 4;
    control::WorkerStatus worker;
    worker.rx_packets = 10;
    worker.busy_cycles = 18'446'744'073'709'551'615U;
    out.stats.workers = {worker};
    control::StageStatus stages;
    stages.timed_packets = 5;
    stages.timed_cycles = {1, 2, 3, 4, 5, 6, 7};
    out.stats.stages = {stages};
    control::PortStatus port;
    port.name = "wan \"1\"\\";
    port.role = model::PortRole::kUnprotected;
    port.link_up = true;
    port.rx_packets = 12;
    out.ports = {port};
    control::DropsOf drops;
    drops.worker = 0;
    drops.packets[static_cast<size_t>(telemetry::Drop::kReplay)] = 11;
    drops.packets[static_cast<size_t>(telemetry::Drop::kDummy)] = 2;
    out.drops = {drops, {}};
    out.drops[1].packets[static_cast<size_t>(telemetry::Drop::kNoSa)] = 1;
    control::TunnelStatus tunnel;
    tunnel.name = "to-sun/net";
    tunnel.packets = 7;
    tunnel.rekeys = 3;
    tunnel.oldest_seconds = 42;
    tunnel.drops[static_cast<size_t>(telemetry::Drop::kAuth)] = 9;
    out.tunnels = {tunnel};
    out.ike.emplace().states = {1, 2, 0, 0, 0};
    return out;
}

TEST(Exposition, EachSeriesHasItsLabelsByName)
{
    const std::string text = to_text(snapshot());
    for (const char* line :
         {"ipsec_gw_info{version=\"0.1.0\"} 1\n", "ipsec_gw_mbufs{state=\"used\"} 30\n", "ipsec_gw_mbufs{state=\"free\"} 70\n",
          "ipsec_gw_port_up{port=\"wan \\\"1\\\"\\\\\",role=\"unprotected\"} 1\n",
          "ipsec_gw_dropped_packets_total{worker=\"0\",reason=\"replay\",loss=\"yes\"} 11\n",
          "ipsec_gw_dropped_packets_total{worker=\"0\",reason=\"dummy\",loss=\"no\"} 2\n",
          "ipsec_gw_dropped_packets_total{worker=\"control\",reason=\"no-sa\",loss=\"yes\"} 1\n",
          "ipsec_gw_tunnel_packets_total{tunnel=\"to-sun/net\",direction=\"in\"} 7\n",
          "ipsec_gw_tunnel_rekeys_total{tunnel=\"to-sun/net\",direction=\"in\"} 3\n",
          "ipsec_gw_tunnel_sa_age_seconds{tunnel=\"to-sun/net\",direction=\"in\"} 42\n",
          "ipsec_gw_tunnel_dropped_packets_total{tunnel=\"to-sun/net\",direction=\"in\",reason=\"auth\"} 9\n",
          "ipsec_gw_worker_stage_cycles_total{worker=\"0\",stage=\"cipher\"} 5\n", "ipsec_gw_ike_sas{state=\"established\"} 2\n",
          "ipsec_gw_retired_objects 4\n", "# TYPE ipsec_gw_tunnel_packets_total counter\n"})
        EXPECT_THAT(text, HasSubstr(line));
}

TEST(Exposition, WhatIsNotThereIsLeftOut)
{
    Snapshot without = snapshot();
    without.ike.reset();
    without.tunnels[0].oldest_seconds.reset();
    const std::string text = to_text(without);
    EXPECT_THAT(text, Not(HasSubstr("ipsec_gw_ike_")));
    EXPECT_THAT(text, Not(HasSubstr("sa_age")));
    EXPECT_THAT(text, Not(HasSubstr("reason=\"no-route\"")));
    EXPECT_THAT(text, Not(HasSubstr("spi")));
}

TEST(Exposition, TheReferenceListsEveryMetricAndNoOther)
{
    std::ifstream file(SOURCE_ROOT "/lib/metrics/README.md");
    std::set<std::string> rows;
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("| `ipsec_gw_"))
            rows.insert(line);
    for (const Metric& metric : all_metrics()) {
        const std::string row = "| `" + metric.name + "` | " + metric.type + " | " + metric.labels + " | " + metric.help + " |";
        EXPECT_EQ(rows.erase(row), 1U) << row;
    }
    for (const auto& row : rows)
        ADD_FAILURE() << "no such metric: " << row;
}

}  // namespace
}  // namespace ipsecgw::metrics
