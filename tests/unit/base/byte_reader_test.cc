#include "base/byte_reader.h"

#include <array>

#include <gtest/gtest.h>

namespace ipsecgw::base {
namespace {

constexpr std::array<uint8_t, 15> kBytes = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

TEST(ByteReader, ReadsNetworkOrderToTheEnd)
{
    ByteReader reader(kBytes);
    EXPECT_EQ(reader.u8(), 1);
    EXPECT_EQ(reader.u16(), 0x0203);
    EXPECT_EQ(reader.u32(), 0x04050607U);
    EXPECT_EQ(reader.u64(), 0x08090a0b0c0d0e0fULL);
    EXPECT_TRUE(reader.is_at_end());
    EXPECT_TRUE(reader.rest().empty());
    EXPECT_TRUE(reader.ok());
}

TEST(ByteReader, AShortReadTakesNothingAndIsRemembered)
{
    ByteReader reader{std::span(kBytes).first(3)};
    EXPECT_EQ(reader.u32(), 0U);
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.u8(), 0);  // though a byte is there: what follows a missing field means nothing
    EXPECT_TRUE(reader.rest().empty());
    EXPECT_FALSE(reader.is_at_end());
}

TEST(ByteReader, AnInnerReaderCannotLeaveItsRange)
{
    ByteReader reader(kBytes);
    ByteReader inner = reader.take(4);
    EXPECT_EQ(inner.remaining(), 4U);
    EXPECT_EQ(inner.u64(), 0U);
    EXPECT_FALSE(inner.ok());
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.u8(), 5);
}

TEST(ByteReader, AnInnerReaderOfMoreThanThereIsFailsBoth)
{
    ByteReader reader(kBytes);
    EXPECT_FALSE(reader.take(16).ok());
    EXPECT_FALSE(reader.ok());
    EXPECT_FALSE(reader.take(0).ok());
}

TEST(ByteReader, AnEmptyRangeIsReadWhole)
{
    ByteReader reader;
    EXPECT_TRUE(reader.is_at_end());
    reader.skip(0);
    EXPECT_TRUE(reader.is_at_end());
    reader.skip(1);
    EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, AWrongValueCanFailIt)
{
    ByteReader reader(kBytes);
    reader.fail();
    EXPECT_EQ(reader.remaining(), 0U);
    EXPECT_FALSE(reader.is_at_end());
}

}  // namespace
}  // namespace ipsecgw::base
