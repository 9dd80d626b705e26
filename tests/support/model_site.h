// Two gateways with their control planes, back to back over model ports (drivers/net/inline_ipsec), LANs of rings.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "control/control_plane.h"
#include "dpdk/mbuf_pool.h"
#include "dpdk/port.h"
#include "dpdk/port_events.h"
#include "dpdk/ring.h"
#include "offload/rte_security_provider.h"
#include "offload/steering.h"
#include "support/packets.h"

namespace ipsecgw::test {

struct ModelSiteSpec {
    uint16_t workers = 1;
    std::string model =
        {};  // device arguments of the model port beside backing= and queues=: "profile=bf2,fail_every=3"
    offload::RuleDialect dialect = offload::RuleDialect::kPlain;
    uint32_t max_sas = 256;
    std::string crypto_driver = {};  // of a look-aside device with a queue pair for each worker: "crypto_openssl"
    std::function<uint64_t()> now_ns = base::monotonic_ns;
};

/// Site `number` (1 or 2): LAN 10.N.0.0/24 with the gateway at 1 and a host at 5; WAN 192.0.2.N/24 and
/// 2001:db8:ff::N/64 on a model port of one queue a worker. Everything of the other site is behind its WAN address;
/// every neighbour is known.
class ModelSite {
  public:
    ModelSite(int number, const ModelSiteSpec& spec, rte_mempool* pool, rte_ring* from_wire, rte_ring* to_wire);
    ~ModelSite();
    ModelSite(const ModelSite&) = delete;
    ModelSite& operator=(const ModelSite&) = delete;

    control::ControlPlane* operator->() { return control_.get(); }
    [[nodiscard]] control::SaStatus sa(const std::string& name) const;
    [[nodiscard]] uint64_t dropped(const std::string& reason) const;

    /// An IP packet from the LAN; false when the ring is full.
    bool from_lan(const Bytes& packet, uint16_t queue = 0);
    /// IP packets sent to the LAN since the last call.
    std::vector<Bytes> to_lan();
    [[nodiscard]] rte_ring* lan_in(uint16_t queue = 0) { return lan_in_[queue].get(); }
    [[nodiscard]] rte_ring* lan_out(uint16_t queue = 0) { return lan_out_[queue].get(); }
    [[nodiscard]] const net::MacAddress& lan_mac() const { return data_.ports[0].mac; }

    /// One turn of each worker and one of control; packets worked on.
    uint32_t turn();
    /// As the control thread does between two sleeps.
    void control_turn();
    /// Workers on threads of their own, until stop().
    void start();
    void stop();

    [[nodiscard]] uint16_t wan_port() const { return wan_->id(); }
    [[nodiscard]] const std::string& wan_device() const { return model_; }
    [[nodiscard]] sa::Sad& sad() { return *sad_; }

  private:
    void open_lan(uint16_t workers);
    void open_wan(const ModelSiteSpec& spec, rte_ring* from_wire, rte_ring* to_wire);
    void add_view(const dpdk::Port& port, const std::string& name, model::PortRole role,
                  const std::vector<std::string>& addresses);
    void make_engines(const ModelSiteSpec& spec);
    void make_tables(const ModelSiteSpec& spec);
    void make_control(const ModelSiteSpec& spec);

    const int number_;
    rte_mempool* pool_;
    std::vector<dpdk::Ring> lan_in_, lan_out_;
    std::string lan_device_, wire_, model_, crypto_device_;
    // In the order they must be destroyed: last first.
    std::unique_ptr<dpdk::Port> lan_, wan_;
    std::unique_ptr<dpdk::Qsbr> qsbr_;
    std::unique_ptr<esp::Engines> engines_;
    std::unique_ptr<dpdk::PortEvents> events_;
    std::unique_ptr<offload::Steering> steering_;
    std::unique_ptr<offload::RteSecurityProvider> provider_;
    std::unique_ptr<dpdk::Reclaimer> reclaimer_;
    std::unique_ptr<sa::Spd> spd_;
    std::unique_ptr<sa::Sad> sad_;
    std::unique_ptr<route::Tables> tables_;
    std::unique_ptr<worker::PuntQueue> punt_;
    worker::DataPlane data_;
    std::vector<std::unique_ptr<worker::Worker>> workers_;
    std::unique_ptr<control::ControlPlane> control_;
    std::vector<std::thread> threads_;
};

/// Between two sites: packets go by themselves, or the test takes them from wire() and puts them into arrival().
enum class Wires : uint8_t { kDirect, kTapped };

/// In the end every mbuf must be back in the pool.
class ModelPair {
  public:
    explicit ModelPair(const ModelSiteSpec& first = {}, const ModelSiteSpec& second = {}, Wires wires = Wires::kDirect);
    ~ModelPair();

    /// Site 1 or 2.
    ModelSite& site(int number) { return *sites_[number - 1]; }
    /// Turns of both until neither has anything to do.
    void run();
    /// What site `from` sends to the other, in front of it.
    [[nodiscard]] rte_ring* wire(int from) { return wires_[from - 1].get(); }
    /// What is about to arrive at site `to`; with kDirect the other's wire().
    [[nodiscard]] rte_ring* arrival(int to) { return wires_[wires_.size() == 2 ? 2 - to : 1 + to].get(); }
    [[nodiscard]] rte_mempool* pool() { return pool_->get(); }

  private:
    std::unique_ptr<dpdk::MbufPool> pool_;
    std::vector<dpdk::Ring> wires_;
    std::vector<std::unique_ptr<ModelSite>> sites_;
};

/// One end of the SA from site `from` to the other, AES-128-GCM, with a key of its SPI's.
model::SaParams model_sa(const std::string& name, int from, model::Direction direction, uint32_t spi,
                         model::HwOffload offload);
/// LAN to LAN of site `number`.
model::Policy model_policy(int number, const std::string& outbound_sa, std::vector<std::string> inbound_sas);
/// UDP from site 1's host to site 2's, or back, with `text` inside.
Bytes model_packet(int from, const Bytes& text);

}  // namespace ipsecgw::test
