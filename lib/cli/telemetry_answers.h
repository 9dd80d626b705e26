// What each telemetry command answers, as JSON within DPDK's limits.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "cli/protocol.h"
#include "cli/source.h"

namespace ipsecgw::cli {

struct TelemetryCommand {
    const char* path;  // "/ipsec_gw/sa/list"
    const char* help;
    /// `parameter` is what follows the path's comma; empty: none. An object, with "error" in it when there is no answer.
    Json (*answer)(const Source& source, std::string_view parameter);
    /// Instead of `answer` where it takes more than one turn of the loop: `done` is called once, in the loop.
    void (*answer_later)(const Source& source, std::string_view parameter, std::function<void(Json)> done) = nullptr;
};

std::span<const TelemetryCommand> telemetry_commands() noexcept;

/// The answer in DPDK's terms: at the top an object; objects nest; arrays hold strings; member names have letters, digits and
/// '_' only, so other characters become '_' ("too-old" is too_old); null is left out; true is 1; an array of objects becomes an
/// object by their "name" or "index". What goes beyond the limits is left out and said under "truncated".
Json to_telemetry(const Json& answer);

}  // namespace ipsecgw::cli
