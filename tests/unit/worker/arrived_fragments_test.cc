// Fragments that arrive: for the gateway they are put together, on their way through their first one speaks for them.
#include <algorithm>

#include <gtest/gtest.h>
#include <rte_cycles.h>

#include "support/site.h"

namespace ipsecgw::worker {
namespace {

using namespace test;
using telemetry::Drop;

/// The pieces of an IP packet without extension headers, `step` bytes of payload each; IPv6 gets a Fragment header.
std::vector<Bytes> cut(const Bytes& packet, size_t step, uint16_t identification = 0x77)
{
    const bool v4 = packet[0] >> 4 == 4;
    const size_t header = header_bytes_of(packet);
    Ip ip{.source = source_of(packet), .destination = destination_of(packet), .hops = hops_of(packet)};
    ip.identification = identification;
    ip.dont_fragment = false;
    std::vector<Bytes> pieces;
    for (size_t from = header; from < packet.size(); from += step) {
        const size_t bytes = std::min(step, packet.size() - from);
        ip.fragment_offset = static_cast<uint16_t>((from - header) / 8);
        ip.more_fragments = from + bytes < packet.size();
        const auto at = packet.begin() + static_cast<ptrdiff_t>(from);
        pieces.push_back(ip_packet(ip, v4 ? packet[9] : packet[6], {at, at + static_cast<ptrdiff_t>(bytes)}));
    }
    return pieces;
}

/// What site 1 puts on the wire for one packet of its host.
Bytes sealed(Gateway& one, const Bytes& packet)
{
    one.receive_ip(kLan, packet);
    const auto wire = one.sent_ip(kWan);
    EXPECT_EQ(wire.size(), 1u) << one.drop_report();
    return wire.empty() ? Bytes() : wire[0];
}

/// ESP in fragments needs somebody to open it who sees it whole.
#define GW_SKIP_WHERE_THE_PORT_OPENS() \
    if (test::kind() == sa::OffloadKind::kFullProtocol) \
    GTEST_SKIP() << "a port that opens ESP itself does not put fragments together"

class EspInFragments : public testing::TestWithParam<Tunnel> {};

TEST_P(EspInFragments, IsOpenedInAnyOrder)
{
    GW_SKIP_WHERE_THE_PORT_OPENS();
    GW_SKIP_UNLESS_KIND_HAS(GetParam());
    const auto one = make_site({.number = 1, .wan_mtu = 2000}), two = make_site({.number = 2});
    install(*one, 1, GetParam());
    install(*two, 2, GetParam());
    uint16_t round = 0;
    for (const bool backwards : {false, true}) {
        const Bytes packet = udp_packet(between_hosts(1), 1, 2, text(1472));
        auto pieces = cut(sealed(*one, packet), 600, ++round);
        ASSERT_EQ(pieces.size(), 3u);
        if (backwards)
            std::reverse(pieces.begin(), pieces.end());
        for (const auto& piece : pieces)
            two->receive_ip(kWan, piece);
        const auto out = two->sent_ip(kLan);
        ASSERT_EQ(out.size(), 1u) << two->drop_report();
        EXPECT_EQ(out[0], after_a_hop(after_a_hop(packet)));
    }
    EXPECT_EQ(two->worker().counters().reassembled.get(), 2u);
}

INSTANTIATE_TEST_SUITE_P(Outer, EspInFragments,
                         testing::Values(Tunnel{}, Tunnel{.udp = true}, Tunnel{.outer_ipv6 = true}));

TEST(EspFragments, MeetAtOneWorkerWhateverTheirQueues)
{
    GW_SKIP_WHERE_THE_PORT_OPENS();
    const auto one = make_site({.number = 1, .wan_mtu = 2000}), two = make_site({.number = 2, .workers = 3});
    install(*one, 1, {});
    install(*two, 2, {.window = 1024}, 2);
    for (uint16_t i = 0; i < 30; i++) {
        uint16_t queue = i;
        for (const auto& piece : cut(sealed(*one, udp_packet(between_hosts(1), i, 2, text(1400))), 800, i))
            two->receive_ip(kWan, piece, queue++ % 3);
    }
    EXPECT_EQ(two->sent_ip(kLan).size(), 30u) << two->drop_report();
}

class Reassembling : public testing::Test {
  protected:
    /// Fragments of echo requests to the site's LAN address.
    static std::vector<Bytes> pieces(uint16_t identification, size_t step = 400)
    {
        return cut(echo_request({.source = "10.1.0.5", .destination = "10.1.0.1"}, 1, identification, text(1000)), step, identification);
    }
    void expect_answers(size_t count)
    {
        EXPECT_EQ(site_->sent_ip(kLan).size(), count) << site_->drop_report();
    }

