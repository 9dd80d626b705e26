#include "offload/steering.h"

#include <bit>
#include <numeric>
#include <utility>

#include <rte_ethdev.h>

#include "base/text.h"
#include "dpdk/rss.h"

namespace ipsecgw::offload {
namespace {

using base::Error;
using base::ErrorCode;
using base::format;

base::Result<SpiRss> of_port(uint16_t port_id, uint16_t workers)
{
    dpdk::Rss rss = GW_TRY(dpdk::read_rss(port_id));
    if ((rss.types & RTE_ETH_RSS_ESP) == 0)
        return Error{ErrorCode::kUnsupported, "the port does not hash the SPI", ""};
    if (rss.key.size() < SpiRss::kMinKeyBytes)
        return Error{ErrorCode::kUnsupported, format("the port's hash key has %zu bytes only", rss.key.size()), ""};
    return SpiRss(std::move(rss.key), std::move(rss.table), workers);
}

/// As long as the port's own keys are.
std::vector<uint8_t> key_for(uint16_t port_id, std::vector<uint8_t> key)
{
    rte_eth_dev_info info{};
    if (rte_eth_dev_info_get(port_id, &info) == 0 && info.hash_key_size != 0 && info.hash_key_size < key.size())
        key.resize(info.hash_key_size);
    return key;
}

base::Result<std::vector<dpdk::FlowRule>> create_all(uint16_t port_id, const std::vector<FlowRuleSpec>& specs)
{
    std::vector<dpdk::FlowRule> rules;
    for (const auto& spec : specs)
        rules.push_back(GW_TRY(spec.create(port_id)));
    return rules;
}

/// Of rules that spread over queues 0 to n - 1. Known for powers of two alone: for others the size of the table behind
/// the rule is the driver's.
std::optional<SpiRss> of_rules(uint16_t queues, uint16_t workers, const std::vector<uint8_t>& key)
{
    if (!std::has_single_bit(queues) || key.size() < SpiRss::kMinKeyBytes)
        return std::nullopt;
    std::vector<uint16_t> table(queues);
    std::iota(table.begin(), table.end(), uint16_t{0});
    return SpiRss(key, std::move(table), workers);
}

}  // namespace

Steering::PortState Steering::probe(const Port& port, uint16_t workers, const std::vector<uint8_t>& rss_key)
{
    PortState state;
    state.dialect = port.dialect;
    if (port.rx_queues < 2) {
        state.description = "one receive queue";
        return state;
    }
    if (port.dialect == RuleDialect::kMlx5) {
        const auto key = key_for(port.port_id, rss_key);
        auto rules = create_all(port.port_id, steering_rules(port.dialect, port.rx_queues, key));
        if (rules) {
            state.rules = std::move(rules).value();
            state.rss = of_rules(port.rx_queues, workers, key);
            state.description = format("flow rules, RSS by SPI over %u queues", port.rx_queues);
            if (!state.rss)
                state.description += ", not a power of two: a rule for each SPI";
            return state;
        }
        state.dialect = RuleDialect::kPlain;  // nothing jumps out of group 0
        state.description = "no RSS by SPI: " + rules.error().what;
        return state;
    }
    auto rss = of_port(port.port_id, workers);
    if (rss) {
        state.rss = std::move(rss).value();
        state.description = format("RSS by SPI over %u queues", port.rx_queues);
    } else {
        state.description = "no RSS by SPI: " + rss.error().what;
    }
    return state;
}

std::unique_ptr<Steering> Steering::create(std::span<const Port> ports, uint16_t workers,
                                           const std::vector<uint8_t>& rss_key)
{
    auto steering = std::make_unique<Steering>();
    for (const Port& port : ports)
        steering->ports_.emplace(port.port_id, probe(port, workers, rss_key));
    return steering;
}

const SpiRss* Steering::rss(uint16_t port_id) const noexcept
{
    const auto at = ports_.find(port_id);
    return at != ports_.end() && at->second.rss ? &*at->second.rss : nullptr;
}

base::Result<dpdk::FlowRule> Steering::send_to_queue(uint16_t port_id, net::Family family, uint32_t spi,
                                                     uint16_t queue) const
{
    const auto at = ports_.find(port_id);
    if (at == ports_.end())
        return Error{ErrorCode::kNotFound, format("port %u is not steered", port_id), ""};
    return spi_rule(at->second.dialect, family, spi, queue).create(port_id);
}

uint32_t Steering::spi_group(uint16_t port_id) const noexcept
{
    const auto at = ports_.find(port_id);
    return at != ports_.end() ? group_of(at->second.dialect) : 0;
}

std::string Steering::describe(uint16_t port_id) const
{
    const auto at = ports_.find(port_id);
    return at != ports_.end() ? at->second.description : "not steered";
}

}  // namespace ipsecgw::offload
