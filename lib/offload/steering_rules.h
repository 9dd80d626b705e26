// The flow rules that spread a port's traffic over workers where plain RSS does not hash the SPI, mlx5 first of all.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "offload/flow_rule_spec.h"

namespace ipsecgw::offload {

/// What a family of ports needs.
enum class RuleDialect : uint8_t {
    kPlain,  // RSS and SPI matches in group 0
    kMlx5,   // SPI RSS needs an explicit rule; below ConnectX-7 an SPI match needs group 1 or above, so group 0 only jumps
};

/// By the driver's name as DPDK gives it.
RuleDialect dialect_of(std::string_view driver) noexcept;

/// The group of rules that name an SPI.
constexpr uint32_t group_of(RuleDialect dialect) noexcept { return dialect == RuleDialect::kMlx5 ? 1 : 0; }

/// Rules for a port with `queues` receive queues: ESP by SPI over all of them, everything else by address and ports. In isolated mode (flow
/// isolate) these rules are all the port receives by. Ordered as they must be created.
std::vector<FlowRuleSpec> steering_rules(RuleDialect dialect, uint16_t queues, const std::vector<uint8_t>& key);

/// The rule that sends one SPI to one queue, ahead of steering_rules'.
FlowRuleSpec spi_rule(RuleDialect dialect, net::Family family, uint32_t spi, uint16_t queue);

}  // namespace ipsecgw::offload
