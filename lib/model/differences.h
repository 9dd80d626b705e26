// Which settings of two objects differ, by the names the configuration file has for them.
#pragma once

#include <string>
#include <vector>

#include "model/gateway.h"

namespace ipsecgw::model {

/// Empty: they are the same. The keying material is not compared: only its holder can.
std::vector<std::string> differences(const SaParams& a, const SaParams& b);
std::vector<std::string> differences(const Policy& a, const Policy& b);
std::vector<std::string> differences(const Port& a, const Port& b);
std::vector<std::string> differences(const Settings& a, const Settings& b);
std::vector<std::string> differences(const IkeConnection& a, const IkeConnection& b);
std::vector<std::string> differences(const Metrics& a, const Metrics& b);

}  // namespace ipsecgw::model
