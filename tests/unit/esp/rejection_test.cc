// What an inbound SA must not let through.
#include "unit/esp/sa_pair.h"

namespace ipsecgw::test {
namespace {

using telemetry::Drop;

class Rejection : public EspTest {
  protected:
    Rejection() : params_(outbound_params(suite("aes128gcm16"))), forge_(params_), in_(build_in(mirrored(params_)).sa)
    {
    }

    /// Refusal of a forged packet with the next sequence number.
    Drop forged(Forged packet)
    {
        packet.sequence = ++sequence_;
        return refusal(*in_, forge_.seal(packet));
    }
    Drop forged_padded(Forged packet)
    {
        packet.sequence = ++sequence_;
        return refusal(*in_, forge_.seal_padded(packet));
    }

    model::SaParams params_;
    Forge forge_;
    sa::InboundSaPtr in_;
    uint64_t sequence_ = 0;
};

Bytes padding(size_t bytes)
{
    Bytes out(bytes);
    for (size_t i = 0; i < bytes; ++i)
        out[i] = static_cast<uint8_t>(i + 1);
    return out;
}

TEST_F(Rejection, EveryTruncation)
{
    const auto whole = forge_.seal_padded({.sequence = 1, .payload = make_packet({.payload_bytes = 46})});
    for (size_t bytes = 20; bytes < whole.size(); ++bytes) {
        const Drop reason = refusal(*in_, Bytes(whole.begin(), whole.begin() + static_cast<long>(bytes)));
        // 20 IP, 8 ESP, 8 IV, 4 of text at least, 16 ICV
        EXPECT_EQ(reason, bytes < 56 || bytes % 4 != 0 ? Drop::kEspRunt : Drop::kAuth) << bytes;
    }
    EXPECT_EQ(in_->replay.highest(), 0u);
    EXPECT_EQ(open(*in_, {whole}).size(), 1u);
}

TEST_F(Rejection, EveryExtensionByTrailingBytes)
{
    const auto whole = forge_.seal_padded({.sequence = 1, .payload = make_packet({})});
    for (size_t more = 1; more < 40; ++more) {
        Bytes longer = whole;
        longer.resize(whole.size() + more);
        EXPECT_EQ(refusal(*in_, longer), more % 4 != 0 ? Drop::kEspRunt : Drop::kAuth);
    }
}

class FlippedBits : public EspTest, public testing::WithParamInterface<const char*> {};

TEST_P(FlippedBits, AreAllRefused)
{
    const auto params = outbound_params(suite(GetParam()));
    Forge forge(params);
    const auto in = build_in(mirrored(params)).sa;
    const auto whole = forge.seal_padded({.sequence = 40, .payload = make_packet({.payload_bytes = 30})});
    for (size_t byte = 20; byte < whole.size(); ++byte)
        for (int bit = 0; bit < 8; ++bit) {
            auto packet = whole;
            packet[byte] = static_cast<uint8_t>(packet[byte] ^ 1 << bit);
            EXPECT_EQ(refusal(*in, packet), Drop::kAuth) << "byte " << byte << " bit " << bit;
        }
    EXPECT_EQ(in->replay.highest(), 0u) << "a forged number moved the window";
    EXPECT_EQ(open(*in, {whole}).size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(EveryConstruction, FlippedBits,
                         testing::Values("aes128gcm16", "aes256gcm8", "chacha20poly1305", "aes128gmac", "aes128-sha256",
                                         "aes128ctr-sha384", "null-sha512"));

TEST_F(Rejection, OfAnotherKeyAndOfAnotherSalt)
{
    for (const size_t at : {0, 15, 16, 19}) {
        auto other = params_.clone();
        other.keymat.mutable_view()[at] ^= 1;
        EXPECT_EQ(refusal(*in_, Forge(other).seal_padded({.payload = make_packet({})})), Drop::kAuth) << at;
    }
}

TEST_F(Rejection, OfPaddingThatIsNotOneTwoThree)
{
    const auto packet = make_packet({.payload_bytes = 46});  // 66 bytes: no padding needed
    EXPECT_EQ(forged({.payload = packet, .padding = {1, 2, 3, 4}}), Drop::kCount);
    EXPECT_EQ(forged({.payload = packet, .padding = {0, 0, 0, 0}}), Drop::kPad);
    EXPECT_EQ(forged({.payload = packet, .padding = {1, 2, 3, 5}}), Drop::kPad);
    EXPECT_EQ(forged({.payload = packet, .padding = {2, 2, 3, 4}}), Drop::kPad);
    EXPECT_EQ(forged({.payload = packet, .padding = {4, 3, 2, 1}}), Drop::kPad);
    EXPECT_EQ(in_->replay.highest(), 5u) << "they were authentic";
}

TEST_F(Rejection, OfNoPaddingLengthThatIsCorrect)
{
    const auto packet = make_packet({.payload_bytes = 46});
    for (size_t bytes = 0; bytes <= 252; bytes += 4)
        EXPECT_EQ(forged({.payload = packet, .padding = padding(bytes)}), Drop::kCount) << bytes;
}

TEST_F(Rejection, OfPadLengthsThatLeaveTheText)
{
    const Bytes payload = padding(254);  // so that the bytes themselves would pass
    EXPECT_EQ(forged({.payload = {}, .padding = padding(2), .pad_length = 3}), Drop::kPad);
    EXPECT_EQ(forged({.payload = {}, .padding = padding(2), .pad_length = 255}), Drop::kPad);
    EXPECT_EQ(forged({.payload = payload, .padding = {}, .pad_length = 255}), Drop::kPad);
    EXPECT_EQ(forged({.payload = payload, .padding = {}, .pad_length = 254}), Drop::kInnerHeader);  // nothing left
}

TEST_F(Rejection, OfNextHeadersThatAreNoIpInTunnelMode)
{
    const auto packet = make_packet({});
    for (int next = 0; next < 256; ++next) {
        const Drop wanted = next == 4 ? Drop::kCount : next == 59 ? Drop::kDummy : Drop::kInnerHeader;
        EXPECT_EQ(forged_padded({.next_header = static_cast<uint8_t>(next), .payload = packet}), wanted) << next;
    }
    EXPECT_EQ(in_->drops.get(Drop::kDummy), 1u);
}

TEST_F(Rejection, OfInnerPacketsThatAreNotWhatTheNextHeaderSays)
{
    EXPECT_EQ(forged_padded({.next_header = 41, .payload = make_packet({.family = Family::kIpv4})}), Drop::kInnerHeader);
    EXPECT_EQ(forged_padded({.next_header = 4, .payload = make_packet({.family = Family::kIpv6})}), Drop::kInnerHeader);
    EXPECT_EQ(forged_padded({.next_header = 41, .payload = make_packet({.family = Family::kIpv6})}), Drop::kCount);
}

TEST_F(Rejection, OfInnerIpv4HeadersThatDoNotFit)
{
    const auto good = make_packet({.payload_bytes = 20});
    for (size_t bytes = 0; bytes < 40; ++bytes)
        EXPECT_EQ(forged_padded({.payload = Bytes(good.begin(), good.begin() + static_cast<long>(bytes))}),
                  Drop::kInnerHeader);
    auto bad = good;
    bad[0] = 0x44;  // header length 16
    EXPECT_EQ(forged_padded({.payload = bad}), Drop::kInnerHeader);
    bad = good;
    bad[0] = 0x4f;  // header longer than the packet
    EXPECT_EQ(forged_padded({.payload = bad}), Drop::kInnerHeader);
    bad = good;
    bad[3] = 19;  // total length below the header
    EXPECT_EQ(forged_padded({.payload = bad}), Drop::kInnerHeader);
    bad = good;
    bad[3] = 41;  // total length beyond the payload
    EXPECT_EQ(forged_padded({.payload = bad}), Drop::kInnerHeader);
    bad = good;
    bad[2] = 0xff;
    EXPECT_EQ(forged_padded({.payload = bad}), Drop::kInnerHeader);
}

TEST_F(Rejection, OfInnerIpv6HeadersThatDoNotFit)
{
    const auto good = make_packet({.family = Family::kIpv6, .payload_bytes = 20});
    for (size_t bytes = 0; bytes < 60; ++bytes)
        EXPECT_EQ(
            forged_padded({.next_header = 41, .payload = Bytes(good.begin(), good.begin() + static_cast<long>(bytes))}),
            Drop::kInnerHeader);
    auto bad = good;
    bad[5] = 21;
    EXPECT_EQ(forged_padded({.next_header = 41, .payload = bad}), Drop::kInnerHeader);
}

TEST_F(Rejection, NotOfTfcPaddingWhichIsCutOff)
{
    for (const Family family : {Family::kIpv4, Family::kIpv6}) {
        const auto packet = make_packet({.family = family, .payload_bytes = 33});
        auto payload = packet;
        payload.resize(1000, 0xcc);
        const uint8_t next_header = family == Family::kIpv4 ? 4 : 41;
        expect_same(
            open(*in_, {forge_.seal_padded({.sequence = ++sequence_, .next_header = next_header, .payload = payload})}),
            {packet});
    }
}

TEST_F(Rejection, DummiesCountAsAuthenticAndAreNoPackets)
{
    const auto dummy = forge_.seal_padded({.sequence = 9, .next_header = 59, .payload = Bytes(100, 0x77)});
    EXPECT_EQ(refusal(*in_, dummy), Drop::kDummy);
    EXPECT_EQ(refusal(*in_, dummy), Drop::kReplay);
    EXPECT_EQ(in_->replay.highest(), 9u);
    EXPECT_EQ(in_->counters.packets.get(), 0u);
}

TEST_F(Rejection, OfTheWrongEncapsulation)
{
    auto udp = params_.clone();
    udp.udp = model::UdpEncapsulation{};
    const auto in_udp = build_in(mirrored(udp)).sa;
    const auto plain = forge_.seal_padded({.payload = make_packet({})});
    auto encapsulated = Forge(udp).seal_padded({.payload = make_packet({})});
    EXPECT_EQ(refusal(*in_udp, plain), Drop::kEncapMismatch);
    EXPECT_EQ(refusal(*in_, encapsulated), Drop::kEncapMismatch);
    EXPECT_EQ(open(*in_, {plain}).size(), 1u);
    auto natted = encapsulated;
    natted[20] = 0x12;  // another source port: a NAT in the path
    EXPECT_EQ(open(*in_udp, {natted}).size(), 1u);
}

TEST_F(Rejection, OfAnotherUdpPort)
{
    auto udp = params_.clone();
    udp.udp = model::UdpEncapsulation{.local_port = 4500, .remote_port = 4501};
    const auto in_udp = build_in(mirrored(udp)).sa;
    rte_mbuf* m = mbuf(Forge(udp).seal_padded({.payload = make_packet({})}));
    m->l3_len = 28;
    ASSERT_EQ(open_all(*in_udp, {&m, 1}, drops_), 1);
    rte_pktmbuf_free(m);
    udp.udp->remote_port = 4500;
    EXPECT_EQ(refusal(*in_udp, Forge(udp).seal_padded({.sequence = 2, .payload = make_packet({})})),
              Drop::kEncapMismatch);
}

TEST_F(Rejection, OfAnotherDestinationButNotOfAnotherSource)
{
    for (const Family family : {Family::kIpv4, Family::kIpv6}) {
        const auto params = outbound_params(suite("aes128gcm16"), family);
        const auto in = build_in(mirrored(params)).sa;
        const size_t source = family == Family::kIpv4 ? 12 : 8;
        const size_t destination = family == Family::kIpv4 ? 16 : 24;
        const size_t end = family == Family::kIpv4 ? 20 : 40;
        const auto packet = Forge(params).seal_padded({.payload = make_packet({})});
        for (size_t at = destination; at < end; ++at) {
            auto elsewhere = packet;
            elsewhere[at] ^= 0x40;
            EXPECT_EQ(refusal(*in, elsewhere), Drop::kEncapMismatch) << at;
        }
        auto moved = packet;
        moved[source] ^= 0x40;
        EXPECT_EQ(open(*in, {moved}).size(), 1u);
    }
}

TEST_F(Rejection, OfTheOtherOuterFamily)
{
    const auto v6 = outbound_params(suite("aes128gcm16"), Family::kIpv6);
    EXPECT_EQ(refusal(*in_, Forge(v6).seal_padded({.payload = make_packet({})})), Drop::kEncapMismatch);
    EXPECT_EQ(refusal(*build_in(mirrored(v6)).sa, forge_.seal_padded({.payload = make_packet({})})),
              Drop::kEncapMismatch);
}

TEST_F(Rejection, OfInnerPacketsThatAreNeitherFamilyWhenSealing)
{
    const auto out = build_out(params_).sa;
    EXPECT_TRUE(seal(*out, {Bytes(64, 0x00), Bytes(64, 0x50), Bytes(19, 0x45), Bytes(39, 0x60)}).empty());
    EXPECT_EQ(dropped(Drop::kInnerHeader), 4u);
    EXPECT_EQ(out->counters(0).packets.get(), 0u);
}

}  // namespace
}  // namespace ipsecgw::test
