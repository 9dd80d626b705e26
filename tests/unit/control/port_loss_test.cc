// Ports that are reset, removed or lose their link under traffic: SAs go on where auto allows it and it is safe, or
// end; nothing in clear.
#include <map>

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
using testing::HasSubstr;

constexpr uint32_t kSpi = 0x1001;

class PortLossTest : public testing::Test {
  protected:
    void connect(HwOffload receiver, HwOffload sender, bool esn = false, model::EspSuite suite = {})
    {
        for (const Direction direction : {Direction::kInbound, Direction::kOutbound}) {
            auto sa = model_sa("sa", 1, direction, kSpi, direction == Direction::kInbound ? receiver : sender);
            sa.esn = esn;
            if (suite.encryption != model::EspSuite{}.encryption) {
                sa.suite = suite;
                sa.keymat = base::SecretBytes(suite.layout().keymat_bytes());
            }
            must(pair->site(direction == Direction::kInbound ? 2 : 1)->install_sa(std::move(sa)));
        }
        must(pair->site(2)->add_policy(model_policy(2, "", {"sa"})));
        must(pair->site(1)->add_policy(model_policy(1, "sa", {})));
        for (int number : {1, 2}) {
            control::Listeners listeners;
            listeners.expiry = [this](const SaExpiry& expiry) {
                ends.push_back(expiry.end);
                return true;
            };
            pair->site(number)->set_listeners(std::move(listeners));
        }
    }
    /// One after another; returns how many came out. What passes the wire is ESP, and no sequence number or IV twice.
    size_t send(int packets)
    {
        size_t arrived = 0;
        for (int i = 0; i < packets; i++) {
            pair->site(1).from_lan(model_packet(1, text(64)));
            for (int turn = 0; turn < 3; turn++) {
                pair->site(1).turn();
                carry();
                pair->site(2).turn();
            }
            arrived += pair->site(2).to_lan().size();
        }
        return arrived;
    }
    void carry()
    {
        void* object = nullptr;
        while (rte_ring_dequeue(pair->wire(1), &object) == 0) {
            auto* m = static_cast<rte_mbuf*>(object);
            const auto* bytes = rte_pktmbuf_mtod(m, const uint8_t*);
            EXPECT_EQ(bytes[23], 50) << "not ESP";
            EXPECT_EQ(++sequences[std::string(bytes + 38, bytes + 42)], 1);
            EXPECT_EQ(++ivs[std::string(bytes + 42, bytes + 50)], 1);
            ASSERT_EQ(rte_ring_enqueue(pair->arrival(2), m), 0);
        }
    }

    std::unique_ptr<ModelPair> pair;
    std::vector<SaEnd> ends;
    std::map<std::string, int> sequences, ivs;
};

// Inline crypto that auto has chosen, because the port refuses the full protocol: TFC padding outbound, an injected
// fault inbound.
class InlineCryptoLossTest : public PortLossTest {
  protected:
    void connect_auto()
    {
        connect(HwOffload::kNo, HwOffload::kCrypto);
        must(pair->site(1)->remove_sa("sa"));
        auto out = model_sa("sa", 1, Direction::kOutbound, kSpi, HwOffload::kAuto);
        out.tfc_pad_to = 100;
        must(pair->site(1)->install_sa(std::move(out)));
        ASSERT_EQ(pair->site(1).sa("sa").offload, "inline-crypto");
    }
};

TEST_F(InlineCryptoLossTest, AnOutboundSaOfAutoGoesOnInSoftwareWithItsNumbers)
{
    pair = std::make_unique<ModelPair>(ModelSiteSpec{.model = "reset_after=10"}, ModelSiteSpec{}, Wires::kTapped);
    connect_auto();
    EXPECT_EQ(send(10), 10u);
    // The port drops the packet that finds it reset; nothing of it may leave.
    EXPECT_EQ(send(1), 0u);
    EXPECT_EQ(send(20), 20u);
    const auto row = pair->site(1).sa("sa");
    EXPECT_EQ(row.offload, "software");
    EXPECT_THAT(row.offload_reason, HasSubstr("was reset"));
    EXPECT_EQ(row.state, "up");
    EXPECT_EQ(row.sequence, 31u);
    EXPECT_EQ(row.packets, 31u);
    EXPECT_TRUE(ends.empty());
    // The next SA does not go there any more.
    must(pair->site(1)->install_sa(model_sa("next", 1, Direction::kOutbound, kSpi + 1, HwOffload::kAuto)));
    EXPECT_EQ(pair->site(1).sa("next").offload, "software");
    EXPECT_FALSE(pair->site(1)->install_sa(model_sa("third", 1, Direction::kOutbound, kSpi + 2, HwOffload::kFull)));
}

