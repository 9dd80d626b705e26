// The end of an SA: by time, by packets, by bytes, by its sequence numbers; with a clock of our own.
#include <gmock/gmock.h>

#include "harness.h"

namespace ipsecgw::control {
namespace {

class LifetimesTest : public ControlTest {
  protected:
    void install(model::SaParams sa, const model::Lifetime& lifetime)
    {
        sa.lifetime = lifetime;
        ASSERT_TRUE(control->install_sa(std::move(sa)));
    }
    /// Runs `steps` steps of `each_ns` and returns what was logged.
    std::string log_of(int steps, uint64_t each_ns)
    {
        testing::internal::CaptureStderr();
        for (int i = 0; i < steps; i++)
            step(each_ns);
        return testing::internal::GetCapturedStderr();
    }
    static constexpr uint64_t kRound = 100'000'000;
};

TEST_F(LifetimesTest, ASoftTimeLimitIsSaidOnceAndChangesNothing)
{
    install(outbound("out", 0x2001), {.soft_seconds = 10, .hard_seconds = 20});
    EXPECT_EQ(log_of(9, kSecond), "");
    EXPECT_THAT(log_of(5, kSecond), testing::HasSubstr("SA out (0x00002001): soft lifetime of 10 seconds reached"));
    EXPECT_EQ(log_of(3, kSecond), "");
    EXPECT_EQ(status("out").state, "up");
}

TEST_F(LifetimesTest, AnOutboundSaStopsAtItsHardTimeLimitAndItsPolicyStillDropsInItsName)
{
    ASSERT_TRUE(control->add_policy(protect("east", "out", {})));
    install(outbound("out", 0x2001), {.hard_seconds = 20});
    step(19 * kSecond);
    EXPECT_FALSE(bound("east")->expired.load());
    EXPECT_THAT(log_of(1, kSecond), testing::HasSubstr("hard lifetime of 20 seconds reached"));
    ASSERT_NE(bound("east"), nullptr);
    EXPECT_TRUE(bound("east")->expired.load());
    EXPECT_EQ(status("out").state, "expired");
    EXPECT_EQ(status("out").expires_seconds, 0u);
    ASSERT_TRUE(control->remove_sa("out"));
    EXPECT_EQ(bound("east"), nullptr);
}

TEST_F(LifetimesTest, AnInboundSaLeavesTheSadAtItsHardTimeLimitAndKeepsItsLastCounts)
{
    ASSERT_TRUE(control->add_policy(protect("east", "", {"in"})));
    install(inbound("in", 0x1001), {.hard_seconds = 20});
    qsbr->online(0);
    sa::InboundSa* held = sad->find(0x1001);
    held->counters.packets.add(7);
    step(20 * kSecond);
    EXPECT_EQ(sad->find(0x1001), nullptr);
    EXPECT_EQ(held->selectors.load(), nullptr) << "what the owner holds still must not pass either";
    held->counters.packets.add(1);  // the owner finishes its burst
    EXPECT_EQ(status("in").packets, 8u);
    qsbr->quiescent(0);
    step();
    EXPECT_EQ(control->stats().retired_objects, 0u);
    EXPECT_EQ(status("in").packets, 8u);
    EXPECT_EQ(status("in").state, "expired");
    EXPECT_EQ(control->stats().workers.at(0).inbound_sas, 0u);
    qsbr->offline(0);

    // A policy may come and go, the SPI may be used again, and the record is removed without the SA.
    ASSERT_TRUE(control->remove_policy("east"));
    ASSERT_TRUE(control->install_sa(inbound("next", 0x1001)));
    ASSERT_TRUE(control->remove_sa("in"));
    EXPECT_NE(sad->find(0x1001), nullptr);
    EXPECT_EQ(control->find_sas(0x1001).size(), 1u);
}

TEST_F(LifetimesTest, PacketAndByteLimitsAreNoticedWithinARound)
{
    install(outbound("out", 0x2001), {.soft_packets = 10, .hard_packets = 20});
    install(inbound("in", 0x1001), {.soft_bytes = 1000, .hard_bytes = 2000});
    ASSERT_TRUE(control->add_policy(protect("east", "out", {"in"})));
    sa::OutboundSa* out = bound("east");
    sa::SaCounters& in = sad->find(0x1001)->counters;
    EXPECT_EQ(log_of(2, kRound), "");
    out->counters(0).packets.add(5);
    out->counters(1).packets.add(5);
    in.bytes.add(1000);
    const auto soft = log_of(2, kRound);
    EXPECT_THAT(soft, testing::HasSubstr("SA out (0x00002001): soft lifetime of 10 packets"));
    EXPECT_THAT(soft, testing::HasSubstr("SA in (0x00001001): soft lifetime of 1000 bytes"));
    EXPECT_EQ(log_of(2, kRound), "");
    out->counters(0).packets.add(10);
    in.bytes.add(1000);
    const auto hard = log_of(2, kRound);
    EXPECT_THAT(hard, testing::HasSubstr("SA out (0x00002001): hard lifetime of 20 packets"));
    EXPECT_THAT(hard, testing::HasSubstr("SA in (0x00001001): hard lifetime of 2000 bytes"));
    EXPECT_TRUE(out->expired.load());
    EXPECT_EQ(sad->find(0x1001), nullptr);
    EXPECT_EQ(log_of(5, kRound), "");
}

TEST_F(LifetimesTest, NumbersOfFailedPacketsCountTowardsAHardPacketLimit)
{
    install(outbound("out", 0x2001), {.hard_packets = 20});
    ASSERT_TRUE(control->add_policy(protect("east", "out", {})));
    bound("east")->counters(0).packets.add(15);
    bound("east")->next_sequence.fetch_add(32);  // 20 fitted, five of them failed later
    EXPECT_THAT(log_of(2, kRound), testing::HasSubstr("hard lifetime of 20 packets"));
    EXPECT_EQ(status("out").state, "expired");
    EXPECT_EQ(status("out").sequence, 20u);
}

TEST_F(LifetimesTest, AnSaWithoutSequenceNumbersIsExhaustedNotExpired)
{
    auto sa = outbound("out", 0x2001);
    sa.first_sequence = 0xffffffff;
    ASSERT_TRUE(control->install_sa(std::move(sa)));
    ASSERT_TRUE(control->add_policy(protect("east", "out", {})));
    EXPECT_EQ(log_of(2, kRound), "");
    bound("east")->next_sequence.fetch_add(32);
    EXPECT_THAT(log_of(2, kRound), testing::HasSubstr("all sequence numbers used"));
    EXPECT_EQ(status("out").state, "exhausted");
    EXPECT_EQ(status("out").sequence, 0xffffffffu);
    EXPECT_EQ(log_of(2, kRound), "");
}

TEST_F(LifetimesTest, AnSaRemovedBeforeItsTimeIsForgotten)
{
    install(outbound("out", 0x2001), {.soft_seconds = 10, .hard_seconds = 20});
    install(inbound("in", 0x1001), {.hard_packets = 5, .soft_seconds = 10, .hard_seconds = 20});
    ASSERT_TRUE(control->remove_sa("out"));
    ASSERT_TRUE(control->remove_sa("in"));
    EXPECT_EQ(log_of(30, kSecond), "");
}

TEST_F(LifetimesTest, TickTellsWhenItWantsToRunAgain)
{
    EXPECT_EQ(control->tick(now), UINT64_MAX);
    auto esn = outbound("out", 0x2001);
    esn.esn = true;
    install(std::move(esn), {.hard_seconds = 20});
    step();
    EXPECT_EQ(control->tick(now), now + 20 * kSecond);
}

}  // namespace
}  // namespace ipsecgw::control
