#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "route/resolver.h"
#include "unit/route/wire.h"

namespace ipsecgw::route {
namespace {

using namespace wire;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

struct ResolverTest : testing::Test {
    Resolver resolver{{link()}};

    Effects ask(std::string_view next_hop, uint64_t packet, uint64_t now_ns)
    {
        return resolver.resolve(kPort, ip(next_hop), packet, now_ns);
    }
    Effects hear(const Arp& arp, uint64_t now_ns) { return resolver.receive(kPort, arp.frame(), now_ns); }
    Effects hear(std::string_view hex, uint64_t now_ns) { return resolver.receive(kPort, bytes(hex), now_ns); }
    /// The state of the only entry.
    NeighbourStatus only(uint64_t now_ns = 0)
    {
        const auto rows = resolver.list(now_ns);
        EXPECT_EQ(rows.size(), 1u);
        return rows.empty() ? NeighbourStatus{} : rows[0];
    }
    const net::MacAddress* in_table(std::string_view address)
    {
        table = resolver.table();
        return table->lookup(kPort, ip(address));
    }
    std::unique_ptr<const NeighbourTable> table;
};

void expect_nothing(const Effects& effects)
{
    EXPECT_THAT(effects.send, IsEmpty());
    EXPECT_THAT(effects.release, IsEmpty());
    EXPECT_THAT(effects.give_up, IsEmpty());
    EXPECT_FALSE(effects.table_changed);
}

TEST_F(ResolverTest, AsksAndReleasesWhatWaitedOnReply)
{
    auto effects = ask("192.0.2.99", 41, 10_s);
    ASSERT_THAT(effects.send, SizeIs(1));
    EXPECT_EQ(effects.send[0].port, kPort);
    EXPECT_EQ(effects.send[0].bytes, padded(kArpRequest));
    EXPECT_FALSE(effects.table_changed);
    EXPECT_EQ(in_table("192.0.2.99"), nullptr);
    EXPECT_EQ(resolver.next_timer_ns(), 11_s);

    expect_nothing(ask("192.0.2.99", 42, 10_s));  // one request is out already

    effects = hear(Arp{}, 10_s + 1);
    ASSERT_THAT(effects.release, SizeIs(2));
    EXPECT_EQ(effects.release[0].packet, 41u);
    EXPECT_EQ(effects.release[1].packet, 42u);
    EXPECT_EQ(effects.release[1].port, kPort);
    EXPECT_EQ(effects.release[1].mac, kPeerMac);
    EXPECT_TRUE(effects.table_changed);
    EXPECT_EQ(*in_table("192.0.2.99"), kPeerMac);
    EXPECT_EQ(only().state, NeighbourState::kReachable);

    effects = ask("192.0.2.99", 43, 11_s);  // from a worker that looked in the table before
    ASSERT_THAT(effects.release, SizeIs(1));
    EXPECT_EQ(effects.release[0].packet, 43u);
    EXPECT_THAT(effects.send, IsEmpty());
}

TEST_F(ResolverTest, AsksForIpv6BySolicitation)
{
    auto effects = ask("2001:db8:1::99", 7, 0);
    ASSERT_THAT(effects.send, SizeIs(1));
    EXPECT_EQ(effects.send[0].bytes, bytes(kSolicitation));
    effects = hear(kPeerAdvertisement, 1);
    ASSERT_THAT(effects.release, SizeIs(1));
    EXPECT_EQ(effects.release[0].mac, kPeerMac);
    EXPECT_EQ(*in_table("2001:db8:1::99"), kPeerMac);
}

TEST_F(ResolverTest, TriesThreeTimesThenGivesUp)
{
    ask("192.0.2.99", 1, 0);
    ask("192.0.2.99", 2, 500'000'000);
    for (const uint64_t at : {1_s, 2_s}) {
        EXPECT_EQ(resolver.next_timer_ns(), at);
        expect_nothing(resolver.tick(at - 1));
        const auto effects = resolver.tick(at);
        ASSERT_THAT(effects.send, SizeIs(1));
        EXPECT_EQ(effects.send[0].bytes, padded(kArpRequest));
        EXPECT_THAT(effects.give_up, IsEmpty());
    }
    const auto effects = resolver.tick(3_s);
    EXPECT_THAT(effects.send, IsEmpty());
    EXPECT_THAT(effects.give_up, ElementsAre(1, 2));
    EXPECT_FALSE(effects.table_changed);
    EXPECT_THAT(resolver.list(3_s), IsEmpty());
    EXPECT_EQ(resolver.next_timer_ns(), UINT64_MAX);
    expect_nothing(hear(Arp{}, 3_s));  // too late: nobody asks any more
    EXPECT_THAT(ask("192.0.2.99", 3, 4_s).send, SizeIs(1));
}

TEST_F(ResolverTest, ALateTimerSendsOneRequestNotABurst)
{
    ask("192.0.2.99", 1, 0);
    EXPECT_THAT(resolver.tick(100_s).send, SizeIs(1));
    EXPECT_EQ(resolver.next_timer_ns(), 101_s);
}

TEST_F(ResolverTest, RefreshesByUnicastProbe)
{
    ask("2001:db8:1::99", 1, 0);
    hear(kPeerAdvertisement, 0);
    EXPECT_EQ(resolver.next_timer_ns(), 30_s);
    auto effects = resolver.tick(30_s);
    ASSERT_THAT(effects.send, SizeIs(1));
    EXPECT_EQ(effects.send[0].bytes, bytes(kUnicastSolicitation));
    EXPECT_FALSE(effects.table_changed);
    EXPECT_EQ(only().state, NeighbourState::kProbe);
    EXPECT_NE(in_table("2001:db8:1::99"), nullptr);  // still used
    EXPECT_THAT(ask("2001:db8:1::99", 2, 30_s).release, SizeIs(1));

    effects = hear(kPeerAdvertisement, 31_s);
    EXPECT_FALSE(effects.table_changed);
    EXPECT_EQ(only(40_s).state, NeighbourState::kReachable);
    EXPECT_EQ(only(40_s).age_ns, 9_s);
    EXPECT_EQ(resolver.next_timer_ns(), 61_s);
}

TEST_F(ResolverTest, ForgetsAfterThreeUnansweredProbes)
{
    ask("192.0.2.99", 1, 0);
    hear(Arp{}, 0);
    for (const uint64_t at : {30_s, 31_s, 32_s}) {
        const auto effects = resolver.tick(at);
        ASSERT_THAT(effects.send, SizeIs(1));
        EXPECT_TRUE(std::equal(kPeerMac.bytes.begin(), kPeerMac.bytes.end(), effects.send[0].bytes.begin()));
        EXPECT_FALSE(effects.table_changed);
    }
    const auto effects = resolver.tick(33_s);
    EXPECT_TRUE(effects.table_changed);
    EXPECT_EQ(in_table("192.0.2.99"), nullptr);
    EXPECT_THAT(resolver.list(33_s), IsEmpty());
}

TEST_F(ResolverTest, AMovedHostIsBelievedWhenItAnswersAProbe)
{
    ask("192.0.2.99", 1, 0);
    hear(Arp{}, 0);
    resolver.tick(30_s);
    const auto effects = hear({.sender_mac = kOtherMac}, 30_s);
    EXPECT_TRUE(effects.table_changed);
    EXPECT_EQ(*in_table("192.0.2.99"), kOtherMac);
}

TEST_F(ResolverTest, AnswersRequestsAndLearnsWhoAsked)
{
    auto effects = hear({.operation = 1, .target_mac = {}, .to = net::MacAddress::broadcast()}, 0);
    ASSERT_THAT(effects.send, SizeIs(1));
    EXPECT_EQ(effects.send[0].bytes, padded(kArpReplyOfOurs));
    EXPECT_TRUE(effects.table_changed);
    EXPECT_EQ(*in_table("192.0.2.99"), kPeerMac);
    EXPECT_EQ(only().state, NeighbourState::kStale);
    EXPECT_EQ(resolver.next_timer_ns(), 5_s);
    EXPECT_THAT(resolver.tick(5_s).send, SizeIs(1));
    EXPECT_EQ(only().state, NeighbourState::kProbe);
}

TEST_F(ResolverTest, AnswersSolicitationsAndLearnsWhoAsked)
{
    const auto effects = hear(kPeerSolicitation, 0);
    ASSERT_THAT(effects.send, SizeIs(1));
    EXPECT_EQ(effects.send[0].bytes, bytes(kAdvertisementOfOurs));
    EXPECT_EQ(*in_table("2001:db8:1::99"), kPeerMac);
    EXPECT_EQ(only().state, NeighbourState::kStale);
}

TEST_F(ResolverTest, AHostThatAsksUsWhileWeAskForItIsFound)
{
    ask("192.0.2.99", 5, 0);
    const auto effects = hear({.operation = 1, .target_mac = {}, .to = net::MacAddress::broadcast()}, 0);
    EXPECT_THAT(effects.release, SizeIs(1));
    EXPECT_THAT(effects.send, SizeIs(1));
}

TEST_F(ResolverTest, AnswersDuplicateAddressProbesToAllNodes)
{
    const auto effects = hear(kDuplicateProbe, 0);
    ASSERT_THAT(effects.send, SizeIs(1));
    EXPECT_EQ(effects.send[0].bytes, bytes(kAdvertisementToAll));
    EXPECT_FALSE(effects.table_changed);
    EXPECT_THAT(resolver.list(0), IsEmpty());
}

TEST_F(ResolverTest, AnswersArpProbesWithoutLearning)
{
    const auto effects =
        hear({.operation = 1, .sender_ip = "0.0.0.0", .target_mac = {}, .to = net::MacAddress::broadcast()}, 0);
    EXPECT_THAT(effects.send, SizeIs(1));
    EXPECT_THAT(resolver.list(0), IsEmpty());
}

TEST_F(ResolverTest, AnswersForItsLinkLocalAddressToo)
{
    Resolver bare({{kPort, kOurMac, {}}});
    const auto announced = bare.announce(0);
    ASSERT_THAT(announced.send, SizeIs(1));  // fe80::5eff:fe10:1
    EXPECT_EQ(announced.send[0].bytes[14 + 8], 0xfe);
    EXPECT_THAT(bare.resolve(kPort, ip("fe80::99"), 1, 0).send, SizeIs(1));
    EXPECT_THAT(bare.resolve(kPort, ip("192.0.2.99"), 2, 0).give_up, ElementsAre(2));  // no IPv4 address to ask from
}

TEST_F(ResolverTest, AnnouncesItsAddresses)
{
    const auto effects = resolver.announce(0);
    ASSERT_THAT(effects.send, SizeIs(3));
    EXPECT_EQ(effects.send[0].bytes,
              padded("ffffffffffff02005e1000010806000108000604000102005e100001c0000201000000000000c0000201"));
    EXPECT_EQ(effects.send[1].bytes, bytes(kAdvertisementToAll));
}

TEST_F(ResolverTest, StaticEntriesNeverChange)
{
    resolver.add_static({kPort, ip("192.0.2.99"), kOtherMac});
    EXPECT_EQ(resolver.next_timer_ns(), 0u);
    EXPECT_TRUE(resolver.tick(0).table_changed);
    EXPECT_EQ(resolver.next_timer_ns(), UINT64_MAX);
    expect_nothing(hear(Arp{}, 1));
    EXPECT_FALSE(hear({.operation = 1}, 1).table_changed);
    EXPECT_EQ(*in_table("192.0.2.99"), kOtherMac);
    EXPECT_EQ(only().state, NeighbourState::kStatic);
    expect_nothing(resolver.tick(10'000_s));
    EXPECT_TRUE(resolver.remove(kPort, ip("192.0.2.99")));
    EXPECT_FALSE(resolver.remove(kPort, ip("192.0.2.99")));
    EXPECT_TRUE(resolver.tick(0).table_changed);
    EXPECT_EQ(in_table("192.0.2.99"), nullptr);
}

TEST_F(ResolverTest, AStaticEntryReleasesWhatWaited)
{
    ask("192.0.2.99", 9, 0);
    resolver.add_static({kPort, ip("192.0.2.99"), kOtherMac});
    const auto effects = resolver.tick(1);
    ASSERT_THAT(effects.release, SizeIs(1));
    EXPECT_EQ(effects.release[0].mac, kOtherMac);
    expect_nothing(resolver.tick(10_s));
}

TEST_F(ResolverTest, RemovingAnAddressGivesUpWhatWaited)
{
    ask("192.0.2.99", 9, 0);
    EXPECT_TRUE(resolver.remove(kPort, ip("192.0.2.99")));
    EXPECT_EQ(resolver.next_timer_ns(), 0u);
    EXPECT_THAT(resolver.tick(0).give_up, ElementsAre(9));
}

TEST_F(ResolverTest, GivesUpTheOldestOfTooManyWaiting)
{
    for (uint64_t i = 0; i < Resolver::kMaxWaiting; i++)
        EXPECT_THAT(ask("192.0.2.99", i, 0).give_up, IsEmpty());
    EXPECT_THAT(ask("192.0.2.99", 100, 0).give_up, ElementsAre(0));
    EXPECT_THAT(ask("192.0.2.99", 101, 0).give_up, ElementsAre(1));
    EXPECT_THAT(hear(Arp{}, 0).release, SizeIs(Resolver::kMaxWaiting));
}

TEST_F(ResolverTest, GivesUpAtOnceWhatNoHostCanBe)
{
    for (const auto* address : {"192.0.2.1", "192.0.2.255", "255.255.255.255", "0.0.0.0", "224.0.0.1", "127.0.0.1", "::",
                                "::1", "ff02::1", "2001:db8:1::1"})
        EXPECT_THAT(ask(address, 5, 0).give_up, ElementsAre(5)) << address;
    EXPECT_THAT(resolver.resolve(kPort + 1, ip("192.0.2.99"), 6, 0).give_up, ElementsAre(6));
    EXPECT_THAT(resolver.list(0), IsEmpty());
}

TEST_F(ResolverTest, ANextHopOutsideOurPrefixesIsAskedForFromTheFirstAddress)
{
    const auto effects = ask("198.51.100.1", 1, 0);
    ASSERT_THAT(effects.send, SizeIs(1));
    EXPECT_EQ(net::IpAddress::v4(effects.send[0].bytes.data() + 28), ip("192.0.2.1"));
    EXPECT_THAT(hear({.sender_ip = "198.51.100.1"}, 0).release, SizeIs(1));
}

}  // namespace
}  // namespace ipsecgw::route
