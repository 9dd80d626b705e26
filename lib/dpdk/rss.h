// What a port's receive side scaling does, as the port itself tells.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"

namespace ipsecgw::dpdk {

/// The hash a port spreads packets by, and where each value leads: queue = table[hash % table.size()].
struct Rss {
    uint64_t types = 0;  // RTE_ETH_RSS_*
    std::vector<uint8_t> key;
    std::vector<uint16_t> table;
};

/// Of a configured port. kUnsupported with the reason in an operator's words when the port has no RSS, or does not tell
/// its key or its table. Threads: control.
base::Result<Rss> read_rss(uint16_t port_id);

}  // namespace ipsecgw::dpdk
