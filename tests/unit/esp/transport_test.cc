// Transport mode: ESP goes in behind the IP header and its extensions (RFC 4303 section 3.1.1).
#include "unit/esp/sa_pair.h"

namespace ipsecgw::test {
namespace {

using telemetry::Drop;

class Transport : public EspTest {
  protected:
    model::SaParams params(Family family, bool udp = false)
    {
        auto out = outbound_params(suite("aes128gcm16"), family);
        out.mode = model::Mode::kTransport;
        if (udp)
            out.udp = model::UdpEncapsulation{};
        return out;
    }
};

TEST_F(Transport, KeepsTheHeaderButProtocolLengthAndChecksum)
{
    const auto params = this->params(Family::kIpv4);
    SaPair pair(params);
    const auto plain = host_packet(params, {.protocol = 6, .tos = 0x2a, .dont_fragment = true, .hop_limit = 9});
    const auto sealed = seal(*pair.out, {plain}).at(0);
    Bytes wanted(plain.begin(), plain.begin() + 20);
    wanted[2] = static_cast<uint8_t>(sealed.size() >> 8);
    wanted[3] = static_cast<uint8_t>(sealed.size());
    wanted[9] = 50;
    wanted[10] = sealed[10];
    wanted[11] = sealed[11];
    EXPECT_EQ(Bytes(sealed.begin(), sealed.begin() + 20), wanted);
    EXPECT_TRUE(read_ip(sealed).checksum_valid);
    expect_same(open(*pair.in, {sealed}), {plain});
}

TEST_F(Transport, CarriesEveryProtocolIpInIpIncluded)
{
    for (const Family family : {Family::kIpv4, Family::kIpv6}) {
        const auto params = this->params(family);
        SaPair pair(params);
        for (int protocol = 0; protocol < 256; ++protocol) {
            if (protocol == 59)
                continue;  // the dummy packet
            const auto plain = host_packet(params, {.protocol = static_cast<uint8_t>(protocol)});
            expect_same(open(*pair.in, seal(*pair.out, {plain})), {plain});
        }
    }
    EXPECT_EQ(dropped(), 0u);
}

TEST_F(Transport, KeepsIpv4Options)
{
    for (const bool udp : {false, true}) {
        const auto params = this->params(Family::kIpv4, udp);
        SaPair pair(params);
        const Bytes options = {7, 7, 4, 0, 0, 0, 0, 0};  // Record Route and padding
        const auto plain = host_packet(params, {.payload_bytes = 33, .extension = options});
        const auto sealed = seal(*pair.out, {plain}, options.size());
        ASSERT_EQ(sealed.size(), 1u);
        EXPECT_EQ(Bytes(sealed[0].begin() + 20, sealed[0].begin() + 28), options);
        EXPECT_TRUE(read_ip(sealed[0]).checksum_valid);
        expect_same(open(*pair.in, sealed, options.size()), {plain});
    }
}

TEST_F(Transport, PutsEspBehindExtensionHeaders)
{
    for (const bool udp : {false, true}) {
        const auto params = this->params(Family::kIpv6, udp);
        SaPair pair(params);
        const Bytes hop_by_hop = {17, 0, 1, 4, 0, 0, 0, 0};
        const auto plain = host_packet(params, {.payload_bytes = 33, .extension = hop_by_hop, .first_extension = 0});
        const auto sealed = seal(*pair.out, {plain}, hop_by_hop.size());
        ASSERT_EQ(sealed.size(), 1u);
        EXPECT_EQ(sealed[0][6], 0);
        EXPECT_EQ(sealed[0][40], udp ? 17 : 50);
        EXPECT_EQ(read_ip(sealed[0]).total_bytes, sealed[0].size());
        expect_same(open(*pair.in, sealed, hop_by_hop.size()), {plain});
    }
}

TEST_F(Transport, OpenedPacketsSayWhereTheirPayloadStarts)
{
    const auto params = this->params(Family::kIpv4, true);
    SaPair pair(params);
    const auto sealed = seal(*pair.out, {host_packet(params, {})});
    rte_mbuf* m = mbuf(sealed.at(0));
    ASSERT_EQ(m->l3_len, 28u);
    ASSERT_EQ(open_all(*pair.in, {&m, 1}, drops_), 1);
    EXPECT_EQ(m->l3_len, 20u);
    rte_pktmbuf_free(m);
}

TEST_F(Transport, RefusesFragments)
{
    const auto v4 = params(Family::kIpv4);
    SaPair pair(v4);
    auto first = host_packet(v4, {});
    first[6] = 0x20;  // more fragments
    auto last = host_packet(v4, {});
    last[7] = 0x10;  // offset
    EXPECT_TRUE(seal(*pair.out, {first, last}).empty());
    const auto v6 = params(Family::kIpv6);
    SaPair pair_v6(v6);
    const Bytes fragment = {17, 0, 0, 1, 0, 0, 0, 5};
    EXPECT_TRUE(seal(*pair_v6.out, {host_packet(v6, {.extension = fragment, .first_extension = 44})}, 8).empty());
    EXPECT_EQ(dropped(Drop::kInnerHeader), 3u);
}

TEST_F(Transport, RefusesTheOtherFamilyAndHeadersBeyondThePacket)
{
    const auto v4 = params(Family::kIpv4);
    SaPair pair(v4);
    EXPECT_TRUE(seal(*pair.out, {make_packet({.family = Family::kIpv6})}).empty());
    EXPECT_TRUE(seal(*pair.out, {host_packet(v4, {.payload_bytes = 10})}, 16).empty());
    EXPECT_EQ(dropped(Drop::kInnerHeader), 2u);
}

TEST_F(Transport, ADummyIsConsumedHereToo)
{
    const auto params = this->params(Family::kIpv4);
    SaPair pair(params);
    Forge forge(params);
    EXPECT_EQ(refusal(*pair.in, forge.seal_padded({.sequence = 3, .next_header = 59, .payload = Bytes(40)})),
              Drop::kDummy);
    EXPECT_EQ(pair.in->replay.highest(), 3u);
}

TEST_F(Transport, AnEmptyPayloadIsAPacket)
{
    const auto params = this->params(Family::kIpv6);
    SaPair pair(params);
    const auto plain = host_packet(params, {.payload_bytes = 0, .protocol = 6});
    expect_same(open(*pair.in, seal(*pair.out, {plain})), {plain});
}

}  // namespace
}  // namespace ipsecgw::test
