// No path ever sends in clear what a policy protects.
#include <gtest/gtest.h>

#include "support/site.h"

namespace ipsecgw::worker {
namespace {

using namespace test;
using model::Action;
using telemetry::Drop;

const Bytes kSecret = text(100);

/// Nothing of the payload on the WAN, in whatever frame.
void expect_no_plaintext(Gateway& gateway)
{
    for (const auto& frame : gateway.sent(kWan))
        EXPECT_FALSE(contains(frame, Bytes(kSecret.begin(), kSecret.begin() + 24)));
}

TEST(Policy, WithoutAnyPolicyNothingPasses)
{
    const auto site = make_site({.number = 1});
    site->receive_ip(kLan, udp_packet(between_hosts(1), 1, 2, kSecret));
    site->receive_ip(kWan, udp_packet(between_hosts(2), 1, 2, kSecret));
    site->run();
    EXPECT_EQ(site->drops(Drop::kNoPolicy), 2u);
    EXPECT_EQ(site->sent(kLan).size() + site->sent(kWan).size(), 0u);
}

TEST(Policy, ProtectWithoutAnSaDrops)
{
    const auto site = make_site({.number = 1});
    site->add_policy("tunnel", Action::kProtect, lan_of(1), lan_of(2));
    for (const bool ipv6 : {false, true})
        site->receive_ip(kLan, udp_packet(between_hosts(1, ipv6), 1, 2, kSecret));
    expect_no_plaintext(*site);
    EXPECT_EQ(site->drops(Drop::kNoSa), 2u);
    EXPECT_EQ(site->all_drops(), 2u);
}

TEST(Policy, AnExpiredOrExhaustedSaDrops)
{
    const auto site = make_site({.number = 1});
    const Ends ends = install(*site, 1, {});
    ends.outbound->expired.store(true);
    site->receive_ip(kLan, udp_packet(between_hosts(1), 1, 2, kSecret));
    expect_no_plaintext(*site);
    EXPECT_EQ(site->drops(Drop::kExpired), 1u);
    EXPECT_EQ(ends.outbound->drops.get(Drop::kExpired), 1u);
    ends.outbound->expired.store(false);
    ends.outbound->next_sequence.store(ends.outbound->last_sequence);
    for (int i = 0; i < 2; i++)
        site->receive_ip(kLan, udp_packet(between_hosts(1), 1, 2, kSecret));
    EXPECT_EQ(site->sent(kWan).size(), 1u);
    EXPECT_EQ(site->drops(Drop::kSequenceExhausted), 1u);
}

TEST(Policy, ARemovedPolicyDropsAndAnSwungSaIsUsedAtOnce)
{
    const auto site = make_site({.number = 1});
    const Ends ends = install(*site, 1, {});
    auto params = sa_params({}, 1, model::Direction::kOutbound);
    params.spi = 0x9999;
    sa::OutboundSa& next = site->add_outbound(params);
    site->receive_ip(kLan, udp_packet(between_hosts(1), 1, 2, kSecret));
    site->run();
    ends.policy->outbound.store(&next);
    site->receive_ip(kLan, udp_packet(between_hosts(1), 1, 2, kSecret));
    site->run();
    ends.policy->outbound.store(nullptr);
    site->receive_ip(kLan, udp_packet(between_hosts(1), 1, 2, kSecret));
    const auto wire = site->sent_ip(kWan);
    ASSERT_EQ(wire.size(), 2u);
    EXPECT_EQ(wire[1][22], 0x99);
    EXPECT_EQ(site->drops(Drop::kNoSa), 1u);
    site->remove_policy("tunnel");
    site->receive_ip(kLan, udp_packet(between_hosts(1), 1, 2, kSecret));
    EXPECT_EQ(site->sent(kWan).size(), 0u);
    EXPECT_EQ(site->drops(Drop::kNoPolicy), 1u);
}

TEST(Policy, DiscardAndBypassFromTheProtectedSide)
{
    const auto site = make_site({.number = 1});
    install(*site, 1, {});
    auto& bypass = site->add_policy("web", Action::kBypass, {"10.1.0.0/24[tcp]"}, {"10.2.0.0/24[tcp/80]"}, nullptr,
                                    model::PolicyDirection::kBoth, 10);
    site->add_policy("no", Action::kDiscard, {"10.1.0.6/32"}, {"10.2.0.0/24"}, nullptr, model::PolicyDirection::kBoth,
                     5);
    const Bytes web = tcp_packet(between_hosts(1), 5000, 80, kSecret);
    site->receive_ip(kLan, web);
    const auto wire = site->sent_ip(kWan);
    ASSERT_EQ(wire.size(), 1u);
    EXPECT_EQ(wire[0], after_a_hop(web));
    EXPECT_EQ(bypass.hits_of(0).get(), 1u);
    Ip ip = between_hosts(1);
    ip.source = "10.1.0.6";
    site->receive_ip(kLan, tcp_packet(ip, 5000, 80, kSecret));
    EXPECT_EQ(site->sent(kWan).size(), 0u);
    EXPECT_EQ(site->drops(Drop::kPolicyDiscard), 1u);
    site->receive_ip(kLan, tcp_packet(between_hosts(1), 5000, 443, kSecret));
    expect_no_plaintext(*site);
}

TEST(Policy, ClearTextFromTheUnprotectedSide)
{
    const auto site = make_site({.number = 1});
    install(*site, 1, {});
    site->add_policy("web", Action::kBypass, {"10.1.0.0/24[tcp/80]"}, {"203.0.113.0/24[tcp]"});
    site->add_policy("no", Action::kDiscard, {"10.1.0.0/24[udp]"}, {"203.0.113.0/24[udp]"});
    site->receive_ip(kWan, udp_packet(between_hosts(2), 1, 2, kSecret));
    site->run();
    EXPECT_EQ(site->drops(Drop::kClearText), 1u) << "what must come by ESP";
    const Bytes web = tcp_packet({.source = "203.0.113.9", .destination = "10.1.0.5"}, 5000, 80, kSecret);
    site->receive_ip(kWan, web);
    EXPECT_EQ(site->sent_ip(kLan), std::vector<Bytes>{after_a_hop(web)});
    site->receive_ip(kWan, udp_packet({.source = "203.0.113.9", .destination = "10.1.0.5"}, 5000, 80, kSecret));
    site->run();
    EXPECT_EQ(site->drops(Drop::kPolicyDiscard), 1u);
    site->receive_ip(kWan, tcp_packet({.source = "203.0.113.9", .destination = "10.1.0.5"}, 5000, 443, kSecret));
    site->run();
    EXPECT_EQ(site->drops(Drop::kNoPolicy), 1u);
    EXPECT_EQ(site->sent(kLan).size(), 0u);
}

TEST(Policy, BypassedFromOutsideDoesNotLeaveWhereAPolicyProtects)
{
    // A stranger sends in the name of a protected host towards the peer; an inbound bypass wide enough lets it in.
    const auto site = make_site({.number = 1});
    install(*site, 1, {});
    site->add_policy("all", Action::kBypass, {"0.0.0.0/0"}, {"0.0.0.0/0"}, nullptr, model::PolicyDirection::kInbound,
                     1);
    site->receive_ip(kWan, udp_packet(between_hosts(1), 1, 2, kSecret));
    EXPECT_EQ(site->sent(kWan).size(), 0u);
    EXPECT_EQ(site->drops(Drop::kClearText), 1u);
    // Between strangers nothing is protected.
    const Bytes transit = udp_packet({.source = "198.51.100.1", .destination = "203.0.113.9"}, 1, 2, kSecret);
    site->receive_ip(kWan, transit);
    EXPECT_EQ(site->sent_ip(kWan), std::vector<Bytes>{after_a_hop(transit)});
}

TEST(Policy, OpenedPacketsLeaveByProtectedPortsOrNotInClear)
{
    const auto one = make_site({.number = 1}), two = make_site({.number = 2});
    install(*one, 1, {});
    install(*two, 2, {});
    // What the SA may carry is wider than the LAN, and the route leads back out of the WAN.
    two->set_selectors(*two->data().sad->find(spi_of(1)), {"0.0.0.0/0"}, {"0.0.0.0/0"});
    one->add_policy("wide", Action::kProtect, {"0.0.0.0/0"}, {"0.0.0.0/0"},
                    one->data().spd->find("tunnel")->outbound.load());
    one->add_route("0.0.0.0/0", kWan, "192.0.2.2");
    const auto out_and_back = [&](const std::string& destination) {
        one->receive_ip(kLan, udp_packet({.source = "10.1.0.5", .destination = destination}, 1, 2, kSecret));
        for (const auto& sealed : one->sent_ip(kWan))
            two->receive_ip(kWan, sealed);
        two->run();
    };
    two->add_route("203.0.113.0/24", kWan, "192.0.2.1");
    out_and_back("203.0.113.9");
    EXPECT_EQ(two->drops(Drop::kNoPolicy), 1u);
    EXPECT_EQ(two->sent(kWan).size(), 0u);
    // A hub: a policy protects the second leg.
    sa::OutboundSa* next = two->data().spd->find("tunnel")->outbound.load();
    two->add_policy("leg", Action::kProtect, {"10.1.0.0/24"}, {"203.0.113.0/24"}, next);
    out_and_back("203.0.113.9");
    const auto wire = two->sent_ip(kWan);
    ASSERT_EQ(wire.size(), 1u) << two->drop_report();
    EXPECT_EQ(protocol_of(wire[0]), 50);
    EXPECT_FALSE(contains(wire[0], Bytes(kSecret.begin(), kSecret.begin() + 24)));
    // And an operator who wants it in clear says so.
    two->add_policy("out", Action::kBypass, {"10.1.0.0/24"}, {"203.0.113.0/24"}, nullptr, model::PolicyDirection::kBoth,
                    1);
    out_and_back("203.0.113.9");
    EXPECT_EQ(two->sent_ip(kWan).size(), 1u);
}

TEST(Policy, AnOpenedPacketOutsideItsSelectorsIsChargedToItsSa)
{
    const auto one = make_site({.number = 1}), two = make_site({.number = 2});
    install(*one, 1, {});
    const Ends ends = install(*two, 2, {});
    two->set_selectors(*ends.inbound, {"10.2.0.0/24[udp/53]"}, {"10.1.0.0/24[udp]"});
    for (const uint16_t port : std::initializer_list<uint16_t>{53, 54}) {
        one->receive_ip(kLan, udp_packet(between_hosts(1), 1000, port, kSecret));
        for (const auto& sealed : one->sent_ip(kWan))
            two->receive_ip(kWan, sealed);
    }
    EXPECT_EQ(two->sent(kLan).size(), 1u);
    EXPECT_EQ(two->drops(Drop::kSelectorMismatch), 1u);
    EXPECT_EQ(ends.inbound->drops.get(Drop::kSelectorMismatch), 1u);
    two->data().spd->set_selectors(*ends.inbound, nullptr);
    one->receive_ip(kLan, udp_packet(between_hosts(1), 1000, 53, kSecret));
    for (const auto& sealed : one->sent_ip(kWan))
        two->receive_ip(kWan, sealed);
    EXPECT_EQ(two->sent(kLan).size(), 0u) << "without selectors nothing passes";
    EXPECT_EQ(two->drops(Drop::kSelectorMismatch), 2u);
}

TEST(Policy, OneArmedGatewayDecidesByBothDirections)
{
    const auto one = make_site({.number = 1}), two = make_site({.number = 2, .wan_role = model::PortRole::kBoth});
    install(*one, 1, {});
    const Ends ends = install(*two, 2, {});
    // Site 2's protected host stands on the WAN link itself.
    two->set_selectors(*ends.inbound, {"192.0.2.99/32"}, lan_of(1));
    one->add_policy("host", Action::kProtect, lan_of(1), {"192.0.2.99/32"},
                    one->data().spd->find("tunnel")->outbound.load());
    two->add_policy("host", Action::kProtect, {"192.0.2.99/32"}, {"10.1.0.0/24"}, ends.outbound);

    const Bytes there = udp_packet({.source = "10.1.0.5", .destination = "192.0.2.99"}, 1, 2, kSecret);
    one->receive_ip(kLan, there);
    for (const auto& sealed : one->sent_ip(kWan))
        two->receive_ip(kWan, sealed);
    EXPECT_EQ(two->sent_ip(kWan), std::vector<Bytes>{after_a_hop(after_a_hop(there))}) << two->drop_report();

    const Bytes back = udp_packet({.source = "192.0.2.99", .destination = "10.1.0.5"}, 2, 1, kSecret);
    two->receive_ip(kWan, back);
    const auto wire = two->sent_ip(kWan);
    ASSERT_EQ(wire.size(), 1u);
    EXPECT_EQ(protocol_of(wire[0]), 50);
    EXPECT_FALSE(contains(wire[0], Bytes(kSecret.begin(), kSecret.begin() + 24)));

    // The same in clear from outside must have come by ESP; and what no policy knows does not pass.
    two->receive_ip(kWan, there);
    two->receive_ip(kWan, udp_packet({.source = "198.51.100.1", .destination = "192.0.2.99"}, 1, 2, kSecret));
    EXPECT_EQ(two->sent(kWan).size(), 0u);
    EXPECT_EQ(two->drops(Drop::kClearText), 1u);
    EXPECT_EQ(two->drops(Drop::kNoPolicy), 1u);
}

TEST(Policy, EspOnTheProtectedSideIsOrdinaryTraffic)
{
    const auto one = make_site({.number = 1}), two = make_site({.number = 2});
    install(*one, 1, {});
    install(*two, 2, {});
    Bytes esp(60);
    esp[2] = 0x20;
    esp[3] = 0x01;  // the SPI of site 2's SA
    const Bytes packet = ip_packet(between_hosts(1), 50, esp);
    one->receive_ip(kLan, packet);
    for (const auto& sealed : one->sent_ip(kWan))
        two->receive_ip(kWan, sealed);
    EXPECT_EQ(two->sent_ip(kLan), std::vector<Bytes>{after_a_hop(after_a_hop(packet))});
    // Nor is it opened for us there.
    one->receive_ip(kLan, ip_packet({.source = "10.1.0.5", .destination = "192.0.2.1"}, 50, esp));
    one->run();
    EXPECT_EQ(one->drops(Drop::kNoListener), 1u) << one->drop_report();
}

}  // namespace
}  // namespace ipsecgw::worker
