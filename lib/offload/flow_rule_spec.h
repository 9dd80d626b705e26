// A flow rule for ESP as data: what is asked of a port, before any port is asked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dpdk/security.h"
#include "net/address.h"

namespace ipsecgw::offload {

/// How a rule spreads what it matches.
struct RssSpec {
    uint64_t types = 0;            // RTE_ETH_RSS_*
    std::vector<uint16_t> queues;
    std::vector<uint8_t> key;      // empty: the port's
};

/// `[ETH] [IPV4|IPV6 [destination]] [UDP] [ESP [spi]] -> [SECURITY] [JUMP | QUEUE | RSS]`, ingress.
struct FlowRuleSpec {
    uint32_t group = 0;
    uint32_t priority = 0;
    bool match_eth = false;
    std::optional<net::Family> family;
    std::optional<net::IpAddress> destination;  // of `family`
    bool match_udp = false;
    bool match_esp = false;
    std::optional<uint32_t> spi;   // host order
    bool security = false;         // with `session`, or null for the port's default rule
    void* session = nullptr;
    std::optional<uint32_t> jump;  // to a group
    std::optional<uint16_t> queue;
    std::optional<RssSpec> rss;

    /// In testpmd's flow syntax, for logs and recorded expectations: "ingress group 1 pattern eth / ipv4 dst is 192.0.2.1 / esp spi
    /// is 0x100 / end actions security / queue index 2 / end".
    [[nodiscard]] std::string to_string() const;
    /// Asks the port. kUnsupported with the driver's words.
    [[nodiscard]] base::Result<dpdk::FlowRule> create(uint16_t port_id) const;
};

}  // namespace ipsecgw::offload
