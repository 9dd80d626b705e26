#include <tuple>

#include "unit/esp/sa_pair.h"

namespace ipsecgw::test {
namespace {

constexpr size_t kSizes[] = {0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15, 16, 17, 20, 64, 511, 1400, 1401, 8960};

/// Every shape a packet can have for one suite.
struct Shape {
    model::Mode mode;
    Family outer;
    Family inner;
    bool udp;
    bool esn;
};

std::vector<Shape> shapes()
{
    std::vector<Shape> out;
    for (const bool esn : {false, true})
        for (const bool udp : {false, true})
            for (const Family outer : {Family::kIpv4, Family::kIpv6}) {
                out.push_back({model::Mode::kTransport, outer, outer, udp, esn});
                for (const Family inner : {Family::kIpv4, Family::kIpv6})
                    out.push_back({model::Mode::kTunnel, outer, inner, udp, esn});
            }
    return out;
}

model::SaParams params_of(const model::EspSuite& suite, const Shape& shape)
{
    auto params = outbound_params(suite, shape.outer);
    params.mode = shape.mode;
    params.esn = shape.esn;
    if (shape.udp)
        params.udp = model::UdpEncapsulation{};
    return params;
}

class RoundTrip : public EspTest, public testing::WithParamInterface<std::tuple<model::EspSuite, model::EngineChoice>> {
  protected:
    void check(const Shape& shape);
};

/// What every sealed packet must look like from outside.
void expect_wire_form(const Bytes& sealed, const Shape& shape, const sa::OutboundSa& sa)
{
    const IpFields outer = read_ip(sealed);
    EXPECT_EQ(outer.version, shape.outer == Family::kIpv4 ? 4 : 6);
    EXPECT_EQ(outer.total_bytes, sealed.size());
    EXPECT_TRUE(outer.checksum_valid);
    EXPECT_EQ(outer.protocol, shape.udp ? 17 : 50);
    const size_t ip = shape.outer == Family::kIpv4 ? 20 : 40;
    const size_t esp = ip + (shape.udp ? 8 : 0);
    if (shape.udp) {
        EXPECT_EQ(sealed[ip + 4] << 8 | sealed[ip + 5], static_cast<int>(sealed.size() - ip));
        if (shape.outer == Family::kIpv6)
            EXPECT_EQ(defect(sealed), "");
        else
            EXPECT_EQ(sealed[ip + 6] | sealed[ip + 7], 0);
    }
    const Bytes spi(sealed.begin() + static_cast<long>(esp), sealed.begin() + static_cast<long>(esp) + 4);
    EXPECT_EQ(spi, (Bytes{0xc1, 0xf0, 0x0a, 0x21}));
    EXPECT_EQ((sealed.size() - esp - 8 - sa.iv_bytes - sa.icv_bytes) % sa.align_bytes, 0u);
}

void RoundTrip::check(const Shape& shape)
{
    const auto& [suite, choice] = GetParam();
    auto params = params_of(suite, shape);
    params.engine = choice;
    SaPair pair(params);
    std::vector<Bytes> packets;
    uint64_t inner_bytes = 0;
    for (const size_t size : kSizes) {
        PacketSpec spec{.family = shape.inner, .payload_bytes = size, .tos = 0xb8 | 2, .dont_fragment = size % 2 == 0};
        spec.seed = static_cast<uint8_t>(packets.size() + 1);
        packets.push_back(shape.mode == model::Mode::kTransport ? host_packet(params, spec) : make_packet(spec));
        inner_bytes += packets.back().size();
    }
    const auto sealed = seal(*pair.out, packets);
    ASSERT_EQ(sealed.size(), packets.size());
    for (size_t i = 0; i < sealed.size(); ++i) {
        expect_wire_form(sealed[i], shape, *pair.out);
        EXPECT_EQ(sealed[i].size(), esp::sealed_bytes(*pair.out, static_cast<uint32_t>(packets[i].size())));
        EXPECT_LE(packets[i].size(), esp::inner_mtu(*pair.out, static_cast<uint32_t>(sealed[i].size())));
    }
    expect_same(open(*pair.in, sealed), packets);
    EXPECT_EQ(dropped(), 0u);
    EXPECT_EQ(pair.in->replay.highest(), packets.size());
    for (const sa::SaCounters* counters : {&pair.out->counters(0), &pair.in->counters}) {
        EXPECT_EQ(counters->packets.get(), packets.size());
        EXPECT_EQ(counters->bytes.get(), inner_bytes);
        EXPECT_NE(counters->last_used_tsc.get(), 0u);
    }
}

TEST_P(RoundTrip, OpensWhatItSeals)
{
    const auto& [suite, choice] = GetParam();
    const auto params = outbound_params(suite);
    if (!engines().key(suite, params.keymat.view(), false, model::Direction::kOutbound, choice))
        GTEST_SKIP() << "this engine does not do " << suite.name();
    for (const Shape& shape : shapes()) {
        SCOPED_TRACE(testing::Message() << "mode " << static_cast<int>(shape.mode) << " outer "
                                        << static_cast<int>(shape.outer) << " inner " << static_cast<int>(shape.inner)
                                        << " udp " << shape.udp << " esn " << shape.esn);
        check(shape);
    }
}

std::string name_of(const testing::TestParamInfo<RoundTrip::ParamType>& info)
{
    std::string name = std::get<0>(info.param).name();
    for (char& c : name)
        if (c == '-')
            c = '_';
    return name + (std::get<1>(info.param) == model::EngineChoice::kOpenssl ? "_openssl" : "_cpu");
}

INSTANTIATE_TEST_SUITE_P(EverySuite, RoundTrip,
                         testing::Combine(testing::ValuesIn(model::all_esp_suites()),
                                          testing::Values(model::EngineChoice::kOpenssl,
                                                          model::EngineChoice::kCpuCrypto)),
                         name_of);

using Mixed = EspTest;

TEST_F(Mixed, OneSaCarriesBothFamilies)
{
    SaPair pair(outbound_params(suite("aes128gcm16")));
    std::vector<Bytes> packets;
    for (uint8_t i = 1; i <= 64; ++i)
        packets.push_back(make_packet({.family = i % 3 == 0 ? Family::kIpv6 : Family::kIpv4, .payload_bytes = i, .seed = i}));
    expect_same(open(*pair.in, seal(*pair.out, packets)), packets);
}

TEST_F(Mixed, SurvivorsComeFirstAndInOrder)
{
    SaPair pair(outbound_params(suite("aes256gcm16")));
    std::vector<Bytes> packets;
    for (uint8_t i = 1; i <= 64; ++i)
        packets.push_back(make_packet({.payload_bytes = 40u + i, .seed = i}));
    auto sealed = seal(*pair.out, packets);
    std::vector<Bytes> wanted;
    for (size_t i = 0; i < sealed.size(); ++i) {
        if (i % 5 == 0)
            sealed[i].back() ^= 1;
        else if (i % 7 == 0)
            sealed[i].resize(40);
        else
            wanted.push_back(packets[i]);
    }
    expect_same(open(*pair.in, sealed), wanted);
    EXPECT_EQ(dropped(telemetry::Drop::kAuth), 13u);
    EXPECT_EQ(dropped(telemetry::Drop::kEspRunt), 8u);
    EXPECT_EQ(pair.in->drops.get(telemetry::Drop::kAuth), 13u);
}

TEST_F(Mixed, AnEmptyBurstTakesNoSequenceNumber)
{
    SaPair pair(outbound_params(suite("aes128gcm16")));
    EXPECT_EQ(seal_all(*pair.out, {}, drops_), 0);
    EXPECT_EQ(open_all(*pair.in, {}, drops_), 0);
    EXPECT_EQ(pair.out->next_sequence.load(), 1u);
}

TEST_F(Mixed, SequenceNumbersAndIvsCountUp)
{
    SaPair pair(outbound_params(suite("aes128gcm16")));
    const auto packet = make_packet({});
    const auto sealed = seal(*pair.out, {packet, packet, packet});
    for (size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(sealed[i][27], i + 1);
        uint64_t iv = 0;
        for (size_t k = 0; k < 8; ++k)
            iv = iv << 8 | sealed[i][28 + k];
        EXPECT_EQ(iv, pair.out->iv_base + i + 1);
    }
}

TEST_F(Mixed, CbcIvsAreNotPredictable)
{
    SaPair pair(outbound_params(suite("aes128-sha256")));
    const auto packet = make_packet({});
    const auto sealed = seal(*pair.out, {packet, packet});
    const Bytes iv_1(sealed[0].begin() + 28, sealed[0].begin() + 44);
    const Bytes iv_2(sealed[1].begin() + 28, sealed[1].begin() + 44);
    int equal = 0;
    for (size_t i = 0; i < 16; ++i)
        equal += iv_1[i] == iv_2[i];
    EXPECT_LT(equal, 8);
}

TEST_F(Mixed, NoRoomInTheMbufIsADropAndNoOverrun)
{
    SaPair pair(outbound_params(suite("aes128gcm16")));
    const auto packet = make_packet({.payload_bytes = 100});
    for (const uint16_t headroom : std::initializer_list<uint16_t>{0, 35, 36}) {
        rte_mbuf* m = mbuf(packet);
        m->data_off = headroom;
        std::ranges::copy(packet, rte_pktmbuf_mtod(m, uint8_t*));
        const uint16_t kept = seal_all(*pair.out, {&m, 1}, drops_);
        EXPECT_EQ(kept, headroom == 36 ? 1 : 0);  // 20 IP, 8 ESP, 8 IV
        if (kept == 1)
            rte_pktmbuf_free(m);
    }
    for (const uint16_t tailroom :
         std::initializer_list<uint16_t>{0, 17, 18, 19, 20}) {  // 120 bytes want 2 of padding, 2 of trailer, 16 of ICV
        rte_mbuf* m = mbuf(packet);
        m->data_off = static_cast<uint16_t>(m->buf_len - tailroom - packet.size());
        std::ranges::copy(packet, rte_pktmbuf_mtod(m, uint8_t*));
        const uint16_t kept = seal_all(*pair.out, {&m, 1}, drops_);
        EXPECT_EQ(kept, tailroom == 20 ? 1 : 0) << tailroom;
        if (kept == 1)
            rte_pktmbuf_free(m);
    }
    EXPECT_EQ(dropped(telemetry::Drop::kNoRoomInMbuf), 6u);
}

}  // namespace
}  // namespace ipsecgw::test
