#include <gtest/gtest.h>

#include "model/policy.h"

namespace ipsecgw::model {
namespace {

struct Accepted {
    const char* text;
    uint8_t protocol;
    uint16_t first, last;
    const char* printed;
};

TEST(TrafficSelector, ReadsSwanctlSpelling)
{
    static constexpr Accepted kAccepted[] = {
        {"10.1.0.0/16", 0, 0, 65535, "10.1.0.0/16"},
        {" 10.1.0.0/16 ", 0, 0, 65535, "10.1.0.0/16"},
        {"10.1.2.3/16", 0, 0, 65535, "10.1.0.0/16"},
        {"10.1.2.3", 0, 0, 65535, "10.1.2.3/32"},
        {"::/0", 0, 0, 65535, "::/0"},
        {"2001:db8::1", 0, 0, 65535, "2001:db8::1/128"},
        {"10.0.0.0/8[tcp]", 6, 0, 65535, "10.0.0.0/8[tcp]"},
        {"10.0.0.0/8[6]", 6, 0, 65535, "10.0.0.0/8[tcp]"},
        {"10.0.0.0/8[any]", 0, 0, 65535, "10.0.0.0/8"},
        {"10.0.0.0/8[]", 0, 0, 65535, "10.0.0.0/8"},
        {"10.0.0.0/8[gre]", 47, 0, 65535, "10.0.0.0/8[gre]"},
        {"10.0.0.0/8[103]", 103, 0, 65535, "10.0.0.0/8[103]"},
        {"192.168.50.1[udp/4789]", 17, 4789, 4789, "192.168.50.1/32[udp/4789]"},
        {"192.168.50.1 [ udp / 4789 - 4800 ]", 17, 4789, 4800, "192.168.50.1/32[udp/4789-4800]"},
        {"::/0[tcp/any]", 6, 0, 65535, "::/0[tcp]"},
        {"::/0[sctp/0]", 132, 0, 0, "::/0[sctp/0]"},
        {"10.0.0.0/8[dccp/7]", 33, 7, 7, "10.0.0.0/8[dccp/7]"},
        {"10.0.0.0/8[136/7]", 136, 7, 7, "10.0.0.0/8[udplite/7]"},
        {"10.0.0.0/8[icmp/8]", 1, 0x0800, 0x08ff, "10.0.0.0/8[icmp/8]"},
        {"10.0.0.0/8[icmp/0]", 1, 0, 255, "10.0.0.0/8[icmp/0]"},
        {"10.0.0.0/8[icmp/3-5]", 1, 0x0300, 0x05ff, "10.0.0.0/8[icmp/3-5]"},
        {"10.0.0.0/8[icmp/772]", 1, 0x0304, 0x0304, "10.0.0.0/8[icmp/772]"},
        {"::/0[ipv6-icmp/128]", 58, 0x8000, 0x80ff, "::/0[ipv6-icmp/128]"},
        {"::/0[icmpv6]", 58, 0, 65535, "::/0[ipv6-icmp]"},
    };
    for (const auto& item : kAccepted) {
        const auto selector = TrafficSelector::parse(item.text);
        ASSERT_TRUE(selector) << item.text << ": " << selector.error().what;
        EXPECT_EQ(selector->protocol, item.protocol) << item.text;
        EXPECT_EQ(selector->ports.first, item.first) << item.text;
        EXPECT_EQ(selector->ports.last, item.last) << item.text;
        EXPECT_EQ(selector->to_string(), item.printed);
        const auto again = TrafficSelector::parse(selector->to_string());
        ASSERT_TRUE(again) << item.printed;
        EXPECT_EQ(*again, *selector) << item.printed;
    }
}

TEST(TrafficSelector, RefusesAndSaysWhy)
{
    static constexpr const char* kRefused[][2] = {
        {"", "has no prefix"},
        {"dynamic", "has no prefix"},
        {"[udp/4789]", "has no prefix"},
        {"10.1.0.0/33", "no valid prefix length"},
        {"10.1.0/24", "is not an IPv4 or IPv6 address"},
        {"10.1.0.0/16[tcp", "has no closing bracket"},
        {"10.1.0.0/16[tcp]x", "has no closing bracket"},
        {"10.1.0.0/16[tpc]", "\"tpc\" is no known protocol"},
        {"10.1.0.0/16[256]", "\"256\" is no known protocol"},
        {"10.1.0.0/16[tcp/65536]", "\"65536\" is no port"},
        {"10.1.0.0/16[tcp/http]", "\"http\" is no port"},
        {"10.1.0.0/16[tcp/]", "\"\" is no port"},
        {"10.1.0.0/16[tcp/9-8]", "the range \"9-8\" is empty"},
        {"::/0[/4789-4800]", "ports need a protocol"},
        {"::/0[gre/1]", "gre has no ports"},
        {"::/0[icmp]", "icmp is IPv4's"},
        {"10.0.0.0/8[ipv6-icmp]", "ipv6-icmp is IPv6's"},
    };
    for (const auto& [text, what] : kRefused) {
        const auto selector = TrafficSelector::parse(text);
        ASSERT_FALSE(selector) << text;
        EXPECT_NE(selector.error().what.find(what), std::string::npos) << text << ": " << selector.error().what;
        EXPECT_FALSE(selector.error().hint.empty()) << text;
    }
}

}  // namespace
}  // namespace ipsecgw::model
