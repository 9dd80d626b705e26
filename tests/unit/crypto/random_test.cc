#include "crypto/random.h"

#include <set>

#include <gtest/gtest.h>

#include "support/allocations.h"

namespace ipsecgw::crypto {
namespace {

using Iv = std::array<uint8_t, Aes::kBlockBytes>;

TEST(Random, FillsAndDiffers)
{
    std::array<uint8_t, 32> a{}, b{};
    ASSERT_TRUE(random_bytes(a));
    ASSERT_TRUE(random_bytes(b));
    EXPECT_NE(a, b);
    EXPECT_TRUE(random_bytes({}));
}

TEST(IvSource, NeverRepeatsAcrossRefillsAndSources)
{
    std::set<Iv> seen;
    for (int source = 0; source < 4; source++) {
        auto ivs = IvSource::create();
        ASSERT_TRUE(ivs);
        for (int i = 0; i < 1000; i++) {
            Iv iv;
            ASSERT_TRUE(ivs->next(iv.data()));
            EXPECT_TRUE(seen.insert(iv).second);
        }
    }
}

TEST(IvSource, IsNotObviouslyBiased)
{
    auto ivs = IvSource::create();
    ASSERT_TRUE(ivs);
    constexpr int kDraws = 4096;
    std::array<int, 128> ones{};
    for (int i = 0; i < kDraws; i++) {
        Iv iv;
        ASSERT_TRUE(ivs->next(iv.data()));
        for (size_t bit = 0; bit < ones.size(); bit++)
            ones[bit] += (iv[bit / 8] >> (bit % 8)) & 1;
    }
    // Six standard deviations of a fair coin: sqrt(4096) / 2 = 32.
    for (const int count : ones)
        EXPECT_NEAR(count, kDraws / 2, 6 * 32);
}

TEST(IvSource, DoesNotAllocate)
{
    if (!test::can_count_allocations())
        GTEST_SKIP() << "a sanitizer owns malloc";
    auto ivs = IvSource::create();
    ASSERT_TRUE(ivs);
    Iv iv;
    const uint64_t before = test::allocations();
    for (int i = 0; i < 1000; i++)
        ASSERT_TRUE(ivs->next(iv.data()));
    EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace ipsecgw::crypto
