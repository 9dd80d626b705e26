// Packets of ESP tests as mbufs, and what such a packet says.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include "esp/drop_sink.h"
#include "net/address.h"
#include "support/packets.h"
#include "telemetry/drop.h"

namespace ipsecgw::test {

using net::Family;

/// What a made packet says. Ports and payload bytes are a pattern that depends on `seed`.
struct PacketSpec {
    Family family = Family::kIpv4;
    size_t payload_bytes = 64;  // behind the IP header
    uint8_t protocol = 17;
    uint8_t tos = 0;
    bool dont_fragment = false;
    uint32_t flow_label = 0;
    uint8_t hop_limit = 61;
    uint8_t seed = 1;
    Bytes extension = {};         // one IPv6 extension header, or IPv4 options, behind the fixed header
    uint8_t first_extension = 0;  // IPv6: protocol number of that header
    std::string source = {};      // hosts behind the gateways where not given
    std::string destination = {};
};
Bytes make_packet(const PacketSpec& spec);

/// Compares bursts; says which packet differs instead of printing all of them.
void expect_same(const std::vector<Bytes>& got, const std::vector<Bytes>& wanted);

/// Tests with mbufs: one pool per process, and every test must leave it full.
class MbufTest : public testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;

    /// An mbuf with the packet in it, and what the worker sets: `l3_len` is the bytes before the payload, UDP of port
    /// 4500 included; `extension_bytes` of extension headers or options before that.
    rte_mbuf* mbuf(std::span<const uint8_t> packet, size_t extension_bytes = 0);
    static Bytes bytes(const rte_mbuf* m);
    static void set_l3_len(rte_mbuf* m, size_t extension_bytes = 0);
    [[nodiscard]] uint64_t dropped(telemetry::Drop reason) const { return drops_.count(reason); }
    [[nodiscard]] uint64_t dropped() const;

    esp::DropSink drops_;
};

}  // namespace ipsecgw::test
