// What a worker remembers of flows and destinations never outlives a change of the tables, and never serves another
// flow.
#include <gtest/gtest.h>

#include "support/site.h"

namespace ipsecgw::worker {
namespace {

using namespace test;
using model::Action;
using telemetry::Drop;

Bytes outgoing(uint16_t port = 1000)
{
    return udp_packet(between_hosts(1), port, 2000, text(64));
}

TEST(FlowCache, APolicyThatComesOrGoesDecidesFromTheNextTurnOn)
{
    const auto site = make_site({.number = 1});
    const Ends ends = install(*site, 1, {});
    for (int again = 0; again < 3; again++) {
        site->receive_ip(kLan, outgoing());
        EXPECT_EQ(site->sent(kWan).size(), 1u);
    }
    site->add_policy("no", Action::kDiscard, lan_of(1), lan_of(2), nullptr, model::PolicyDirection::kBoth, 1);
    site->receive_ip(kLan, outgoing());
    EXPECT_EQ(site->sent(kWan).size(), 0u);
    EXPECT_EQ(site->drops(Drop::kPolicyDiscard), 1u);
    site->remove_policy("no");
    site->receive_ip(kLan, outgoing());
    EXPECT_EQ(site->sent(kWan).size(), 1u);
    site->remove_policy("tunnel");
    site->receive_ip(kLan, outgoing());
    EXPECT_EQ(site->sent(kWan).size(), 0u);
    EXPECT_EQ(site->drops(Drop::kNoPolicy), 1u);
    EXPECT_EQ(ends.outbound->counters(0).packets.get(), 4u);
}

TEST(FlowCache, ARemovedPolicyIsFreedAndNotUsedAgain)
{
    const auto site = make_site({.number = 1});
    install(*site, 1, {});
    for (int round = 0; round < 50; round++) {
        site->receive_ip(kLan, outgoing());
        EXPECT_EQ(site->sent(kWan).size(), 1u);
        site->remove_policy("tunnel");
        site->run();
        site->reclaimer().poll();
        EXPECT_EQ(site->reclaimer().pending(), 0u);
        site->receive_ip(kLan, outgoing());
        EXPECT_EQ(site->sent(kWan).size(), 0u);
        site->add_policy("tunnel", Action::kProtect, lan_of(1), lan_of(2), site->data().sad->outbound_at(0));
    }
    EXPECT_EQ(site->drops(Drop::kNoPolicy), 50u);
}

TEST(FlowCache, EachFlowKeepsItsOwnPolicy)
{
    const auto site = make_site({.number = 1});
    install(*site, 1, {});
    site->add_policy("some", Action::kDiscard, {"10.1.0.0/24[udp/1001]"}, lan_of(2), nullptr,
                     model::PolicyDirection::kBoth, 1);
    for (int again = 0; again < 2; again++)
        for (uint16_t port = 0; port < 8000; port++) {  // more flows than places
            site->receive_ip(kLan, outgoing(port));
            ASSERT_EQ(site->sent(kWan).size(), port == 1001 ? 0u : 1u) << port;
        }
    EXPECT_EQ(site->drops(Drop::kPolicyDiscard), 2u);
}

TEST(FlowCache, NewSelectorsOfAnInboundSaDecideAtOnce)
{
    const auto one = make_site({.number = 1}), two = make_site({.number = 2});
    install(*one, 1, {});
    const Ends at_two = install(*two, 2, {});
    const auto carried = [&] {
        one->receive_ip(kLan, outgoing());
        for (const auto& sealed : one->sent_ip(kWan))
            two->receive_ip(kWan, sealed);
        return two->sent(kLan).size();
    };
    EXPECT_EQ(carried(), 1u);
    EXPECT_EQ(carried(), 1u);
    two->set_selectors(*at_two.inbound, {"10.2.0.0/24"}, {"10.1.0.128/25"});
    EXPECT_EQ(carried(), 0u);
    EXPECT_EQ(two->drops(Drop::kSelectorMismatch), 1u);
    two->set_selectors(*at_two.inbound, lan_of(2), lan_of(1));
    EXPECT_EQ(carried(), 1u);
}

TEST(FlowCache, AnSaMayNotCarryWhatAnotherMay)
{
    const auto one = make_site({.number = 1}), two = make_site({.number = 2});
    install(*one, 1, {});
    install(*two, 2, {});
    one->receive_ip(kLan, outgoing());
    for (const auto& sealed : one->sent_ip(kWan))
        two->receive_ip(kWan, sealed);
    ASSERT_EQ(two->sent(kLan).size(), 1u);
    // The same flow by a second SA, whose selectors do not have it.
    auto params = sa_params({}, 1, model::Direction::kInbound);
    params.spi++;
    params.name = "other";
    two->add_inbound(params, {"10.2.0.0/24"}, {"10.1.0.128/25"});
    auto out = sa_params({}, 1, model::Direction::kOutbound);
    out.spi++;
    out.name = "other";
    sa::OutboundSa& other = one->add_outbound(out);
    one->add_policy("other", Action::kProtect, lan_of(1), lan_of(2), &other, model::PolicyDirection::kBoth, 1);
    one->receive_ip(kLan, outgoing());
    for (const auto& sealed : one->sent_ip(kWan))
        two->receive_ip(kWan, sealed);
    EXPECT_EQ(two->sent(kLan).size(), 0u);
    EXPECT_EQ(two->drops(Drop::kSelectorMismatch), 1u) << two->drop_report();
}

TEST(RouteCache, ARouteOrNeighbourThatChangesIsFollowedAtOnce)
{
    const auto one = make_site({.number = 1});
    install(*one, 1, {});
    const auto mac_of = [&] {
        one->receive_ip(kLan, outgoing());
        const auto frames = one->sent(kWan);
        return frames.size() == 1 ? Bytes(frames[0].begin(), frames[0].begin() + 6) : Bytes{};
    };
    const Bytes before = mac_of();
    EXPECT_EQ(mac_of(), before);
    one->add_neighbour(kWan, "192.0.2.2", "02:cc:00:00:00:09");
    EXPECT_EQ(mac_of(), (Bytes{0x02, 0xcc, 0, 0, 0, 0x09}));
    one->add_neighbour(kWan, "192.0.2.77", "02:cc:00:00:00:77");
    one->add_route("192.0.2.2/32", kWan, "192.0.2.77");
    EXPECT_EQ(mac_of(), (Bytes{0x02, 0xcc, 0, 0, 0, 0x77}));
}

}  // namespace
}  // namespace ipsecgw::worker
