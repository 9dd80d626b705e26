// The end of SAs in each kind: who stops what, what is counted, who is told. Ports report by RTE_ETH_EVENT_IPSEC.
#include <gmock/gmock.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "support/gateway.h"
#include "support/model_site.h"

namespace ipsecgw::test {
namespace {

using control::SaEnd;
using control::SaExpiry;
using model::Direction;
using model::HwOffload;
using testing::ElementsAre;

constexpr uint32_t kSpi = 0x1001;

/// "soft out sa: 5 packets"
std::string words(const SaExpiry& expiry)
{
    const char* end = expiry.end == SaEnd::kSoft ? "soft " : expiry.end == SaEnd::kHard ? "hard " : "exhausted ";
    return end + std::string(model::to_string(expiry.direction)) + " " + std::string(expiry.name) + ": " +
           std::string(expiry.what);
}

class ExpiryTest : public testing::TestWithParam<HwOffload> {
  protected:
    /// Site 1 seals with `out`, site 2 opens with `in`.
    void connect(const model::Lifetime& in, const model::Lifetime& out, HwOffload receiver, HwOffload sender,
                 uint64_t first_sequence = 1)
    {
        auto inbound = model_sa("sa", 1, Direction::kInbound, kSpi, receiver);
        inbound.lifetime = in;
        auto outbound = model_sa("sa", 1, Direction::kOutbound, kSpi, sender);
        outbound.lifetime = out;
        outbound.first_sequence = first_sequence;
        must(pair->site(2)->install_sa(std::move(inbound)));
        must(pair->site(1)->install_sa(std::move(outbound)));
        must(pair->site(2)->add_policy(model_policy(2, "", {"sa"})));
        must(pair->site(1)->add_policy(model_policy(1, "sa", {})));
        for (int number : {1, 2})
            listen(number, [this](const SaExpiry& expiry) { told.push_back(words(expiry)); });
    }
    void listen(int number, std::function<void(const SaExpiry&)> hear)
    {
        control::Listeners listeners;
        listeners.expiry = [hear = std::move(hear)](const SaExpiry& expiry) {
            hear(expiry);
            return true;
        };
        pair->site(number)->set_listeners(std::move(listeners));
    }
    size_t send(int packets)
    {
        for (int i = 0; i < packets; i++)
            pair->site(1).from_lan(model_packet(1, text(64)));
        pair->run();
        // Lifetimes are looked at each 100 ms.
        later += base::kNsPerSecond;
        for (int number : {1, 2})
            pair->site(number)->tick(base::monotonic_ns() + later);
        pair->run();
        return pair->site(2).to_lan().size();
    }

