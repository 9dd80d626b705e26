// What one worker counts for one SA. Outside the SA, so that counting never dirties a line others read.
#pragma once

#include <array>

#include <rte_common.h>

#include "telemetry/counter.h"
#include "telemetry/drop.h"

namespace ipsecgw::sa {

/// `bytes` are inner IP bytes. Written by one worker; read by control.
struct alignas(RTE_CACHE_LINE_SIZE) SaCounters {
    telemetry::Counter packets;
    telemetry::Counter bytes;
    telemetry::Counter last_used_tsc;
    std::array<telemetry::Counter, telemetry::kSaDropCount> drops;
};

}  // namespace ipsecgw::sa
