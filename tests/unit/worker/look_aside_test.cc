// Packets in a look-aside device: their SA stands until they are out, and none is lost, whatever happens meanwhile.
#include <thread>

#include <gtest/gtest.h>

#include "support/site.h"

namespace ipsecgw::worker {
namespace {

using namespace test;
using telemetry::Drop;

class LookAside : public testing::Test {
  protected:
    void SetUp() override
    {
        if (kind() != sa::OffloadKind::kLookAside)
            GTEST_SKIP() << "of the look-aside kind";
        one_ = make_site({.number = 1});
        two_ = make_site({.number = 2});
        at_one_ = install(*one_, 1, {});
        at_two_ = install(*two_, 2, {});
    }
    std::vector<Bytes> sealed(uint16_t count)
    {
        for (uint16_t i = 0; i < count; i++)
            one_->receive_ip(kLan, udp_packet(between_hosts(1), i, 2000, text(64)));
        return one_->sent_ip(kWan);
    }
    /// A grace period passes although packets are in the device.
    static void pass_grace_period(Gateway& gateway)
    {
        gateway.data().qsbr->quiescent(0);
        gateway.reclaimer().poll();
    }

    std::unique_ptr<Gateway> one_, two_;
    Ends at_one_, at_two_;
};

TEST_F(LookAside, TakesPacketsInOneTurnAndSendsThemInALaterOne)
{
    for (uint16_t i = 0; i < 20; i++)
        one_->receive_ip(kLan, udp_packet(between_hosts(1), i, 2000, text(64)));
    EXPECT_NE(one_->worker().turn(), 0u);
    EXPECT_EQ(one_->worker().counters().in_crypto_devices.get(), 20u);
    EXPECT_EQ(one_->worker().counters().ports[kWan].tx_packets.get(), 0u);
    EXPECT_EQ(one_->sent(kWan).size(), 20u);
    EXPECT_EQ(one_->worker().counters().in_crypto_devices.get(), 0u);
    EXPECT_EQ(at_one_.outbound->counters(0).packets.get(), 20u);
}

TEST_F(LookAside, ARetiredInboundSaStandsUntilItsPacketsAreOut)
{
    for (const auto& packet : sealed(20))
        two_->receive_ip(kWan, packet);
    two_->worker().turn();
    two_->remove_inbound(spi_of(1));
    pass_grace_period(*two_);
    EXPECT_EQ(two_->reclaimer().pending(), 1u) << "freed under a device's hands";
    EXPECT_EQ(two_->sent(kLan).size(), 20u) << two_->drop_report();
    pass_grace_period(*two_);
    EXPECT_EQ(two_->reclaimer().pending(), 0u);
}

TEST_F(LookAside, ARetiredOutboundSaStandsUntilItsPacketsAreOut)
{
    for (uint16_t i = 0; i < 20; i++)
        one_->receive_ip(kLan, udp_packet(between_hosts(1), i, 2000, text(64)));
    one_->worker().turn();
    at_one_.policy->outbound.store(nullptr);
    one_->remove_outbound(*at_one_.outbound);
    pass_grace_period(*one_);
    EXPECT_EQ(one_->reclaimer().pending(), 1u) << "freed under a device's hands";
    EXPECT_EQ(one_->sent(kWan).size(), 20u) << one_->drop_report();
    pass_grace_period(*one_);
    EXPECT_EQ(one_->reclaimer().pending(), 0u);
}

TEST_F(LookAside, ACopyInFlightTogetherWithItsOriginalIsAReplay)
{
    const auto packets = sealed(1);
    for (int i = 0; i < 3; i++)
        two_->receive_ip(kWan, packets[0]);
    EXPECT_EQ(two_->sent(kLan).size(), 1u);
    EXPECT_EQ(two_->drops(Drop::kReplay), 2u);
    EXPECT_EQ(two_->all_drops(), 2u);
}

TEST_F(LookAside, AnExpiredSaLetsNothingOutOfTheDevice)
{
    for (const auto& packet : sealed(20))
        two_->receive_ip(kWan, packet);
    two_->worker().turn();
    two_->set_selectors(*at_two_.inbound, {}, {});  // as a hard lifetime does
    EXPECT_EQ(two_->sent(kLan).size(), 0u);
    EXPECT_EQ(two_->drops(Drop::kSelectorMismatch), 20u);
}

TEST_F(LookAside, AStoppingWorkerSendsWhatItsDevicesHave)
{
    for (uint16_t i = 0; i < 20; i++)
        one_->receive_ip(kLan, udp_packet(between_hosts(1), i, 2000, text(64)));
    one_->worker().turn();
    ASSERT_EQ(one_->worker().counters().in_crypto_devices.get(), 20u);
    one_->worker().stop();
    std::thread([this] { one_->worker().run(); }).join();
    EXPECT_EQ(one_->worker().counters().ports[kWan].tx_packets.get(), 20u);
    EXPECT_EQ(one_->worker().counters().in_crypto_devices.get(), 0u);
}

TEST_F(LookAside, AWorkerThatGoesAwayLeavesNoPacketBehind)
{
    for (uint16_t i = 0; i < 20; i++)
        one_->receive_ip(kLan, udp_packet(between_hosts(1), i, 2000, text(64)));
    one_->worker().turn();
    one_->stop_turning();  // the gateway's end looks for lost mbufs
}

}  // namespace
}  // namespace ipsecgw::worker
