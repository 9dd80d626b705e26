// Packets for ESP tests: made, described, checked by code that shares nothing with lib/esp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include "esp/drop_sink.h"
#include "telemetry/drop.h"

namespace ipsecgw::test {

using Bytes = std::vector<uint8_t>;

enum class Ip : uint8_t { kV4, kV6 };

/// What a made packet says. Ports and payload bytes are a pattern that depends on `seed`.
struct PacketSpec {
    Ip family = Ip::kV4;
    size_t payload_bytes = 64;  // behind the IP header
    uint8_t protocol = 17;
    uint8_t tos = 0;
    bool dont_fragment = false;
    uint32_t flow_label = 0;
    uint8_t hop_limit = 61;
    uint8_t seed = 1;
    Bytes extension = {};         // IPv6 extension headers or IPv4 options, behind the fixed header
    uint8_t first_extension = 0;  // IPv6: protocol number of the first of them
    Bytes source = {};            // hosts behind the gateways where not given
    Bytes destination = {};
};
Bytes make_packet(const PacketSpec& spec);

/// Compares bursts; says which packet differs instead of printing all of them.
void expect_same(const std::vector<Bytes>& got, const std::vector<Bytes>& wanted);

/// One's-complement sum by the letter of RFC 1071: 16-bit big-endian words, one at a time. 0xffff for a valid header.
uint16_t plain_sum(std::span<const uint8_t> bytes, uint32_t initial = 0);
/// RFC 768 over IPv6: 0xffff when the checksum of the UDP datagram behind a plain IPv6 header is valid.
uint16_t udp_sum_ipv6(std::span<const uint8_t> packet);

/// The fields of an IP header tests look at.
struct IpFields {
    uint8_t version, tos, hop_limit, protocol;
    uint16_t total_bytes;  // header included, also for IPv6
    uint16_t identification;
    bool dont_fragment, checksum_valid;
    uint32_t flow_label;
    Bytes source, destination;
};
IpFields read_ip(std::span<const uint8_t> packet);

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
