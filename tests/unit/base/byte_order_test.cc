#include "base/byte_order.h"

#include <array>

#include <gtest/gtest.h>

namespace ipsecgw::base {
namespace {

TEST(ByteOrder, LoadsReadNetworkOrderAtAnyAlignment)
{
    const uint8_t wire[] = {0xee, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08};
    EXPECT_EQ(load_be16(wire + 1), 0x0102u);
    EXPECT_EQ(load_be32(wire + 1), 0x01020304u);
    EXPECT_EQ(load_be64(wire + 1), 0x0102030405060708u);
}

TEST(ByteOrder, StoresWriteNetworkOrderAndNothingElse)
{
    std::array<uint8_t, 12> wire;
    wire.fill(0xee);
    store_be16(wire.data() + 1, 0x0102);
    EXPECT_EQ(wire, (std::array<uint8_t, 12>{0xee, 1, 2, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee}));
    store_be32(wire.data() + 1, 0x01020304);
    EXPECT_EQ(wire, (std::array<uint8_t, 12>{0xee, 1, 2, 3, 4, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee}));
    store_be64(wire.data() + 1, 0x0102030405060708);
    EXPECT_EQ(wire, (std::array<uint8_t, 12>{0xee, 1, 2, 3, 4, 5, 6, 7, 8, 0xee, 0xee, 0xee}));
}

TEST(ByteOrder, SwapsAreTheirOwnInverse)
{
    EXPECT_EQ(swap_be16(swap_be16(0xbeef)), 0xbeef);
    EXPECT_EQ(swap_be32(swap_be32(0xdeadbeef)), 0xdeadbeef);
    EXPECT_EQ(swap_be64(swap_be64(0x0123456789abcdef)), 0x0123456789abcdefu);
}

}  // namespace
}  // namespace ipsecgw::base
