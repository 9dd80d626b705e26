#include "offload/steering_rules.h"

#include <numeric>

#include <rte_ethdev.h>

namespace ipsecgw::offload {
namespace {

// Priorities within a group: lower wins.
constexpr uint32_t kOneSpi = 0;
constexpr uint32_t kAllEsp = 1;
constexpr uint32_t kRest = 2;

FlowRuleSpec rule(uint32_t group, uint32_t priority)
{
    FlowRuleSpec spec;
    spec.group = group;
    spec.priority = priority;
    spec.match_eth = true;
    return spec;
}

}  // namespace

RuleDialect dialect_of(std::string_view driver) noexcept
{
    return driver.starts_with("mlx5") || driver.starts_with("net_mlx5") ? RuleDialect::kMlx5 : RuleDialect::kPlain;
}

std::vector<FlowRuleSpec> steering_rules(RuleDialect dialect, uint16_t queues, const std::vector<uint8_t>& key)
{
    std::vector<FlowRuleSpec> rules;
    const uint32_t group = group_of(dialect);
    std::vector<uint16_t> all(queues);
    std::iota(all.begin(), all.end(), uint16_t{0});
    if (group != 0) {
        FlowRuleSpec jump = rule(0, 0);
        jump.jump = group;
        rules.push_back(jump);
    }
    for (const net::Family family : {net::Family::kIpv4, net::Family::kIpv6}) {
        FlowRuleSpec esp = rule(group, kAllEsp);
        esp.family = family;
        esp.match_esp = true;
        // Alone: mlx5 takes no port hashing beside it in one action.
        esp.rss = RssSpec{RTE_ETH_RSS_ESP, all, key};
        rules.push_back(esp);
    }
    for (const net::Family family : {net::Family::kIpv4, net::Family::kIpv6}) {
        FlowRuleSpec rest = rule(group, kRest);
        rest.family = family;
        rest.rss = RssSpec{RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP, all, key};
        rules.push_back(rest);
    }
    FlowRuleSpec others = rule(group, kRest + 1);  // ARP: one queue is enough
    others.queue = 0;
    rules.push_back(others);
    return rules;
}

FlowRuleSpec spi_rule(RuleDialect dialect, net::Family family, uint32_t spi, uint16_t queue)
{
    FlowRuleSpec spec = rule(group_of(dialect), kOneSpi);
    spec.family = family;
    spec.match_esp = true;
    spec.spi = spi;
    spec.queue = queue;
    return spec;
}

}  // namespace ipsecgw::offload