    std::unique_ptr<Gateway> site_ = make_site({.number = 1});
};

TEST_F(Reassembling, AnswersEcho)
{
    for (const auto& piece : pieces(1))
        site_->receive_ip(kLan, piece);
    expect_answers(1);
}

TEST_F(Reassembling, OverlapEndsThePacket)
{
    auto all = pieces(1);
    auto other = pieces(1, 200);
    for (const auto& piece : {all[0], other[1], all[1], all[2]})  // other[1] lies within all[0]
        site_->receive_ip(kLan, piece);
    site_->run();
    expect_answers(0);
    EXPECT_GE(site_->drops(Drop::kReassembly), 3u) << site_->drop_report();
}

TEST_F(Reassembling, GivesUpWhatStaysIncomplete)
{
    site_->receive_ip(kLan, pieces(1)[0]);
    site_->run();
    EXPECT_EQ(site_->drops(Drop::kReassembly), 0u);
    const uint64_t until = rte_rdtsc() + rte_get_tsc_hz() * 11 / 10;
    while (rte_rdtsc() < until)
        rte_pause();
    site_->run();
    EXPECT_EQ(site_->drops(Drop::kReassembly), 1u) << site_->drop_report();
}

TEST_F(Reassembling, AFloodHoldsNoMoreThanItsShare)
{
    for (uint16_t id = 1; id <= 3000; id++)
        site_->receive_ip(kLan, pieces(id)[0]);
    site_->run();
    const uint32_t held = 3000 - static_cast<uint32_t>(site_->drops(Drop::kReassembly));
    EXPECT_GE(held, 32u);
    EXPECT_LE(held, site_->data().reassembly) << site_->drop_report();
    // Others are served.
    site_->receive_ip(kLan, echo_request({.source = "10.1.0.5", .destination = "10.1.0.1"}, 1, 1, text(64)));
    expect_answers(1);
}

TEST_F(Reassembling, TakesNothingBehindOtherExtensionHeaders)
{
    Ip ip{.source = "2001:db8:1::5", .destination = "2001:db8:1::1"};
    ip.options = {44, 0, 1, 4, 0, 0, 0, 0};  // destination options, a Fragment header behind
    ip.first_extension = 60;
    Bytes behind = {58, 0, 0, 1, 0, 0, 0, 9};
    const Bytes body = text(64);
    behind.insert(behind.end(), body.begin(), body.end());
    Bytes packet = ip_packet(ip, 44, behind);
    site_->receive_ip(kLan, packet);
    site_->run();
    EXPECT_EQ(site_->drops(Drop::kFragment), 1u) << site_->drop_report();
}

// On the way through.

class Ports : public testing::Test {
  protected:
    Ports()
    {
        site_->add_policy("rest", model::Action::kBypass, lan_of(1), lan_of(2));
    }
    /// UDP from the host to the other site's.
    static std::vector<Bytes> pieces(uint16_t port, uint16_t identification)
    {
        Ip ip = between_hosts(1);
        ip.dont_fragment = false;
        return cut(udp_packet(ip, 1, port, text(1000)), 400, identification);
    }
    void refuse_dns()
    {
        site_->add_policy("no-dns", model::Action::kDiscard, {"10.1.0.0/24[udp]"}, {"10.2.0.0/24[udp/53]"}, nullptr,
                          model::PolicyDirection::kBoth, 1);
    }

    std::unique_ptr<Gateway> site_ = make_site({.number = 1});
};

TEST_F(Ports, NobodyAsksForThem)
{
    const auto all = pieces(53, 1);
    for (const auto& piece : {all[2], all[0], all[1]})
        site_->receive_ip(kLan, piece);
    EXPECT_EQ(site_->sent_ip(kWan).size(), 3u) << site_->drop_report();
}

TEST_F(Ports, TheFirstFragmentSpeaksForTheLaterOnes)
{
    refuse_dns();
    for (const uint16_t port : {uint16_t{53}, uint16_t{80}})
        for (const auto& piece : pieces(port, port))
            site_->receive_ip(kLan, piece);
    EXPECT_EQ(site_->sent_ip(kWan).size(), 3u) << site_->drop_report();
    EXPECT_EQ(site_->drops(Drop::kPolicyDiscard), 3u) << site_->drop_report();
}

TEST_F(Ports, LaterFragmentsAloneDoNotPass)
{
    refuse_dns();
    const auto all = pieces(53, 1);
    site_->receive_ip(kLan, all[1]);
    site_->receive_ip(kLan, all[2]);
    EXPECT_EQ(site_->sent_ip(kWan).size(), 0u);
    EXPECT_EQ(site_->drops(Drop::kFragment), 2u) << site_->drop_report();
}

TEST_F(Ports, AnotherPacketsFirstFragmentSaysNothing)
{
    refuse_dns();
    site_->receive_ip(kLan, pieces(80, 1)[0]);
    EXPECT_EQ(site_->sent_ip(kWan).size(), 1u);
    site_->receive_ip(kLan, pieces(53, 2)[1]);
    EXPECT_EQ(site_->sent_ip(kWan).size(), 0u);
    EXPECT_EQ(site_->drops(Drop::kFragment), 1u) << site_->drop_report();
}

TEST_F(Ports, ATcpHeaderIsNotWrittenOver)
{
    site_->add_policy("no-web", model::Action::kDiscard, {"10.1.0.0/24[tcp]"}, {"10.2.0.0/24[tcp/80]"}, nullptr,
                      model::PolicyDirection::kBoth, 1);
    Ip ip = between_hosts(1);
    ip.dont_fragment = false;
    const auto all = cut(tcp_packet(ip, 1, 443, text(100)), 8, 1);
    site_->receive_ip(kLan, all[0]);
    EXPECT_EQ(site_->sent_ip(kWan).size(), 1u);
    site_->receive_ip(kLan, all[1]);
    EXPECT_EQ(site_->sent_ip(kWan).size(), 0u) << "RFC 3128";
}

TEST_F(Ports, IsForgottenWithThePolicy)
{
    refuse_dns();
    EXPECT_TRUE(site_->data().spd->selects_ports());
    site_->remove_policy("no-dns");
    EXPECT_FALSE(site_->data().spd->selects_ports());
}

}  // namespace
}  // namespace ipsecgw::worker
