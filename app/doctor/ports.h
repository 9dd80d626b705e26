// What the ports of a started EAL offer, and what each kind of SA would do there.
#pragma once

#include <string>
#include <vector>

#include "app/doctor/finding.h"
#include "esp/engine.h"

namespace ipsecgw::app::doctor {

/// DPDK and OpenSSL as this process runs with them.
std::vector<Finding> look_at_libraries();

/// Which engine ciphers in software. EAL has started.
std::vector<Finding> look_at_engines(const esp::Engines& engines);

/// Sets each port up with one queue, asks it for its security context, RSS on the SPI and flow rules, and closes it.
/// EAL has started, and nothing else uses the ports.
std::vector<Finding> look_at_ports();

}  // namespace ipsecgw::app::doctor
