#include "base/byte_writer.h"

#include <array>

#include <gtest/gtest.h>

namespace ipsecgw::base {
namespace {

using Bytes = std::vector<uint8_t>;

TEST(ByteWriter, AppendsNetworkOrder)
{
    ByteWriter writer;
    writer.u8(1);
    writer.u16(0x0203);
    writer.u32(0x04050607);
    writer.u64(0x08090a0b0c0d0e0f);
    writer.bytes(std::array<uint8_t, 2>{0xaa, 0xbb});
    writer.zeros(2);
    EXPECT_TRUE(writer.ok());
    EXPECT_EQ(writer.take(), (Bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xaa, 0xbb, 0, 0}));
    EXPECT_EQ(writer.size(), 0U);
}

TEST(ByteWriter, LengthsAreOfWhatTheirScopeHolds)
{
    ByteWriter writer;
    const size_t start = writer.size();
    writer.u8(0xff);
    {
        const auto outer = writer.length16(start);  // counts from the 0xff on
        {
            const auto inner = writer.length16();
            writer.u32(0);
        }
        writer.u8(0xee);
    }
    EXPECT_EQ(writer.take(), (Bytes{0xff, 0, 10, 0, 4, 0, 0, 0, 0, 0xee}));
}

TEST(ByteWriter, AScopeMayBeClosedEarlyAndOnce)
{
    ByteWriter writer;
    {
        auto scope = writer.length16();
        writer.u8(1);
        scope.close();
        writer.u8(2);
    }
    EXPECT_EQ(writer.take(), (Bytes{0, 1, 1, 2}));
}

TEST(ByteWriter, ALengthThatDoesNotFitIsRemembered)
{
    ByteWriter writer;
    {
        const auto scope = writer.length16();
        writer.zeros(65535);
    }
    EXPECT_TRUE(writer.ok());
    {
        const auto scope = writer.length16();
        writer.zeros(65536);
    }
    EXPECT_FALSE(writer.ok());
}

TEST(ByteWriter, OverwritesOnlyWhatIsThere)
{
    ByteWriter writer;
    writer.zeros(5);
    writer.set_u8(0, 9);
    writer.set_u32(1, 0x01020304);
    EXPECT_EQ(Bytes(writer.view().begin(), writer.view().end()), (Bytes{9, 1, 2, 3, 4}));
    EXPECT_THROW(writer.set_u32(2, 0), std::out_of_range);
    EXPECT_THROW(writer.set_u8(5, 0), std::out_of_range);
}

}  // namespace
}  // namespace ipsecgw::base
