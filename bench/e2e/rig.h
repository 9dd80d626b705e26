// A whole gateway for one case: the control plane and the workers of the product between rings.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "case.h"
#include "control/control_plane.h"
#include "dpdk/mbuf_pool.h"
#include "dpdk/port.h"
#include "dpdk/qsbr.h"
#include "dpdk/ring.h"
#include "esp/engine.h"
#include "offload/rte_security_provider.h"
#include "worker/worker.h"

namespace ipsecgw::bench {

inline constexpr uint16_t kInside = 0;   // protected port
inline constexpr uint16_t kOutside = 1;  // unprotected port

// Addresses: our LAN is 10.1.0.0/16; SA number i leads to the host 10.128.0.0 + i behind the peer.
inline constexpr uint32_t kOurHost = 0x0a010005;
inline constexpr uint32_t kOurGateway = 0xc0000201;
inline constexpr uint32_t kPeerGateway = 0xc0000202;
inline constexpr uint32_t kFirstPeerHost = 0x0a800000;
inline constexpr uint32_t kFirstSpi = 0x10000;

/// Every SA of a case has this key: what differs from SA to SA is memory, and that each SA has for itself.
base::SecretBytes keymat_of(const model::EspSuite& suite);

std::string sa_name(uint32_t number);
std::string policy_name(uint32_t number);

/// Made once per case. Frames go into `in()` and come out of `out()`; turn the workers in between.
///
/// Threads: made and destroyed by one, while no worker runs; a worker's rings by the thread that turns it.
class Rig {
  public:
    /// Installs the case's SAs, each with a policy of its own. Fails as ControlPlane does.
    static base::Result<std::unique_ptr<Rig>> create(const Case& what);
    ~Rig();
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;

    [[nodiscard]] worker::Worker& worker(uint16_t index) { return *workers_[index]; }
    [[nodiscard]] dpdk::Qsbr& qsbr() { return *qsbr_; }
    [[nodiscard]] esp::Engines& engines() { return *engines_; }
    [[nodiscard]] rte_mempool* pool() { return pool_->get(); }
    [[nodiscard]] rte_ring* in(uint16_t port, uint16_t queue) { return sides_[port].in[queue].get(); }
    [[nodiscard]] rte_ring* out(uint16_t port, uint16_t queue) { return sides_[port].out[queue].get(); }
    /// DPDK's id of the port as workers see it.
    [[nodiscard]] uint16_t port_id(uint16_t port) const { return data_.ports[port].port_id; }
    [[nodiscard]] net::MacAddress mac(uint16_t port) const { return data_.ports[port].mac; }

    [[nodiscard]] control::ControlPlane& control() { return *control_; }
    /// What SA `number` of a case is installed with.
    [[nodiscard]] static model::SaParams params_of(const Case& what, uint32_t number);
    /// Policy `number` of a case: of that SA, or, beyond the SAs, one in the way of no packet.
    [[nodiscard]] static model::Policy policy_of(const Case& what, uint32_t number);

    /// The SPI that traffic of an SA carries: changed by the thread that replaces SAs, read by those that make packets.
    [[nodiscard]] uint32_t spi(uint32_t sa) const { return spis_[sa].load(std::memory_order_relaxed); }
    void set_spi(uint32_t sa, uint32_t spi) { spis_[sa].store(spi, std::memory_order_relaxed); }

    /// What the process grew by when the SAs were installed, over their number: cipher, selectors, names, indexes and what
    /// control keeps included; policies stood before. With few SAs, or after other cases, it says nothing.
    [[nodiscard]] double bytes_per_sa() const { return bytes_per_sa_; }
    /// How the control plane lists the first SA.
    [[nodiscard]] control::SaStatus first_sa() const;
    /// Reasons with packets: "replay 3, auth 1"; empty when there are none.
    [[nodiscard]] std::string drops() const;

  private:
    struct Side {
        std::vector<dpdk::Ring> in, out;
        std::vector<std::string> devices;  // in the order they were made
        std::unique_ptr<dpdk::Port> port;
    };
    Rig(int number, uint32_t sas) : number_(number), spis_(sas) {}
    base::Result<void> make_tables(const Case& what);
    base::Result<void> add_port(const Case& what, uint16_t index);
    base::Result<void> make_workers(const Case& what);
    base::Result<void> make_control();
    base::Result<void> install(const Case& what);
    base::Result<void> install_one(const Case& what, uint32_t number);

    const int number_;
    std::vector<std::atomic<uint32_t>> spis_;
    double bytes_per_sa_ = 0;
    // In the order they are made: what stands below uses what stands above.
    std::unique_ptr<dpdk::MbufPool> pool_;
    std::unique_ptr<esp::Engines> engines_;
    std::vector<Side> sides_;
    std::unique_ptr<offload::RteSecurityProvider> provider_;
    std::unique_ptr<dpdk::Qsbr> qsbr_;
    std::unique_ptr<dpdk::Reclaimer> reclaimer_;
    std::unique_ptr<sa::Sad> sad_;
    std::unique_ptr<sa::Spd> spd_;
    std::unique_ptr<route::Tables> tables_;
    std::unique_ptr<worker::PuntQueue> punt_;
    worker::DataPlane data_;
    std::vector<std::unique_ptr<worker::Worker>> workers_;
    std::unique_ptr<control::ControlPlane> control_;
};

}  // namespace ipsecgw::bench
