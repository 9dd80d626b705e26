#include "dpdk/qsbr.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace ipsecgw::dpdk {
namespace {

TEST(Qsbr, WaitsForEveryOnlineReader)
{
    auto qsbr = Qsbr::create(2);
    ASSERT_TRUE(qsbr);
    (*qsbr)->online(0);
    (*qsbr)->online(1);
    const uint64_t token = (*qsbr)->start();
    EXPECT_FALSE((*qsbr)->passed(token));
    (*qsbr)->quiescent(0);
    EXPECT_FALSE((*qsbr)->passed(token));
    (*qsbr)->offline(1);
    EXPECT_TRUE((*qsbr)->passed(token));
}

TEST(Reclaimer, FreesInOrderAfterTheGracePeriodAndTheRestAtItsEnd)
{
    auto qsbr = Qsbr::create(1);
    ASSERT_TRUE(qsbr);
    int freed = 0;
    {
        Reclaimer reclaimer(**qsbr);
        (*qsbr)->online(0);
        reclaimer.retire([&] { freed = freed * 10 + 1; });
        (*qsbr)->quiescent(0);
        reclaimer.retire([&] { freed = freed * 10 + 2; });
        EXPECT_EQ(reclaimer.pending(), 2u);
        EXPECT_EQ(reclaimer.poll(), 1u);
        EXPECT_EQ(freed, 1);
        EXPECT_EQ(reclaimer.poll(), 0u);
    }
    EXPECT_EQ(freed, 12);
}

TEST(Reclaimer, WaitsForIdleObjectsInTheirOrderWithoutHoldingUpOthers)
{
    auto qsbr = Qsbr::create(1);
    ASSERT_TRUE(qsbr);
    Reclaimer reclaimer(**qsbr);
    bool is_idle = false;
    std::string freed;
    reclaimer.retire_when([&] { return is_idle; }, [&] { freed += "a"; });
    reclaimer.retire_when([] { return true; }, [&] { freed += "b"; });
    reclaimer.retire([&] { freed += "c"; });
    EXPECT_EQ(reclaimer.poll(), 1u);
    EXPECT_EQ(freed, "c") << "a's reader may still read b";
    EXPECT_EQ(reclaimer.pending(), 2u);
    is_idle = true;
    EXPECT_EQ(reclaimer.poll(), 2u);
    EXPECT_EQ(freed, "cab");
}

TEST(Reclaimer, IdlenessDoesNotReplaceTheGracePeriod)
{
    auto qsbr = Qsbr::create(1);
    ASSERT_TRUE(qsbr);
    Reclaimer reclaimer(**qsbr);
    (*qsbr)->online(0);
    bool freed = false;
    reclaimer.retire_when([] { return true; }, [&] { freed = true; });
    EXPECT_EQ(reclaimer.poll(), 0u);
    EXPECT_FALSE(freed);
    (*qsbr)->quiescent(0);
    EXPECT_EQ(reclaimer.poll(), 1u);
    EXPECT_TRUE(freed);
}

}  // namespace
}  // namespace ipsecgw::dpdk
