// ICMP that says our ESP is too big: what is believed, and for how long.
#include <gmock/gmock.h>

#include "control/path_mtus_internal.h"
#include "harness.h"
#include "support/packets.h"

namespace ipsecgw::control {
namespace {

using test::Bytes;

constexpr const char* kUs = "192.0.2.1";
constexpr const char* kPeer = "192.0.2.2";
constexpr const char* kRouter = "198.51.100.1";

Bytes be32(uint32_t value)
{
    return {static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16), static_cast<uint8_t>(value >> 8),
            static_cast<uint8_t>(value)};
}

/// What a router quotes of our ESP packet of `bytes`.
Bytes quoted(uint32_t spi, uint32_t sequence, uint16_t bytes, const char* from = kUs, const char* to = kPeer)
{
    Bytes packet = test::ip_packet({.source = from, .destination = to}, 50, test::concat(be32(spi), be32(sequence)));
    const bool v4 = packet[0] >> 4 == 4;
    const size_t length = v4 ? bytes : bytes - 40u;
    packet[v4 ? 2 : 4] = static_cast<uint8_t>(length >> 8);
    packet[v4 ? 3 : 5] = static_cast<uint8_t>(length);
    return packet;
}

/// ICMP with a right checksum.
Bytes fragmentation_needed(uint16_t mtu, const Bytes& about, uint8_t code = 4)
{
    Bytes icmp = {3, code, 0, 0, 0, 0, static_cast<uint8_t>(mtu >> 8), static_cast<uint8_t>(mtu)};
    icmp.insert(icmp.end(), about.begin(), about.end());
    uint32_t sum = 0;
    for (size_t i = 0; i < icmp.size(); i += 2)
        sum += static_cast<uint32_t>(icmp[i] << 8 | (i + 1 < icmp.size() ? icmp[i + 1] : 0));
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    icmp[2] = static_cast<uint8_t>(~sum >> 8);
    icmp[3] = static_cast<uint8_t>(~sum);
    return test::ip_packet({.source = kRouter, .destination = kUs}, 1, icmp);
}

class PathMtusTest : public ControlTest {
  protected:
    PathMtusTest()
    {
        install("out", 0x2001);
    }
    void install(const std::string& name, uint32_t spi)
    {
        auto sa = outbound(name, spi);
        sa.local = ip(kUs);
        sa.remote = ip(kPeer);
        EXPECT_TRUE(control->install_sa(std::move(sa)));
        find(name)->next_sequence.store(1000);
    }
    sa::OutboundSa* find(const std::string& name)
    {
        auto policy = protect("p-" + name, name, {});
        static int net = 0;
        policy.local = {selector(("10.9." + std::to_string(++net) + ".0/24").c_str())};
        EXPECT_TRUE(control->add_policy(policy));
        return bound(("p-" + name).c_str());
    }
    void hear(const Bytes& icmp)
    {
        rte_mbuf* m = packet(icmp);
        worker::info(m).punt = worker::Punt::kTooBig;
        ASSERT_TRUE(punt->put(m));
        step();
    }
    std::optional<uint16_t> mtu(const char* sa) { return status(sa).path_mtu; }
};

TEST_F(PathMtusTest, BelievesWhatQuotesAPacketSentLately)
{
    EXPECT_EQ(mtu("out"), std::nullopt);
    hear(fragmentation_needed(1300, quoted(0x2001, 999, 1500)));
    EXPECT_EQ(mtu("out"), 1300);
    hear(fragmentation_needed(1400, quoted(0x2001, 999, 1500)));
    EXPECT_EQ(mtu("out"), 1300) << "a path grows by itself only";
    hear(fragmentation_needed(1200, quoted(0x2001, 999, 1300)));
    EXPECT_EQ(mtu("out"), 1200);
}

TEST_F(PathMtusTest, BelievesNothingElse)
{
    const std::vector<std::pair<const char*, Bytes>> forged = {
        {"another SPI", fragmentation_needed(1300, quoted(0x2002, 999, 1500))},
        {"a packet not sent yet", fragmentation_needed(1300, quoted(0x2001, 1000, 1500))},
        {"one long ago", fragmentation_needed(1300, quoted(0x2001, 1000U - 70'000, 1500))},
        {"another peer", fragmentation_needed(1300, quoted(0x2001, 999, 1500, kUs, "192.0.2.9"))},
        {"not from us", fragmentation_needed(1300, quoted(0x2001, 999, 1500, "192.0.2.9", kPeer))},
        {"no less than the packet was", fragmentation_needed(1500, quoted(0x2001, 999, 1500))},
        {"another code", fragmentation_needed(1300, quoted(0x2001, 999, 1500), 3)},
        {"too little quoted", fragmentation_needed(1300, Bytes(20, 0x45))},
        {"nothing quoted", fragmentation_needed(1300, {})},
    };
    for (const auto& [what, icmp] : forged) {
        hear(icmp);
        EXPECT_EQ(mtu("out"), std::nullopt) << what;
    }
    Bytes broken = fragmentation_needed(1300, quoted(0x2001, 999, 1500));
    broken.back() ^= 1;
    hear(broken);
    EXPECT_EQ(mtu("out"), std::nullopt) << "its checksum";
    EXPECT_EQ(dropped("icmp-error"), forged.size() + 1);
}

TEST_F(PathMtusTest, StaysAboveWhatEveryLinkTakes)
{
    hear(fragmentation_needed(68, quoted(0x2001, 999, 1500)));
    EXPECT_EQ(mtu("out"), 576);
}

TEST_F(PathMtusTest, HoldsForTenMinutesAndForTheNextSaOfThePath)
{
    hear(fragmentation_needed(1300, quoted(0x2001, 999, 1500)));
    step(300 * kSecond);
    install("rekeyed", 0x2003);
    EXPECT_EQ(mtu("rekeyed"), 1300);
    step(301 * kSecond);
    EXPECT_EQ(mtu("out"), std::nullopt);
    step(300 * kSecond);
    EXPECT_EQ(mtu("rekeyed"), std::nullopt);
}

TEST(TooBigMessages, Ipv6)
{
    const Bytes about = quoted(0x2001, 7, 1500, "2001:db8:ffff::1", "2001:db8:ffff::2");
    Bytes body = {0, 0, 5, 20};  // 1300
    body.insert(body.end(), about.begin(), about.end());
    const Bytes packet =
        test::icmpv6_packet({.source = "2001:db8:9::1", .destination = "2001:db8:ffff::1"}, 2, 0, body);
    const auto message = read_too_big(packet);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->mtu, 1300u);
    EXPECT_EQ(message->bytes, 1500u);
    EXPECT_EQ(message->spi, 0x2001u);
    EXPECT_EQ(message->sequence, 7u);
    EXPECT_EQ(message->local, ip("2001:db8:ffff::1"));
    for (size_t cut = 0; cut < packet.size(); cut++)
        EXPECT_FALSE(read_too_big(std::span(packet).first(cut))) << cut;
}

}  // namespace
}  // namespace ipsecgw::control
