// Packets of an SPI that was reserved for a worker arrive there: a model port of four queues, four workers, no
// hand-over.
#include <gtest/gtest.h>

#include "support/gateway.h"
#include "support/model_site.h"

namespace ipsecgw::test {
namespace {

using model::Direction;
using model::HwOffload;

constexpr uint16_t kWorkers = 4;
constexpr int kPackets = 50;

control::SpiRequest request(std::optional<uint16_t> worker = {})
{
    return {.local = must(net::IpAddress::parse("192.0.2.2")),
            .remote = must(net::IpAddress::parse("192.0.2.1")),
            .worker = worker};
}

std::vector<uint64_t> handed_over(ModelSite& site)
{
    std::vector<uint64_t> counts;
    for (const auto& row : site->stats().workers)
        counts.push_back(row.handed_over_out);
    return counts;
}

class SteeringTest : public testing::TestWithParam<HwOffload> {
  protected:
    void connect(ModelPair& pair, uint32_t spi, const std::string& name)
    {
        auto in = model_sa(name, 1, Direction::kInbound, spi, GetParam());
        in.udp = udp;
        in.worker = pinned;
        auto out = model_sa(name, 1, Direction::kOutbound, spi, GetParam());
        out.udp = udp;
        must(pair.site(2)->install_sa(std::move(in)));
        must(pair.site(1)->install_sa(std::move(out)));
        must(pair.site(2)->add_policy(model_policy(2, "", {name})));
        must(pair.site(1)->add_policy(model_policy(1, name, {})));
    }
    /// Packets that came out at site 2's LAN.
    size_t send(ModelPair& pair)
    {
        for (int i = 0; i < kPackets; i++)
            pair.site(1).from_lan(model_packet(1, text(64)));
        pair.run();
        return pair.site(2).to_lan().size();
    }

