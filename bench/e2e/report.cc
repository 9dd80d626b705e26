#include "report.h"

#include <cmath>
#include <fstream>
#include <thread>

#include <nlohmann/json.hpp>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_version.h>

#include "base/text.h"
#include "commit.h"
#include "model/gateway.h"

namespace ipsecgw::bench {

namespace {

using Json = nlohmann::ordered_json;

std::string cpu_model()
{
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);)
        if (line.starts_with("model name"))
            return line.substr(line.find(':') + 2);
    return "unknown";
}

double rounded(double value)
{
    return std::round(value * 1000) / 1000;
}

Json to_json(const Figure& figure)
{
    return {{"best", rounded(figure.best)}, {"median", rounded(figure.median)}, {"spread", rounded(figure.spread)}};
}

Json to_json(const Result& result)
{
    const Case& what = result.what;
    Json json;
    json["name"] = what.name();
    json["direction"] = model::to_string(what.direction);
    json["suite"] = what.suite.name();
    json["size"] = what.mix.name;
    json["frame_bytes"] = rounded(result.frame_bytes);
    json["sas"] = what.sas;
    json["burst"] = what.burst;
    json["workers"] = what.workers;
    json["kind"] = to_string(what.kind);
    json["engine_choice"] = model::to_string(what.engine);
    json["engine"] = result.engine;
    json["churn"] = what.churn;
    json["churn_rate"] = rounded(result.churn_rate);
    json["policies"] = what.all_policies();
    json["policy_changes"] = what.policy_changes;
    json["policy_change_rate"] = rounded(result.policy_change_rate);
    json["bytes_per_sa"] = rounded(result.bytes_per_sa);
    json["cycles_per_packet"] = to_json(result.gateway);
    json["port_cycles_per_packet"] = to_json(result.port);
    json["cipher_cycles_per_packet"] = to_json(result.cipher);
    json["own_cycles_per_packet"] = to_json(result.own);
    for (size_t i = 0; i < result.stages.size(); i++)
        json["stages"][std::string(telemetry::stage_name(static_cast<telemetry::Stage>(i)))] =
            rounded(result.stages[i]);
    json["net_cycles_per_packet"] = rounded(result.net());
    json["cipher_share"] = rounded(result.cipher_share());
    json["interrupted_share"] = rounded(result.interrupted_share);
    json["mpps"] = rounded(result.mpps);
    json["gbps"] = rounded(result.gbps());
    json["wall_mpps"] = rounded(result.wall_mpps);
    return json;
}

}  // namespace

std::string table_head()
{
    return base::format("%-48s %-12s %8s %8s %7s %7s %8s %6s %8s %8s %8s\n", "CASE", "ENGINE", "CYCLES", "BEST",
                        "SPREAD", "PORT", "CIPHER", "SHARE", "OWN", "MPPS", "GBIT/S");
}

std::string table_row(const Result& result)
{
    return base::format("%-48s %-12s %8.1f %8.1f %6.1f%% %7.1f %8.1f %5.0f%% %8.1f %8.2f %8.2f\n",
                        result.what.name().c_str(), result.engine.c_str(), result.gateway.median, result.gateway.best,
                        result.gateway.spread * 100, result.port.best, result.cipher.best, result.cipher_share() * 100,
                        result.own.best, result.mpps, result.gbps());
}

std::string stages_row(const Result& result)
{
    std::string text = "   ";
    for (size_t i = 0; i < result.stages.size(); i++)
        text += base::format(" %s %.1f", std::string(telemetry::stage_name(static_cast<telemetry::Stage>(i))).c_str(),
                             result.stages[i]);
    return text + "\n";
}

std::string to_json(std::span<const Result> results, const Effort& effort)
{
    Json json;
    json["machine"] = {{"cpu", cpu_model()},
                       {"cores", std::thread::hardware_concurrency()},
                       {"tsc_hz", rte_get_tsc_hz()},
                       {"huge_pages", rte_eal_has_hugepages() != 0}};
    json["build"] = {{"commit", IPSECGW_COMMIT}, {"compiler", __VERSION__}, {"dpdk", rte_version()}};
    json["effort"] = {{"windows", effort.windows}, {"window_ms", effort.window_ms}};
    json["results"] = Json::array();
    for (const Result& result : results)
        json["results"].push_back(to_json(result));
    return json.dump(2) + "\n";
}

}  // namespace ipsecgw::bench
