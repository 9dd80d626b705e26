// From a packet without a next hop to frames on the wire: workers, punt ring, resolver, and back through a worker.
#include <cstring>

#include <gmock/gmock.h>

#include "base/byte_order.h"
#include "harness.h"
#include "net/headers.h"

namespace ipsecgw::control {
namespace {

constexpr std::array<uint8_t, 6> kPeerMac = {0x02, 0xaa, 0, 0, 0, 0x02};
constexpr std::array<uint8_t, 6> kOurMac = {0x02, 0, 0, 0, 0, 0x02};  // port outside in the harness

uint16_t ether_type(const std::vector<uint8_t>& frame)
{
    return base::load_be16(&frame[12]);
}

net::ArpPacket arp_of(const std::vector<uint8_t>& frame)
{
    net::ArpPacket arp{};
    EXPECT_GE(frame.size(), sizeof(net::EthernetHeader) + sizeof arp);
    std::memcpy(&arp, &frame[sizeof(net::EthernetHeader)], sizeof arp);
    return arp;
}

/// 192.0.2.2 is at kPeerMac: the answer to our request.
std::vector<uint8_t> arp_reply()
{
    return {0x02, 0,    0,    0, 0, 0x02, 0x02, 0xaa, 0, 0, 0,    0x02, 0x08, 0x06,  // Ethernet
            0,    1,    0x08, 0, 6, 4,    0,    2,                                   // reply
            0x02, 0xaa, 0,    0, 0, 0x02, 192,  0,    2, 2, 0x02, 0,    0,    0,    0, 0x02, 192, 0, 2, 1};
}

std::vector<uint8_t> arp_request()
{
    return {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0xaa, 0, 0, 0, 0x02, 0x08, 0x06,  // Ethernet
            0,    1,    0x08, 0,    6,    4,    0,    1,                                // request
            0x02, 0xaa, 0,    0,    0,    0x02, 192,  0,    2, 2, 0, 0,    0,    0,    0, 0, 192, 0, 2, 1};
}

class NeighboursTest : public ControlTest {
  protected:
    NeighboursTest() { EXPECT_TRUE(control->load({})); }

    /// As a worker punts an IP packet for 192.0.2.2 on port outside; `mark` tells it apart.
    void punt_packet(uint8_t mark, worker::Punt why = worker::Punt::kResolve)
    {
        std::vector<uint8_t> bytes(60, mark);
        bytes[0] = 0x45;
        rte_mbuf* m = packet(bytes);
        auto& info = worker::info(m);
        info.punt = why;
        info.out_port = kOutside;
        info.next_hop_family = net::Family::kIpv4;
        std::memcpy(info.next_hop, ip("192.0.2.2").data(), 16);
        ASSERT_TRUE(punt->put(m));
    }
};

TEST_F(NeighboursTest, AnUnknownNextHopIsAskedForAndThePacketFollowsTheAnswer)
{
    punt_packet(0x5a);
    step();
    const auto asked = sent(kOutside);
    ASSERT_EQ(asked.size(), 1u);
    ASSERT_EQ(ether_type(asked[0]), net::kEtherTypeArp);
    const auto request = arp_of(asked[0]);
    EXPECT_EQ(base::swap_be16(request.operation_be), 1);
    EXPECT_EQ(request.target_ip, (std::array<uint8_t, 4>{192, 0, 2, 2}));
    EXPECT_EQ(request.sender_ip, (std::array<uint8_t, 4>{192, 0, 2, 1}));
    EXPECT_EQ(request.sender_mac, kOurMac);
    EXPECT_EQ(tables->neighbours().lookup(kOutside, ip("192.0.2.2")), nullptr);

    arrive(kOutside, arp_reply());
    step();
    const auto followed = sent(kOutside);
    ASSERT_EQ(followed.size(), 1u);
    EXPECT_EQ(followed[0].size(), 74u);
    EXPECT_TRUE(std::equal(kPeerMac.begin(), kPeerMac.end(), followed[0].begin()));
    EXPECT_TRUE(std::equal(kOurMac.begin(), kOurMac.end(), followed[0].begin() + 6));
    EXPECT_EQ(ether_type(followed[0]), net::kEtherTypeIpv4);
    EXPECT_EQ(followed[0][20], 0x5a);
    ASSERT_NE(tables->neighbours().lookup(kOutside, ip("192.0.2.2")), nullptr);
    EXPECT_EQ(tables->neighbours().lookup(kOutside, ip("192.0.2.2"))->bytes, kPeerMac);
    EXPECT_EQ(dropped("punt-done"), 1u);
    const auto rows = control->list_neighbours();
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].mac, "02:aa:00:00:00:02");
    EXPECT_EQ(rows[0].port, "outside");
    EXPECT_EQ(rows[0].state, "reachable");
}