    std::optional<model::UdpEncapsulation> udp;
    std::optional<uint16_t> pinned;
};

INSTANTIATE_TEST_SUITE_P(Kinds, SteeringTest, testing::Values(HwOffload::kNo, HwOffload::kCrypto, HwOffload::kFull),
                         [](const auto& kind) {
                             return kind.param == HwOffload::kNo       ? "Software"
                                    : kind.param == HwOffload::kCrypto ? "InlineCrypto"
                                                                       : "FullProtocol";
                         });

TEST_P(SteeringTest, ReservedSpisArriveAtTheirOwner)
{
    for (uint16_t worker = 0; worker < kWorkers; worker++) {
        ModelPair pair({}, {.workers = kWorkers});
        const auto reserved = must(pair.site(2)->reserve_spi(request(worker)));
        ASSERT_EQ(reserved.worker, worker);
        connect(pair, reserved.spi, "sa");
        EXPECT_EQ(pair.site(2).sa("sa").worker, worker);
        EXPECT_EQ(send(pair), static_cast<size_t>(kPackets));
        EXPECT_EQ(handed_over(pair.site(2)), std::vector<uint64_t>(kWorkers, 0)) << pair.site(2).sa("sa").steering;
        EXPECT_EQ(pair.site(2).sa("sa").packets, static_cast<uint64_t>(kPackets));
        const auto row = pair.site(2)->stats().workers[worker];
        EXPECT_EQ(row.packets, static_cast<uint64_t>(kPackets));
        EXPECT_EQ(row.share_percent, 100.0);
        if (GetParam() == HwOffload::kNo) {
            EXPECT_EQ(pair.site(2).sa("sa").steering, "RSS by SPI to queue " + std::to_string(worker));
        }
    }
}

TEST_P(SteeringTest, AGivenSpiBelongsToTheWorkerItHashesTo)
{
    for (const uint32_t spi : {0x1001u, 0x1002u, 0xc1f00a21u}) {
        ModelPair pair({}, {.workers = kWorkers});
        connect(pair, spi, "sa");
        EXPECT_EQ(send(pair), static_cast<size_t>(kPackets));
        EXPECT_EQ(handed_over(pair.site(2)), std::vector<uint64_t>(kWorkers, 0)) << std::hex << spi;
    }
}

TEST_P(SteeringTest, AFlowRuleBringsAPinnedSaToItsOwner)
{
    for (pinned = 0; *pinned < kWorkers; pinned = static_cast<uint16_t>(*pinned + 1)) {
        ModelPair pair({}, {.workers = kWorkers});
        connect(pair, 0x1001, "sa");
        EXPECT_EQ(send(pair), static_cast<size_t>(kPackets));
        EXPECT_EQ(handed_over(pair.site(2)), std::vector<uint64_t>(kWorkers, 0)) << pair.site(2).sa("sa").steering;
        // The rule goes with the SA: the next one of that SPI is not led astray.
        must(pair.site(2)->remove_sa("sa"));
        must(pair.site(1)->remove_sa("sa"));
        pair.run();
    }
}

TEST_P(SteeringTest, EspInUdpIsHandedOverInOrderWhereThePortSeesOneFlow)
{
    udp = model::UdpEncapsulation{};
    pinned = 3;
    ModelPair pair({}, {.workers = kWorkers});
    connect(pair, 0x1001, "sa");
    for (uint8_t i = 0; i < kPackets; i++)
        pair.site(1).from_lan(model_packet(1, Bytes(64, i)));
    pair.run();
    const auto packets = pair.site(2).to_lan();
    ASSERT_EQ(packets.size(), static_cast<size_t>(kPackets));
    for (uint8_t i = 0; i < kPackets; i++)
        EXPECT_EQ(packets[i].back(), i);
    EXPECT_EQ(pair.site(2).sa("sa").worker, 3);
    if (GetParam() == HwOffload::kNo) {
        EXPECT_EQ(pair.site(2).sa("sa").steering, "hand-over to the owner: ESP in UDP is one flow to the port");
    }
}

// The rules of steering_rules(kMlx5), on the profile that refuses what mlx5 refuses: SPIs in group 0, and hashing of
// SPIs without a rule.
class Mlx5RulesTest : public testing::Test {
  protected:
    static size_t send(ModelPair& pair, model::SaParams in, model::SaParams out)
    {
        must(pair.site(2)->install_sa(std::move(in)));
        must(pair.site(1)->install_sa(std::move(out)));
        must(pair.site(2)->add_policy(model_policy(2, "", {"sa"})));
        must(pair.site(1)->add_policy(model_policy(1, "sa", {})));
        for (int i = 0; i < kPackets; i++)
            pair.site(1).from_lan(model_packet(1, text(64)));
        pair.run();
        return pair.site(2).to_lan().size();
    }
    const ModelSiteSpec bf2{.workers = kWorkers, .model = "profile=bf2", .dialect = offload::RuleDialect::kMlx5};
};

TEST_F(Mlx5RulesTest, BringReservedSpisToTheirOwner)
{
    for (uint16_t worker = 0; worker < kWorkers; worker++) {
        ModelPair pair({}, bf2);
        EXPECT_EQ(pair.site(2)->list_ports()[1].steering, "flow rules, RSS by SPI over 4 queues");
        const uint32_t spi = must(pair.site(2)->reserve_spi(request(worker))).spi;
        EXPECT_EQ(send(pair, model_sa("sa", 1, Direction::kInbound, spi, HwOffload::kNo),
                       model_sa("sa", 1, Direction::kOutbound, spi, HwOffload::kNo)),
                  static_cast<size_t>(kPackets));
        EXPECT_EQ(handed_over(pair.site(2)), std::vector<uint64_t>(kWorkers, 0));
        EXPECT_EQ(pair.site(2).sa("sa").worker, worker);
        EXPECT_EQ(pair.site(2).sa("sa").steering, "RSS by SPI to queue " + std::to_string(worker));
    }
}

TEST_F(Mlx5RulesTest, TakeFullProtocolSasInTheGroupOfSpis)
{
    ModelPair pair({}, bf2);
    auto in = model_sa("sa", 1, Direction::kInbound, 0x1001, HwOffload::kFull);
    auto out = model_sa("sa", 1, Direction::kOutbound, 0x1001, HwOffload::kNo);
    in.esn = out.esn = true;
    in.worker = 2;
    EXPECT_EQ(send(pair, std::move(in), std::move(out)), static_cast<size_t>(kPackets));
    EXPECT_EQ(pair.site(2).sa("sa").steering, "flow rule to queue 2");
    EXPECT_EQ(handed_over(pair.site(2)), std::vector<uint64_t>(kWorkers, 0));
}

TEST_F(Mlx5RulesTest, APortThatRefusesThemSaysSoAndHandsOver)
{
    auto with_no_rules = bf2;
    with_no_rules.model = "profile=bf2";
    with_no_rules.dialect = offload::RuleDialect::kPlain;
    ModelPair pair({}, with_no_rules);
    EXPECT_EQ(pair.site(2)->list_ports()[1].steering, "no RSS by SPI: the port does not hash the SPI");
    auto in = model_sa("sa", 1, Direction::kInbound, 0x1001, HwOffload::kNo);
    in.worker = 3;
    EXPECT_EQ(send(pair, std::move(in), model_sa("sa", 1, Direction::kOutbound, 0x1001, HwOffload::kNo)),
              static_cast<size_t>(kPackets));
    EXPECT_EQ(pair.site(2).sa("sa").packets, static_cast<uint64_t>(kPackets));
    EXPECT_NE(pair.site(2).sa("sa").steering.find("BlueField-2 matches an SPI in group 1 and above only"),
              std::string::npos)
        << pair.site(2).sa("sa").steering;
}

}  // namespace
}  // namespace ipsecgw::test
