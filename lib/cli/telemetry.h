// The gateway's state as DPDK telemetry commands below /ipsec_gw, for dpdk-telemetry.py and its like.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "cli/source.h"
#include "control/event_loop.h"

namespace ipsecgw::cli {

/// While it lives, /ipsec_gw/... answers from this gateway. DPDK runs the callbacks in threads of its own, as plain C functions
/// without user data, and cannot take a registration back; so the registration is the process's, made once, and finds the gateway
/// through a list in telemetry.cc. Of several gateways in one process the oldest answers.
///
/// A callback posts its question to the loop and waits, at most `timeout_ns`: the tables are read by the control thread alone.
/// Answers keep DPDK's limits (512 entries, 16 KiB of text) and say so under "truncated".
///
/// Threads: create and destroy by any one thread, after EAL has started. After destruction no callback touches loop or source.
class TelemetryCommands {
 public:
    static constexpr uint64_t kTimeoutNs = 1'000'000'000;

    static base::Result<std::unique_ptr<TelemetryCommands>> create(control::EventLoop& loop, const Source& source,
                                                                   uint64_t timeout_ns = kTimeoutNs);
    ~TelemetryCommands();
    TelemetryCommands(const TelemetryCommands&) = delete;
    TelemetryCommands& operator=(const TelemetryCommands&) = delete;

 private:
    struct Gateway;
    explicit TelemetryCommands(std::shared_ptr<Gateway> gateway);
    std::shared_ptr<Gateway> gateway_;

    friend struct TelemetryRegistry;
};

}  // namespace ipsecgw::cli
