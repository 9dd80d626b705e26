#include <gtest/gtest.h>

#include "route/arp.h"
#include "route/neighbour_discovery.h"
#include "unit/route/wire.h"

namespace ipsecgw::route {
namespace {

using namespace wire;

TEST(LinkLocal, FollowsRfc4291AppendixA)
{
    // The example of RFC 2464 section 4: 34-56-78-9A-BC-DE becomes 36-56-78-FF-FE-9A-BC-DE.
    EXPECT_EQ(link_local_prefix(mac("34:56:78:9a:bc:de")).to_string(), "fe80::3656:78ff:fe9a:bcde/64");
}

TEST(LinkLocal, IsAddedOnlyWhenAbsent)
{
    const std::vector<net::Prefix> v4 = {net::Prefix::parse("169.254.1.1/16").value()};
    ASSERT_EQ(with_link_local(v4, kOurMac).size(), 2u);
    EXPECT_EQ(with_link_local(v4, kOurMac)[1], link_local_prefix(kOurMac));
    const std::vector<net::Prefix> own = {net::Prefix::parse("fe80::1/64").value()};
    EXPECT_EQ(with_link_local(own, kOurMac), own);
}

TEST(Multicast, SolicitedNodeAndItsMac)
{
    // RFC 4291 section 2.7.1's example.
    EXPECT_EQ(solicited_node_address(ip("4037::01:800:200e:8c6c")), ip("ff02::1:ff0e:8c6c"));
    EXPECT_EQ(multicast_mac(ip("ff02::1:ff0e:8c6c")), mac("33:33:ff:0e:8c:6c"));
    EXPECT_EQ(multicast_mac(all_nodes_address()), mac("33:33:00:00:00:01"));
}

TEST(Discovery, BuildsWhatScapyBuilds)
{
    DiscoveryMessage message;
    message.source = ip("2001:db8:1::1");
    message.destination = ip("ff02::1:ff00:99");
    message.target = ip("2001:db8:1::99");
    message.link_layer = kOurMac;
    EXPECT_EQ(build_discovery(kOurMac, mac("33:33:ff:00:00:99"), message), bytes(kSolicitation));

    message.type = DiscoveryType::kAdvertisement;
    message.destination = ip("2001:db8:1::99");
    message.target = ip("2001:db8:1::1");
    message.is_router = message.is_solicited = message.is_override = true;
    EXPECT_EQ(build_discovery(kOurMac, kPeerMac, message), bytes(kAdvertisementOfOurs));
}

TEST(Discovery, ReadsWhatScapyBuilds)
{
    const auto frame = bytes(kPeerAdvertisement);
    const auto message = parse_discovery(std::span(frame).subspan(14));
    ASSERT_TRUE(message);
    EXPECT_EQ(message->type, DiscoveryType::kAdvertisement);
    EXPECT_EQ(message->source, ip("2001:db8:1::99"));
    EXPECT_EQ(message->destination, ip("2001:db8:1::1"));
    EXPECT_EQ(message->target, ip("2001:db8:1::99"));
    EXPECT_EQ(message->link_layer, kPeerMac);
    EXPECT_FALSE(message->is_router);
    EXPECT_TRUE(message->is_solicited);
    EXPECT_TRUE(message->is_override);
}

TEST(Arp, BuildsWhatScapyBuildsPaddedToEthernetsMinimum)
{
    EXPECT_EQ(build_arp(net::MacAddress::broadcast(),
                        {ArpOperation::kRequest, kOurMac, ip("192.0.2.1"), {}, ip("192.0.2.99")}),
              padded(kArpRequest));
    EXPECT_EQ(build_arp(kPeerMac, {ArpOperation::kReply, kOurMac, ip("192.0.2.1"), kPeerMac, ip("192.0.2.99")}),
              padded(kArpReplyOfOurs));
}

TEST(Arp, RefusesOtherHardwareProtocolLengthsAndOperations)
{
    const auto frame = Arp{}.frame();
    const auto good = std::vector<uint8_t>(frame.begin() + 14, frame.end());
    EXPECT_TRUE(parse_arp(good));
    for (const size_t at : {0, 1, 2, 3, 4, 5, 6, 7}) {
        auto bad = good;
        bad[at] ^= 0x40;
        EXPECT_FALSE(parse_arp(bad)) << at;
    }
    for (size_t length = 0; length < 28; length++)
        EXPECT_FALSE(parse_arp(std::span(good).first(length))) << length;
}

}  // namespace
}  // namespace ipsecgw::route
