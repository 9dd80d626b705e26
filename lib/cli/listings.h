// The fields of each listing, defined once: JSON, tables and telemetry all come from here.
#pragma once

#include <vector>

#include "cli/protocol.h"
#include "control/control_plane.h"

namespace ipsecgw::cli {

/// The one row of "stats --stages".
struct StageTable {
    std::vector<control::StageStatus> stages;
};

/// The fields of a row of this type, in order.
template <class Row>
std::vector<Field> fields_of();
template <> std::vector<Field> fields_of<control::SaStatus>();
template <> std::vector<Field> fields_of<control::PolicyStatus>();
template <> std::vector<Field> fields_of<control::PortStatus>();
template <> std::vector<Field> fields_of<control::RouteStatus>();
template <> std::vector<Field> fields_of<control::NeighbourRow>();
template <> std::vector<Field> fields_of<control::DropCount>();
template <> std::vector<Field> fields_of<control::WorkerStatus>();
template <> std::vector<Field> fields_of<esp::EngineInfo>();
template <> std::vector<Field> fields_of<control::Stats>();
template <> std::vector<Field> fields_of<control::StageStatus>();
template <> std::vector<Field> fields_of<StageTable>();

Json to_json(const control::SaStatus& row);
Json to_json(const control::PolicyStatus& row);
Json to_json(const control::PortStatus& row);
Json to_json(const control::RouteStatus& row);
Json to_json(const control::NeighbourRow& row);
Json to_json(const control::DropCount& row);
Json to_json(const control::WorkerStatus& row);
Json to_json(const esp::EngineInfo& row);
Json to_json(const control::Stats& row);
Json to_json(const control::StageStatus& row);
Json to_json(const StageTable& row);

}  // namespace ipsecgw::cli
