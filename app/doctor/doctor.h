// `ipsec-gw doctor`: what this machine is to a gateway, in plain words.
#pragma once

#include <span>

namespace ipsecgw::app::doctor {

/// Prints what it finds. `eal_words`: program name and EAL's options; without options EAL starts without huge pages and
/// devices, and ports are not looked at. Returns 0, or 1 when something found keeps a gateway from running well.
int run(std::span<char*> eal_words);

}  // namespace ipsecgw::app::doctor
