#include <random>
#include <set>

#include <gtest/gtest.h>

#include "net/address.h"

namespace ipsecgw::net {
namespace {

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
Prefix prefix(const char* text) { return Prefix::parse(text).value(); }

TEST(IpAddress, ReadsAndWritesBothFamilies)
{
    // Right side: the canonical form of RFC 5952.
    for (const auto& [in, out] : std::vector<std::pair<const char*, const char*>>{
             {"192.0.2.1", "192.0.2.1"},
             {"0.0.0.0", "0.0.0.0"},
             {"255.255.255.255", "255.255.255.255"},
             {"2001:DB8::0001", "2001:db8::1"},
             {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
             {"::", "::"},
             {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
             {"fe80:0:0:0:0:0:0:1", "fe80::1"}}) {
        const auto address = IpAddress::parse(in);
        ASSERT_TRUE(address) << in;
        EXPECT_EQ(address->to_string(), out);
        EXPECT_EQ(IpAddress::parse(out).value(), *address);
    }
}

TEST(IpAddress, RefusesWhatIsNoAddress)
{
    for (const auto* text : {"", "192.0.2", "192.0.2.256", "192.0.2.1.1", " 192.0.2.1", "192.0.2.1 ", "192.0.2.01x", "1", "2001:db8",
                             "2001:db8:::1", "fe80::1%eth0", "[::1]", "12345::", "host", "192.0.2.1/24"}) {
        const auto address = IpAddress::parse(text);
        ASSERT_FALSE(address) << text;
        EXPECT_EQ(address.error().code, base::ErrorCode::kInvalidArgument);
        EXPECT_NE(address.error().what.find(text), std::string::npos);
        EXPECT_FALSE(address.error().hint.empty());
    }
}

TEST(IpAddress, RefusesTextBehindANul)
{
    EXPECT_FALSE(IpAddress::parse(std::string_view("192.0.2.1\0x", 11)));
}

TEST(IpAddress, FamiliesNeverCompareEqual)
{
    EXPECT_NE(ip("0.0.0.0"), ip("::"));
    EXPECT_NE(ip("1.2.3.4"), ip("102:304::"));
    EXPECT_EQ(std::set({ip("10.0.0.2"), ip("10.0.0.1"), ip("10.0.0.2")}).size(), 2u);
    EXPECT_EQ(ip("10.0.0.1").bytes().size(), 4u);
    EXPECT_EQ(ip("::1").bytes().size(), 16u);
    EXPECT_EQ(IpAddress(), ip("0.0.0.0"));
}

TEST(IpAddress, Kinds)
{
    struct Case {
        const char* text;
        bool unspecified, multicast, loopback, link_local;
    };
    for (const auto& c : {Case{"0.0.0.0", true, false, false, false}, Case{"::", true, false, false, false},
                          Case{"224.0.0.1", false, true, false, false}, Case{"239.255.255.255", false, true, false, false},
                          Case{"240.0.0.1", false, false, false, false}, Case{"223.255.255.255", false, false, false, false},
                          Case{"ff02::1", false, true, false, false}, Case{"fe80::1", false, false, false, true},
                          Case{"febf::1", false, false, false, true}, Case{"fec0::1", false, false, false, false},
                          Case{"169.254.0.1", false, false, false, true}, Case{"169.253.0.1", false, false, false, false},
                          Case{"127.9.9.9", false, false, true, false}, Case{"::1", false, false, true, false},
                          Case{"::2", false, false, false, false}, Case{"1::1", false, false, false, false}}) {
        EXPECT_EQ(ip(c.text).is_unspecified(), c.unspecified) << c.text;
        EXPECT_EQ(ip(c.text).is_multicast(), c.multicast) << c.text;
        EXPECT_EQ(ip(c.text).is_loopback(), c.loopback) << c.text;
        EXPECT_EQ(ip(c.text).is_link_local(), c.link_local) << c.text;
    }
}

TEST(Prefix, ReadsLengthsOfBothFamilies)
{
    EXPECT_EQ(prefix("10.1.2.3/8").length, 8);
    EXPECT_EQ(prefix("10.1.2.3/8").address, ip("10.1.2.3"));  // host bits stay
    EXPECT_EQ(prefix("10.1.2.3").length, 32);
    EXPECT_EQ(prefix("2001:db8::1").length, 128);
    EXPECT_EQ(prefix("::/0").length, 0);
    EXPECT_EQ(prefix("10.1.2.3/8").to_string(), "10.1.2.3/8");
    for (const auto* text : {"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8 ", "10.0.0.0/8/8", "/8", "10.0.0.0/x"})
        EXPECT_FALSE(Prefix::parse(text)) << text;
}

TEST(Prefix, NetworkClearsHostBits)
{
    EXPECT_EQ(prefix("10.1.2.3/8").network(), prefix("10.0.0.0/8"));
    EXPECT_EQ(prefix("10.1.2.255/31").network(), prefix("10.1.2.254/31"));
    EXPECT_EQ(prefix("10.1.2.3/32").network(), prefix("10.1.2.3/32"));
    EXPECT_EQ(prefix("2001:db8:ffff::1/33").network(), prefix("2001:db8:8000::/33"));
    EXPECT_EQ(prefix("ffff::/0").network(), Prefix::any(Family::kIpv6));
    EXPECT_EQ(prefix("1.1.1.1/0").network(), Prefix::any(Family::kIpv4));
}

/// Bit by bit, as the definition reads.
bool naive_contains(const Prefix& prefix, const IpAddress& candidate)
{
    if (prefix.family() != candidate.family())
        return false;
    for (size_t bit = 0; bit < prefix.length; bit++)
        if (((prefix.address.data()[bit / 8] ^ candidate.data()[bit / 8]) >> (7 - bit % 8)) & 1)
            return false;
    return true;
}

TEST(Prefix, ContainsAgreesWithComparingBits)
{
    std::mt19937 random(7);
    int inside = 0;
    for (int i = 0; i < 100'000; i++) {
        uint8_t a[16], b[16];
        for (auto& byte : a)
            byte = static_cast<uint8_t>(random());
        std::copy_n(a, 16, b);
        b[random() % 16] ^= static_cast<uint8_t>(1u << random() % 8);
        const bool v4 = random() % 2 == 0;
        const auto length = static_cast<uint8_t>(random() % (v4 ? 33 : 129));
        const Prefix p = {v4 ? IpAddress::v4(a) : IpAddress::v6(a), length};
        const auto candidate = random() % 16 == 0 ? IpAddress::v6(b) : v4 ? IpAddress::v4(b) : IpAddress::v6(b);
        inside += p.contains(candidate) ? 1 : 0;
        ASSERT_EQ(p.contains(candidate), naive_contains(p, candidate)) << p.to_string() << " " << candidate.to_string();
    }
    EXPECT_GT(inside, 10'000);
}

TEST(MacAddress, ReadsAndWrites)
{
    EXPECT_EQ(MacAddress::parse("02:00:5E:10:00:FF")->to_string(), "02:00:5e:10:00:ff");
    EXPECT_TRUE(MacAddress::parse("01:00:5e:00:00:01")->is_multicast());
    EXPECT_TRUE(MacAddress::broadcast().is_multicast());
    EXPECT_FALSE(MacAddress::parse("02:00:00:00:00:01")->is_multicast());
    for (const auto* text : {"", "02:00:00:00:00", "02:00:00:00:00:01:02", "02:00:00:00:00:0g", "0200.0000.0001", "02-00-00-00-00-01",
                             "02 00 00 00 00 01", "0x020:00:00:00:01", "02:00:00:00:00:1:"})
        EXPECT_FALSE(MacAddress::parse(text)) << text;
}

TEST(PortRange, ContainsItsEnds)
{
    constexpr PortRange range = {100, 200};
    EXPECT_FALSE(range.contains(99));
    EXPECT_TRUE(range.contains(100));
    EXPECT_TRUE(range.contains(200));
    EXPECT_FALSE(range.contains(201));
    EXPECT_TRUE(PortRange{}.is_any());
    EXPECT_FALSE(range.is_any());
}

}  // namespace
}  // namespace ipsecgw::net
