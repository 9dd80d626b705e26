// How ESP reaches the worker that owns its SA, port by port: found out once, when the ports have started.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dpdk/security.h"
#include "net/address.h"
#include "offload/spi_rss.h"
#include "offload/steering_rules.h"

namespace ipsecgw::offload {

/// Three ways, the best first: the port's RSS hashes the SPI with a key and a table it tells, so that the queue of an
/// SPI is computed; a flow rule sends one SPI to one queue; the worker that gets a packet hands it over.
///
/// The hash is taken to run over source, destination and SPI, in this order, as for RTE_ETH_RSS_ESP of the model port
/// and of mlx5's guide. A port that hashes otherwise costs hand-overs, which `gwctl stats` shows, and no packets.
///
/// Threads: control. Destroy it before the ports are closed.
class Steering {
  public:
    struct Port {
        uint16_t port_id = 0;
        uint16_t rx_queues = 1;
        RuleDialect dialect = RuleDialect::kPlain;
    };
    /// `workers`: worker of a queue is queue % workers. Ports of the kMlx5 dialect get their rules here; a port that
    /// refuses them is steered by hand-over, and describe() says why.
    static std::unique_ptr<Steering> create(std::span<const Port> ports, uint16_t workers,
                                            const std::vector<uint8_t>& rss_key);

    /// Computes the queue of an SPI; null: this port's cannot be known.
    [[nodiscard]] const SpiRss* rss(uint16_t port_id) const noexcept;
    /// Sends packets of one SPI, not in UDP, to one queue, as long as the rule lives. kUnsupported with the driver's
    /// words.
    [[nodiscard]] base::Result<dpdk::FlowRule> send_to_queue(uint16_t port_id, net::Family family, uint32_t spi,
                                                             uint16_t queue) const;
    /// Group of flow rules that name an SPI.
    [[nodiscard]] uint32_t spi_group(uint16_t port_id) const noexcept;
    /// "RSS by SPI over 4 queues", "one receive queue", "no RSS by SPI: the port does not tell its hash key".
    [[nodiscard]] std::string describe(uint16_t port_id) const;

  private:
    struct PortState {
        RuleDialect dialect = RuleDialect::kPlain;
        std::optional<SpiRss> rss;
        std::vector<dpdk::FlowRule> rules;  // of steering_rules(), in their order
        std::string description;
    };
    static PortState probe(const Port& port, uint16_t workers, const std::vector<uint8_t>& rss_key);

    std::map<uint16_t, PortState> ports_;
};

}  // namespace ipsecgw::offload
