#include "worker/rate_limit.h"

#include <gtest/gtest.h>

namespace ipsecgw::worker {
namespace {

TEST(RateLimit, LetsABurstPassThenTheRate)
{
    RateLimit limit(100, 1'000'000);  // a token each 10,000 cycles
    uint64_t now = 5'000'000'000;
    int passed = 0;
    for (int i = 0; i < 1000; i++)
        passed += limit.take(now) ? 1 : 0;
    EXPECT_EQ(passed, 100);
    EXPECT_FALSE(limit.take(now + 9'999));
    EXPECT_TRUE(limit.take(now + 10'000));
    EXPECT_FALSE(limit.take(now + 19'999)) << "the rest of a token is kept, not doubled";
    EXPECT_TRUE(limit.take(now + 20'000));
    for (passed = 0, now += 1'000'000'000; limit.take(now);)
        passed++;
    EXPECT_EQ(passed, 100) << "no more than a burst is saved";
}

TEST(RateLimit, WithoutARateNothingPasses)
{
    RateLimit limit;
    EXPECT_FALSE(limit.take(1'000'000'000));
}

}  // namespace
}  // namespace ipsecgw::worker
