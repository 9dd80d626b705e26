#include "sa/spd.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "sa_test_support.h"
#include "spd_test_support.h"

namespace ipsecgw::sa {
namespace {

using test::fragment;
using test::kIcmp;
using test::kTcp;
using test::kUdp;
using test::packet;
using test::policy;
using test::selector;

class SpdTest : public test::Reader {
  protected:
    const PolicyEntry* add(const model::Policy& p)
    {
        auto entry = spd_->add(p);
        EXPECT_TRUE(entry) << entry.error().what;
        return entry ? *entry : nullptr;
    }
    void drain()
    {
        qsbr_->quiescent(0);
        reclaimer_.poll();
        ASSERT_EQ(reclaimer_.pending(), 0u);
    }

    std::unique_ptr<Spd> spd_ = std::move(Spd::create(2, reclaimer_)).value();
};

TEST_F(SpdTest, EmptyMatchesNothing)
{
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.1.0.1")), nullptr);
    EXPECT_EQ(spd_->match_inbound(packet("2001:db8::1", "2001:db8::2")), nullptr);
    EXPECT_EQ(spd_->count(), 0u);
    EXPECT_EQ(spd_->find("a"), nullptr);
    EXPECT_EQ(spd_->remove("a").error().code, base::ErrorCode::kNotFound);
}

TEST_F(SpdTest, TheGenerationGrowsWithEachChangeAndOnlyThen)
{
    uint64_t last = spd_->generation();
    const auto grown = [&] { return std::exchange(last, spd_->generation()) < spd_->generation(); };
    ASSERT_TRUE(spd_->add(policy("a", 10, selector("10.0.0.0/8"), selector("10.0.0.0/8"))));
    EXPECT_TRUE(grown());
    EXPECT_FALSE(spd_->add(policy("a", 10, selector("10.0.0.0/8"), selector("10.0.0.0/8"))));
    EXPECT_FALSE(grown());
    EXPECT_FALSE(spd_->remove("b"));
    EXPECT_FALSE(grown());
    ASSERT_TRUE(spd_->remove("a"));
    EXPECT_TRUE(grown());
}

TEST_F(SpdTest, OutboundSourceIsLocalInboundDestinationIs)
{
    const auto* entry = add(policy("a", 10, selector("10.1.0.0/16"), selector("10.2.0.0/16")));
    EXPECT_EQ(spd_->match_outbound(packet("10.1.5.5", "10.2.5.5")), entry);
    EXPECT_EQ(spd_->match_outbound(packet("10.2.5.5", "10.1.5.5")), nullptr);
    EXPECT_EQ(spd_->match_inbound(packet("10.2.5.5", "10.1.5.5")), entry);
    EXPECT_EQ(spd_->match_inbound(packet("10.1.5.5", "10.2.5.5")), nullptr);
    EXPECT_EQ(spd_->find("a"), entry);
    EXPECT_EQ(spd_->count(), 1u);
}

TEST_F(SpdTest, PrefixBoundariesIpv4)
{
    const auto* entry = add(policy("a", 10, selector("10.1.77.1/12"), selector("192.0.2.130/25")));
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.0", "192.0.2.128")), entry);
    EXPECT_EQ(spd_->match_outbound(packet("10.15.255.255", "192.0.2.255")), entry);
    EXPECT_EQ(spd_->match_outbound(packet("10.16.0.0", "192.0.2.128")), nullptr);
    EXPECT_EQ(spd_->match_outbound(packet("9.255.255.255", "192.0.2.128")), nullptr);
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.0", "192.0.2.127")), nullptr);
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.0", "192.0.3.128")), nullptr);
}

TEST_F(SpdTest, PrefixBoundariesIpv6)
{
    const auto* entry = add(policy("a", 10, selector("2001:db8:0:8000::/49"), selector("2001:db8::1/128")));
    EXPECT_EQ(spd_->match_outbound(packet("2001:db8:0:8000::", "2001:db8::1")), entry);
    EXPECT_EQ(spd_->match_outbound(packet("2001:db8:0:ffff:ffff:ffff:ffff:ffff", "2001:db8::1")), entry);
    EXPECT_EQ(spd_->match_outbound(packet("2001:db8:0:7fff:ffff:ffff:ffff:ffff", "2001:db8::1")), nullptr);
    EXPECT_EQ(spd_->match_outbound(packet("2001:db8:0:8000::", "2001:db8::2")), nullptr);
}

TEST_F(SpdTest, FamiliesStayApart)
{
    const auto* v4 = add(policy("v4", 10, selector("0.0.0.0/0"), selector("0.0.0.0/0")));
    EXPECT_EQ(spd_->match_outbound(packet("::", "::")), nullptr);
    const auto* v6 = add(policy("v6", 10, selector("::/0"), selector("::/0")));
    EXPECT_EQ(spd_->match_outbound(packet("::", "::")), v6);
    EXPECT_EQ(spd_->match_outbound(packet("0.0.0.0", "0.0.0.0")), v4);
    EXPECT_EQ(spd_->tuples(net::Family::kIpv4), 1u);
    EXPECT_EQ(spd_->tuples(net::Family::kIpv6), 1u);
}

TEST_F(SpdTest, LowerPriorityNumberWinsOverLongerPrefix)
{
    const auto* wide = add(policy("wide", 10, selector("0.0.0.0/0"), selector("0.0.0.0/0")));
    const auto* narrow = add(policy("narrow", 11, selector("10.1.0.0/16"), selector("10.2.0.0/16")));
    EXPECT_EQ(spd_->match_outbound(packet("10.1.0.1", "10.2.0.1")), wide);
    ASSERT_TRUE(spd_->remove("wide"));
    EXPECT_EQ(spd_->match_outbound(packet("10.1.0.1", "10.2.0.1")), narrow);
}

TEST_F(SpdTest, EqualPriorityLongerPrefixesWin)
{
    const auto* wide = add(policy("wide", 10, selector("10.0.0.0/8"), selector("0.0.0.0/0")));
    const auto* both = add(policy("both", 10, selector("10.1.0.0/16"), selector("10.0.0.0/8")));
    const auto* remote = add(policy("remote", 10, selector("0.0.0.0/0"), selector("10.2.3.0/24")));
    EXPECT_EQ(spd_->match_outbound(packet("10.1.0.1", "10.2.3.1")), both) << "24 bits each: the older";
    EXPECT_EQ(spd_->match_outbound(packet("10.3.0.1", "10.2.3.1")), remote);
    EXPECT_EQ(spd_->match_outbound(packet("10.3.0.1", "10.9.3.1")), wide);
}

TEST_F(SpdTest, EqualPrefixesOlderWinsAndAgeIsNotReset)
{
    const auto* first = add(policy("first", 10, selector("10.0.0.0/8"), selector("0.0.0.0/0")));
    const auto* second = add(policy("second", 10, selector("10.0.0.0/8"), selector("0.0.0.0/0")));
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2")), first);
    ASSERT_TRUE(spd_->remove("first"));
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2")), second);
    add(policy("first", 10, selector("10.0.0.0/8"), selector("0.0.0.0/0")));
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2")), second);
}

TEST_F(SpdTest, SelectorsOfOnePolicyArePairedWithinAFamily)
{
    auto p = policy("a", 10, selector("10.1.0.0/16"), selector("10.2.0.0/16"));
    p.local.push_back(selector("2001:db8:1::/48"));
    p.local.push_back(selector("10.5.0.0/16"));
    p.remote.push_back(selector("2001:db8:2::/48"));
    const auto* entry = add(p);
    EXPECT_EQ(spd_->match_outbound(packet("10.1.0.1", "10.2.0.1")), entry);
    EXPECT_EQ(spd_->match_outbound(packet("10.5.0.1", "10.2.0.1")), entry);
    EXPECT_EQ(spd_->match_outbound(packet("2001:db8:1::1", "2001:db8:2::1")), entry);
    EXPECT_EQ(spd_->match_outbound(packet("10.1.0.1", "10.5.0.1")), nullptr);
    ASSERT_TRUE(spd_->remove("a"));
    EXPECT_EQ(spd_->match_outbound(packet("10.5.0.1", "10.2.0.1")), nullptr);
    EXPECT_EQ(spd_->tuples(net::Family::kIpv4), 0u);
    EXPECT_EQ(spd_->tuples(net::Family::kIpv6), 0u);
}

TEST_F(SpdTest, APolicyNothingCanMatchIsRefused)
{
    const auto families = spd_->add(policy("a", 10, selector("10.1.0.0/16"), selector("2001:db8::/32")));
    ASSERT_FALSE(families);
    EXPECT_EQ(families.error().code, base::ErrorCode::kInvalidArgument);
    EXPECT_FALSE(spd_->add(policy("a", 10, selector("10.1.0.0/16", kTcp), selector("10.1.0.0/16", kUdp))));
    EXPECT_EQ(spd_->count(), 0u);
}

TEST_F(SpdTest, NamesAreUniqueIdsToo)
{
    const auto* a = add(policy("a", 10, selector("10.0.0.0/8"), selector("10.0.0.0/8")));
    const auto* b = add(policy("b", 10, selector("10.0.0.0/8"), selector("10.0.0.0/8")));
    EXPECT_NE(a->id, b->id);
    EXPECT_EQ(spd_->add(policy("a", 11, selector("0.0.0.0/0"), selector("0.0.0.0/0"))).error().code,
              base::ErrorCode::kAlreadyExists);
    EXPECT_EQ(spd_->count(), 2u);
    const uint32_t freed = a->id;
    ASSERT_TRUE(spd_->remove("a"));
    EXPECT_EQ(add(policy("c", 10, selector("10.0.0.0/8"), selector("10.0.0.0/8")))->id, freed);
}

TEST_F(SpdTest, Protocol)
{
    const auto* tcp = add(policy("tcp", 10, selector("10.0.0.0/8", kTcp), selector("10.0.0.0/8")));
    const auto* any = add(policy("any", 20, selector("10.0.0.0/8"), selector("10.0.0.0/8")));
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2", kTcp)), tcp);
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2", kUdp)), any);
    EXPECT_EQ(spd_->match_outbound(fragment("10.0.0.1", "10.0.0.2", kTcp)), tcp)
        << "the protocol of a fragment is known";
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2", 0)), any);
}

TEST_F(SpdTest, Ports)
{
    const auto* one = add(policy("one", 10, selector("10.0.0.0/8"), selector("10.0.0.0/8", kUdp, {53, 53})));
    const auto* range =
        add(policy("range", 20, selector("10.0.0.0/8", kUdp, {1000, 1999}), selector("10.0.0.0/8", kUdp)));
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2", kUdp, {5, 53})), one);
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2", kUdp, {53, 5})), nullptr);
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2", kTcp, {5, 53})), nullptr);
    EXPECT_EQ(spd_->match_inbound(packet("10.0.0.1", "10.0.0.2", kUdp, {53, 5})), one);
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2", kUdp, {999, 5})), nullptr);
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2", kUdp, {1000, 5})), range);
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2", kUdp, {1999, 5})), range);
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2", kUdp, {2000, 5})), nullptr);
    EXPECT_EQ(spd_->match_inbound(packet("10.0.0.1", "10.0.0.2", kUdp, {5, 1999})), range);
}

TEST_F(SpdTest, IcmpTypesAreInBothPorts)
{
    const auto* echo =
        add(policy("echo", 10, selector("10.0.0.0/8", kIcmp, {0x0800, 0x08ff}), selector("10.0.0.0/8", kIcmp)));
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2", kIcmp, {0x0800, 0x0800})), echo);
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2", kIcmp, {0x0000, 0x0000})), nullptr);
}

TEST_F(SpdTest, UnknownPortsMatchOnlyAnyRfc4301Section4_4_1_1)
{
    add(policy("zero", 1, selector("10.0.0.0/8"), selector("10.0.0.0/8", kUdp, {0, 0})));
    add(policy("range", 2, selector("10.0.0.0/8", kUdp, {0, 65534}), selector("10.0.0.0/8", kUdp)));
    EXPECT_EQ(spd_->match_outbound(fragment("10.0.0.1", "10.0.0.2")), nullptr);
    const auto* any = add(policy("any", 3, selector("10.0.0.0/8", kUdp), selector("10.0.0.0/8", kUdp)));
    EXPECT_EQ(spd_->match_outbound(fragment("10.0.0.1", "10.0.0.2")), any);
    EXPECT_EQ(spd_->match_inbound(fragment("10.0.0.1", "10.0.0.2")), any);
}

TEST_F(SpdTest, DirectionOfBypassAndDiscard)
{
    auto in = policy("in", 10, selector("10.0.0.0/8"), selector("10.0.0.0/8"));
    in.direction = model::PolicyDirection::kInbound;
    auto out = policy("out", 20, selector("10.0.0.0/8"), selector("10.0.0.0/8"));
    out.direction = model::PolicyDirection::kOutbound;
    out.action = model::Action::kDiscard;
    const auto* in_entry = add(in);
    const auto* out_entry = add(out);
    EXPECT_EQ(spd_->match_inbound(packet("10.0.0.1", "10.0.0.2")), in_entry);
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2")), out_entry);
    EXPECT_EQ(out_entry->action, model::Action::kDiscard);
}

TEST_F(SpdTest, ProtectIsAlwaysBothDirections)
{
    auto p = policy("a", 10, selector("10.1.0.0/16"), selector("10.2.0.0/16"));
    p.action = model::Action::kProtect;
    p.direction = model::PolicyDirection::kOutbound;
    const auto* entry = add(p);
    EXPECT_EQ(spd_->match_outbound(packet("10.1.0.1", "10.2.0.1")), entry);
    EXPECT_EQ(spd_->match_inbound(packet("10.2.0.1", "10.1.0.1")), entry);
    EXPECT_EQ(entry->outbound.load(), nullptr) << "no SA yet: workers drop";
    EXPECT_EQ(entry->action, model::Action::kProtect);
}

TEST_F(SpdTest, HitsAreCountedByWorkersAndSummed)
{
    const auto* entry = add(policy("a", 10, selector("10.0.0.0/8"), selector("10.0.0.0/8")));
    static_cast<void>(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2")));
    EXPECT_EQ(spd_->hits(*entry), 0u) << "match does not count";
    entry->hits_of(0).add(3);
    entry->hits_of(1).add(4);
    EXPECT_EQ(spd_->hits(*entry), 7u);
}

TEST_F(SpdTest, ARemovedPolicyLivesUntilItsReaderIsQuiescent)
{
    add(policy("a", 10, selector("10.0.0.0/8"), selector("10.0.0.0/8")));
    const auto* held = spd_->match_outbound(packet("10.0.0.1", "10.0.0.2"));
    ASSERT_NE(held, nullptr);
    ASSERT_TRUE(spd_->remove("a"));
    reclaimer_.poll();
    EXPECT_EQ(held->action, model::Action::kBypass);
    held->hits_of(0).add(1);
    drain();
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2")), nullptr);
}

// A thousand services on one pair of prefixes must not become one bucket of a thousand rules.
TEST_F(SpdTest, ManySinglePortsOnOnePrefixPair)
{
    for (uint16_t port = 1; port <= 1000; port++)
        add(policy("tcp" + std::to_string(port), 1000u - port, selector("10.0.0.0/8"),
                   selector("10.0.0.0/8", kTcp, {port, port})));
    EXPECT_EQ(spd_->tuples(net::Family::kIpv4), 1u);
    for (uint16_t port = 1; port <= 1000; port++)
        ASSERT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2", kTcp, {9, port})),
                  spd_->find("tcp" + std::to_string(port)));
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.0.0.2", kTcp, {9, 1001})), nullptr);
}

TEST_F(SpdTest, ChangesCostFewObjects)
{
    for (int i = 0; i < 1000; i++)
        add(policy("p" + std::to_string(i), 10,
                   selector(("10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24").c_str()),
                   selector("10.0.0.0/8")));
    drain();
    add(policy("one more", 10, selector("10.77.0.0/24"), selector("10.0.0.0/8")));
    ASSERT_TRUE(spd_->remove("p500"));
    EXPECT_LE(reclaimer_.pending(), 3u) << "a bucket, a policy, at most one index";
}

TEST(SelectorSet, AllowsWhatItsPairsMirror)
{
    const SelectorSet::Pair pairs[] = {
        {selector("10.1.0.0/16"), selector("10.2.0.0/16", kTcp, {443, 443})},
        {selector("2001:db8:1::/48", kUdp, {500, 600}), selector("2001:db8:2::/48")},
        {selector("10.1.0.0/16"), selector("2001:db8::/32")},
    };
    const SelectorSet set(pairs);
    EXPECT_TRUE(set.allows(packet("10.2.0.9", "10.1.0.9", kTcp, {443, 7})));
    EXPECT_FALSE(set.allows(packet("10.1.0.9", "10.2.0.9", kTcp, {443, 7}))) << "outbound order";
    EXPECT_FALSE(set.allows(packet("10.2.0.9", "10.1.0.9", kTcp, {7, 443})));
    EXPECT_FALSE(set.allows(packet("10.2.0.9", "10.1.0.9", kUdp, {443, 7})));
    EXPECT_FALSE(set.allows(packet("10.3.0.9", "10.1.0.9", kTcp, {443, 7})));
    EXPECT_FALSE(set.allows(fragment("10.2.0.9", "10.1.0.9", kTcp)));
    EXPECT_TRUE(set.allows(packet("2001:db8:2::1", "2001:db8:1::1", kUdp, {9, 600})));
    EXPECT_FALSE(set.allows(packet("2001:db8:2::1", "2001:db8:1::1", kUdp, {9, 601})));
    EXPECT_FALSE(SelectorSet({}).allows(packet("10.2.0.9", "10.1.0.9")));
}

TEST_F(SpdTest, SelectorsOfAnSaAreSwungAndReclaimed)
{
    const SelectorSet::Pair any[] = {{selector("0.0.0.0/0"), selector("0.0.0.0/0")}};
    const auto sa = test::inbound(256);
    spd_->set_selectors(*sa, std::make_unique<const SelectorSet>(any));
    EXPECT_TRUE(sa->selectors.load()->allows(packet("10.2.0.9", "10.1.0.9")));
    EXPECT_EQ(reclaimer_.pending(), 0u);
    spd_->set_selectors(*sa, std::make_unique<const SelectorSet>(any));
    EXPECT_EQ(reclaimer_.pending(), 1u);
    spd_->set_selectors(*sa, nullptr);
    EXPECT_EQ(sa->selectors.load(), nullptr);
    EXPECT_EQ(reclaimer_.pending(), 2u);
    drain();
}

}  // namespace
}  // namespace ipsecgw::sa
