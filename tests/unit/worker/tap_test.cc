// What a tap notes: every point of a packet's way, nothing of others, nothing once it is taken away.
#include <gtest/gtest.h>

#include "support/site.h"
#include "worker/tap.h"

namespace ipsecgw::worker {
namespace {

using namespace test;
using trace::Point;

class TapTest : public testing::Test {
  protected:
    TapTest() : site(make_site({.number = 1})), ends(install(*site, 1, {})) {}
    ~TapTest() override
    {
        site->worker().watch(nullptr);
        site->run();
    }

    void watch(Tap::Settings settings)
    {
        settings.session = ++session;
        tap = std::make_unique<Tap>(settings, 1);
        site->worker().watch(tap.get());
    }
    std::vector<trace::Record> noted()
    {
        site->run();
        std::vector<trace::Record> out;
        trace::Record record;
        std::vector<uint8_t> bytes;
        while (tap->ring(0).take(record, bytes))
            out.push_back(record);
        return out;
    }
    static std::vector<Point> points(const std::vector<trace::Record>& records)
    {
        std::vector<Point> out;
        for (const auto& record : records)
            out.push_back(record.point);
        return out;
    }
    static trace::Filter filter(const char* text) { return must(trace::Filter::parse(text, std::vector<std::string>{"lan", "wan"})); }
    void send(uint16_t from, uint16_t to) { site->receive_ip(kLan, udp_packet(between_hosts(1), from, to, text(100))); }

    std::unique_ptr<Gateway> site;
    Ends ends;
    std::unique_ptr<Tap> tap;
    uint32_t session = 0;
};

TEST_F(TapTest, FollowsAPacketThroughTheStagesAndAsAKnownFlow)
{
    watch({.filter = filter("dport 53")});
    for (int i = 0; i < 3; i++) {
        send(1, 53);
        send(1, 54);
        const auto records = noted();
        ASSERT_EQ(points(records), (std::vector{Point::kReceived, Point::kPolicyOut, Point::kToSeal, Point::kSealed, Point::kSent})) << i;
        for (const auto& record : records)
            EXPECT_EQ(record.packet, records[0].packet);
        EXPECT_EQ(records[1].policy, ends.policy->id);
        EXPECT_EQ(records[2].spi, ends.outbound->spi);
        EXPECT_EQ(records[4].port, kWan);
    }
}

TEST_F(TapTest, TellsWhyAPacketIsDropped)
{
    site->remove_policy("tunnel");
    watch({.filter = filter("dport 53")});
    send(1, 53);
    send(1, 54);
    const auto records = noted();
    ASSERT_EQ(points(records), (std::vector{Point::kReceived, Point::kPolicyOut, Point::kDropped}));
    EXPECT_EQ(records[1].policy, trace::kNoPolicy);
    EXPECT_EQ(records[2].reason, telemetry::Drop::kNoPolicy);
    watch({.filter = filter("drop no-policy dport 54")});
    send(1, 53);
    send(1, 54);
    EXPECT_EQ(points(noted()), (std::vector{Point::kDropped}));
    watch({.filter = filter("drop replay")});
    send(1, 53);
    EXPECT_TRUE(noted().empty());
}

TEST_F(TapTest, StopsAtItsLimitAndWhenItIsTakenAway)
{
    watch({.filter = filter("dport 53"), .points = trace::one(Point::kReceived), .limit = 2});
    for (int i = 0; i < 5; i++)
        send(1, 53);
    EXPECT_EQ(noted().size(), 2U);
    EXPECT_TRUE(tap->is_used_up());
    watch({.filter = {}, .points = trace::one(Point::kReceived)});
    site->worker().watch(nullptr);
    send(1, 53);
    EXPECT_TRUE(noted().empty());
}

TEST_F(TapTest, ACaptureTakesWhatPassesItsPoints)
{
    watch({.filter = filter("proto udp"), .points = static_cast<trace::Points>(trace::one(Point::kToSeal) | trace::one(Point::kOpened)), .follows = false, .limit = 3});
    for (int i = 0; i < 5; i++)
        send(1, 53);
    const auto records = noted();
    ASSERT_EQ(points(records), (std::vector{Point::kToSeal, Point::kToSeal, Point::kToSeal}));
    EXPECT_FALSE(records[0].has_ethernet);
    EXPECT_EQ(records[0].length, 128U);
}

TEST_F(TapTest, ARingThatIsFullLosesAndForwardsAllTheSame)
{
    watch({.filter = {}, .points = trace::one(Point::kReceived), .records = 4});
    for (int i = 0; i < 10; i++)
        send(1, 53);
    EXPECT_EQ(site->sent(kWan).size(), 10U);
    EXPECT_EQ(noted().size(), 4U);
    EXPECT_EQ(tap->ring(0).lost(), 6U);
}

}  // namespace
}  // namespace ipsecgw::worker
