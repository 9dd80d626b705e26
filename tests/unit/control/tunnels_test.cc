// Counters by tunnel: they go on across rekeys, whatever comes and goes while they are counted.
#include <map>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "harness.h"
#include "base/text.h"
#include "sa/inbound_sa.h"
#include "sa/outbound_sa.h"

namespace ipsecgw::control {
namespace {

using model::Direction;
using Rows = std::map<std::pair<std::string, Direction>, TunnelStatus>;

class TunnelsTest : public ControlTest {
  protected:
    TunnelsTest() : ControlTest(2, 4096) {}

    void install(model::SaParams params, const std::string& tunnel)
    {
        params.tunnel_name = tunnel;
        ASSERT_TRUE(control->install_sa(std::move(params)));
    }
    /// As a worker does: the counters of worker 0.
    void carry(uint32_t spi, uint64_t packets)
    {
        sa::SaCounters& counters = sad->find(spi)->counters;
        counters.packets.add(packets);
        counters.bytes.add(100 * packets);
    }
    Rows ask()
    {
        Rows rows;
        bool is_done = false;
        control->count_tunnels([&](std::vector<TunnelStatus> all) {
            for (auto& row : all)
                rows.emplace(std::pair(row.name, row.direction), row);
            is_done = true;
        });
        for (int i = 0; i < 100 && !is_done; i++)
            step();
        EXPECT_TRUE(is_done);
        return rows;
    }
    TunnelStatus inbound_of(const std::string& tunnel) { return ask().at({tunnel, Direction::kInbound}); }
};

TEST_F(TunnelsTest, AnSaIsATunnelByItsOwnName)
{
    ASSERT_TRUE(control->install_sa(inbound("a-in", 0x1000)));
    ASSERT_TRUE(control->install_sa(outbound("a-out", 0x2000)));
    carry(0x1000, 3);
    const auto rows = ask();
    ASSERT_EQ(rows.size(), 2U);
    const TunnelStatus& row = rows.at({"a-in", Direction::kInbound});
    EXPECT_EQ(row.sas, 1U);
    EXPECT_EQ(row.packets, 3U);
    EXPECT_EQ(row.bytes, 300U);
    EXPECT_EQ(row.rekeys, 0U);
    EXPECT_EQ(row.oldest_seconds, 0U);
    EXPECT_EQ(rows.at({"a-out", Direction::kOutbound}).packets, 0U);
}

TEST_F(TunnelsTest, ARekeyGoesOnWhereTheOldSaWas)
{
    install(inbound("a-1", 0x1001), "a");
    carry(0x1001, 10);
    sa::SaCounters* old = &sad->find(0x1001)->counters;
    step(5 * kSecond);
    install(inbound("a-2", 0x1002), "a");
    EXPECT_EQ(inbound_of("a").oldest_seconds, 5U);
    ASSERT_TRUE(control->remove_sa("a-1"));
    // A worker that holds the SA still may count until its grace period is over.
    old->packets.add(2);
    carry(0x1002, 1);
    EXPECT_GE(inbound_of("a").packets, 11U);
    turn_workers();
    step();
    const TunnelStatus row = inbound_of("a");
    EXPECT_EQ(row.packets, 13U);
    EXPECT_EQ(row.sas, 1U);
    EXPECT_EQ(row.installs, 2U);
    EXPECT_EQ(row.rekeys, 1U);
}

TEST_F(TunnelsTest, DropsOfAnSaThatIsGoneAreKept)
{
    install(inbound("a-1", 0x1001), "a");
    sad->find(0x1001)->drops.add(telemetry::Drop::kReplay, 7);
    ASSERT_TRUE(control->remove_sa("a-1"));
    const TunnelStatus row = inbound_of("a");
    EXPECT_EQ(row.sas, 0U);
    EXPECT_EQ(row.drops[static_cast<size_t>(telemetry::Drop::kReplay)], 7U);
    EXPECT_FALSE(row.oldest_seconds);
}

TEST_F(TunnelsTest, WhatIsRemovedWhileItIsCountedIsCountedOnce)
{
    constexpr uint32_t kSas = 3000;  // three parts
    for (uint32_t i = 0; i < kSas; i++) {
        install(inbound(base::format("sa-%05u", i), 0x10000 + i), "all");
        carry(0x10000 + i, 1);
    }
    uint64_t packets = 0;
    bool is_done = false;
    control->count_tunnels([&](std::vector<TunnelStatus> all) {
        packets = all.at(0).packets;
        is_done = true;
    });
    step();
    ASSERT_FALSE(is_done) << "a part of a long table takes one turn";
    ASSERT_TRUE(control->remove_sa("sa-00000"));  // seen
    ASSERT_TRUE(control->remove_sa("sa-02999"));  // not seen yet
    ASSERT_TRUE(control->remove_sa("sa-01023"));  // where the walk stands
    for (int i = 0; i < 10; i++)
        step();
    ASSERT_TRUE(is_done);
    EXPECT_EQ(packets, kSas);
    EXPECT_EQ(inbound_of("all").packets, kSas);
    EXPECT_EQ(inbound_of("all").sas, kSas - 3);
}

TEST_F(TunnelsTest, TwoThatAskAreBothToldAndLaterThanTheyAsked)
{
    install(inbound("a-1", 0x1001), "a");
    uint64_t first = 0, second = 0;
    control->count_tunnels([&](const std::vector<TunnelStatus>& all) { first = all.at(0).packets; });
    carry(0x1001, 1);
    control->count_tunnels([&](const std::vector<TunnelStatus>& all) { second = all.at(0).packets; });
    step();
    step();
    EXPECT_EQ(first, 1U);
    EXPECT_EQ(second, 1U);
}

TEST_F(TunnelsTest, MoreTunnelsThanThereIsRoomForShareOneRow)
{
    uint64_t before = 0;
    for (uint32_t i = 0; i < 2100; i++) {
        ASSERT_TRUE(control->install_sa(inbound(base::format("t-%05u", i), 0x10000 + i)));
        carry(0x10000 + i, 1);
    }
    auto rows = ask();
    EXPECT_EQ(rows.size(), 2001U);
    EXPECT_EQ(rows.at({std::string(kOtherTunnels), Direction::kInbound}).packets, 100U);
    // One without SAs makes room: what it has carried goes to the others, and the sum stays.
    ASSERT_TRUE(control->remove_sa("t-00000"));
    ASSERT_TRUE(control->install_sa(inbound("newcomer", 0x9000)));
    rows = ask();
    EXPECT_FALSE(rows.contains({"t-00000", Direction::kInbound}));
    EXPECT_TRUE(rows.contains({"newcomer", Direction::kInbound}));
    for (const auto& [key, row] : rows)
        before += row.packets;
    EXPECT_EQ(before, 2100U);
}

}  // namespace
}  // namespace ipsecgw::control
