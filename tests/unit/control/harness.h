// A gateway's tables with a ControlPlane over them: real pools, ports over rings, workers that run only when a test
// turns them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "control/control_plane.h"
#include "dpdk/mbuf_pool.h"
#include "dpdk/port.h"
#include "esp/engine.h"
#include "model/gateway.h"
#include "worker/packet_info.h"
#include "worker/worker.h"

namespace ipsecgw::control {

inline net::IpAddress ip(const char* text)
{
    return net::IpAddress::parse(text).value();
}
inline net::Prefix prefix(const char* text)
{
    return net::Prefix::parse(text).value();
}
inline model::TrafficSelector selector(const char* text)
{
    return model::TrafficSelector::parse(text).value();
}

model::SaParams sa_params(const std::string& name, model::Direction direction, uint32_t spi);
inline model::SaParams inbound(const std::string& name, uint32_t spi)
{
    return sa_params(name, model::Direction::kInbound, spi);
}
inline model::SaParams outbound(const std::string& name, uint32_t spi)
{
    return sa_params(name, model::Direction::kOutbound, spi);
}
model::Policy protect(const std::string& name, const std::string& outbound_sa, std::vector<std::string> inbound_sas);

/// A packet's flow, source first.
sa::FlowKey flow(const char* source, const char* destination);

/// Bytes of an mbuf, which is freed.
std::vector<uint8_t> take_bytes(rte_mbuf* m);

/// What tells one gateway of a process from another.
struct HarnessSpec {
    uint16_t workers = 2;
    uint32_t max_sas = 1024;
    std::string name = {};  // DPDK objects begin with it
    std::vector<std::string> look_aside = {};
    std::vector<net::Prefix> inside = {prefix("10.1.0.1/16"), prefix("2001:db8:1::1/64")};
    std::vector<net::Prefix> outside = {prefix("192.0.2.1/24"), prefix("2001:db8:ffff::1/64")};
    net::MacAddress inside_mac = {{0x02, 0, 0, 0, 0, 1}};
    net::MacAddress outside_mac = {{0x02, 0, 0, 0, 0, 2}};
};

class ControlTest : public testing::Test {
  protected:
    static constexpr uint64_t kSecond = base::kNsPerSecond;
    static constexpr uint16_t kInside = 0;
    static constexpr uint16_t kOutside = 1;

    explicit ControlTest(uint16_t worker_count = 2, uint32_t max_sas = 1024, std::vector<std::string> look_aside = {})
        : ControlTest(HarnessSpec{.workers = worker_count, .max_sas = max_sas, .look_aside = std::move(look_aside)})
    {
    }
    explicit ControlTest(HarnessSpec spec);
    ~ControlTest() override;

    /// As the control thread does between two sleeps.
    void step(uint64_t advance_ns = 0);
    void turn_workers();
    /// Frames a port has sent since the last call.
    std::vector<std::vector<uint8_t>> sent(uint16_t port);
    /// A frame arrives at a port.
    void arrive(uint16_t port, const std::vector<uint8_t>& frame);
    [[nodiscard]] uint64_t dropped(const char* reason) const;
    [[nodiscard]] sa::OutboundSa* bound(const char* policy) const;
    [[nodiscard]] bool may_carry(uint32_t spi, const sa::FlowKey& flow) const;
    [[nodiscard]] rte_mbuf* packet(const std::vector<uint8_t>& bytes);
    [[nodiscard]] SaStatus status(const char* sa) const;

    const std::string name_;
    uint64_t now = 1000 * kSecond;
    std::unique_ptr<dpdk::MbufPool> pool;
    std::vector<rte_ring*> to_gateway, from_gateway;
    std::vector<dpdk::Port> ports;
    std::unique_ptr<dpdk::Qsbr> qsbr;
    std::unique_ptr<dpdk::Reclaimer> reclaimer;
    std::unique_ptr<sa::Sad> sad;
    std::unique_ptr<sa::Spd> spd;
    std::unique_ptr<route::Tables> tables;
    std::unique_ptr<worker::PuntQueue> punt;
    std::unique_ptr<esp::Engines> engines;
    worker::DataPlane data;
    std::vector<std::unique_ptr<worker::Worker>> workers;
    std::unique_ptr<ControlPlane> control;

  private:
    void open_port(const char* port, model::PortRole role, std::vector<net::Prefix> addresses, net::MacAddress mac);
};

}  // namespace ipsecgw::control
