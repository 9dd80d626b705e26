// The outer header of tunnel mode and what it does to the inner one (RFC 4301 section 5.1.2, RFC 6040).
#include "unit/esp/sa_pair.h"

namespace ipsecgw::test {
namespace {

using telemetry::Drop;

class TunnelHeader : public EspTest {
  protected:
    explicit TunnelHeader(Family outer = Family::kIpv4) : params_(outbound_params(suite("aes128gcm16"), outer)) {}

    IpFields outer_of(const PacketSpec& spec)
    {
        const auto built = build_out(params_);
        const auto sealed = seal(*built.sa, {make_packet(spec)});
        EXPECT_EQ(sealed.size(), 1u);
        const IpFields fields = read_ip(sealed.at(0));
        EXPECT_TRUE(fields.checksum_valid);
        return fields;
    }
    /// What the peer forwards when a packet with `inner_tos` arrives under `outer_tos`; nothing when it is dropped.
    std::optional<Bytes> decapsulated(const model::SaParams& inbound, Family inner, uint8_t inner_tos, uint8_t outer_tos);

    model::SaParams params_;
};

class TunnelHeaderV6 : public TunnelHeader {
  protected:
    TunnelHeaderV6() : TunnelHeader(Family::kIpv6) {}
};

void set_tos(Bytes& packet, uint8_t tos)
{
    if (packet[0] >> 4 == 4) {
        packet[1] = tos;
        return;
    }
    packet[0] = static_cast<uint8_t>(0x60 | tos >> 4);
    packet[1] = static_cast<uint8_t>((packet[1] & 0x0f) | tos << 4);
}

std::optional<Bytes> TunnelHeader::decapsulated(const model::SaParams& inbound, Family inner, uint8_t inner_tos,
                                                uint8_t outer_tos)
{
    SaPair pair(params_, inbound);
    auto sealed = seal(*pair.out, {make_packet({.family = inner, .tos = inner_tos})});
    set_tos(sealed.at(0), outer_tos);
    auto opened = open(*pair.in, sealed);
    if (opened.empty())
        return std::nullopt;
    EXPECT_TRUE(read_ip(opened[0]).checksum_valid);
    return opened[0];
}

TEST_F(TunnelHeader, CarriesTheSasAddressesHopLimitAndSequenceNumberAsIdentification)
{
    params_.tunnel.hop_limit = 33;
    params_.first_sequence = 0x12345;
    const IpFields outer = outer_of({.hop_limit = 7});
    EXPECT_EQ(outer.hop_limit, 33);
    EXPECT_EQ(outer.source, (Bytes{192, 0, 2, 1}));
    EXPECT_EQ(outer.destination, (Bytes{198, 51, 100, 7}));
    EXPECT_EQ(outer.identification, 0x2345);
}

TEST_F(TunnelHeader, InnerHopLimitIsNotTouched)
{
    SaPair pair(params_);
    const auto opened = open(*pair.in, seal(*pair.out, {make_packet({.hop_limit = 7})}));
    EXPECT_EQ(read_ip(opened.at(0)).hop_limit, 7);
}

TEST_F(TunnelHeader, DfIsCopiedSetOrCleared)
{
    using model::DfPolicy;
    const struct {
        DfPolicy policy;
        bool inner, outer;
    } kMatrix[] = {
        {DfPolicy::kCopy, false, false}, {DfPolicy::kCopy, true, true},    {DfPolicy::kSet, false, true},
        {DfPolicy::kSet, true, true},    {DfPolicy::kClear, false, false}, {DfPolicy::kClear, true, false},
    };
    for (const auto& row : kMatrix) {
        params_.tunnel.df = row.policy;
        EXPECT_EQ(outer_of({.dont_fragment = row.inner}).dont_fragment, row.outer) << static_cast<int>(row.policy);
    }
}

TEST_F(TunnelHeader, Ipv6InsideIpv4IsSentWithDfUnlessCleared)
{
    params_.tunnel.df = model::DfPolicy::kCopy;
    EXPECT_TRUE(outer_of({.family = Family::kIpv6}).dont_fragment);
    params_.tunnel.df = model::DfPolicy::kClear;
    EXPECT_FALSE(outer_of({.family = Family::kIpv6}).dont_fragment);
}

TEST_F(TunnelHeader, InnerDfSurvivesTheTunnel)
{
    params_.tunnel.df = model::DfPolicy::kClear;
    SaPair pair(params_);
    const auto packet = make_packet({.dont_fragment = true});
    EXPECT_EQ(open(*pair.in, seal(*pair.out, {packet})).at(0), packet);
}

TEST_F(TunnelHeader, TosIsCopiedForEveryValueAndFamily)
{
    for (const Family outer : {Family::kIpv4, Family::kIpv6}) {
        params_ = outbound_params(suite("aes128gcm16"), outer);
        for (const Family inner : {Family::kIpv4, Family::kIpv6})
            for (int tos = 0; tos < 256; ++tos)
                EXPECT_EQ(outer_of({.family = inner, .tos = static_cast<uint8_t>(tos)}).tos, tos);
    }
}

TEST_F(TunnelHeader, FixedDscpReplacesTheInnerOneAndEcnStays)
{
    for (const Family outer : {Family::kIpv4, Family::kIpv6}) {
        params_ = outbound_params(suite("aes128gcm16"), outer);
        params_.tunnel.dscp = 46;
        EXPECT_EQ(outer_of({.tos = 10 << 2 | 2}).tos, 46 << 2 | 2);
        params_.tunnel.dscp = 0;
        EXPECT_EQ(outer_of({.tos = 10 << 2 | 3}).tos, 3);
    }
}

TEST_F(TunnelHeader, EcnOffSendsNotEct)
{
    params_.tunnel.ecn = model::EcnPolicy::kOff;
    for (uint8_t ecn = 0; ecn < 4; ++ecn)
        EXPECT_EQ(outer_of({.tos = static_cast<uint8_t>(0xb8 | ecn)}).tos, 0xb8);
}

TEST_F(TunnelHeader, EcnOffIgnoresTheOuterField)
{
    params_.tunnel.ecn = model::EcnPolicy::kOff;
    for (uint8_t inner = 0; inner < 4; ++inner)
        for (uint8_t outer = 0; outer < 4; ++outer) {
            const auto packet = decapsulated(mirrored(params_), Family::kIpv4, inner, outer);
            ASSERT_TRUE(packet);
            EXPECT_EQ(read_ip(*packet).tos, inner);
        }
}

TEST_F(TunnelHeader, EcnCombinesAsRfc6040Figure4InEveryFamily)
{
    constexpr int kDrop = -1;
    // Indexed by codepoint: Not-ECT 0, ECT(1) 1, ECT(0) 2, CE 3.
    constexpr int kFigure4[4][4] = {{0, 0, 0, kDrop}, {1, 1, 1, 3}, {2, 1, 2, 3}, {3, 3, 3, 3}};
    uint64_t drops = 0;
    for (const Family outer_family : {Family::kIpv4, Family::kIpv6}) {
        params_ = outbound_params(suite("aes128gcm16"), outer_family);
        for (const Family inner_family : {Family::kIpv4, Family::kIpv6})
            for (uint8_t inner = 0; inner < 4; ++inner)
                for (uint8_t outer = 0; outer < 4; ++outer) {
                    const auto packet =
                        decapsulated(mirrored(params_), inner_family, static_cast<uint8_t>(0x28 | inner), outer);
                    if (kFigure4[inner][outer] == kDrop) {
                        EXPECT_FALSE(packet);
                        EXPECT_EQ(dropped(Drop::kEcn), ++drops);
                        continue;
                    }
                    ASSERT_TRUE(packet);
                    EXPECT_EQ(read_ip(*packet).tos, 0x28 | kFigure4[inner][outer]);
                }
    }
}

TEST_F(TunnelHeader, OuterDscpGoesInwardOnlyWhereAsked)
{
    for (const Family outer_family : {Family::kIpv4, Family::kIpv6}) {
        params_ = outbound_params(suite("aes128gcm16"), outer_family);
        for (const Family inner : {Family::kIpv4, Family::kIpv6}) {
            auto inbound = mirrored(params_);
            EXPECT_EQ(read_ip(*decapsulated(inbound, inner, 0x28, 0xb8)).tos, 0x28);
            inbound.tunnel.copy_dscp_inward = true;
            EXPECT_EQ(read_ip(*decapsulated(inbound, inner, 0x28, 0xb8)).tos, 0xb8);
            EXPECT_EQ(read_ip(*decapsulated(inbound, inner, 0x28 | 2, 0xb8 | 3)).tos, 0xb8 | 3);
        }
    }
}

TEST_F(TunnelHeader, IncrementalChecksumIsRightForEveryTosPair)
{
    auto inbound = mirrored(params_);
    inbound.tunnel.copy_dscp_inward = true;
    SaPair pair(params_, inbound);
    for (int inner = 0; inner < 256; inner += 4) {
        std::vector<Bytes> packets;
        for (int outer = 0; outer < 256; outer += 4)
            packets.push_back(make_packet({.tos = static_cast<uint8_t>(inner), .seed = static_cast<uint8_t>(outer)}));
        auto sealed = seal(*pair.out, packets);
        for (size_t i = 0; i < sealed.size(); ++i)
            set_tos(sealed[i], static_cast<uint8_t>(i * 4));
        const auto opened = open(*pair.in, sealed);
        ASSERT_EQ(opened.size(), packets.size());
        for (size_t i = 0; i < opened.size(); ++i) {
            EXPECT_EQ(read_ip(opened[i]).tos, i * 4);
            EXPECT_TRUE(read_ip(opened[i]).checksum_valid);
        }
    }
}

TEST_F(TunnelHeader, AWrongInnerChecksumStaysWrong)
{
    auto inbound = mirrored(params_);
    inbound.tunnel.copy_dscp_inward = true;
    SaPair pair(params_, inbound);
    auto packet = make_packet({.tos = 0x28});
    packet[10] ^= 0x55;
    auto sealed = seal(*pair.out, {packet});
    set_tos(sealed.at(0), 0xb8);
    EXPECT_FALSE(read_ip(open(*pair.in, sealed).at(0)).checksum_valid);
}

TEST_F(TunnelHeaderV6, FlowLabelIsZeroUnlessCopied)
{
    EXPECT_EQ(outer_of({.family = Family::kIpv6, .flow_label = 0xabcde}).flow_label, 0u);
    params_.tunnel.copy_flow_label = true;
    EXPECT_EQ(outer_of({.family = Family::kIpv6, .flow_label = 0xabcde}).flow_label, 0xabcdeu);
    EXPECT_EQ(outer_of({.family = Family::kIpv4}).flow_label, 0u);
    EXPECT_EQ(outer_of({.family = Family::kIpv6, .tos = 0xff, .flow_label = 0xabcde}).tos, 0xff);
}

TEST_F(TunnelHeaderV6, CarriesTheSasAddressesAndHopLimit)
{
    params_.tunnel.hop_limit = 255;
    const IpFields outer = outer_of({.family = Family::kIpv6, .hop_limit = 7});
    EXPECT_EQ(outer.hop_limit, 255);
    EXPECT_EQ(outer.source[15], 1);
    EXPECT_EQ(outer.destination[15], 7);
}

TEST_F(TunnelHeaderV6, ExtensionHeadersBeforeEspAreAccepted)
{
    SaPair pair(params_);
    const auto packet = make_packet({.family = Family::kIpv4});
    auto sealed = seal(*pair.out, {packet}).at(0);
    const Bytes options = {50, 0, 1, 4, 0, 0, 0, 0};  // Destination Options of padding, then ESP
    sealed.insert(sealed.begin() + 40, options.begin(), options.end());
    sealed[6] = 60;
    expect_same(open(*pair.in, {sealed}, options.size()), {packet});
    EXPECT_EQ(dropped(), 0u);
}

TEST_F(TunnelHeader, OptionsInTheOuterHeaderAreAccepted)
{
    SaPair pair(params_);
    const auto packet = make_packet({});
    auto sealed = seal(*pair.out, {packet}).at(0);
    const Bytes options = {1, 1, 1, 0};
    sealed.insert(sealed.begin() + 20, options.begin(), options.end());
    sealed[0] = 0x46;
    expect_same(open(*pair.in, {sealed}, options.size()), {packet});
}

TEST_F(TunnelHeader, UdpPortsAreTheSas)
{
    params_.udp = model::UdpEncapsulation{4500, 31000};
    const auto built = build_out(params_);
    const auto sealed = seal(*built.sa, {make_packet({})}).at(0);
    EXPECT_EQ(Bytes(sealed.begin() + 20, sealed.begin() + 24), (Bytes{4500 >> 8, 4500 & 255, 31000 >> 8, 31000 & 255}));
}

TEST_F(TunnelHeader, TfcPaddingIsSentAndRemoved)
{
    for (const Family family : {Family::kIpv4, Family::kIpv6}) {
        params_.tfc_pad_to = 1280;
        SaPair pair(params_);
        std::vector<Bytes> packets;
        for (const size_t size : {0, 1, 100, 1238, 1240, 1260, 1261, 1400})
            packets.push_back(make_packet({.family = family, .payload_bytes = size}));
        const auto sealed = seal(*pair.out, packets);
        ASSERT_EQ(sealed.size(), packets.size());
        for (size_t i = 0; i < sealed.size(); ++i) {
            EXPECT_EQ(sealed[i].size(), esp::sealed_bytes(*pair.out, static_cast<uint32_t>(packets[i].size())));
            if (packets[i].size() <= 1280) {
                EXPECT_EQ(sealed[i].size(), sealed[0].size());
            }
        }
        expect_same(open(*pair.in, sealed), packets);
    }
}

}  // namespace
}  // namespace ipsecgw::test
