// NAT keepalives (RFC 3948 section 4) of idle UDP-encapsulated SAs.
#include <cstring>

#include <rte_cycles.h>

#include "base/byte_order.h"
#include "harness.h"
#include "net/checksum.h"
#include "net/headers.h"

namespace ipsecgw::control {
namespace {

class KeepalivesTest : public ControlTest {
  protected:
    KeepalivesTest() { load(); }

    void load()
    {
        model::Gateway gateway;
        gateway.neighbours.push_back({"outside", ip("192.0.2.2"), net::MacAddress{{2, 0, 0, 0, 0, 9}}});
        gateway.neighbours.push_back({"outside", ip("2001:db8:ffff::2"), net::MacAddress{{2, 0, 0, 0, 0, 9}}});
        ASSERT_TRUE(control->load(gateway));
    }
    void install(const char* name, uint32_t spi, uint16_t remote_port = 4500)
    {
        auto sa = outbound(name, spi);
        sa.udp = model::UdpEncapsulation{4500, remote_port};
        ASSERT_TRUE(control->install_sa(std::move(sa)));
    }
    /// Keepalives sent over `seconds` seconds.
    std::vector<std::vector<uint8_t>> over(int seconds)
    {
        std::vector<std::vector<uint8_t>> all;
        for (int i = 0; i < seconds; i++) {
            step(kSecond);
            for (auto& frame : sent(kOutside))
                all.push_back(std::move(frame));
        }
        return all;
    }
};

TEST_F(KeepalivesTest, AnIdleFlowSaysOneByteEachTwentySeconds)
{
    install("out", 0x2001, 61000);
    const auto frames = over(59);
    ASSERT_EQ(frames.size(), 2u);
    const std::vector<uint8_t>& frame = frames[0];
    ASSERT_EQ(frame.size(), 14u + 20 + 8 + 1);
    EXPECT_EQ(base::load_be16(&frame[12]), net::kEtherTypeIpv4);
    EXPECT_EQ(net::checksum_be(&frame[14], 20), 0);
    EXPECT_EQ(base::load_be16(&frame[16]), 29);
    EXPECT_EQ(frame[23], net::kProtoUdp);
    EXPECT_EQ(0, std::memcmp(&frame[26], ip("192.0.2.1").data(), 4));
    EXPECT_EQ(0, std::memcmp(&frame[30], ip("192.0.2.2").data(), 4));
    EXPECT_EQ(base::load_be16(&frame[34]), 4500);
    EXPECT_EQ(base::load_be16(&frame[36]), 61000);
    EXPECT_EQ(base::load_be16(&frame[38]), 9);
    EXPECT_EQ(base::load_be16(&frame[40]), 0) << "RFC 3948 section 2.3: the checksum is zero";
    EXPECT_EQ(frame[42], 0xff);
}

TEST_F(KeepalivesTest, OverIpv6TheChecksumIsThere)
{
    auto sa = outbound("out6", 0x2001);
    sa.local = ip("2001:db8:ffff::1");
    sa.remote = ip("2001:db8:ffff::2");
    sa.udp = model::UdpEncapsulation{};
    ASSERT_TRUE(control->install_sa(std::move(sa)));
    const auto frames = over(20);
    ASSERT_EQ(frames.size(), 1u);
    ASSERT_EQ(frames[0].size(), 14u + 40 + 8 + 1);
    const uint64_t pseudo = net::checksum_pseudo(ip("2001:db8:ffff::1"), ip("2001:db8:ffff::2"), net::kProtoUdp, 9);
    EXPECT_EQ(net::checksum_finish_be(net::checksum_add(pseudo, &frames[0][54], 9)), 0);
    EXPECT_EQ(frames[0][62], 0xff);
}

TEST_F(KeepalivesTest, TrafficMakesItWait)
{
    install("out", 0x2001);
    ASSERT_TRUE(control->add_policy(protect("east", "out", {})));
    EXPECT_EQ(over(19).size(), 0u);
    bound("east")->counters(0).last_used_tsc.set(rte_rdtsc());
    EXPECT_EQ(over(19).size(), 0u) << "the real clock has hardly moved, so the SA is in use";
}

TEST_F(KeepalivesTest, SasOfOneFlowShareOne)
{
    install("old", 0x2001);
    install("new", 0x2002);
    install("elsewhere", 0x2003, 4501);
    EXPECT_EQ(over(20).size(), 2u);
    ASSERT_TRUE(control->remove_sa("old"));
    EXPECT_EQ(over(20).size(), 2u);
    ASSERT_TRUE(control->remove_sa("new"));
    EXPECT_EQ(over(20).size(), 1u);
    ASSERT_TRUE(control->remove_sa("elsewhere"));
    EXPECT_EQ(over(40).size(), 0u);
}

TEST_F(KeepalivesTest, PlainSasAndInboundOnesSayNothing)
{
    ASSERT_TRUE(control->install_sa(outbound("plain", 0x2001)));
    auto in = inbound("in", 0x1001);
    in.udp = model::UdpEncapsulation{};
    ASSERT_TRUE(control->install_sa(std::move(in)));
    EXPECT_EQ(over(40).size(), 0u);
}

TEST_F(KeepalivesTest, ZeroTurnsThemOff)
{
    model::Gateway off;
    off.settings.nat_keepalive_seconds = 0;
    ASSERT_TRUE(control->load(off));
    install("out", 0x2001);
    EXPECT_EQ(over(40).size(), 0u);
}

TEST_F(KeepalivesTest, AnExpiredSaSaysNothingAndAPeerWithoutARouteIsCounted)
{
    auto sa = outbound("out", 0x2001);
    sa.udp = model::UdpEncapsulation{};
    sa.lifetime.hard_seconds = 30;
    ASSERT_TRUE(control->install_sa(std::move(sa)));
    EXPECT_EQ(over(80).size(), 1u);
    auto far = outbound("far", 0x2002);
    far.remote = ip("198.51.100.1");
    far.udp = model::UdpEncapsulation{};
    ASSERT_TRUE(control->install_sa(std::move(far)));
    EXPECT_EQ(over(20).size(), 0u);
    EXPECT_EQ(dropped("no-route"), 1u);
}

}  // namespace
}  // namespace ipsecgw::control
