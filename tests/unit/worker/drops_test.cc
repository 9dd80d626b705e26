// Every reason a worker itself drops for, provoked. What esp drops for is tested there; a few travel through here to
// see the charge.
#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "support/site.h"

namespace ipsecgw::worker {
namespace {

using namespace test;
using model::Action;
using telemetry::Drop;

class Drops : public testing::Test {
  protected:
    void expect(Drop reason, uint64_t packets = 1)
    {
        site_->run();
        EXPECT_EQ(site_->drops(reason), packets) << telemetry::drop_name(reason) << "; have: " << site_->drop_report();
        EXPECT_EQ(site_->sent(kLan).size() + site_->sent(kWan).size(), 0u);
    }
    void receive_ip(const Bytes& packet) { site_->receive_ip(kLan, packet); }

    const Ip ip_ = between_hosts(1);
    const Ip to_us_{.source = "10.1.0.5", .destination = "10.1.0.1"};
    std::unique_ptr<Gateway> site_ = make_site({.number = 1});
};

TEST_F(Drops, Runt)
{
    site_->receive(kLan, Bytes(13));
    site_->receive(kLan, Bytes{});
    site_->receive(kLan, frame(site_->mac(kLan), kHostMac, Bytes(19, 0x45), 0x0800));
    site_->receive(kLan, frame(site_->mac(kLan), kHostMac, {}, 0x0800));
    site_->receive_ip(kWan, ip_packet({.source = "192.0.2.2", .destination = "192.0.2.1"}, 50, {1, 2, 3}));
    expect(Drop::kRunt, 5);
}

TEST_F(Drops, NotForUs)
{
    site_->receive(kLan, frame("02:00:00:00:77:77", kHostMac, udp_packet(ip_, 1, 2, {})));
    expect(Drop::kNotForUs);
}

TEST_F(Drops, EtherType)
{
    site_->receive(kLan, frame(site_->mac(kLan), kHostMac, Bytes(46), 0x88cc));
    site_->receive(kLan, frame(site_->mac(kLan), kHostMac, concat({0, 5, 8, 0}, udp_packet(ip_, 1, 2, {})), 0x8100));
    expect(Drop::kEtherType, 2);
}

TEST_F(Drops, IpHeader)
{
    site_->receive(kLan, frame(site_->mac(kLan), kHostMac, udp_packet(ip_, 1, 2, {}), 0x86dd));
    Bytes bad = udp_packet(ip_, 1, 2, {});
    bad[0] = 0x44;
    receive_ip(bad);
    Ip routed = between_hosts(1, true);
    routed.destination = "2001:db8:1::1";
    routed.options = Bytes(8);
    routed.options[3] = 1;
    routed.first_extension = 43;
    receive_ip(udp_packet(routed, 1, 2, {}));  // a source route through us
    expect(Drop::kIpHeader, 3);
}

TEST_F(Drops, IpChecksum)
{
    Bytes bad = udp_packet(ip_, 1, 2, {});
    bad[10] ^= 1;
    receive_ip(bad);
    expect(Drop::kIpChecksum);
}

TEST_F(Drops, Martian)
{
    receive_ip(udp_packet({.source = "127.0.0.1", .destination = "10.2.0.5"}, 1, 2, {}));
    receive_ip(udp_packet({.source = "10.1.0.1", .destination = "10.2.0.5"}, 1, 2, {}));
    receive_ip(udp_packet({.source = "fe80::5", .destination = "2001:db8:2::5"}, 1, 2, {}));
    site_->receive(kLan, frame("ff:ff:ff:ff:ff:ff", kHostMac, udp_packet(ip_, 1, 2, {})));  // unicast in a broadcast
    site_->receive(kLan, frame("01:00:5e:00:00:05", kHostMac, udp_packet(to_us_, 1, 2, {})));
    expect(Drop::kMartian, 5);
}

TEST_F(Drops, Fragment)
{
    site_ = make_site({.number = 1, .reassembly = 0});
    Ip fragment = to_us_;
    fragment.more_fragments = true;
    receive_ip(udp_packet(fragment, 1, 2, text(40)));
    fragment = {.source = "192.0.2.2", .destination = "192.0.2.1"};
    fragment.fragment_offset = 5;
    site_->receive_ip(kWan, ip_packet(fragment, 50, text(40)));
    expect(Drop::kFragment, 2);
}

TEST_F(Drops, FragmentInTransportMode)
{
    install(*site_, 1, {.mode = model::Mode::kTransport});
    Ip fragment = ip_;
    fragment.more_fragments = true;
    receive_ip(udp_packet(fragment, 1, 2, text(40)));
    expect(Drop::kFragment);
}

TEST_F(Drops, FragmentOutOfATunnelForUs)
{
    const auto two = make_site({.number = 2});
    install(*site_, 1, {});
    install(*two, 2, {});
    Ip fragment = between_hosts(2);
    fragment.destination = "10.1.0.1";
    fragment.more_fragments = true;
    two->receive_ip(kLan, udp_packet(fragment, 1, 2, text(40)));
    for (const auto& sealed : two->sent_ip(kWan))
        site_->receive_ip(kWan, sealed);
    expect(Drop::kFragment);
}

TEST_F(Drops, HopLimit)
{
    site_ = make_site({.number = 1, .icmp_errors = false});
    install(*site_, 1, {});
    Ip last = ip_;
    last.hops = 1;
    receive_ip(udp_packet(last, 1, 2, {}));
    expect(Drop::kHopLimit);
}

TEST_F(Drops, NoRoute)
{
    site_->add_policy("out", Action::kBypass, {"10.1.0.0/24"}, {"0.0.0.0/0"});
    receive_ip(udp_packet({.source = "10.1.0.5", .destination = "8.8.8.8"}, 1, 2, {}));
    expect(Drop::kNoRoute);
}

TEST_F(Drops, NoRouteToThePeer)
{
    auto params = sa_params({}, 1, model::Direction::kOutbound);
    params.remote = *net::IpAddress::parse("198.51.100.77");
    site_->add_policy("tunnel", Action::kProtect, lan_of(1), lan_of(2), &site_->add_outbound(params));
    receive_ip(udp_packet(ip_, 1, 2, {}));
    expect(Drop::kNoRoute);
}

TEST_F(Drops, Neighbour)
{
    site_ = make_site({.number = 1, .punt_slots = 63});
    for (int i = 0; i < 100; i++)
        receive_ip(echo_request({.source = "10.1.0.77", .destination = "10.1.0.1"}, 1, 1, {}));
    expect(Drop::kNeighbour, 100 - 32);
    // The other half is for what resolves it.
    for (int i = 0; i < 31; i++)
        site_->receive(kLan, frame("ff:ff:ff:ff:ff:ff", kHostMac, Bytes(28), 0x0806));
    site_->run();
    EXPECT_EQ(site_->drops(Drop::kPuntFull), 0u);
    EXPECT_EQ(site_->punted().size(), 63u);
}

TEST_F(Drops, PuntFull)
{
    site_ = make_site({.number = 1, .punt_slots = 63});
    for (int i = 0; i < 70; i++)
        site_->receive(kLan, frame("ff:ff:ff:ff:ff:ff", kHostMac, Bytes(28), 0x0806));
    expect(Drop::kPuntFull, 7);
    EXPECT_EQ(site_->punted().size(), 63u);
}

TEST_F(Drops, IkeFull)
{
    site_ = make_site({.number = 1, .punt_slots = 255});  // 63 of them for IKE
    Bytes initial(28, 1), of_an_ike_sa(28, 1);
    std::fill_n(initial.begin() + 8, 8, uint8_t{0});
    const Ip from_peer{.source = "192.0.2.2", .destination = "192.0.2.1"};
    for (int i = 0; i < 100; i++)
        site_->receive_ip(kWan, udp_packet(from_peer, 500, 500, initial));
    site_->run();
    EXPECT_EQ(site_->drops(Drop::kIkeFull), 100u - 32) << "half is for those who have an IKE SA";
    for (int i = 0; i < 31; i++)
        site_->receive_ip(kWan, udp_packet(from_peer, 4500, 4500, concat(Bytes(4), of_an_ike_sa)));
    site_->run();
    EXPECT_EQ(site_->drops(Drop::kIkeFull), 100u - 32);
    site_->receive_ip(kWan, udp_packet(from_peer, 500, 500, of_an_ike_sa));
    expect(Drop::kIkeFull, 100 - 32 + 1);
    // A flood of them keeps nobody else out.
    for (int i = 0; i < 255; i++)
        site_->receive(kLan, frame("ff:ff:ff:ff:ff:ff", kHostMac, Bytes(28), 0x0806));
    site_->run();
    EXPECT_EQ(site_->drops(Drop::kPuntFull), 0u);
    const auto punts = site_->punted();
    ASSERT_EQ(punts.size(), 255u + 63);
    EXPECT_EQ(punts[254].why, worker::Punt::kNeighbourFrame);
    EXPECT_EQ(punts[255].why, worker::Punt::kIke) << "and waits for nobody else's end";
}

TEST_F(Drops, AnIkeRunt)
{
    const Ip from_peer{.source = "192.0.2.2", .destination = "192.0.2.1"};
    site_->receive_ip(kWan, udp_packet(from_peer, 500, 500, Bytes(27)));
    site_->receive_ip(kWan, udp_packet(from_peer, 4500, 4500, Bytes(4 + 27)));
    site_->receive_ip(kWan,
                      ip_packet(from_peer, 17, {1, 0xf4, 1, 0xf4, 0, 60, 0, 0}));  // a UDP length beyond the packet
    site_->receive_ip(kWan, ip_packet(from_peer, 17, {1, 0xf4, 1, 0xf4}));
    expect(Drop::kRunt, 4);
    EXPECT_TRUE(site_->punted().empty());
}

TEST_F(Drops, TxFull)
{
    GW_SKIP_IN_INLINE_KINDS("the model NIC takes every frame, and counts what its wire does not take");
    site_ = make_site({.number = 1, .tx_slots = 32});
    install(*site_, 1, {});
    for (int i = 0; i < 100; i++)
        receive_ip(udp_packet(ip_, 1, 2, text(64)));
    site_->run();
    EXPECT_EQ(site_->drops(Drop::kTxFull), 100u - 31);
    EXPECT_EQ(site_->worker().counters().ports[kWan].tx_packets.get(), 31u);
    EXPECT_EQ(site_->sent(kWan).size(), 31u);
}

TEST_F(Drops, Multicast)
{
    site_->receive(kLan, frame("01:00:5e:00:00:05", kHostMac,
                               udp_packet({.source = "10.1.0.5", .destination = "224.0.0.5"}, 1, 2, {})));
    site_->receive(kLan, frame("ff:ff:ff:ff:ff:ff", kHostMac,
                               udp_packet({.source = "10.1.0.5", .destination = "255.255.255.255"}, 68, 67, {})));
    site_->receive(kLan, frame("33:33:00:00:00:01", kHostMac,
                               echo_request({.source = "fe80::5", .destination = "ff02::1"}, 1, 1, {})));
    expect(Drop::kNoListener, 3);
}

TEST_F(Drops, UnknownSpi)
{
    site_->receive_ip(kWan, ip_packet({.source = "192.0.2.2", .destination = "192.0.2.1"}, 50,
                                      concat({0, 0, 0x12, 0x34}, Bytes(60))));
    expect(Drop::kUnknownSpi);
}

TEST_F(Drops, EspOfStrangersInTransit)
{
    install(*site_, 1, {});
    // The SPI is one of ours, the destination is not: it is somebody else's.
    site_->receive_ip(
        kWan, ip_packet({.source = "192.0.2.2", .destination = "10.1.0.6"}, 50, concat({0, 0, 0x20, 0x01}, Bytes(60))));
    expect(Drop::kNoPolicy);
}

TEST_F(Drops, ReplayAndForgeryAreChargedToTheSa)
{
    const auto two = make_site({.number = 2});
    const Ends ends = install(*site_, 1, {});
    install(*two, 2, {});
    two->receive_ip(kLan, udp_packet(between_hosts(2), 1, 2, text(64)));
    const auto wire = two->sent_ip(kWan);
    ASSERT_EQ(wire.size(), 1u);
    site_->receive_ip(kWan, wire[0]);
    EXPECT_EQ(site_->sent(kLan).size(), 1u);
    site_->receive_ip(kWan, wire[0]);
    Bytes forged = wire[0];
    forged[27] = 9;  // another sequence number
    site_->receive_ip(kWan, forged);
    const auto charged = [&](Drop reason) { return ends.inbound->drops.get(reason); };
    if (is_full()) {  // the port does not tell which, and keeps its window to itself
        expect(Drop::kPortRejected, 2);
        EXPECT_EQ(charged(Drop::kPortRejected), 2u);
        two->receive_ip(kLan, udp_packet(between_hosts(2), 1, 2, text(64)));
        site_->receive_ip(kWan, two->sent_ip(kWan).at(0));
        EXPECT_EQ(site_->sent(kLan).size(), 1u) << "a forged sequence number must not move the window";
        return;
    }
    expect(Drop::kReplay);
    EXPECT_EQ(site_->drops(Drop::kAuth), 1u);
    EXPECT_EQ(charged(Drop::kReplay), 1u);
    EXPECT_EQ(charged(Drop::kAuth), 1u);
    EXPECT_EQ(ends.inbound->replay.highest(), 1u) << "a forged sequence number must not move the window";
}

TEST_F(Drops, MartianInsideATunnel)
{
    const auto two = make_site({.number = 2});
    const Ends ends = install(*site_, 1, {});
    install(*two, 2, {});
    site_->set_selectors(*ends.inbound, {"0.0.0.0/0"}, {"0.0.0.0/0"});
    two->add_policy("wide", Action::kProtect, {"0.0.0.0/0"}, {"0.0.0.0/0"},
                    two->data().spd->find("tunnel")->outbound.load());
    // Our own address as source, and a group as destination. Site 2 takes the first for a host's, the second is put in
    // by hand.
    two->receive_ip(kLan, udp_packet({.source = "10.1.0.1", .destination = "10.1.0.5"}, 1, 2, text(40)));
    for (const auto& sealed : two->sent_ip(kWan))
        site_->receive_ip(kWan, sealed);
    expect(Drop::kMartian);
}

TEST_F(Drops, NoRoomInMbuf)
{
    rte_mbuf* first = rte_pktmbuf_alloc(site_->pool());
    rte_pktmbuf_append(first, rte_pktmbuf_tailroom(first));
    rte_mbuf* second = rte_pktmbuf_alloc(site_->pool());
    rte_pktmbuf_append(second, 100);
    ASSERT_EQ(rte_pktmbuf_chain(first, second), 0);
    site_->receive_mbuf(kLan, first);
    expect(Drop::kNoRoomInMbuf);
}

TEST_F(Drops, AChainThatFitsIsMadeOne)
{
    const auto two = make_site({.number = 2});
    install(*site_, 1, {});
    const Bytes packet = udp_packet(ip_, 1, 2, text(200));
    const Bytes whole = frame(site_->mac(kLan), kHostMac, packet);
    rte_mbuf* parts[2];
    for (size_t i = 0; i < 2; i++) {
        parts[i] = rte_pktmbuf_alloc(site_->pool());
        const auto from = whole.begin() + (i == 0 ? 0 : 100);
        std::copy(from, i == 0 ? whole.begin() + 100 : whole.end(),
                  rte_pktmbuf_append(parts[i], static_cast<uint16_t>(i == 0 ? 100 : whole.size() - 100)));
    }
    ASSERT_EQ(rte_pktmbuf_chain(parts[0], parts[1]), 0);
    site_->receive_mbuf(kLan, parts[0]);
    install(*two, 2, {});
    for (const auto& sealed : site_->sent_ip(kWan))
        two->receive_ip(kWan, sealed);
    EXPECT_EQ(two->sent_ip(kLan), std::vector<Bytes>{after_a_hop(after_a_hop(packet))});
}

TEST_F(Drops, TrimsLinkPaddingBeforeEsp)
{
    const auto two = make_site({.number = 2});
    install(*site_, 1, {});
    install(*two, 2, {});
    two->receive_ip(kLan, udp_packet(between_hosts(2), 1, 2, {}));
    for (const auto& sealed : two->sent(kWan))
        site_->receive_ip(kWan, concat(without_ethernet(sealed), Bytes(9)));
    EXPECT_EQ(site_->sent(kLan).size(), 1u) << site_->drop_report();
}

}  // namespace
}  // namespace ipsecgw::worker
