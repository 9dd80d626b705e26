#include "cli/listings.h"

#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "cli/columns_internal.h"

namespace ipsecgw::cli {

using control::DropCount;
using control::NeighbourRow;
using control::PolicyStatus;
using control::PortStatus;
using control::RouteStatus;
using control::SaStatus;
using control::StageStatus;
using control::Stats;
using control::WorkerStatus;
using esp::EngineInfo;

namespace {

Json drops_by_reason(const std::vector<DropCount>& drops)
{
    Json out = Json::object();
    for (const auto& drop : drops)
        out[std::string(drop.reason)] = drop.packets;
    return out;
}

uint64_t total(const std::vector<DropCount>& drops)
{
    uint64_t packets = 0;
    for (const auto& drop : drops)
        packets += drop.packets;
    return packets;
}

constexpr Column<SaStatus> kSaColumns[] = {
    {"spi", "SPI", kText, kBoth, [](const SaStatus& r) { return Json(base::format("0x%08x", r.spi)); }},
    {"name", "NAME", kText, kDetail, [](const SaStatus& r) { return text(r.name); }},
    {"owner", "OWNER", kText, kDetail, [](const SaStatus& r) { return Json(model::to_string(r.owner)); }},
    {"direction", "DIR", kText, kBoth, [](const SaStatus& r) { return Json(model::to_string(r.direction)); }},
    {"state", "STATE", kText, kDetail, [](const SaStatus& r) { return text(r.state); }},
    {"local", "LOCAL", kText, kDetail, [](const SaStatus& r) { return Json(r.local.to_string()); }},
    {"peer", "PEER", kText, kBoth, [](const SaStatus& r) { return Json(r.remote.to_string()); }},
    {"mode", "MODE", kText, kBoth, [](const SaStatus& r) { return Json(model::to_string(r.mode)); }},
    {"udp_encapsulation", "UDP-ENCAPSULATION", kFlag, kDetail,
     [](const SaStatus& r) { return Json(r.udp_encapsulation); }},
    {"algorithm", "ALGORITHM", kText, kBoth, [](const SaStatus& r) { return text(r.algorithm); }},
    {"esn", "ESN", kFlag, kDetail, [](const SaStatus& r) { return Json(r.esn); }},
    {"offload", "OFFLOAD", kText, kBoth, [](const SaStatus& r) { return text(r.offload); }, "offload_reason"},
    {"offload_reason", "OFFLOAD-REASON", kText, kNowhere, [](const SaStatus& r) { return text(r.offload_reason); }},
    {"steering", "STEERING", kText, kDetail, [](const SaStatus& r) { return text(r.steering); }},
    {"path_mtu", "PATH-MTU", kCount, kDetail, [](const SaStatus& r) { return optional(r.path_mtu); }},
    {"engine", "ENGINE", kText, kDetail, [](const SaStatus& r) { return text(r.engine); }, "engine_reason"},
    {"engine_reason", "ENGINE-REASON", kText, kNowhere, [](const SaStatus& r) { return text(r.engine_reason); }},
    {"worker", "WORKER", kCount, kBoth, [](const SaStatus& r) { return optional(r.worker); }},
    {"packets", "PACKETS", kCount, kBoth, [](const SaStatus& r) { return Json(r.packets); }},
    {"bytes", "BYTES", kBytes, kBoth, [](const SaStatus& r) { return Json(r.bytes); }},
    {"drops_total", "DROPS", kCount, kBoth, [](const SaStatus& r) { return Json(total(r.drops)); }},
    {"drops", "DROPS-BY-REASON", kCounts, kDetail, [](const SaStatus& r) { return drops_by_reason(r.drops); }},
    {"sequence", "SEQUENCE", kCount, kDetail, [](const SaStatus& r) { return Json(r.sequence); }},
    {"replay_window", "REPLAY-WINDOW (packets)", kCount, kDetail,
     [](const SaStatus& r) { return r.direction == model::Direction::kInbound ? Json(r.replay_window) : Json(nullptr); }},
    {"age_seconds", "AGE", kSeconds, kDetail, [](const SaStatus& r) { return Json(r.age_seconds); }},
    {"idle_seconds", "IDLE", kSeconds, kDetail, [](const SaStatus& r) { return optional(r.idle_seconds); }},
    {"expires_seconds", "EXPIRES", kSeconds, kBoth, [](const SaStatus& r) { return optional(r.expires_seconds); }},
};

constexpr Column<PolicyStatus> kPolicyColumns[] = {
    {"id", "ID", kCount, kBoth, [](const PolicyStatus& r) { return Json(r.id); }},
    {"name", "NAME", kText, kBoth, [](const PolicyStatus& r) { return text(r.name); }},
    {"priority", "PRIORITY", kCount, kBoth, [](const PolicyStatus& r) { return Json(r.priority); }},
    {"action", "ACTION", kText, kBoth, [](const PolicyStatus& r) { return Json(model::to_string(r.action)); }},
    {"direction", "DIR", kText, kBoth, [](const PolicyStatus& r) { return Json(model::to_string(r.direction)); }},
    {"local", "LOCAL", kList, kBoth, [](const PolicyStatus& r) { return Json(r.local); }},
    {"remote", "REMOTE", kList, kBoth, [](const PolicyStatus& r) { return Json(r.remote); }},
    {"outbound_sa", "OUTBOUND-SA", kText, kBoth, [](const PolicyStatus& r) { return text(r.outbound_sa); }},
    {"inbound_sas", "INBOUND-SAS", kList, kBoth, [](const PolicyStatus& r) { return Json(r.inbound_sas); }},
    {"owner", "OWNER", kText, kDetail, [](const PolicyStatus& r) { return Json(model::to_string(r.owner)); }},
    {"packets", "PACKETS", kCount, kBoth, [](const PolicyStatus& r) { return Json(r.packets); }},
};

constexpr Column<PortStatus> kPortColumns[] = {
    {"name", "PORT", kText, kBoth, [](const PortStatus& r) { return text(r.name); }},
    {"role", "ROLE", kText, kBoth, [](const PortStatus& r) { return Json(model::to_string(r.role)); }},
    {"device", "DEVICE", kText, kDetail, [](const PortStatus& r) { return text(r.device); }},
    {"driver", "DRIVER", kText, kDetail, [](const PortStatus& r) { return text(r.driver); }},
    {"index", "INDEX", kCount, kDetail, [](const PortStatus& r) { return Json(r.index); }},
    {"port_id", "DPDK-PORT", kCount, kDetail, [](const PortStatus& r) { return Json(r.port_id); }},
    {"mac", "MAC", kText, kDetail, [](const PortStatus& r) { return Json(r.mac.to_string()); }},
    {"addresses", "ADDRESSES", kList, kDetail, [](const PortStatus& r) { return Json(r.addresses); }},
    {"link_up", "LINK-UP", kFlag, kBoth, [](const PortStatus& r) { return Json(r.link_up); }},
    {"speed_mbps", "SPEED (Mbit/s)", kCount, kBoth,
     [](const PortStatus& r) { return r.speed_mbps == 0 ? Json(nullptr) : Json(r.speed_mbps); }},
    {"mtu", "MTU (bytes)", kCount, kBoth, [](const PortStatus& r) { return Json(r.mtu); }},
    {"rx_queues", "RX-QUEUES", kCount, kDetail, [](const PortStatus& r) { return Json(r.rx_queues); }},
    {"steering", "STEERING", kText, kDetail, [](const PortStatus& r) { return text(r.steering); }},
    {"tx_queues", "TX-QUEUES", kCount, kDetail, [](const PortStatus& r) { return Json(r.tx_queues); }},
    {"rx_packets", "RX-PACKETS", kCount, kBoth, [](const PortStatus& r) { return Json(r.rx_packets); }},
    {"rx_bytes", "RX-BYTES", kBytes, kBoth, [](const PortStatus& r) { return Json(r.rx_bytes); }},
    {"tx_packets", "TX-PACKETS", kCount, kBoth, [](const PortStatus& r) { return Json(r.tx_packets); }},
    {"tx_bytes", "TX-BYTES", kBytes, kBoth, [](const PortStatus& r) { return Json(r.tx_bytes); }},
    {"rx_missed", "RX-MISSED", kCount, kBoth, [](const PortStatus& r) { return Json(r.rx_missed); }},
    {"rx_errors", "RX-ERRORS", kCount, kDetail, [](const PortStatus& r) { return Json(r.rx_errors); }},
    {"tx_errors", "TX-ERRORS", kCount, kDetail, [](const PortStatus& r) { return Json(r.tx_errors); }},
    {"rx_no_mbuf", "RX-NO-MBUF", kCount, kDetail, [](const PortStatus& r) { return Json(r.rx_no_mbuf); }},
};

constexpr Column<RouteStatus> kRouteColumns[] = {
    {"prefix", "PREFIX", kText, kBoth, [](const RouteStatus& r) { return text(r.prefix); }},
    {"via", "VIA", kText, kBoth, [](const RouteStatus& r) { return text(r.via); }},
    {"port", "PORT", kText, kBoth, [](const RouteStatus& r) { return text(r.port); }},
    {"origin", "ORIGIN", kText, kBoth, [](const RouteStatus& r) { return text(r.origin); }},
};

constexpr Column<NeighbourRow> kNeighbourColumns[] = {
    {"address", "ADDRESS", kText, kBoth, [](const NeighbourRow& r) { return text(r.address); }},
    {"mac", "MAC", kText, kBoth, [](const NeighbourRow& r) { return text(r.mac); }},
    {"port", "PORT", kText, kBoth, [](const NeighbourRow& r) { return text(r.port); }},
    {"state", "STATE", kText, kBoth, [](const NeighbourRow& r) { return text(r.state); }},
    {"age_seconds", "AGE", kSeconds, kBoth, [](const NeighbourRow& r) { return Json(r.age_seconds); }},
};

constexpr Column<DropCount> kDropColumns[] = {
    {"reason", "REASON", kText, kBoth, [](const DropCount& r) { return text(r.reason); }},
    {"packets", "PACKETS", kCount, kBoth, [](const DropCount& r) { return Json(r.packets); }},
    {"help", "MEANING", kText, kBoth, [](const DropCount& r) { return text(r.help); }},
};

constexpr Column<WorkerStatus> kWorkerColumns[] = {
    {"index", "WORKER", kCount, kBoth, [](const WorkerStatus& r) { return Json(r.index); }},
    {"lcore", "LCORE", kCount, kBoth, [](const WorkerStatus& r) { return Json(r.lcore); }},
    {"rx_packets", "RX-PACKETS", kCount, kBoth, [](const WorkerStatus& r) { return Json(r.rx_packets); }},
    {"tx_packets", "TX-PACKETS", kCount, kBoth, [](const WorkerStatus& r) { return Json(r.tx_packets); }},
    {"turns", "TURNS", kCount, kDetail, [](const WorkerStatus& r) { return Json(r.turns); }},
    {"idle_turns", "IDLE-TURNS", kCount, kDetail, [](const WorkerStatus& r) { return Json(r.idle_turns); }},
    {"busy_cycles", "BUSY-CYCLES", kCount, kDetail, [](const WorkerStatus& r) { return Json(r.busy_cycles); }},
    {"cycles_per_packet", "CYCLES/PACKET", kDecimal, kBoth,
     [](const WorkerStatus& r) { return Json(r.cycles_per_packet); }},
    {"handed_over_out", "HANDED-OVER-OUT", kCount, kBoth, [](const WorkerStatus& r) { return Json(r.handed_over_out); }},
    {"handed_over_in", "HANDED-OVER-IN", kCount, kBoth, [](const WorkerStatus& r) { return Json(r.handed_over_in); }},
    {"in_crypto_devices", "IN-CRYPTO", kCount, kBoth, [](const WorkerStatus& r) { return Json(r.in_crypto_devices); }},
    {"inbound_sas", "INBOUND-SAS", kCount, kBoth, [](const WorkerStatus& r) { return Json(r.inbound_sas); }},
    {"packets", "PACKETS", kCount, kBoth, [](const WorkerStatus& r) { return Json(r.packets); }},
    {"share_percent", "SHARE (%)", kDecimal, kBoth, [](const WorkerStatus& r) { return Json(r.share_percent); }},
};

constexpr Column<EngineInfo> kEngineColumns[] = {
    {"name", "ENGINE", kText, kBoth, [](const EngineInfo& r) { return text(r.name); }},
    {"usable", "USABLE", kFlag, kBoth, [](const EngineInfo& r) { return Json(r.usable); }},
    {"reason", "REASON", kText, kBoth, [](const EngineInfo& r) { return text(r.reason); }},
};

constexpr Column<Stats> kStatsColumns[] = {
    {"version", "VERSION", kText, kBoth, [](const Stats& r) { return text(r.version); }},
    {"uptime_seconds", "UPTIME", kSeconds, kBoth, [](const Stats& r) { return Json(r.uptime_seconds); }},
    {"inbound_sas", "INBOUND-SAS", kCount, kBoth, [](const Stats& r) { return Json(r.inbound_sas); }},
    {"outbound_sas", "OUTBOUND-SAS", kCount, kBoth, [](const Stats& r) { return Json(r.outbound_sas); }},
    {"max_sas", "MAX-SAS", kCount, kBoth, [](const Stats& r) { return Json(r.max_sas); }},
    {"policies", "POLICIES", kCount, kBoth, [](const Stats& r) { return Json(r.policies); }},
    {"mbufs_in_use", "MBUFS-IN-USE", kCount, kBoth, [](const Stats& r) { return Json(r.mbufs_in_use); }},
    {"mbufs_total", "MBUFS-TOTAL", kCount, kBoth, [](const Stats& r) { return Json(r.mbufs_total); }},
    {"retired_objects", "RETIRED-OBJECTS", kCount, kBoth, [](const Stats& r) { return Json(r.retired_objects); }},
    {"workers", "WORKERS", kRows, kBoth, [](const Stats& r) { return array(r.workers); }, {}, fields_of<WorkerStatus>},
    {"engines", "ENGINES", kRows, kBoth, [](const Stats& r) { return array(r.engines); }, {}, fields_of<EngineInfo>},
};

template <telemetry::Stage kStage>
Json stage_cycles(const StageStatus& row)
{
    return Json(row.cycles[static_cast<size_t>(kStage)]);
}

constexpr Column<StageStatus> kStageColumns[] = {
    {"worker", "WORKER", kCount, kBoth, [](const StageStatus& r) { return Json(r.worker); }},
    {"lcore", "LCORE", kCount, kBoth, [](const StageStatus& r) { return Json(r.lcore); }},
    {"timed_packets", "TIMED-PACKETS", kCount, kBoth, [](const StageStatus& r) { return Json(r.timed_packets); }},
    {"rx", "RX", kDecimal, kBoth, stage_cycles<telemetry::Stage::kRx>},
    {"classify", "CLASSIFY", kDecimal, kBoth, stage_cycles<telemetry::Stage::kClassify>},
    {"look_up", "LOOK-UP", kDecimal, kBoth, stage_cycles<telemetry::Stage::kLookUp>},
    {"esp", "ESP", kDecimal, kBoth, stage_cycles<telemetry::Stage::kEsp>},
    {"cipher", "CIPHER", kDecimal, kBoth, stage_cycles<telemetry::Stage::kCipher>},
    {"forward", "FORWARD", kDecimal, kBoth, stage_cycles<telemetry::Stage::kForward>},
    {"tx", "TX", kDecimal, kBoth, stage_cycles<telemetry::Stage::kTx>},
    {"total", "TOTAL (cycles/packet)", kDecimal, kBoth, [](const StageStatus& r) { return Json(r.total); }},
};
static_assert(std::size(kStageColumns) == telemetry::kStageCount + 4, "a column for each stage");

constexpr Column<StageTable> kStageTableColumns[] = {
    {"stages", "STAGES", kRows, kBoth, [](const StageTable& r) { return array(r.stages); }, {}, fields_of<StageStatus>},
};

}  // namespace

template <> std::vector<Field> fields_of<SaStatus>() { return fields<SaStatus>(kSaColumns); }
template <> std::vector<Field> fields_of<PolicyStatus>() { return fields<PolicyStatus>(kPolicyColumns); }
template <> std::vector<Field> fields_of<PortStatus>() { return fields<PortStatus>(kPortColumns); }
template <> std::vector<Field> fields_of<RouteStatus>() { return fields<RouteStatus>(kRouteColumns); }
template <> std::vector<Field> fields_of<NeighbourRow>() { return fields<NeighbourRow>(kNeighbourColumns); }
template <> std::vector<Field> fields_of<DropCount>() { return fields<DropCount>(kDropColumns); }
template <> std::vector<Field> fields_of<WorkerStatus>() { return fields<WorkerStatus>(kWorkerColumns); }
template <> std::vector<Field> fields_of<EngineInfo>() { return fields<EngineInfo>(kEngineColumns); }
template <> std::vector<Field> fields_of<Stats>() { return fields<Stats>(kStatsColumns); }
template <> std::vector<Field> fields_of<StageStatus>() { return fields<StageStatus>(kStageColumns); }
template <> std::vector<Field> fields_of<StageTable>() { return fields<StageTable>(kStageTableColumns); }

Json to_json(const SaStatus& row) { return values<SaStatus>(kSaColumns, row); }
Json to_json(const PolicyStatus& row) { return values<PolicyStatus>(kPolicyColumns, row); }
Json to_json(const PortStatus& row) { return values<PortStatus>(kPortColumns, row); }
Json to_json(const RouteStatus& row) { return values<RouteStatus>(kRouteColumns, row); }
Json to_json(const NeighbourRow& row) { return values<NeighbourRow>(kNeighbourColumns, row); }
Json to_json(const DropCount& row) { return values<DropCount>(kDropColumns, row); }
Json to_json(const WorkerStatus& row) { return values<WorkerStatus>(kWorkerColumns, row); }
Json to_json(const EngineInfo& row) { return values<EngineInfo>(kEngineColumns, row); }
Json to_json(const StageStatus& row) { return values<StageStatus>(kStageColumns, row); }
Json to_json(const StageTable& row) { return values<StageTable>(kStageTableColumns, row); }
Json to_json(const Stats& row) { return values<Stats>(kStatsColumns, row); }

}  // namespace ipsecgw::cli
