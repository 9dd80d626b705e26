// Windows of measured time, and what is made of them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "case.h"
#include "telemetry/stage.h"
#include "window.h"

namespace ipsecgw::bench {

struct Result {
    Case what;
    std::string engine;      // of the SAs: "aesni_gcm", "port"
    double frame_bytes = 0;  // clear frames, mean

    // TSC cycles per packet of one worker; with several, the mean of theirs.
    Figure gateway;  // a worker's turn, the ports' receive and transmit calls included
    Figure port;     // those calls and the clock by themselves, without a gateway between
    Figure cipher;   // the engine alone on the same texts; none where the port ciphers
    // From the workers' own clocks (gwctl stats --stages), in the turns they time.
    Figure own;                                           // the gateway without the ports' receive and transmit calls
    std::array<double, telemetry::kStageCount> stages{};  // means, by telemetry::Stage

    double churn_rate = 0;         // SAs replaced a second, as it came to be
    double policy_change_rate = 0;
    double bytes_per_sa = 0;       // Rig::bytes_per_sa()
    double interrupted_share = 0;  // turns left out: Window
    double mpps = 0;               // all workers: packets over measured time, best windows
    double wall_mpps = 0;          // all workers: source and sink included, median

    [[nodiscard]] double gbps() const;
    /// The gateway without the ports, best windows.
    [[nodiscard]] double net() const { return gateway.best - port.best; }
    /// How much of the gateway's cycles is cipher.
    [[nodiscard]] double cipher_share() const { return net() > 0 ? cipher.best / net() : 0; }
};

/// Builds the gateway of a case, loads it, takes it down. An error when a packet was lost: a figure with loss is none.
base::Result<Result> measure(const Case& what, const Effort& effort);

}  // namespace ipsecgw::bench
