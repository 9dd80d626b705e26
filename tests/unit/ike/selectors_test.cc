#include "ike/selectors.h"

#include <gtest/gtest.h>

namespace ipsecgw::ike {
namespace {

Selector selector(const char* text)
{
    return to_selector(model::TrafficSelector::parse(text).value());
}

Selector range(const char* first, const char* last)
{
    return {0, {}, net::IpAddress::parse(first).value(), net::IpAddress::parse(last).value()};
}

TEST(Selectors, APrefixIsARange)
{
    const Selector net = selector("10.1.0.0/16");
    EXPECT_EQ(net.first.to_string(), "10.1.0.0");
    EXPECT_EQ(net.last.to_string(), "10.1.255.255");
    EXPECT_EQ(to_string(net), "10.1.0.0/16");
    EXPECT_EQ(selector("0.0.0.0/0").last.to_string(), "255.255.255.255");
    EXPECT_EQ(selector("2001:db8::/32").last.to_string(), "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff");
}

TEST(Selectors, NarrowsToWhatBothHaveRfc7296Section29)
{
    const Selectors offered = {selector("10.0.0.0/8")};
    const Selectors allowed = {selector("10.1.0.0/16[udp/4789]"), selector("192.0.2.0/24")};
    const Selectors common = narrow(offered, allowed);
    ASSERT_EQ(common.size(), 1U);
    EXPECT_EQ(common[0], selector("10.1.0.0/16[udp/4789]"));
    EXPECT_TRUE(narrow({selector("10.0.0.0/8")}, {selector("2001:db8::/32")}).empty());
    EXPECT_TRUE(narrow({selector("10.0.0.0/8[tcp/80]")}, {selector("10.0.0.0/8[udp/80]")}).empty());
    EXPECT_TRUE(narrow({selector("10.0.0.0/8[tcp/80]")}, {selector("10.0.0.0/8[tcp/81-90]")}).empty());
}

TEST(Selectors, NarrowingKeepsNoPartOfWhatItHas)
{
    // The packet that asked, before the whole (section 2.9): one selector is enough in the answer.
    const Selectors common = narrow({selector("10.1.2.3[tcp/80]"), selector("10.1.0.0/16")}, {selector("10.1.0.0/16")});
    ASSERT_EQ(common.size(), 1U);
    EXPECT_EQ(common[0], selector("10.1.0.0/16"));
}

TEST(Selectors, NarrowingIsBounded)
{
    Selectors offered;
    for (int i = 0; i < 255; i++)
        offered.push_back(selector(("10.0." + std::to_string(i) + ".1").c_str()));
    EXPECT_EQ(narrow(offered, {selector("0.0.0.0/0")}).size(), kMaxSelectors);
}

TEST(Selectors, ARangeIsItsPrefixes)
{
    const auto prefixes = to_model({range("10.0.0.1", "10.0.0.6")});
    ASSERT_EQ(prefixes.size(), 4U);
    EXPECT_EQ(prefixes[0].prefix.to_string(), "10.0.0.1/32");
    EXPECT_EQ(prefixes[1].prefix.to_string(), "10.0.0.2/31");
    EXPECT_EQ(prefixes[2].prefix.to_string(), "10.0.0.4/31");
    EXPECT_EQ(prefixes[3].prefix.to_string(), "10.0.0.6/32");
    ASSERT_EQ(to_model({range("0.0.0.0", "255.255.255.255")}).size(), 1U);
    ASSERT_EQ(to_model({range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")}).size(), 1U);
    EXPECT_EQ(to_model({range("255.255.255.254", "255.255.255.255")})[0].prefix.to_string(), "255.255.255.254/31");
    EXPECT_EQ(to_model({range("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe")}, 10).size(), 10U);
    EXPECT_EQ(to_string(range("10.0.0.1", "10.0.0.6")), "10.0.0.1..10.0.0.6");
    EXPECT_EQ(to_model({range("10.0.0.0", "10.0.0.3"), range("10.0.0.0", "10.0.0.4")}).size(), 2U);  // one of them once
}

TEST(Selectors, DynamicIsTheAddressWithItsOwnPorts)
{
    const auto address = net::IpAddress::parse("192.0.2.1").value();
    const auto resolved = resolve({model::ChildSelector::parse("dynamic[udp/4789]").value()}, address);
    ASSERT_EQ(resolved.size(), 1U);
    EXPECT_EQ(resolved[0], selector("192.0.2.1[udp/4789]"));
    EXPECT_EQ(resolve({}, address), Selectors{selector("192.0.2.1")});
}

TEST(Selectors, ContainsNeedsOneThatHoldsEach)
{
    EXPECT_TRUE(contains({selector("10.0.0.0/8"), selector("192.0.2.0/24")}, Selectors{selector("192.0.2.7[tcp]")}));
    EXPECT_FALSE(contains(Selectors{selector("10.0.0.0/8[tcp]")}, Selectors{selector("10.0.0.0/8")}));
}

}  // namespace
}  // namespace ipsecgw::ike