    std::unique_ptr<ModelPair> pair = std::make_unique<ModelPair>();
    std::vector<std::string> told;
    uint64_t later = 0;
};

INSTANTIATE_TEST_SUITE_P(Kinds, ExpiryTest, testing::Values(HwOffload::kNo, HwOffload::kCrypto, HwOffload::kFull),
                         [](const auto& kind) {
                             return kind.param == HwOffload::kNo       ? "Software"
                                    : kind.param == HwOffload::kCrypto ? "InlineCrypto"
                                                                       : "FullProtocol";
                         });

TEST_P(ExpiryTest, AnOutboundSaWarnsOnceAndStopsAtItsPackets)
{
    connect({}, {.soft_packets = 5, .hard_packets = 10}, HwOffload::kNo, GetParam());
    EXPECT_EQ(send(4), 4u);
    EXPECT_THAT(told, ElementsAre());
    EXPECT_EQ(send(2), 2u);
    EXPECT_EQ(send(2), 2u);
    EXPECT_THAT(told, ElementsAre("soft out sa: 5 packets"));
    EXPECT_EQ(send(7), 2u);
    EXPECT_THAT(told, ElementsAre("soft out sa: 5 packets", "hard out sa: 10 packets"));
    EXPECT_EQ(send(3), 0u);
    EXPECT_EQ(pair->site(1).sa("sa").state, "expired");
    EXPECT_EQ(pair->site(1).sa("sa").packets, 10u);
    EXPECT_EQ(pair->site(1).dropped("expired"), 8u);
    EXPECT_EQ(told.size(), 2u);
}

TEST_P(ExpiryTest, AnInboundSaWarnsOnceAndStopsAtItsPackets)
{
    connect({.soft_packets = 5, .hard_packets = 10}, {}, GetParam(), HwOffload::kNo);
    EXPECT_EQ(send(6), 6u);
    EXPECT_THAT(told, ElementsAre("soft in sa: 5 packets"));
    EXPECT_EQ(send(7), 4u);
    EXPECT_THAT(told, ElementsAre("soft in sa: 5 packets", "hard in sa: 10 packets"));
    EXPECT_EQ(send(3), 0u);
    const auto row = pair->site(2).sa("sa");
    EXPECT_EQ(row.state, "expired");
    EXPECT_EQ(row.packets, 10u);
    ASSERT_EQ(row.drops.size(), 1u);
    EXPECT_EQ(row.drops[0].reason, GetParam() == HwOffload::kFull ? "port-rejected" : "expired");
    EXPECT_EQ(row.drops[0].packets, 3u);
    must(pair->site(2)->remove_sa("sa"));
}

TEST_P(ExpiryTest, ByteLimitsHoldInBothDirections)
{
    // 92 bytes inside; what a port counts may include more of the frame.
    connect({}, {.soft_bytes = 900, .hard_bytes = 2000}, HwOffload::kNo, GetParam());
    size_t passed = 0;
    for (int i = 0; i < 40; i++)
        passed += send(1);
    EXPECT_GE(passed, 10u);
    EXPECT_LE(passed, 23u);
    EXPECT_THAT(told, ElementsAre("soft out sa: 900 bytes", "hard out sa: 2000 bytes"));
    EXPECT_EQ(pair->site(1).sa("sa").state, "expired");

    pair = std::make_unique<ModelPair>();
    told.clear();
    connect({.soft_bytes = 900, .hard_bytes = 2000}, {}, GetParam(), HwOffload::kNo);
    passed = 0;
    for (int i = 0; i < 40; i++)
        passed += send(1);
    EXPECT_GE(passed, 10u);
    EXPECT_LE(passed, 22u);
    EXPECT_THAT(told, ElementsAre("soft in sa: 900 bytes", "hard in sa: 2000 bytes"));
    EXPECT_EQ(pair->site(2).sa("sa").state, "expired");
}

TEST_P(ExpiryTest, AnSaWithoutSequenceNumbersStopsAndSaysSo)
{
    connect({}, {}, HwOffload::kNo, GetParam(), UINT32_MAX - 2);
    EXPECT_EQ(send(5), 3u);
    EXPECT_THAT(told, ElementsAre("exhausted out sa: all sequence numbers"));
    EXPECT_EQ(pair->site(1).sa("sa").state, "exhausted");
    EXPECT_EQ(send(2), 0u);
    EXPECT_EQ(told.size(), 1u);
    EXPECT_EQ(pair->site(1).dropped("sequence-exhausted"), 4u);
}

TEST_F(ExpiryTest, APortThatRunsOutOfNumbersStopsTheSa)
{
    pair = std::make_unique<ModelPair>(ModelSiteSpec{.model = "sequence_end=5"}, ModelSiteSpec{});
    connect({}, {}, HwOffload::kNo, HwOffload::kFull);
    EXPECT_EQ(send(7), 5u);
    EXPECT_THAT(told, ElementsAre("exhausted out sa: all sequence numbers"));
    EXPECT_EQ(pair->site(1).sa("sa").state, "exhausted");
    EXPECT_EQ(pair->site(1).sa("sa").packets, 5u) << "less what the port refused";
    EXPECT_EQ(send(1), 0u);
    EXPECT_EQ(pair->site(1).dropped("sequence-exhausted"), 1u);
}

TEST_P(ExpiryTest, ReplayedAndForgedPacketsAreChargedToTheSa)
{
    connect({}, {}, GetParam(), HwOffload::kNo);
    EXPECT_EQ(send(1), 1u);
    for (int copy = 0; copy < 3; copy++) {
        pair->site(1).from_lan(model_packet(1, text(64)));
        pair->site(1).turn();
        void* object = nullptr;
        ASSERT_EQ(rte_ring_dequeue(pair->wire(1), &object), 0);
        auto* sealed = static_cast<rte_mbuf*>(object);
        // The first goes twice, the others with a bit turned.
        rte_mbuf* again = rte_pktmbuf_copy(sealed, pair->pool(), 0, UINT32_MAX);
        if (copy != 0)
            rte_pktmbuf_mtod(sealed, uint8_t*)[sealed->data_len - 1] ^= 1;
        ASSERT_EQ(rte_ring_enqueue(pair->wire(1), sealed), 0);
        if (copy == 0) {
            ASSERT_EQ(rte_ring_enqueue(pair->wire(1), again), 0);
        } else {
            rte_pktmbuf_free(again);
        }
        pair->run();
    }
    EXPECT_EQ(pair->site(2).to_lan().size(), 1u);
    const auto row = pair->site(2).sa("sa");
    EXPECT_EQ(row.packets, 2u);
    uint64_t drops = 0;
    for (const auto& drop : row.drops)
        drops += drop.packets;
    EXPECT_EQ(drops, 3u);
    if (GetParam() == HwOffload::kFull) {
        EXPECT_EQ(row.drops[0].reason, "port-rejected");
    }
}

TEST_F(ExpiryTest, TheListenerMayReplaceTheSaItIsToldOf)
{
    connect({}, {.hard_packets = 3}, HwOffload::kNo, HwOffload::kFull);
    must(pair->site(2)->install_sa(model_sa("next", 1, Direction::kInbound, kSpi + 1, HwOffload::kFull)));
    must(pair->site(2)->rebind_policy("tunnel", "", {"sa", "next"}));
    listen(1, [&](const SaExpiry& expiry) {
        told.push_back(words(expiry));
        must(pair->site(1)->install_sa(model_sa("next", 1, Direction::kOutbound, kSpi + 1, HwOffload::kFull)));
        must(pair->site(1)->rebind_policy("tunnel", "next", {}));
        must(pair->site(1)->remove_sa("sa"));
    });
    EXPECT_EQ(send(4), 3u);
    EXPECT_EQ(send(4), 4u);
    EXPECT_THAT(told, ElementsAre("hard out sa: 3 packets"));
    EXPECT_EQ(pair->site(2).sa("next").packets, 4u);
}

TEST_F(ExpiryTest, EventsOfSasThatHaveGoneAndOfGatewaysThatGoAreIgnored)
{
    connect({}, {.soft_packets = 1, .hard_packets = 2}, HwOffload::kNo, HwOffload::kFull);
    pair->site(1).from_lan(model_packet(1, text(64)));
    pair->site(1).from_lan(model_packet(1, text(64)));
    must(pair->site(1)->remove_policy("tunnel"));
    must(pair->site(1)->remove_sa("sa"));
    EXPECT_EQ(send(0), 0u);
    EXPECT_THAT(told, ElementsAre());
    pair.reset();
}

}  // namespace
}  // namespace ipsecgw::test
