// Filters: their words, and what packets they take; packets are read without trust in them.
#include "trace/filter.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ipsecgw::trace {
namespace {

using Bytes = std::vector<uint8_t>;
const std::vector<std::string> kPorts = {"lan", "wan"};

/// 10.1.0.2 > 10.2.0.9, UDP 4000 > 4500, an SPI behind it.
Bytes udp4()
{
    return {0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17, 0, 0, 10, 1, 0, 2, 10, 2, 0, 9, 0x0f, 0xa0, 0x11, 0x94, 0, 20, 0, 0, 0, 0, 0x10, 0x01, 0, 0, 0, 7, 0, 0, 0, 0};
}

Bytes tcp6_behind_options()
{
    Bytes out = {0x60, 0, 0, 0, 0, 28, 0, 64};
    const Bytes addresses = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
    const Bytes rest = {6, 0, 1, 4, 0, 0, 0, 0, 0x04, 0xd2, 0x00, 0x50, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0, 0, 0, 0, 0, 0, 0};
    out.insert(out.end(), addresses.begin(), addresses.end());
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
}

bool takes(const char* text, const Bytes& bytes)
{
    const auto filter = Filter::parse(text, kPorts);
    EXPECT_TRUE(filter) << text;
    const auto headers = read_headers(bytes, false);
    EXPECT_TRUE(headers);
    return filter->matches(*headers);
}

TEST(Filter, EachWordMustHold)
{
    for (const char* text : {"", "src 10.1.0.2", "src 10.1.0.0/16", "dst 10.2.0.9", "host 10.2.0.0/16", "host 10.1.0.2", "proto udp",
                             "proto 17", "sport 4000", "dport 4500", "port 4000", "port 4500", "spi 0x1001",
                             "src 10.1.0.2  dst 10.2.0.9 proto udp sport 4000 dport 4500"})
        EXPECT_TRUE(takes(text, udp4())) << text;
    for (const char* text : {"src 10.2.0.9", "dst 10.1.0.0/16", "host 10.3.0.1", "proto tcp", "sport 4500", "dport 4000", "port 53",
                             "spi 0x1002", "src 2001:db8::1", "src 10.1.0.2 dport 53"})
        EXPECT_FALSE(takes(text, udp4())) << text;
    EXPECT_TRUE(takes("src 2001:db8::/32 proto tcp sport 1234 dport 80", tcp6_behind_options()));
}

TEST(Filter, WordsThatAreNone)
{
    for (const char* text : {"src", "src here", "nowhere 1", "port 65536", "proto swimming", "spi 0x100000000", "on dmz", "drop boredom", "src 10.0.0.1 dst"}) {
        const auto filter = Filter::parse(text, kPorts);
        ASSERT_FALSE(filter) << text;
        EXPECT_EQ(filter.error().code, base::ErrorCode::kInvalidArgument);
        EXPECT_NE(filter.error().hint, "");
    }
    EXPECT_EQ(Filter::parse("on dmz", kPorts).error().what, "filter: \"on\": no port is called \"dmz\"; there are lan, wan");
}

TEST(Filter, PortsAndDropsAreNotOfThePacket)
{
    const auto filter = Filter::parse("on wan drop too-old", kPorts).value();
    EXPECT_EQ(filter.on, 1);
    EXPECT_TRUE(filter.is_about_drops);
    EXPECT_EQ(filter.reason, telemetry::Drop::kTooOld);
    EXPECT_TRUE(filter.takes_all());
    EXPECT_FALSE(Filter::parse("drop any", kPorts)->reason);
}

TEST(Headers, WhatIsCutOffOrMadeUpIsReadAsFarAsItGoes)
{
    for (const Bytes& whole : {udp4(), tcp6_behind_options()}) {
        for (size_t length = 0; length < whole.size(); length++) {
            const Bytes part(whole.begin(), whole.begin() + static_cast<long>(length));
            const auto headers = read_headers(part, false);
            EXPECT_EQ(headers.has_value(), length >= (whole[0] >> 4 == 4 ? 20U : 40U)) << length;
            static_cast<void>(read_headers(part, true));
        }
    }
    Bytes options = udp4();
    options[0] = 0x4f;  // a header longer than the packet
    EXPECT_FALSE(read_headers(options, false));
    options[0] = 0x41;
    EXPECT_FALSE(read_headers(options, false));
    Bytes later = udp4();
    later[7] = 1;  // a later fragment has no ports
    EXPECT_FALSE(read_headers(later, false)->source_port);
}

TEST(Headers, EspTellsItsSpi)
{
    Bytes esp = udp4();
    esp[9] = 50;
    EXPECT_EQ(read_headers(esp, false)->spi, 0x0fa01194U);
    Bytes ike = udp4();
    ike[30] = ike[31] = 0;  // the non-ESP marker
    EXPECT_FALSE(read_headers(ike, false)->spi);
}

}  // namespace
}  // namespace ipsecgw::trace
