#include <map>
#include <random>

#include <gtest/gtest.h>

#include "route/neighbour_table.h"

namespace ipsecgw::route {
namespace {

net::IpAddress ip(const char* text) { return net::IpAddress::parse(text).value(); }

TEST(NeighbourTable, EmptyFindsNothing)
{
    const NeighbourTable table({});
    EXPECT_EQ(table.size(), 0u);
    EXPECT_EQ(table.lookup(0, ip("192.0.2.1")), nullptr);
    EXPECT_EQ(table.lookup(0, ip("0.0.0.0")), nullptr);
    EXPECT_EQ(table.lookup(0, ip("::")), nullptr);
}

TEST(NeighbourTable, SamePortOrFamilyBitsAreNotEnough)
{
    const NeighbourTable table({{1, ip("1.2.3.4"), {{2, 0, 0, 0, 0, 1}}}, {2, ip("102:304::"), {{2, 0, 0, 0, 0, 2}}}});
    EXPECT_EQ(table.lookup(1, ip("1.2.3.4"))->bytes[5], 1);
    EXPECT_EQ(table.lookup(2, ip("1.2.3.4")), nullptr);
    EXPECT_EQ(table.lookup(2, ip("102:304::"))->bytes[5], 2);
    EXPECT_EQ(table.lookup(1, ip("102:304::")), nullptr);
}

TEST(NeighbourTable, LaterOfTwoWinsAndUnspecifiedIsLeftOut)
{
    const NeighbourTable table({{1, ip("10.0.0.1"), {{2, 0, 0, 0, 0, 1}}},
                                {1, ip("::"), {{2, 0, 0, 0, 0, 3}}},
                                {1, ip("10.0.0.1"), {{2, 0, 0, 0, 0, 2}}}});
    EXPECT_EQ(table.size(), 1u);
    EXPECT_EQ(table.lookup(1, ip("10.0.0.1"))->bytes[5], 2);
}

TEST(NeighbourTable, AgreesWithAMap)
{
    std::mt19937 random(99);
    std::map<std::pair<uint16_t, net::IpAddress>, net::MacAddress> model;
    std::vector<NeighbourEntry> entries;
    const auto draw = [&]() -> std::pair<uint16_t, net::IpAddress> {
        uint8_t bytes[16] = {0xfd};
        bytes[random() % 2 == 0 ? 3 : 15] = static_cast<uint8_t>(1 + random() % 255);
        bytes[2] = static_cast<uint8_t>(random() % 16);
        return {static_cast<uint16_t>(random() % 4),
                random() % 2 == 0 ? net::IpAddress::v4(bytes) : net::IpAddress::v6(bytes)};
    };
    for (int i = 0; i < 5000; i++) {
        const auto key = draw();
        const net::MacAddress mac = {{2, 0, 0, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)}};
        entries.push_back({key.first, key.second, mac});
        model[key] = mac;
    }
    const NeighbourTable table(entries);
    EXPECT_EQ(table.size(), model.size());
    for (int i = 0; i < 20'000; i++) {
        const auto key = draw();
        const auto* found = table.lookup(key.first, key.second);
        const auto expected = model.find(key);
        ASSERT_EQ(found == nullptr, expected == model.end());
        if (found != nullptr) {
            ASSERT_EQ(*found, expected->second);
        }
    }
}

}  // namespace
}  // namespace ipsecgw::route
