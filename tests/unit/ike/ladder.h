// Two engines, a wire in memory, a clock that is told, and a data path that only remembers: so that exchanges read like
// the RFC's ladders.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "ike/credentials.h"
#include "ike/engine.h"
#include "ike/message.h"
#include "model/ike_connection.h"

namespace ipsecgw::ike {

/// Gives fixed randomness, SPIs in a row, and answers about the data path that a test sets.
class FakeHost : public Host {
  public:
    FakeHost(uint32_t first_spi, uint32_t seed) : next_spi_(first_spi), random_(seed) {}

    base::Result<uint32_t> reserve_spi(const net::IpAddress&, const net::IpAddress&) override
    {
        if (!has_spis)
            return base::Error{base::ErrorCode::kResourceExhausted, "no SPI is free"};
        reserved.insert(next_spi_);
        return next_spi_++;
    }
    void release_spi(uint32_t spi) override { reserved.erase(spi); }
    bool random(std::span<uint8_t> bytes) override
    {
        if (!nonces.empty() && bytes.size() == 32) {
            std::fill(bytes.begin(), bytes.end(), nonces.front());
            nonces.pop_front();
            return true;
        }
        for (auto& byte : bytes)
            byte = static_cast<uint8_t>(random_());
        return true;
    }
    uint64_t last_inbound_ns(uint32_t) override { return last_inbound; }
    uint64_t last_use_ns(ChildSaId) override { return last_inbound; }
    base::Result<net::IpAddress> source_address(const net::IpAddress&) override { return address; }
    int64_t unix_seconds() override { return 1'800'000'000; }

    std::set<uint32_t> reserved;  // and not installed
    std::deque<uint8_t> nonces;   // the next nonces are this byte throughout
    uint64_t last_inbound = 0;
    bool has_spis = true;
    net::IpAddress address;

  private:
    uint32_t next_spi_;
    std::mt19937 random_;
};

struct Packet {
    Endpoint from;
    Endpoint to;
    std::vector<uint8_t> bytes;
};

/// One engine and what its effects have made of the world.
class Side {
  public:
    Side(std::string name, const char* address, uint32_t first_spi);

    /// The SAs that policies name and that are installed, inbound by SPI.
    [[nodiscard]] const model::SaParams* inbound(uint32_t spi) const;
    /// The SA traffic of a policy leaves by; null: it is dropped.
    [[nodiscard]] const model::SaParams* outbound(const std::string& policy) const;
    [[nodiscard]] IkeStatus only_ike_sa() const;
    [[nodiscard]] std::vector<ChildStatus> children() const;  // of all IKE SAs
    [[nodiscard]] size_t installed_children() const;          // state INSTALLED
    [[nodiscard]] bool logged(const std::string& part) const;
    void apply(Effects& effects, std::deque<Packet>& wire);

    std::string name;
    net::IpAddress address;
    FakeHost host;
    Credentials credentials;
    EngineOptions options;
    std::unique_ptr<Engine> engine;

    std::map<std::string, model::SaParams> sas;
    std::map<std::string, Binding> bindings;
    std::map<std::string, Trap> traps;
    std::vector<std::string> log;
    std::vector<InitiateDone> done;
    std::optional<IkeKeys> keys;  // of the last IKE SA
    int child_ups = 0, child_downs = 0, ike_ups = 0, ike_downs = 0, child_rekeys = 0, ike_rekeys = 0;
};

class Ladder : public testing::Test {
  protected:
    Ladder();

    /// A connection with one tunnel child "net", seen from `side`.
    [[nodiscard]] static model::IkeConnection connection(const Side& side, const Side& peer);
    /// Loads what `connection` makes on both ends, after `edit` of each.
    void load(const std::function<void(model::IkeConnection&)>& edit = [](auto&) {});
    void load_on(Side& side, const model::IkeConnection& what);
    void psk(const char* text);

    /// A call of an engine: its effects are applied.
    void call(Side& side, const std::function<void(const Turn&)>& what);
    void initiate(Side& side, const char* child = "net");
    void rekey_child(Side& side);
    void rekey_ike(Side& side);
    void terminate_child(Side& side);
    void terminate_ike(Side& side);

    /// Takes the oldest packet out of the wire that `side` sent; fails the test when there is none.
    Packet take(Side& side);
    [[nodiscard]] size_t waiting(const Side& side) const;  // its packets in the wire
    void deliver(const Packet& packet);
    /// What `side` would never say: sealed with its keys, delivered. Of an IKE SA that moon began.
    void forge(Side& side, Header header, const std::vector<Payload>& payloads);
    /// Delivers all in order, until nothing is in the wire.
    void run();
    /// Lets time pass: timers fire when they are due, what they send is delivered at once.
    void pass(double seconds);
    /// Both ends up with one child, by `moon`'s initiative.
    void establish();

    /// What each sends now, the other takes, with the same keys.
    void expect_traffic();
    [[nodiscard]] bool traffic_flows(const Side& from, const Side& to) const;
    /// One IKE SA and one installed child on each end, traffic both ways, and nothing left over when all has drained.
    void expect_settled(size_t ike_sas = 1, size_t children = 1);

    uint64_t now_ns = 1'000'000'000'000;
    Side moon{"moon.example.org", "192.0.2.1", 0x1000};
    Side sun{"sun.example.org", "192.0.2.2", 0x2000};
    std::deque<Packet> wire;
    bool watch_traffic = false;  // checked after each delivery
};

}  // namespace ipsecgw::ike
