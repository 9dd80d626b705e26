// What must not happen: forged, malformed and excessive input.
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/checksum.h"
#include "route/resolver.h"
#include "unit/route/wire.h"

namespace ipsecgw::route {
namespace {

using namespace wire;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

struct HostileResolver : testing::Test {
    Resolver resolver{{link()}};

    Effects ask(std::string_view next_hop, uint64_t packet, uint64_t now_ns)
    {
        return resolver.resolve(kPort, ip(next_hop), packet, now_ns);
    }
    Effects hear(const Arp& arp, uint64_t now_ns) { return resolver.receive(kPort, arp.frame(), now_ns); }
    Effects hear(const std::vector<uint8_t>& frame, uint64_t now_ns) { return resolver.receive(kPort, frame, now_ns); }
    net::MacAddress known(std::string_view address)
    {
        const auto table = resolver.table();
        const auto* found = table->lookup(kPort, ip(address));
        return found == nullptr ? net::MacAddress{} : *found;
    }
};

bool is_silent(const Effects& effects)
{
    return effects.send.empty() && effects.release.empty() && effects.give_up.empty() && !effects.table_changed;
}

/// Sets the ICMPv6 checksum right again after a change, by a sum of its own.
void fix_checksum(std::vector<uint8_t>& frame)
{
    frame[14 + 40 + 2] = frame[14 + 40 + 3] = 0;
    uint32_t sum = 58 + static_cast<uint32_t>(frame.size() - 54);
    for (size_t i = 22; i < frame.size(); i++)
        sum += i % 2 == 0 ? uint32_t{frame[i]} << 8 : frame[i];
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    frame[56] = static_cast<uint8_t>(~sum >> 8);
    frame[57] = static_cast<uint8_t>(~sum);
}

TEST_F(HostileResolver, RepliesNobodyAskedForTeachNothing)
{
    EXPECT_TRUE(is_silent(hear(Arp{}, 0)));
    EXPECT_TRUE(is_silent(hear(bytes(kPeerAdvertisement), 0)));
    EXPECT_THAT(resolver.list(0), IsEmpty());
}

TEST_F(HostileResolver, AGratuitousClaimOnlyMakesUsProbe)
{
    ask("192.0.2.99", 1, 0);
    hear(Arp{}, 0);
    const Arp claim = {.operation = 1, .sender_mac = kOtherMac, .target_mac = {}, .target_ip = "192.0.2.99",
                       .to = net::MacAddress::broadcast()};
    const auto effects = hear(claim, 1_s);
    EXPECT_EQ(known("192.0.2.99"), kPeerMac);
    EXPECT_FALSE(effects.table_changed);
    ASSERT_THAT(effects.send, SizeIs(1));
    EXPECT_TRUE(std::equal(kPeerMac.bytes.begin(), kPeerMac.bytes.end(), effects.send[0].bytes.begin()));
    EXPECT_TRUE(is_silent(hear(claim, 1_s)));  // a flood of claims is no flood of probes
    hear(Arp{}, 1_s);
    EXPECT_EQ(known("192.0.2.99"), kPeerMac);
}

TEST_F(HostileResolver, AnUnsolicitedAdvertisementOnlyMakesUsProbe)
{
    ask("2001:db8:1::99", 1, 0);
    hear(bytes(kPeerAdvertisement), 0);
    auto claim = bytes(kPeerAdvertisement);
    claim[14 + 40 + 4] = 0x20;  // override, not solicited
    claim.back() = 0x66;
    fix_checksum(claim);
    const auto effects = hear(claim, 1_s);
    EXPECT_FALSE(effects.table_changed);
    EXPECT_THAT(effects.send, SizeIs(1));
    EXPECT_EQ(known("2001:db8:1::99"), kPeerMac);
    EXPECT_TRUE(is_silent(hear(claim, 1_s)));
    EXPECT_EQ(known("2001:db8:1::99"), kPeerMac);
}

TEST_F(HostileResolver, SendersThatCannotBeHostsTeachNothing)
{
    for (const auto* sender : {"192.0.2.1", "192.0.2.255", "255.255.255.255", "224.0.0.9", "127.0.0.1"})
        EXPECT_TRUE(is_silent(hear({.operation = 1, .sender_ip = sender}, 0))) << sender;
    for (const auto* sender : {"ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "00:00:00:00:00:00"})
        EXPECT_TRUE(is_silent(hear({.operation = 1, .sender_mac = mac(sender)}, 0))) << sender;
    // Off the link: answered, since a route may say it is there, but not learnt.
    EXPECT_FALSE(hear({.operation = 1, .sender_ip = "198.51.100.7"}, 0).table_changed);
    EXPECT_THAT(resolver.list(0), IsEmpty());
}

TEST_F(HostileResolver, IgnoresFramesForOthersAndOurOwn)
{
    ask("192.0.2.99", 1, 0);
    EXPECT_TRUE(is_silent(hear({.to = kOtherMac}, 0)));
    EXPECT_TRUE(is_silent(hear({.operation = 1, .sender_mac = kOurMac, .to = net::MacAddress::broadcast()}, 0)));
    EXPECT_TRUE(is_silent(hear({.operation = 1, .target_ip = "192.0.2.50", .to = net::MacAddress::broadcast()}, 0)));
    EXPECT_TRUE(is_silent(resolver.receive(kPort + 1, Arp{}.frame(), 0)));
}

TEST_F(HostileResolver, IgnoresEachTruncation)
{
    ask("192.0.2.99", 1, 0);
    ask("2001:db8:1::99", 2, 0);
    const auto arp = Arp{}.frame();
    for (size_t length = 0; length < 42; length++)
        EXPECT_TRUE(is_silent(hear({arp.begin(), arp.begin() + static_cast<long>(length)}, 0))) << length;
    for (const auto hex : {kPeerAdvertisement, kPeerSolicitation, kDuplicateProbe}) {
        const auto frame = bytes(hex);
        for (size_t length = 0; length < frame.size(); length++) {
            EXPECT_TRUE(is_silent(hear({frame.begin(), frame.begin() + static_cast<long>(length)}, 0))) << length;
            auto shorter = std::vector<uint8_t>(frame.begin(), frame.begin() + static_cast<long>(length));
            if (length < 14 + 40 + 24)
                continue;
            // The same with a payload length that fits: the option is cut.
            shorter[14 + 5] = static_cast<uint8_t>(length - 54);
            fix_checksum(shorter);
            if (length != 14 + 40 + 24) {  // without the option it is valid
                EXPECT_TRUE(is_silent(hear(shorter, 0))) << length;
            }
        }
    }
}

TEST_F(HostileResolver, IgnoresEachInvalidDiscoveryPacket)
{
    struct Change {
        const char* what;
        size_t at;
        uint8_t value;
    };
    // Offsets from the start of the frame; RFC 4861 sections 7.1.1 and 7.1.2.
    for (const auto& change : {Change{"hop limit 254", 21, 254}, Change{"version 4", 14, 0x40},
                               Change{"another protocol", 20, 17}, Change{"code 1", 55, 1}, Change{"router solicitation", 54, 133},
                               Change{"multicast target", 62, 0xff}, Change{"multicast source", 22, 0xff},
                               Change{"option length 0", 79, 0}, Change{"option too long", 79, 2},
                               Change{"payload too long", 19, 0x28}, Change{"payload too short", 19, 0x10}})
        for (const auto hex : {kPeerAdvertisement, kPeerSolicitation}) {
            Resolver fresh({link()});
            fresh.resolve(kPort, ip("2001:db8:1::99"), 1, 0);
            auto frame = bytes(hex);
            frame[change.at] = change.value;
            fix_checksum(frame);
            EXPECT_TRUE(is_silent(fresh.receive(kPort, frame, 0))) << change.what;
            EXPECT_FALSE(is_silent(fresh.receive(kPort, bytes(hex), 0))) << change.what;
        }
}

TEST_F(HostileResolver, IgnoresWrongChecksums)
{
    ask("2001:db8:1::99", 1, 0);
    for (const auto hex : {kPeerAdvertisement, kPeerSolicitation, kDuplicateProbe}) {
        const auto good = bytes(hex);
        for (size_t at = 22; at < good.size(); at++) {
            auto bad = good;
            bad[at] ^= 0x10;
            EXPECT_TRUE(is_silent(hear(bad, 0))) << at;
        }
    }
}

TEST_F(HostileResolver, ADuplicateProbeMustObeyItsRules)
{
    auto frame = bytes(kPeerSolicitation);
    std::fill_n(frame.begin() + 22, 16, uint8_t{0});  // from :: but with a source option
    fix_checksum(frame);
    EXPECT_TRUE(is_silent(hear(frame, 0)));
    frame = bytes(kDuplicateProbe);
    const auto ours = ip("2001:db8:1::1");
    std::copy_n(ours.data(), 16, frame.begin() + 38);  // not to the solicited-node address
    fix_checksum(frame);
    EXPECT_TRUE(is_silent(hear(frame, 0)));
}

TEST_F(HostileResolver, AnAdvertisementToAGroupMayNotBeSolicited)
{
    ask("2001:db8:1::99", 1, 0);
    auto frame = bytes(kPeerAdvertisement);
    const auto group = ip("ff02::1");
    std::copy_n(group.data(), 16, frame.begin() + 38);
    fix_checksum(frame);
    EXPECT_TRUE(is_silent(hear(frame, 0)));
}

TEST_F(HostileResolver, AScanIsBoundedAndPushesOutNoKnownHost)
{
    ask("2001:db8:1::99", 1, 0);
    hear(bytes(kPeerAdvertisement), 0);
    size_t given_up = 0;
    constexpr uint64_t kScan = 20'000;
    for (uint64_t i = 0; i < kScan; i++) {
        uint8_t address[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 9, 9};
        address[14] = static_cast<uint8_t>(i >> 8);
        address[15] = static_cast<uint8_t>(i);
        address[13] = static_cast<uint8_t>(i >> 16);
        given_up += resolver.resolve(kPort, net::IpAddress::v6(address), 100 + i, 1).give_up.size();
    }
    EXPECT_EQ(resolver.list(0).size(), Resolver::kMaxEntries);
    EXPECT_EQ(given_up, kScan - Resolver::kMaxWaitingTotal);
    EXPECT_EQ(known("2001:db8:1::99"), kPeerMac);
    for (uint64_t at = 1; at < 4; at++)
        given_up += resolver.tick(at * 1_s + 1).give_up.size();
    EXPECT_EQ(given_up, kScan);
    EXPECT_EQ(resolver.list(0).size(), 1u);
}

TEST_F(HostileResolver, AFloodOfIntroductionsPushesOutNothingWeAskedFor)
{
    ask("2001:db8:1::99", 1, 0);
    for (size_t i = 0; i < Resolver::kMaxEntries + 100; i++) {
        auto frame = bytes(kPeerSolicitation);
        frame[22 + 12] = 0x77;
        frame[22 + 13] = static_cast<uint8_t>(i >> 8);
        frame[22 + 14] = static_cast<uint8_t>(i);
        fix_checksum(frame);
        hear(frame, 0);
    }
    EXPECT_EQ(resolver.list(0).size(), Resolver::kMaxEntries);
    EXPECT_THAT(hear(bytes(kPeerAdvertisement), 0).release, SizeIs(1));
    // They never answer, so they go by themselves.
    for (uint64_t at = 5; at <= 8; at++)
        resolver.tick(at * 1_s);
    EXPECT_EQ(resolver.list(0).size(), 1u);
}

TEST_F(HostileResolver, WhenAllAreConfirmedANewcomerIsRefused)
{
    const auto address = [](size_t i) {
        uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 1};
        bytes[14] = static_cast<uint8_t>(i >> 8);
        bytes[15] = static_cast<uint8_t>(i);
        return net::IpAddress::v6(bytes);
    };
    for (size_t i = 0; i < Resolver::kMaxEntries; i++) {
        resolver.resolve(kPort, address(i), i, 0);
        auto frame = bytes(kPeerAdvertisement);
        std::copy_n(address(i).data(), 16, frame.begin() + 62);
        fix_checksum(frame);
        ASSERT_THAT(hear(frame, 0).release, SizeIs(1));
    }
    EXPECT_THAT(resolver.resolve(kPort, address(60'000), 7, 0).give_up, ElementsAre(7));
    resolver.add_static({kPort, address(60'000), kPeerMac});  // an operator's entry always fits
    EXPECT_THAT(resolver.resolve(kPort, address(60'000), 7, 0).release, SizeIs(1));
}

TEST_F(HostileResolver, SurvivesRandomAndMutatedFrames)
{
    std::mt19937 random(2024);
    const std::vector<std::vector<uint8_t>> seeds = {Arp{}.frame(), Arp{.operation = 1}.frame(), bytes(kPeerAdvertisement),
                                                     bytes(kPeerSolicitation), bytes(kDuplicateProbe)};
    uint64_t now_ns = 0;
    size_t asked = 0, returned = 0;
    const auto count = [&](const Effects& effects) { returned += effects.release.size() + effects.give_up.size(); };
    for (int i = 0; i < 300'000; i++) {
        auto frame = seeds[random() % seeds.size()];
        if (i % 3 == 0)
            for (auto& byte : frame)
                byte = static_cast<uint8_t>(random());
        for (size_t changes = random() % 4; changes > 0; changes--)
            frame[random() % frame.size()] = static_cast<uint8_t>(random());
        if (random() % 8 == 0)
            frame.resize(random() % (frame.size() + 1));
        if (frame.size() > 58 && random() % 2 == 0)
            fix_checksum(frame);
        // An exact copy on the heap, so that a sanitizer sees each byte read beyond it.
        count(resolver.receive(kPort, std::vector<uint8_t>(frame), now_ns));
        if (random() % 16 == 0) {
            uint8_t address[4] = {192, 0, 2, static_cast<uint8_t>(random())};
            count(resolver.resolve(kPort, net::IpAddress::v4(address), 0, now_ns));
            asked++;
        }
        now_ns += random() % 10'000'000;
        count(resolver.tick(now_ns));
    }
    for (int i = 0; i < 10; i++)
        count(resolver.tick(now_ns += 10_s));
    EXPECT_EQ(returned, asked);  // each packet comes back exactly once
    EXPECT_LE(resolver.list(0).size(), 256u + Resolver::kMaxEntries);
}

}  // namespace
}  // namespace ipsecgw::route
