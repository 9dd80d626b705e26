#include "esp/padding.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>

namespace ipsecgw::esp {
namespace {

/// Text of 16 foreign bytes, then `pad` bytes of RFC 4303 section 2.4 padding.
std::vector<uint8_t> padded(uint32_t pad)
{
    std::vector<uint8_t> bytes(16, 0xa5);
    for (uint32_t i = 1; i <= pad; ++i)
        bytes.push_back(static_cast<uint8_t>(i));
    return bytes;
}

TEST(Padding, AcceptsOneTwoThreeForEveryLength)
{
    for (uint32_t pad = 0; pad <= 255; ++pad) {
        const auto bytes = padded(pad);
        EXPECT_TRUE(padding_is_valid(bytes.data() + bytes.size(), pad)) << pad;
    }
}

TEST(Padding, RejectsEachSingleWrongByteOfEveryLength)
{
    for (uint32_t pad = 1; pad <= 255; ++pad)
        for (uint32_t at = 0; at < pad; ++at) {
            auto bytes = padded(pad);
            bytes[16 + at] ^= 0x80;
            EXPECT_FALSE(padding_is_valid(bytes.data() + bytes.size(), pad)) << pad << " at " << at;
        }
}

TEST(Padding, LooksAtNothingBeforeThePadding)
{
    for (uint32_t pad = 0; pad <= 255; ++pad) {
        auto bytes = padded(pad);
        bytes[15] = static_cast<uint8_t>(~bytes[15]);
        EXPECT_TRUE(padding_is_valid(bytes.data() + bytes.size(), pad)) << pad;
    }
}

TEST(Padding, ReadsTrailersOfEveryLength)
{
    for (uint32_t pad = 0; pad <= 255; ++pad) {
        auto bytes = padded(pad);
        bytes.push_back(static_cast<uint8_t>(pad));
        bytes.push_back(41);
        const Trailer good = read_trailer(bytes.data() + bytes.size());
        EXPECT_EQ(good.pad_bytes, pad);
        EXPECT_EQ(good.next_header, 41);
        EXPECT_TRUE(good.valid) << pad;
        for (uint32_t at = 0; at < pad; ++at) {
            auto bad = bytes;
            bad[16 + at] ^= 1;
            EXPECT_FALSE(read_trailer(bad.data() + bad.size()).valid) << pad << " at " << at;
        }
    }
}

TEST(Padding, WritesTrailersThatVerify)
{
    for (uint32_t pad = 0; pad <= 15; ++pad) {
        std::array<uint8_t, 40> bytes;
        bytes.fill(0xee);
        write_trailer(bytes.data() + 8, pad, 41);
        for (uint32_t i = 0; i < pad; ++i)
            EXPECT_EQ(bytes[8 + i], i + 1);
        EXPECT_EQ(bytes[8 + pad], pad);
        EXPECT_EQ(bytes[8 + pad + 1], 41);
        EXPECT_TRUE(padding_is_valid(bytes.data() + 8 + pad, pad));
        EXPECT_EQ(bytes[7], 0xee);
        for (uint32_t i = 8 + pad + 2 + 7; i < bytes.size(); ++i)
            EXPECT_EQ(bytes[i], 0xee) << "pad " << pad << " wrote past the smallest ICV's bytes";
    }
}

}  // namespace
}  // namespace ipsecgw::esp
