// A gateway's data path without threads: rings for ports, real tables and SAs, workers driven by turn().
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dpdk/mbuf_pool.h"
#include "dpdk/port.h"
#include "dpdk/qsbr.h"
#include "dpdk/ring.h"
#include "esp/engine.h"
#include "model/policy.h"
#include "model/sa_params.h"
#include "offload/rte_security_provider.h"
#include "support/kind.h"
#include "support/packets.h"
#include "worker/dataplane.h"
#include "worker/worker.h"

namespace ipsecgw::test {

struct PortSpec {
    std::string name;
    model::PortRole role = model::PortRole::kProtected;
    std::vector<std::string> addresses = {};
    uint16_t mtu = 1500;
    uint16_t rx_queues = 0;  // 0: one per worker
    uint16_t tx_queues = 0;
    uint32_t tx_slots = 2048;
};

struct GatewaySpec {
    std::vector<PortSpec> ports;
    uint16_t workers = 1;
    bool icmp_errors = true;
    uint32_t reassembly = 128;
    uint32_t punt_slots = 256;
    uint32_t mbufs = 8191;
    sa::OffloadKind kind = test::kind();
};

struct Punted {
    worker::Punt why;
    uint16_t in_port;
    uint16_t out_port;
    std::string next_hop;  // of kResolve
    Bytes bytes;
    bool for_port_to_seal = false;
};

/// Frames go in by receive() and come out of sent(). In the end every mbuf must be back in the pool. Its SAs are of
/// GatewaySpec::kind; for the inline kinds a model NIC stands on each port that is not protected.
class Gateway {
  public:
    explicit Gateway(const GatewaySpec& spec);
    ~Gateway();
    Gateway(const Gateway&) = delete;
    Gateway& operator=(const Gateway&) = delete;

    // Tables.
    void add_route(const std::string& prefix, uint16_t port, const std::string& via = "");
    void add_neighbour(uint16_t port, const std::string& address, const std::string& mac);
    /// Routes to every port's own networks.
    void add_connected_routes();
    /// `remote` and `local` as selectors; each SA may carry all pairs of one family.
    sa::InboundSa& add_inbound(const model::SaParams& params, const std::vector<std::string>& local = {},
                               const std::vector<std::string>& remote = {}, uint16_t owner = 0);
    sa::OutboundSa& add_outbound(const model::SaParams& params);
    void remove_inbound(uint32_t spi);
    /// No policy may point to it any more.
    void remove_outbound(const sa::OutboundSa& sa);
    sa::PolicyEntry& add_policy(const std::string& name, model::Action action, const std::vector<std::string>& local,
                                const std::vector<std::string>& remote, sa::OutboundSa* sa = nullptr,
                                model::PolicyDirection direction = model::PolicyDirection::kBoth,
                                uint32_t priority = 1000);
    void remove_policy(const std::string& name);
    void set_selectors(sa::InboundSa& sa, const std::vector<std::string>& local,
                       const std::vector<std::string>& remote);

    // Traffic.
    void receive(uint16_t port, const Bytes& frame, uint16_t queue = 0);
    /// An IP packet in a frame to the port's MAC.
    void receive_ip(uint16_t port, const Bytes& packet, uint16_t queue = 0);
    void receive_mbuf(uint16_t port, rte_mbuf* m, uint16_t queue = 0);
    /// Turns of all workers, one after another, until none has anything to do.
    void run();
    /// run(), then what every tx queue of the port holds.
    std::vector<Bytes> sent(uint16_t port);
    /// run(), then the IP packets of those frames.
    std::vector<Bytes> sent_ip(uint16_t port);
    std::vector<Punted> punted();
    /// Its end finds workers where they are, instead of idle.
    void stop_turning() { turns_ = false; }

    [[nodiscard]] uint64_t drops(telemetry::Drop reason) const;
    [[nodiscard]] uint64_t all_drops() const;
    /// Drops so far by name, for messages.
    [[nodiscard]] std::string drop_report() const;
    [[nodiscard]] uint32_t mbufs_in_use() const { return pool_->in_use(); }
    [[nodiscard]] rte_mempool* pool() const { return pool_->get(); }
    [[nodiscard]] std::string mac(uint16_t port) const { return data_.ports[port].mac.to_string(); }
    [[nodiscard]] worker::Worker& worker(uint16_t index = 0) { return *workers_[index]; }
    [[nodiscard]] uint16_t workers() const { return data_.workers; }
    [[nodiscard]] worker::DataPlane& data() { return data_; }
    [[nodiscard]] dpdk::Reclaimer& reclaimer() { return *reclaimer_; }
    [[nodiscard]] rte_ring* rx_ring(uint16_t port, uint16_t queue) { return ports_[port].rx[queue].get(); }
    [[nodiscard]] rte_ring* tx_ring(uint16_t port, uint16_t queue) { return ports_[port].tx[queue].get(); }

  private:
    struct PortParts {
        std::vector<dpdk::Ring> rx;
        std::vector<dpdk::Ring> tx;
        std::vector<std::string> devices;  // the last one is the port's, on top of the one before
        std::unique_ptr<dpdk::Port> port;
    };
    void add_port(const PortSpec& spec, uint16_t index);
    void make_engines();
    void make_provider();
    /// What the port has of an SA of the inline kinds; null for the others.
    std::unique_ptr<offload::Installed> put_into_port(const model::SaParams& params, sa::SaTag tag, uint16_t owner);
    void take_out_of_port(std::map<const void*, std::unique_ptr<offload::Installed>>::iterator at);
    void publish_routes();

    const sa::OffloadKind kind_;
    const int number_;
    bool turns_ = true;
    // In the order they must be destroyed: last first.
    std::unique_ptr<dpdk::MbufPool> pool_;
    std::vector<PortParts> ports_;
    std::unique_ptr<dpdk::Qsbr> qsbr_;
    std::unique_ptr<esp::Engines> engines_;
    std::unique_ptr<dpdk::Reclaimer> reclaimer_;
    std::unique_ptr<sa::Spd> spd_;
    std::unique_ptr<sa::Sad> sad_;
    std::unique_ptr<offload::RteSecurityProvider> provider_;               // inline kinds
    std::map<const void*, std::unique_ptr<offload::Installed>> in_ports_;  // by SA
    std::string crypto_device_;                                            // look-aside
    std::unique_ptr<route::Tables> tables_;
    std::unique_ptr<worker::PuntQueue> punt_;
    worker::DataPlane data_;
    std::vector<std::unique_ptr<worker::Worker>> workers_;
    std::vector<route::FibEntry> routes_;
    std::vector<route::NeighbourEntry> neighbours_;
};

/// Fails the calling test on an error.
template <class T>
T must(base::Result<T> result)
{
    if (!result)
        throw std::runtime_error(result.error().what + " (" + result.error().hint + ")");
    if constexpr (!std::is_void_v<T>)
        return std::move(result).value();
}

}  // namespace ipsecgw::test
