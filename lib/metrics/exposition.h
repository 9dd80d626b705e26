// A snapshot as Prometheus reads it.
#pragma once

#include <string>
#include <vector>

#include "metrics/snapshot.h"

namespace ipsecgw::metrics {

inline constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

/// Prometheus's text format, version 0.0.4. Names begin with `ipsec_gw_`, labels are names of the configuration, never
/// SPIs. Series that cannot be (an SA's drops for a reason that has not happened) are left out.
std::string to_text(const Snapshot& snapshot);

/// Every metric there may be: for the reference in README.md.
struct Metric {
    std::string name;
    std::string type;    // "counter", "gauge"
    std::string labels;  // "tunnel, direction"
    std::string help;
};
std::vector<Metric> all_metrics();

}  // namespace ipsecgw::metrics
