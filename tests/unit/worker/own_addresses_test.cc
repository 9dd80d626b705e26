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

}  // namespace
}  // namespace ipsecgw::worker
