// Inline crypto and full protocol without a port: the test does what the port would.
#include <algorithm>
#include <set>

#include <rte_mbuf.h>

#include "esp/seal.h"
#include "unit/esp/sa_pair.h"

namespace ipsecgw::test {
namespace {

constexpr uint64_t kSealAtPort = RTE_MBUF_F_TX_SEC_OFFLOAD;

class Inline : public EspTest {
  protected:
    void SetUp() override
    {
        if (kind() != sa::OffloadKind::kSoftware)
            GTEST_SKIP() << "names its kinds itself";
        EspTest::SetUp();
    }
    /// The cipher of one direction, as a port would have it.
    sa::CipherContextPtr port_cipher(model::Direction direction)
    {
        return std::move(
                   engines().key(params_.suite, params_.keymat.view(), false, direction, model::EngineChoice::kOpenssl))
            .value()
            .context;
    }
    sa::EspText text_of(rte_mbuf* m, uint32_t esp_offset)
    {
        const auto layout = params_.suite.layout();
        return {rte_pktmbuf_mtod_offset(m, uint8_t*, esp_offset),
                m->data_len - esp_offset - 8 - layout.iv_bytes - layout.icv_bytes, 0};
    }
    sa::OutboundSaPtr outbound(sa::OffloadKind kind)
    {
        return std::move(esp::build_outbound(params_, 1, engines(), -1, kind)).value().sa;
    }

    const model::SaParams params_ = outbound_params(suite("aes128gcm16"));
    const Bytes packet_ = make_packet({});
};

TEST_F(Inline, CryptoFramesMarksAndLeavesTheTextToThePort)
{
    const auto out = outbound(sa::OffloadKind::kInlineCrypto);
    rte_mbuf* m = mbuf(packet_);
    ASSERT_EQ(esp::seal_burst(*out, 0, {&m, 1}, drops_), 1);
    EXPECT_NE(m->ol_flags & kSealAtPort, 0u);
    EXPECT_EQ(m->l3_len, 20u) << "where ESP stands";
    const Bytes framed = bytes(m);
    EXPECT_NE(std::search(framed.begin(), framed.end(), packet_.begin(), packet_.end()), framed.end()) << "still clear";

    const auto port = port_cipher(model::Direction::kOutbound);
    const sa::EspText text = text_of(m, 20);
    ASSERT_EQ(port->seal(*port, {&text, 1}), 1u);
    const auto in = build_in(mirrored(params_)).sa;
    EXPECT_EQ(open(*in, {bytes(m)}), std::vector<Bytes>{packet_});
    rte_pktmbuf_free(m);
}

// RFC 3602 section 3: an IV that can be predicted gives CBC away, and a port that only ciphers takes it from the packet.
TEST_F(Inline, CryptoOfCbcWritesIvsNobodyCanPredict)
{
    const auto params = outbound_params(suite("aes128-sha256"));
    const auto out = std::move(esp::build_outbound(params, 2, engines(), -1, sa::OffloadKind::kInlineCrypto)).value().sa;
    std::set<Bytes> ivs, halves;
    for (int i = 0; i < 100; i++) {
        rte_mbuf* m = mbuf(packet_);
        ASSERT_EQ(esp::seal_burst(*out, static_cast<uint16_t>(i % 2), {&m, 1}, drops_), 1);
        const Bytes framed = bytes(m);
        ASSERT_EQ((framed.size() - 20 - 8 - 16 - 16) % 16, 0u);
        ivs.insert({framed.begin() + 28, framed.begin() + 44});
        for (const int at : {28, 36})
            halves.insert({framed.begin() + at, framed.begin() + at + 8});
        EXPECT_TRUE(std::equal(packet_.begin(), packet_.end(), framed.begin() + 44)) << "the port ciphers";
        rte_pktmbuf_free(m);
    }
    EXPECT_EQ(ivs.size(), 100u);
    EXPECT_EQ(halves.size(), 200u) << "no half is constant or counts with the other";
}

TEST_F(Inline, DecipheredPacketsPassTheSameChecks)
{
    const auto out = build_out(params_).sa;
    const auto in = build_in(mirrored(params_)).sa;
    const auto port = port_cipher(model::Direction::kInbound);
    const Bytes sealed = seal(*out, {packet_}).front();
    for (const int expected : {1, 0}) {  // the second time it is a replay, whoever deciphers
        rte_mbuf* m = mbuf(sealed);
        const sa::EspText text = text_of(m, m->l3_len);
        ASSERT_EQ(port->open(*port, {&text, 1}), 1u);
        ASSERT_EQ(esp::open_deciphered_burst(*in, {&m, 1}, drops_), expected);
        if (expected == 1) {
            EXPECT_EQ(bytes(m), packet_);
            rte_pktmbuf_free(m);
        }
    }
    EXPECT_EQ(dropped(telemetry::Drop::kReplay), 1u);
    EXPECT_EQ(in->counters.packets.get(), 1u);
}

TEST_F(Inline, FullProtocolLeavesThePacketAsItIs)
{
    const auto out = outbound(sa::OffloadKind::kFullProtocol);
    rte_mbuf* m = mbuf(packet_);
    ASSERT_EQ(esp::seal_burst(*out, 0, {&m, 1}, drops_), 1);
    EXPECT_NE(m->ol_flags & kSealAtPort, 0u);
    EXPECT_EQ(bytes(m), packet_);
    EXPECT_EQ(out->counters(0).packets.get(), 1u);
    rte_pktmbuf_free(m);

    out->expired.store(true);
    m = mbuf(packet_);
    EXPECT_EQ(esp::seal_burst(*out, 0, {&m, 1}, drops_), 0) << "nothing passes after the end of its life";
    EXPECT_EQ(dropped(telemetry::Drop::kExpired), 1u);
}

}  // namespace
}  // namespace ipsecgw::test
