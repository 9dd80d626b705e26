// A worker's time by stages: every stage a packet passes has its part, and the parts are no more than the whole.
#include <gtest/gtest.h>

#include "support/site.h"

namespace ipsecgw::worker {
namespace {

using namespace test;
using telemetry::Stage;

constexpr uint32_t kTurns = 3 * esp::StageClock::kTurnsPerTimed;

/// One packet a turn, from site 1's host to site 2's.
void carry(Gateway& one, Gateway& two)
{
    const Bytes packet = udp_packet(between_hosts(1), 1000, 2000, text(64));
    for (uint32_t i = 0; i < kTurns; i++) {
        one.receive_ip(kLan, packet);
        one.worker().turn();
        for (const auto& sealed : one.sent_ip(kWan))
            two.receive_ip(kWan, sealed);
        two.worker().turn();
    }
    two.sent(kLan);
}

constexpr uint64_t kFineCounterHz = 1'000'000'000;

void check(const Worker& worker)
{
    const esp::StageClock& stages = worker.stages();
    EXPECT_GT(stages.packets(), 0u);
    EXPECT_LE(stages.packets(), kTurns);
    uint64_t sum = 0;
    for (size_t i = 0; i < telemetry::kStageCount; i++) {
        const auto stage = static_cast<Stage>(i);
        // Where the counter ticks slower than the CPU, as Arm's does, a short stage may fall between two ticks.
        EXPECT_TRUE(stages.cycles(stage) > 0 || rte_get_tsc_hz() < kFineCounterHz) << telemetry::stage_name(stage);
        sum += stages.cycles(stage);
    }
    EXPECT_LE(sum, worker.counters().busy_cycles.get());
}

TEST(Stages, SealingAndOpeningPassEachOfThem)
{
    GW_SKIP_IN_INLINE_KINDS("no cipher runs in the worker");
    const auto one = make_site({.number = 1}), two = make_site({.number = 2});
    install(*one, 1, {});
    install(*two, 2, {});
    carry(*one, *two);
    check(one->worker());
    check(two->worker());
}

}  // namespace
}  // namespace ipsecgw::worker
