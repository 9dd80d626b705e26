#include "esp/stage_clock.h"

#include <gtest/gtest.h>

namespace ipsecgw::esp {
namespace {

using telemetry::Stage;

constexpr uint64_t kLong = 100'000;  // cycles, far above what reading the clock costs

void spend(uint64_t cycles)
{
    for (const uint64_t begin = rte_rdtsc(); rte_rdtsc() - begin < cycles;) {
    }
}

uint64_t sum(const StageClock& clock)
{
    uint64_t all = 0;
    for (size_t i = 0; i < telemetry::kStageCount; i++)
        all += clock.cycles(static_cast<Stage>(i));
    return all;
}

/// Up to the turn before the one that is timed.
void pass_untimed(StageClock& clock)
{
    for (uint32_t i = 1; i < StageClock::kTurnsPerTimed; i++) {
        clock.begin_turn();
        clock.enter(Stage::kTx);
        clock.end_turn(32);
    }
}

TEST(StageClock, TimesOneTurnInMany)
{
    StageClock clock;
    pass_untimed(clock);
    EXPECT_EQ(clock.packets(), 0u);
    EXPECT_EQ(sum(clock), 0u);
    clock.begin_turn();
    clock.end_turn(7);
    EXPECT_EQ(clock.packets(), 7u);
    pass_untimed(clock);
    EXPECT_EQ(clock.packets(), 7u);
    clock.begin_turn();
    clock.end_turn(5);
    EXPECT_EQ(clock.packets(), 12u);
}

TEST(StageClock, GivesTimeToTheStageItWasSpentIn)
{
    StageClock clock;
    pass_untimed(clock);
    const uint64_t begin = rte_rdtsc();
    clock.begin_turn();
    spend(kLong);
    clock.enter(Stage::kEsp);
    spend(kLong);
    clock.enter(Stage::kCipher);
    spend(kLong);
    clock.enter(Stage::kEsp);
    spend(kLong);
    clock.end_turn(1);
    const uint64_t all = rte_rdtsc() - begin;
    // Less what the readings of the clock themselves may cost.
    EXPECT_GE(clock.cycles(Stage::kRx), kLong / 2);
    EXPECT_GE(clock.cycles(Stage::kEsp), kLong);
    EXPECT_GE(clock.cycles(Stage::kCipher), kLong / 2);
    EXPECT_EQ(clock.cycles(Stage::kTx), 0u);
    EXPECT_LE(sum(clock), all);
}

TEST(StageClock, LeavesTurnsWithoutPacketsOut)
{
    StageClock clock;
    pass_untimed(clock);
    clock.begin_turn();
    clock.enter(Stage::kClassify);
    spend(kLong);
    clock.end_turn(0);
    EXPECT_EQ(clock.packets(), 0u);
    EXPECT_EQ(sum(clock), 0u);
}

TEST(StageClock, EveryStageHasAName)
{
    for (size_t i = 0; i < telemetry::kStageCount; i++)
        EXPECT_FALSE(telemetry::stage_name(static_cast<Stage>(i)).empty());
}

}  // namespace
}  // namespace ipsecgw::esp