TEST_F(InlineCryptoLossTest, AnInboundSaOfAutoGoesOnInSoftwareWithItsWindow)
{
    pair = std::make_unique<ModelPair>(ModelSiteSpec{}, ModelSiteSpec{.model = "fail_every=2,reset_after=10"},
                                       Wires::kTapped);
    must(pair->site(2)->install_sa(model_sa("other", 1, Direction::kInbound, kSpi + 1, HwOffload::kFull)));
    connect(HwOffload::kAuto, HwOffload::kNo);
    ASSERT_EQ(pair->site(2).sa("sa").offload, "inline-crypto");
    EXPECT_EQ(send(30), 30u);
    const auto row = pair->site(2).sa("sa");
    EXPECT_EQ(row.offload, "software");
    EXPECT_EQ(row.sequence, 30u);
    EXPECT_EQ(row.packets, 30u);
    EXPECT_EQ(pair->site(2).sa("other").state, "port-lost");
}

TEST_F(PortLossTest, AnOutboundSaOfCryptoEnds)
{
    pair = std::make_unique<ModelPair>(ModelSiteSpec{.model = "reset_after=10"}, ModelSiteSpec{}, Wires::kTapped);
    connect(HwOffload::kNo, HwOffload::kCrypto);
    EXPECT_EQ(send(30), 10u);
    EXPECT_EQ(pair->site(1).sa("sa").state, "port-lost");
    EXPECT_EQ(ends, std::vector<SaEnd>{SaEnd::kPortLost});
    EXPECT_GT(pair->site(1).dropped("expired"), 0u);
}

TEST_F(PortLossTest, FullProtocolSasEndForTheirIvsAndWindowsWereThePorts)
{
    pair = std::make_unique<ModelPair>(ModelSiteSpec{.model = "reset_after=10"}, ModelSiteSpec{}, Wires::kTapped);
    connect(HwOffload::kNo, HwOffload::kAuto);
    ASSERT_EQ(pair->site(1).sa("sa").offload, "full-protocol");
    EXPECT_EQ(send(30), 10u);
    EXPECT_EQ(pair->site(1).sa("sa").state, "port-lost");
    EXPECT_THAT(pair->site(1).sa("sa").offload_reason, HasSubstr("which IVs it has used only the port knew"));

    sequences.clear();
    ivs.clear();
    ends.clear();
    pair = std::make_unique<ModelPair>(ModelSiteSpec{}, ModelSiteSpec{.model = "reset_after=10"}, Wires::kTapped);
    connect(HwOffload::kAuto, HwOffload::kNo);
    EXPECT_EQ(send(30), 10u);
    EXPECT_EQ(pair->site(2).sa("sa").state, "port-lost");
    EXPECT_EQ(pair->site(2).sa("sa").packets, 10u);
    EXPECT_EQ(ends, std::vector<SaEnd>{SaEnd::kPortLost});
    // A successor is taken, in software.
    must(pair->site(2)->remove_sa("sa"));
    must(pair->site(2)->install_sa(model_sa("sa", 1, Direction::kInbound, kSpi, HwOffload::kAuto)));
    EXPECT_EQ(pair->site(2).sa("sa").offload, "software");
    EXPECT_EQ(send(5), 5u);
}

TEST_F(PortLossTest, NothingPassesAPortThatWasRemovedOrHasNoLink)
{
    for (const char* fault : {"remove_after=10", "drop_link_after=10"}) {
        sequences.clear();
        ivs.clear();
        pair = std::make_unique<ModelPair>(ModelSiteSpec{.model = fault}, ModelSiteSpec{}, Wires::kTapped);
        connect(HwOffload::kNo, HwOffload::kAuto);
        EXPECT_EQ(send(20), 10u) << fault;
    }
    // The link alone takes no SA along on this profile.
    EXPECT_EQ(pair->site(1).sa("sa").state, "up");
}

TEST_F(PortLossTest, AnSaThatWentWithTheLinkEnds)
{
    pair = std::make_unique<ModelPair>(ModelSiteSpec{.model = "profile=bf2,drop_link_after=10"}, ModelSiteSpec{},
                                       Wires::kTapped);
    connect(HwOffload::kNo, HwOffload::kFull, true);
    EXPECT_EQ(send(20), 10u);
    EXPECT_EQ(pair->site(1).sa("sa").state, "port-lost");
    EXPECT_THAT(pair->site(1).sa("sa").offload_reason, HasSubstr("lost it with its link"));
}

}  // namespace
}  // namespace ipsecgw::test
