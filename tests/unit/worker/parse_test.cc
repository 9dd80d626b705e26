#include "worker/parse.h"

#include <gtest/gtest.h>

#include "support/mbufs.h"
#include "worker/packet_info.h"

namespace ipsecgw::worker {
namespace {

using telemetry::Drop;
using test::Bytes;
using test::Ip;

class Parse : public testing::Test {
  protected:
    ~Parse() override { rte_pktmbuf_free(m_); }
    Drop parse(const Bytes& bytes)
    {
        rte_pktmbuf_free(m_);
        m_ = pool_.make(bytes);
        return parse_ip(m_);
    }
    [[nodiscard]] const PacketInfo& packet() const { return info(m_); }
    [[nodiscard]] const sa::FlowKey& flow() const { return packet().flow; }

    test::TestPool pool_;
    rte_mbuf* m_ = nullptr;
    const Ip v4_{.source = "10.1.0.5", .destination = "10.2.0.7"};
    const Ip v6_{.source = "2001:db8:1::5", .destination = "2001:db8:2::7"};
};

/// One extension header of `bytes`.
Bytes extension(uint8_t next, size_t bytes, uint8_t fourth = 0)
{
    Bytes header(bytes);
    header[0] = next;
    header[1] = static_cast<uint8_t>(bytes / 8 - 1);
    header[3] = fourth;
    return header;
}

TEST_F(Parse, ReadsIpv4Udp)
{
    ASSERT_EQ(parse(test::udp_packet(v4_, 1111, 2222, test::text(30))), kKeep);
    EXPECT_EQ(flow().family, net::Family::kIpv4);
    EXPECT_EQ(net::IpAddress::v4(flow().source).to_string(), "10.1.0.5");
    EXPECT_EQ(net::IpAddress::v4(flow().destination).to_string(), "10.2.0.7");
    EXPECT_EQ(flow().protocol, 17);
    EXPECT_EQ(flow().source_port, 1111);
    EXPECT_EQ(flow().destination_port, 2222);
    EXPECT_TRUE(flow().ports_known);
    EXPECT_EQ(m_->l3_len, 20);
    EXPECT_EQ(packet().transport_offset, 20);
    EXPECT_EQ(packet().fragment, Fragment::kWhole);
    for (size_t i = 4; i < 16; i++)
        EXPECT_EQ(flow().source[i] | flow().destination[i], 0);
}

TEST_F(Parse, ReadsIpv4OptionsAndIcmp)
{
    Ip ip = v4_;
    ip.options = {7, 7, 4, 0, 0, 0, 0, 0};
    ASSERT_EQ(parse(test::echo_request(ip, 1, 2, {})), kKeep);
    EXPECT_EQ(m_->l3_len, 28);
    EXPECT_EQ(packet().transport_offset, 28);
    EXPECT_EQ(flow().source_port, 8 * 256);
    EXPECT_EQ(flow().destination_port, 8 * 256);
}

TEST_F(Parse, TrimsWhatIsBehindThePacket)
{
    const Bytes ip = test::udp_packet(v4_, 1, 2, {});
    ASSERT_EQ(parse(test::concat(ip, Bytes(18))), kKeep);
    EXPECT_EQ(test::bytes_of_mbuf(m_), ip);
    const Bytes ip6 = test::udp_packet(v6_, 1, 2, {});
    ASSERT_EQ(parse(test::concat(ip6, Bytes(5))), kKeep);
    EXPECT_EQ(test::bytes_of_mbuf(m_), ip6);
}

TEST_F(Parse, KnowsNoPortsInLaterFragmentsAndOpaqueProtocols)
{
    Ip ip = v4_;
    ip.fragment_offset = 10;
    ASSERT_EQ(parse(test::ip_packet(ip, 17, test::text(40))), kKeep);
    EXPECT_EQ(packet().fragment, Fragment::kLater);
    EXPECT_FALSE(flow().ports_known);
    ASSERT_EQ(parse(test::ip_packet(v4_, 47, test::text(40))), kKeep);
    EXPECT_FALSE(flow().ports_known);
    EXPECT_EQ(flow().source_port, 0);
    ip = v6_;
    ip.fragment_offset = 10;
    ASSERT_EQ(parse(test::ip_packet(ip, 17, test::text(40))), kKeep);
    EXPECT_EQ(packet().fragment, Fragment::kLater);
    EXPECT_FALSE(flow().ports_known);
    EXPECT_EQ(flow().protocol, 17);
}

TEST_F(Parse, KnowsThePortsOfFirstFragments)
{
    Ip ip = v4_;
    ip.more_fragments = true;
    ip.dont_fragment = false;
    ASSERT_EQ(parse(test::udp_packet(ip, 5, 6, test::text(40))), kKeep);
    EXPECT_EQ(packet().fragment, Fragment::kFirst);
    EXPECT_EQ(flow().destination_port, 6);
    ip = v6_;
    ip.more_fragments = true;
    ASSERT_EQ(parse(test::udp_packet(ip, 5, 6, test::text(40))), kKeep);
    EXPECT_EQ(packet().fragment, Fragment::kFirst);
    EXPECT_EQ(flow().destination_port, 6);
    EXPECT_EQ(m_->l3_len, 48);
}

TEST_F(Parse, WalksExtensionHeaders)
{
    Ip ip = v6_;
    ip.options = test::concat(test::concat(extension(60, 8), extension(43, 16)),
                              test::concat(extension(60, 24), extension(0, 8)));
    // hop-by-hop 8, destination 16, routing 24, destination 8, then UDP
    ip.first_extension = 0;
    ip.last_extension = 48;
    ASSERT_EQ(parse(test::udp_packet(ip, 5, 6, {})), kKeep);
    EXPECT_EQ(flow().protocol, 17);
    EXPECT_EQ(flow().source_port, 5);
    EXPECT_EQ(m_->l3_len, 96);
    // RFC 4303 section 3.1.1: the last destination options go behind ESP.
    EXPECT_EQ(packet().transport_offset, 88);
    EXPECT_FALSE(packet().source_routed);
}

TEST_F(Parse, SeesSegmentsLeft)
{
    Ip ip = v6_;
    ip.options = extension(0, 24, 1);
    ip.first_extension = 43;
    ASSERT_EQ(parse(test::udp_packet(ip, 5, 6, {})), kKeep);
    EXPECT_TRUE(packet().source_routed);
    ASSERT_EQ(parse(test::udp_packet(v6_, 5, 6, {})), kKeep);
    EXPECT_FALSE(packet().source_routed);
}

TEST_F(Parse, RefusesBrokenChains)
{
    Ip ip = v6_;
    ip.options = test::concat(extension(0, 8), extension(0, 8));  // hop-by-hop twice
    ip.first_extension = 60;
    ip.last_extension = 8;
    EXPECT_EQ(parse(test::udp_packet(ip, 5, 6, {})), Drop::kIpHeader);
    ip.options = extension(0, 8);
    ip.options[1] = 200;  // longer than the packet
    ip.last_extension = 0;
    EXPECT_EQ(parse(test::udp_packet(ip, 5, 6, {})), Drop::kIpHeader);
    ip.options.clear();
    for (int i = 0; i < 9; i++)
        ip.options = test::concat(ip.options, extension(60, 8));
    ip.last_extension = 64;
    EXPECT_EQ(parse(test::udp_packet(ip, 5, 6, {})), Drop::kIpHeader) << "more headers than are walked";
    ip.options = extension(0, 408);
    ip.last_extension = 0;
    EXPECT_EQ(parse(test::udp_packet(ip, 5, 6, {})), Drop::kIpHeader) << "more bytes than are walked";
    EXPECT_EQ(parse(test::ip_packet(v6_, 60, {17, 0})), Drop::kIpHeader) << "cut in an extension header";
}

TEST_F(Parse, RefusesBrokenHeaders)
{
    const Bytes good = test::udp_packet(v4_, 1, 2, test::text(20));
    EXPECT_EQ(parse({}), Drop::kRunt);
    EXPECT_EQ(parse({good.begin(), good.begin() + 19}), Drop::kRunt);
    EXPECT_EQ(parse({good.begin(), good.begin() + 40}), Drop::kIpHeader) << "total length beyond the frame";
    Bytes bad = good;
    bad[0] = 0x44;
    EXPECT_EQ(parse(bad), Drop::kIpHeader) << "header length 16";
    bad = good;
    bad[0] = 0x4f;
    bad.resize(48);
    EXPECT_EQ(parse(bad), Drop::kIpHeader) << "header beyond the packet";
    bad = good;
    bad[0] = 0x55;
    EXPECT_EQ(parse(bad), Drop::kIpHeader) << "version 5";
    bad = good;
    bad[3] = 10;
    EXPECT_EQ(parse(bad), Drop::kIpHeader) << "total length within the header";
    bad = good;
    bad[8]--;
    EXPECT_EQ(parse(bad), Drop::kIpChecksum);
    const Bytes good6 = test::udp_packet(v6_, 1, 2, test::text(20));
    EXPECT_EQ(parse({good6.begin(), good6.begin() + 39}), Drop::kRunt);
    EXPECT_EQ(parse({good6.begin(), good6.begin() + 60}), Drop::kIpHeader);
}

TEST_F(Parse, TrustsThePortsChecksumVerdictOnce)
{
    Bytes bad = test::udp_packet(v4_, 1, 2, test::text(20));
    bad[8]--;
    m_ = pool_.make(bad);
    m_->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD;
    EXPECT_EQ(parse_ip(m_), kKeep);
    EXPECT_EQ(parse_ip(m_), Drop::kIpChecksum);
}

TEST_F(Parse, ShortUpperHeadersHaveNoPorts)
{
    ASSERT_EQ(parse(test::ip_packet(v4_, 17, {1, 2, 3})), kKeep);
    EXPECT_FALSE(flow().ports_known);
    ASSERT_EQ(parse(test::ip_packet(v6_, 58, {128})), kKeep);
    EXPECT_FALSE(flow().ports_known);
}

}  // namespace
}  // namespace ipsecgw::worker
