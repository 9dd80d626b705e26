#include <limits>

#include "unit/esp/sa_pair.h"

namespace ipsecgw::test {
namespace {

class Factory : public MbufTest {
  protected:
    model::SaParams params_ = outbound_params(suite("aes128gcm16"));
};

TEST_F(Factory, LengthsComeFromTheSuite)
{
    for (const auto& suite : model::all_esp_suites()) {
        const auto params = outbound_params(suite);
        const SaPair pair(params);
        const auto layout = suite.layout();
        EXPECT_EQ(pair.out->iv_bytes, layout.iv_bytes);
        EXPECT_EQ(pair.out->icv_bytes, layout.icv_bytes);
        EXPECT_EQ(pair.out->align_bytes, layout.align_bytes);
        EXPECT_EQ(pair.in->iv_bytes, layout.iv_bytes);
        EXPECT_EQ(pair.in->icv_bytes, layout.icv_bytes);
        EXPECT_EQ(pair.in->align_bytes, layout.align_bytes);
    }
}

TEST_F(Factory, FlagsSayWhatTheParametersSay)
{
    EXPECT_EQ(build_out(params_).sa->flags, sa::kSaCopyDscp | sa::kSaEcn);
    EXPECT_EQ(build_in(mirrored(params_)).sa->flags, sa::kSaEcn);
    params_ = outbound_params(suite("aes128gcm16"), Family::kIpv6);
    params_.esn = true;
    params_.udp = model::UdpEncapsulation{};
    params_.tunnel.dscp = 10;
    params_.tunnel.ecn = model::EcnPolicy::kOff;
    params_.tunnel.copy_flow_label = true;
    EXPECT_EQ(build_out(params_).sa->flags, sa::kSaEsn | sa::kSaUdp | sa::kSaOuterIpv6 | sa::kSaCopyFlowLabel);
    auto inbound = mirrored(params_);
    inbound.tunnel.copy_dscp_inward = true;
    EXPECT_EQ(build_in(inbound).sa->flags, sa::kSaEsn | sa::kSaUdp | sa::kSaOuterIpv6 | sa::kSaCopyDscp);
    params_.mode = model::Mode::kTransport;
    EXPECT_NE(build_out(params_).sa->flags & sa::kSaTransport, 0);
}

TEST_F(Factory, OuterLengthIsThatOfTheTemplate)
{
    struct Row {
        model::Mode mode;
        Family outer;
        bool udp;
        int bytes;
    };
    using enum model::Mode;
    for (const Row& row :
         {Row{kTunnel, Family::kIpv4, false, 20}, Row{kTunnel, Family::kIpv4, true, 28}, Row{kTunnel, Family::kIpv6, false, 40},
          Row{kTunnel, Family::kIpv6, true, 48}, Row{kTransport, Family::kIpv4, false, 0}, Row{kTransport, Family::kIpv6, true, 8}}) {
        auto params = outbound_params(suite("aes128gcm16"), row.outer);
        params.mode = row.mode;
        if (row.udp)
            params.udp = model::UdpEncapsulation{};
        EXPECT_EQ(build_out(params).sa->outer_bytes, row.bytes);
    }
}

TEST_F(Factory, TwoSasOfOneKeyStartTheirIvsApart)
{
    EXPECT_NE(build_out(params_).sa->iv_base, build_out(params_).sa->iv_base);
}

TEST_F(Factory, LastNumberIsTheSpacesOrTheLifetimes)
{
    constexpr uint64_t k32 = std::numeric_limits<uint32_t>::max();
    auto sa = build_out(params_).sa;
    EXPECT_EQ(sa->last_sequence, k32);
    EXPECT_FALSE(sa->limited_by_lifetime);
    params_.lifetime.hard_packets = 1000;
    sa = build_out(params_).sa;
    EXPECT_EQ(sa->last_sequence, 1000u);
    EXPECT_TRUE(sa->limited_by_lifetime);
    params_.lifetime.hard_packets = k32 + 1;  // the space ends first
    sa = build_out(params_).sa;
    EXPECT_EQ(sa->last_sequence, k32);
    EXPECT_FALSE(sa->limited_by_lifetime);
    params_.esn = true;
    EXPECT_EQ(build_out(params_).sa->last_sequence, k32 + 1);
    params_.lifetime.hard_packets = 0;
    EXPECT_EQ(build_out(params_).sa->last_sequence, esp::kLastExtendedSequence);
}

TEST_F(Factory, SequenceNumbersStartWhereAsked)
{
    EXPECT_EQ(build_out(params_).sa->next_sequence.load(), 1u);
    params_.first_sequence = 777;
    EXPECT_EQ(build_out(params_).sa->next_sequence.load(), 777u);
}

TEST_F(Factory, EveryWorkerHasAContextAndCounters)
{
    for (const auto choice : {model::EngineChoice::kAuto, model::EngineChoice::kOpenssl}) {
        params_.engine = choice;
        const auto built = build_out(params_, 4);
        ASSERT_EQ(built.sa->workers, 4);
        for (uint16_t worker = 0; worker < 4; ++worker) {
            ASSERT_NE(built.sa->cipher(worker), nullptr);
            EXPECT_EQ(built.sa->counters(worker).packets.get(), 0u);
            if (worker != 0) {
                EXPECT_EQ(built.sa->cipher(worker) == built.sa->cipher(0), built.sa->cipher(0)->shareable);
            }
        }
        EXPECT_FALSE(built.engine_reason.empty());
    }
}

TEST_F(Factory, AKeyOfAnotherLengthIsAnErrorThatDoesNotShowIt)
{
    params_.keymat = base::SecretBytes(19);
    const auto out = esp::build_outbound(params_, 1, engines(), -1);
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().code, base::ErrorCode::kInvalidArgument);
    EXPECT_FALSE(esp::build_inbound(mirrored(params_), 0, engines(), -1));
}

TEST_F(Factory, InboundKeepsOwnerLimitsAndAddresses)
{
    auto inbound = mirrored(params_);
    inbound.lifetime.hard_packets = 5;
    inbound.lifetime.hard_bytes = 6;
    inbound.replay_window = 128;
    auto built = esp::build_inbound(inbound, 3, engines(), -1);
    ASSERT_TRUE(built);
    EXPECT_EQ(built->sa->owner, 3);
    EXPECT_EQ(built->sa->hard_packets, 5u);
    EXPECT_EQ(built->sa->hard_bytes, 6u);
    EXPECT_EQ(built->sa->replay.packets(), 128);
    EXPECT_EQ(built->sa->local, inbound.local);
    EXPECT_EQ(built->sa->remote, inbound.remote);
    EXPECT_EQ(built->sa->selectors.load(), nullptr);
}

}  // namespace
}  // namespace ipsecgw::test
