#include "worker/own_addresses.h"

#include <cstring>
#include <string>

#include <gtest/gtest.h>

namespace ipsecgw::worker {
namespace {

class OwnAddressesTest : public testing::Test {
  protected:
    static PortView port(uint16_t index, const std::vector<std::string>& addresses)
    {
        PortView view;
        view.index = index;
        for (const auto& text : addresses)
            view.addresses.push_back(*net::Prefix::parse(text));
        return view;
    }
    [[nodiscard]] Place place(const std::string& source, const std::string& destination) const
    {
        sa::FlowKey flow{};
        const auto from = *net::IpAddress::parse(source), to = *net::IpAddress::parse(destination);
        std::memcpy(flow.source, from.data(), 16);
        std::memcpy(flow.destination, to.data(), 16);
        flow.family = to.family();
        return own_.place(flow);
    }
    const OwnAddresses own_{
        {port(0, {"10.1.0.1/24", "2001:db8:1::1/64", "fe80::1/64"}), port(1, {"192.0.2.1/24", "192.0.2.129/31"})}};
};

TEST_F(OwnAddressesTest, KnowsItsOwnOnEveryPort)
{
    EXPECT_EQ(place("10.1.0.9", "10.1.0.1"), Place::kOurs);
    EXPECT_EQ(place("10.1.0.9", "192.0.2.1"), Place::kOurs);
    EXPECT_EQ(place("10.1.0.9", "192.0.2.129"), Place::kOurs);
    EXPECT_EQ(place("2001:db8:1::9", "2001:db8:1::1"), Place::kOurs);
    EXPECT_EQ(place("fe80::9", "fe80::1"), Place::kOurs);
    EXPECT_EQ(place("10.1.0.9", "10.1.0.2"), Place::kElsewhere);
    EXPECT_EQ(place("2001:db8:1::9", "2001:db8:1::2"), Place::kElsewhere);
    EXPECT_EQ(place("10.1.0.9", "192.0.2.128"), Place::kElsewhere) << "a /31 has no network address";
}

TEST_F(OwnAddressesTest, KeepsGroupsFromBeingForwarded)
{
    EXPECT_EQ(place("10.1.0.9", "224.0.0.5"), Place::kGroup);
    EXPECT_EQ(place("10.1.0.9", "255.255.255.255"), Place::kGroup);
    EXPECT_EQ(place("10.9.0.9", "10.1.0.255"), Place::kGroup) << "directed broadcast (RFC 2644)";
    EXPECT_EQ(place("10.9.0.9", "192.0.2.255"), Place::kGroup);
    EXPECT_EQ(place("2001:db8:1::9", "ff02::1"), Place::kGroup);
}

TEST_F(OwnAddressesTest, RefusesMartians)
{
    for (const char* source :
         {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "10.1.0.1", "10.1.0.255"})
        EXPECT_EQ(place(source, "10.2.0.7"), Place::kMartian) << source;
    for (const char* destination : {"0.0.0.0", "127.0.0.1", "250.1.1.1"})
        EXPECT_EQ(place("10.1.0.9", destination), Place::kMartian) << destination;
    for (const char* source : {"::", "::1", "ff02::1", "::ffff:10.1.0.9", "2001:db8:1::1"})
        EXPECT_EQ(place(source, "2001:db8:2::7"), Place::kMartian) << source;
    for (const char* destination : {"::", "::1", "::ffff:10.1.0.9"})
        EXPECT_EQ(place("2001:db8:1::9", destination), Place::kMartian) << destination;
}

TEST_F(OwnAddressesTest, DoesNotForwardLinkLocal)
{
    EXPECT_EQ(place("169.254.1.1", "10.2.0.7"), Place::kMartian);
    EXPECT_EQ(place("10.1.0.9", "169.254.1.1"), Place::kMartian);
    EXPECT_EQ(place("fe80::9", "2001:db8:2::7"), Place::kMartian);
    EXPECT_EQ(place("2001:db8:1::9", "fe80::7"), Place::kMartian);
    EXPECT_EQ(place("169.254.1.1", "10.1.0.1"), Place::kOurs);
}

/// Few bits of an address decide for most packets; the rules, one by one, must say the same of all.
TEST_F(OwnAddressesTest, FewBitsSayWhatTheRulesSay)
{
    const auto ours = [](uint32_t a) { return a == 0x0a010001 || a == 0xc0000201 || a == 0xc0000281; };
    const auto broadcast = [](uint32_t a) { return a == 0x0a0100ff || a == 0xc00002ff; };
    const auto martian = [](uint32_t a) {
        return a >> 24 == 0 || a >> 24 == 127 || (a >> 28 == 15 && a != UINT32_MAX);
    };
    const auto link_local = [](uint32_t a) { return a >> 16 == 0xa9fe; };
    const auto rules = [&](uint32_t from, uint32_t to) {
        if (from >> 28 >= 14 || martian(from) || martian(to) || ours(from) || broadcast(from))
            return Place::kMartian;
        if (to >> 28 >= 14 || broadcast(to))
            return Place::kGroup;
        if (ours(to))
            return Place::kOurs;
        return link_local(from) || link_local(to) ? Place::kMartian : Place::kElsewhere;
    };
    const auto all = [] {
        std::vector<uint32_t> some;
        for (const uint32_t rest :
             {0x010001u, 0x010005u, 0x0100ffu, 0xfe0005u, 0xffffffu, 0x000201u, 0x000281u, 0x0002ffu})
            for (uint32_t top = 0; top < 256; top++)
                some.push_back(top << 24 | rest);
        return some;
    }();
    const auto text = [](uint32_t a) {
        const uint8_t bytes[] = {static_cast<uint8_t>(a >> 24), static_cast<uint8_t>(a >> 16),
                                 static_cast<uint8_t>(a >> 8), static_cast<uint8_t>(a)};
        return net::IpAddress::v4(bytes).to_string();
    };
    for (size_t i = 0; i < all.size(); i++)
        for (const uint32_t other : {all[(i * 7 + 3) % all.size()], 0x0a010009u, 0x0a010001u}) {
            EXPECT_EQ(place(text(all[i]), text(other)), rules(all[i], other)) << text(all[i]) << " to " << text(other);
            EXPECT_EQ(place(text(other), text(all[i])), rules(other, all[i])) << text(other) << " to " << text(all[i]);
        }
}

}  // namespace
}  // namespace ipsecgw::worker