TEST_F(NeighboursTest, PacketsThatWaitGoOutInOrder)
{
    for (uint8_t mark = 1; mark <= 3; mark++)
        punt_packet(mark);
    step();
    EXPECT_EQ(sent(kOutside).size(), 1u) << "one request for all of them";
    arrive(kOutside, arp_reply());
    step();
    const auto followed = sent(kOutside);
    ASSERT_EQ(followed.size(), 3u);
    for (size_t i = 0; i < 3; i++)
        EXPECT_EQ(followed[i][20], i + 1);
}

TEST_F(NeighboursTest, APacketWhoseNextHopIsSilentIsDroppedAsNeighbour)
{
    punt_packet(1);
    step();
    for (int second = 0; second < 5; second++)
        step(kSecond);
    EXPECT_EQ(dropped("neighbour"), 1u);
    EXPECT_EQ(sent(kOutside).size(), 3u) << "requests";
    EXPECT_EQ(pool->in_use(), 0u);
}

TEST_F(NeighboursTest, WeAnswerForOurAddress)
{
    arrive(kOutside, arp_request());
    step();
    const auto frames = sent(kOutside);
    ASSERT_GE(frames.size(), 1u);
    const auto reply = arp_of(frames[0]);
    EXPECT_EQ(base::swap_be16(reply.operation_be), 2);
    EXPECT_EQ(reply.sender_mac, kOurMac);
    EXPECT_EQ(reply.target_mac, kPeerMac);
}

TEST_F(NeighboursTest, AnnouncesItsAddressesOnEachPort)
{
    control->announce(now);
    EXPECT_FALSE(sent(kInside).empty());
    EXPECT_FALSE(sent(kOutside).empty());
}

TEST_F(NeighboursTest, AnIkeMessageIsCountedAndFreed)
{
    punt_packet(1, worker::Punt::kIke);
    step();
    EXPECT_EQ(dropped("no-ike"), 1u);
    EXPECT_EQ(pool->in_use(), 0u);
}

TEST_F(NeighboursTest, AFloodOfPuntsDoesNotKeepTheLoopFromItsTimers)
{
    ASSERT_TRUE(control->add_neighbour({"outside", ip("192.0.2.2"), net::MacAddress{kPeerMac}}));
    for (int i = 0; i < 1000; i++)
        punt_packet(1, worker::Punt::kIke);
    int calls = 1;
    while (!control->handle_punts(now))
        calls++;
    EXPECT_EQ(dropped("no-ike"), 1000u);
    EXPECT_LT(calls, 20);
}

TEST_F(NeighboursTest, PacketsStillWaitingAtTheEndAreFreed)
{
    punt_packet(1);
    step();
    sent(kOutside);
    EXPECT_EQ(pool->in_use(), 1u);
    control.reset();
    EXPECT_EQ(pool->in_use(), 0u);
}

TEST_F(NeighboursTest, WithoutAnMbufARequestIsCountedAndTriedAgain)
{
    std::vector<rte_mbuf*> all;
    punt_packet(1);
    while (rte_mbuf* m = rte_pktmbuf_alloc(pool->get()))
        all.push_back(m);
    step();
    EXPECT_EQ(dropped("no-mbuf"), 1u);
    for (rte_mbuf* m : all)
        rte_pktmbuf_free(m);
    step(kSecond);
    EXPECT_EQ(sent(kOutside).size(), 1u);
}

}  // namespace
}  // namespace ipsecgw::control
