// An Ethernet port of DPDK, set up for a gateway: queues, RSS, MTU, offloads.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

struct rte_mempool;

namespace ipsecgw::dpdk {

struct LinkStatus {
    bool up = false;
    uint32_t speed_mbps = 0;  // 0: unknown
};

/// Owns a configured port and closes it.
///
/// Threads: one at a time; statistics and link state from any while nobody starts, stops or destroys it.
class Port {
  public:
    struct Settings {
        std::string name;      // the operator's word for it, for messages
        std::string device;    // DPDK's name ("net_af_packet0", "0000:03:00.0") or number
        uint16_t workers = 1;  // as many queues of each kind, where the device has them
        uint16_t mtu = 1500;   // IP bytes
        uint16_t rx_descriptors = 1024;
        uint16_t tx_descriptors = 1024;
        bool promiscuous = false;
        /// What receive queues are chosen by (RSS), for ports that let us say; empty, or shorter than the port's: the
        /// port's own.
        std::vector<uint8_t> rss_key = {};
        bool one_pool = true;  // every mbuf transmitted comes from `pool`: lets the port free them fast
    };
    /// The port id of a device, by name or number. kNotFound lists the ports there are.
    static base::Result<uint16_t> find(const std::string& device);
    /// Finds and configures the port; it does not receive yet. An error names the port, the step and the cause; the
    /// port is then closed. kNotFound, kUnsupported (MTU, promiscuous mode), kInvalidArgument, kIo, kResourceExhausted.
    static base::Result<Port> open(const Settings& settings, rte_mempool* pool);
    ~Port();
    Port(Port&& other) noexcept;
    Port& operator=(Port&& other) noexcept;
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    base::Result<void> start();
    void stop() noexcept;

    [[nodiscard]] uint16_t id() const noexcept { return id_; }
    [[nodiscard]] uint16_t rx_queues() const noexcept { return rx_queues_; }
    [[nodiscard]] uint16_t tx_queues() const noexcept { return tx_queues_; }
    /// As the device rounded them.
    [[nodiscard]] uint16_t rx_descriptors() const noexcept { return rx_descriptors_; }
    [[nodiscard]] uint16_t tx_descriptors() const noexcept { return tx_descriptors_; }
    [[nodiscard]] std::array<uint8_t, 6> mac() const noexcept;
    [[nodiscard]] std::string driver() const;
    [[nodiscard]] int socket() const noexcept;  // NUMA node; -1: unknown
    [[nodiscard]] LinkStatus link() const noexcept;

  private:
    Port(std::string name, uint16_t id) : name_(std::move(name)), id_(id) {}
    base::Result<void> configure(const Settings& settings, rte_mempool* pool);
    base::Result<void> set_mtu(uint16_t mtu);
    base::Result<void> set_queues(const Settings& settings, rte_mempool* pool);
    base::Result<void> set_filters(const Settings& settings);

    static constexpr uint16_t kNone = UINT16_MAX;
    std::string name_;
    uint16_t id_;
    uint16_t rx_queues_ = 0;
    uint16_t tx_queues_ = 0;
    uint16_t rx_descriptors_ = 0;
    uint16_t tx_descriptors_ = 0;
    bool started_ = false;
};

}  // namespace ipsecgw::dpdk
