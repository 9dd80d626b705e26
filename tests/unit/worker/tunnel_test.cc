// Site 1 seals, site 2 opens: every mode, family, encapsulation and algorithm through two whole workers.
#include <array>
#include <tuple>

#include <gtest/gtest.h>

#include "support/site.h"

namespace ipsecgw::worker {
namespace {

using namespace test;
using telemetry::Drop;

uint32_t load32(const Bytes& bytes, size_t at)
{
    return static_cast<uint32_t>(bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3]);
}

/// Sends `packet` from site `from`'s host to the other's; checks the wire between on the way. The packets that arrive.
std::vector<Bytes> carry(Gateway& from, Gateway& to, const Bytes& packet, const Tunnel& tunnel, int site)
{
    from.receive_ip(kLan, packet);
    const auto wire = from.sent_ip(kWan);
    EXPECT_EQ(wire.size(), 1u) << from.drop_report();
    for (const auto& sealed : wire) {
        EXPECT_EQ(defect(sealed), "");
        EXPECT_FALSE(contains(sealed, Bytes(packet.end() - 24, packet.end()))) << "plaintext on the wire";
        EXPECT_EQ(sealed[0] >> 4, tunnel.outer_ipv6 ? 6 : 4);
        EXPECT_EQ(protocol_of(sealed), tunnel.udp ? 17 : 50);
        const size_t esp = header_bytes_of(sealed) + (tunnel.udp ? 8 : 0);
        EXPECT_EQ(load32(sealed, esp), spi_of(site));
        to.receive_ip(kWan, sealed);
    }
    return to.sent_ip(kLan);
}

void check_both_ways(const Tunnel& tunnel, bool inner_ipv6)
{
    const auto one = make_site({.number = 1}), two = make_site({.number = 2});
    const Ends at_one = install(*one, 1, tunnel), at_two = install(*two, 2, tunnel);
    for (const size_t size : {64u, 65u, 66u, 67u, 100u, 1300u}) {
        const Bytes there = udp_packet(between_hosts(1, inner_ipv6), 1000, 2000, text(size));
        auto arrived = carry(*one, *two, there, tunnel, 1);
        ASSERT_EQ(arrived.size(), 1u) << two->drop_report();
        EXPECT_EQ(arrived[0], after_a_hop(after_a_hop(there))) << size;
        const Bytes back = tcp_packet(between_hosts(2, inner_ipv6), 2000, 1000, text(size));
        arrived = carry(*two, *one, back, tunnel, 2);
        ASSERT_EQ(arrived.size(), 1u) << one->drop_report();
        EXPECT_EQ(arrived[0], after_a_hop(after_a_hop(back))) << size;
    }
    EXPECT_EQ(one->all_drops() + two->all_drops(), 0u) << one->drop_report() << two->drop_report();
    EXPECT_EQ(at_one.outbound->counters(0).packets.get(), 6u);
    EXPECT_EQ(at_two.inbound->counters.packets.get(), 6u);
    EXPECT_EQ(at_two.inbound->replay.highest(), is_full() ? 0u : 6u) << "there the window is the port's";
    EXPECT_EQ(at_one.policy->hits_of(0).get(), 6u);
    EXPECT_EQ(one->sent(kLan).size() + two->sent(kWan).size(), 0u);
}

class TunnelShapes : public testing::TestWithParam<std::tuple<bool, bool, bool, bool>> {};

TEST_P(TunnelShapes, CarriesBothWays)
{
    const auto [outer_ipv6, inner_ipv6, udp, esn] = GetParam();
    const Tunnel tunnel{.esn = esn, .udp = udp, .outer_ipv6 = outer_ipv6};
    GW_SKIP_UNLESS_KIND_HAS(tunnel);
    check_both_ways(tunnel, inner_ipv6);
}

std::string shape_name(const testing::TestParamInfo<std::tuple<bool, bool, bool, bool>>& shape)
{
    const auto [outer_ipv6, inner_ipv6, udp, esn] = shape.param;
    return std::string(inner_ipv6 ? "Ipv6" : "Ipv4") + (outer_ipv6 ? "InIpv6" : "InIpv4") + (udp ? "Udp" : "") +
           (esn ? "Esn" : "");
}
INSTANTIATE_TEST_SUITE_P(All, TunnelShapes,
                         testing::Combine(testing::Bool(), testing::Bool(), testing::Bool(), testing::Bool()),
                         shape_name);

class TransportShapes : public testing::TestWithParam<std::tuple<bool, bool, bool>> {};

TEST_P(TransportShapes, CarriesBothWaysForHostsBehind)
{
    const auto [ipv6, udp, esn] = GetParam();
    const Tunnel tunnel{.esn = esn, .udp = udp, .outer_ipv6 = ipv6, .mode = model::Mode::kTransport};
    GW_SKIP_UNLESS_KIND_HAS(tunnel);
    check_both_ways(tunnel, ipv6);
}

std::string transport_name(const testing::TestParamInfo<std::tuple<bool, bool, bool>>& shape)
{
    const auto [ipv6, udp, esn] = shape.param;
    return std::string(ipv6 ? "Ipv6" : "Ipv4") + (udp ? "Udp" : "") + (esn ? "Esn" : "");
}
INSTANTIATE_TEST_SUITE_P(All, TransportShapes, testing::Combine(testing::Bool(), testing::Bool(), testing::Bool()),
                         transport_name);

class TunnelSuites : public testing::TestWithParam<std::tuple<std::string, model::EngineChoice>> {};

TEST_P(TunnelSuites, CarriesBothWays)
{
    const auto [name, engine] = GetParam();
    for (const auto& suite : model::all_esp_suites()) {
        if (suite.name() != name)
            continue;
        // Inline crypto alone cannot have ESN.
        const Tunnel tunnel{.suite = suite, .esn = kind() != sa::OffloadKind::kInlineCrypto, .engine = engine};
        GW_SKIP_UNLESS_KIND_HAS(tunnel);
        check_both_ways(tunnel, false);
    }
}

std::vector<std::string> names_with_secrecy()
{
    std::vector<std::string> names;
    for (const auto& suite : model::all_esp_suites()) {
        if (suite.encryption != model::Encryption::kNull && suite.encryption != model::Encryption::kAesGmac)
            names.push_back(suite.name());
    }
    return names;
}
std::string suite_name(const testing::TestParamInfo<std::tuple<std::string, model::EngineChoice>>& suite)
{
    std::string name =
        std::get<0>(suite.param) + (std::get<1>(suite.param) == model::EngineChoice::kAuto ? "Auto" : "Openssl");
    std::erase(name, '-');
    return name;
}
INSTANTIATE_TEST_SUITE_P(All, TunnelSuites,
                         testing::Combine(testing::ValuesIn(names_with_secrecy()),
                                          testing::Values(model::EngineChoice::kAuto, model::EngineChoice::kOpenssl)),
                         suite_name);

TEST(Tunnel, IntegrityOnlySuitesArriveToo)
{
    for (const auto& suite : model::all_esp_suites()) {
        if (suite.encryption != model::Encryption::kNull && suite.encryption != model::Encryption::kAesGmac)
            continue;
        const auto one = make_site({.number = 1}), two = make_site({.number = 2});
        install(*one, 1, {.suite = suite});
        install(*two, 2, {.suite = suite});
        const Bytes packet = udp_packet(between_hosts(1), 1, 2, text(100));
        one->receive_ip(kLan, packet);
        for (const auto& sealed : one->sent_ip(kWan)) {
            two->receive_ip(kWan, sealed);
            Bytes forged = sealed;
            forged[60] ^= 1;
            two->receive_ip(kWan, forged);
        }
        const auto arrived = two->sent_ip(kLan);
        ASSERT_EQ(arrived.size(), 1u) << suite.name() << " " << two->drop_report();
        EXPECT_EQ(arrived[0], after_a_hop(after_a_hop(packet)));
        EXPECT_EQ(two->all_drops(), 1u);
    }
}

TEST(Tunnel, CarriesBothFamiliesInOneSa)
{
    const auto one = make_site({.number = 1}), two = make_site({.number = 2});
    const Tunnel tunnel;
    install(*one, 1, tunnel);
    const Ends ends = install(*two, 2, tunnel);
    for (int i = 0; i < 10; i++)
        EXPECT_EQ(carry(*one, *two, udp_packet(between_hosts(1, i % 2 == 1), 1, 2, text(80)), tunnel, 1).size(), 1u);
    EXPECT_EQ(ends.inbound->counters.packets.get(), 10u);
}

TEST(Tunnel, KeepsTheOrderOfABurst)
{
    const auto one = make_site({.number = 1}), two = make_site({.number = 2});
    install(*one, 1, {});
    install(*two, 2, {});
    for (uint16_t i = 0; i < 200; i++)
        one->receive_ip(kLan, udp_packet(between_hosts(1), i, 2000, text(64)));
    for (const auto& sealed : one->sent_ip(kWan))
        two->receive_ip(kWan, sealed);
    const auto arrived = two->sent_ip(kLan);
    ASSERT_EQ(arrived.size(), 200u);
    for (uint16_t i = 0; i < 200; i++)
        EXPECT_EQ(arrived[i], after_a_hop(after_a_hop(udp_packet(between_hosts(1), i, 2000, text(64)))));
}

TEST(Tunnel, KeepsTheOrderOfEachSaAmongOthers)
{
    // Three SA pairs by UDP port; their packets arrive interleaved in one burst, in both directions of the grouping.
    const auto one = make_site({.number = 1}), two = make_site({.number = 2});
    for (uint32_t i = 0; i < 3; i++) {
        const std::string port = "[udp/" + std::to_string(2000 + i) + "]";
        auto out = sa_params({}, 1, model::Direction::kOutbound), in = sa_params({}, 1, model::Direction::kInbound);
        out.spi = in.spi = 0x7000 + i;
        one->add_policy("p" + std::to_string(i), model::Action::kProtect, {"10.1.0.0/24[udp]"}, {"10.2.0.0/24" + port},
                        &one->add_outbound(out));
        two->add_inbound(in, {"10.2.0.0/24" + port}, {"10.1.0.0/24[udp]"});
    }
    for (uint16_t i = 0; i < 96; i++)
        one->receive_ip(kLan, udp_packet(between_hosts(1), i, static_cast<uint16_t>(2000 + i * 7 % 3), text(64)));
    const auto wire = one->sent_ip(kWan);
    // Sealed SA by SA; interleave them again for the other side.
    std::array<std::vector<Bytes>, 3> lanes;
    for (const auto& sealed : wire)
        lanes[sealed[23] & 3].push_back(sealed);
    for (size_t i = 0; i < 32; i++) {
        for (const auto& lane : lanes) {
            ASSERT_EQ(lane.size(), 32u);
            two->receive_ip(kWan, lane[i]);
        }
    }
    std::array<int, 3> last = {-1, -1, -1};
    const auto arrived = two->sent_ip(kLan);
    ASSERT_EQ(arrived.size(), 96u) << two->drop_report();
    for (const auto& packet : arrived) {
        const int place = packet[20] << 8 | packet[21];
        int& before = last[static_cast<size_t>(packet[23] - (2000 & 0xff))];
        EXPECT_LT(before, place);
        before = place;
    }
}

TEST(Tunnel, PadsForTrafficFlowConfidentiality)
{
    const auto one = make_site({.number = 1}), two = make_site({.number = 2});
    const Tunnel tunnel{.tfc_pad_to = 1200};
    GW_SKIP_UNLESS_KIND_HAS(tunnel);
    install(*one, 1, tunnel);
    install(*two, 2, tunnel);
    size_t bytes = 0;
    for (const size_t size : {40u, 400u, 900u}) {
        const Bytes packet = udp_packet(between_hosts(1), 1, 2, text(size));
        one->receive_ip(kLan, packet);
        const auto wire = one->sent_ip(kWan);
        ASSERT_EQ(wire.size(), 1u);
        EXPECT_TRUE(bytes == 0 || bytes == wire[0].size()) << "sizes tell nothing";
        bytes = wire[0].size();
        two->receive_ip(kWan, wire[0]);
        const auto arrived = two->sent_ip(kLan);
        ASSERT_EQ(arrived.size(), 1u);
        EXPECT_EQ(arrived[0], after_a_hop(after_a_hop(packet)));
    }
}

TEST(Tunnel, CarriesJumboFrames)
{
    const auto one = make_site({.number = 1, .lan_mtu = 9000, .wan_mtu = 9700}),
               two = make_site({.number = 2, .lan_mtu = 9000, .wan_mtu = 9700});
    const Tunnel tunnel;
    install(*one, 1, tunnel);
    install(*two, 2, tunnel);
    const Bytes packet = udp_packet(between_hosts(1), 1, 2, text(8900));
    const auto arrived = carry(*one, *two, packet, tunnel, 1);
    ASSERT_EQ(arrived.size(), 1u);
    EXPECT_EQ(arrived[0], after_a_hop(after_a_hop(packet)));
}

TEST(Tunnel, CarriesFragmentsOfHosts)
{
    const auto one = make_site({.number = 1}), two = make_site({.number = 2});
    const Tunnel tunnel;
    install(*one, 1, tunnel);
    install(*two, 2, tunnel);
    Ip ip = between_hosts(1);
    ip.dont_fragment = false;
    ip.more_fragments = true;
    const Bytes first = ip_packet(ip, 17, text(80));
    ip.more_fragments = false;
    ip.fragment_offset = 10;
    const Bytes last = ip_packet(ip, 17, text(40));
    EXPECT_EQ(carry(*one, *two, first, tunnel, 1), std::vector<Bytes>{after_a_hop(after_a_hop(first))});
    EXPECT_EQ(carry(*one, *two, last, tunnel, 1), std::vector<Bytes>{after_a_hop(after_a_hop(last))});
}

}  // namespace
}  // namespace ipsecgw::worker
