// What a scrape shows: values, taken on the control thread and written down elsewhere.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "control/control_plane.h"
#include "ike/engine.h"

namespace ipsecgw::metrics {

struct IkeSnapshot {
    ike::EngineStats stats;
    ike::StateCounts states{};  // IKE SAs by ike::IkeState
};

struct Snapshot {
    control::Stats stats;
    std::vector<control::PortStatus> ports;
    std::vector<control::DropsOf> drops;
    std::vector<control::TunnelStatus> tunnels;
    std::optional<IkeSnapshot> ike;  // none: no IKE daemon runs
    double seconds = 0;  // it took, beside the control thread's other work
};

}  // namespace ipsecgw::metrics
