// 100,000 SAs: correct, and at a cost that is printed, not asserted.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "harness.h"

namespace ipsecgw::control {
namespace {

constexpr uint32_t kPairs = 50'000;

class ScaleTest : public ControlTest {
  protected:
    ScaleTest() : ControlTest(2, kPairs) {}
};

size_t resident_kb()
{
    std::ifstream status("/proc/self/status");
    std::string word;
    while (status >> word)
        if (word == "VmRSS:") {
            size_t kb = 0;
            status >> kb;
            return kb;
        }
    return 0;
}

class Lap {
  public:
    void report(const char* what, size_t operations)
    {
        const auto end = std::chrono::steady_clock::now();
        const double us = std::chrono::duration<double, std::micro>(end - start_).count();
        std::printf("%-28s %8zu operations  %8.2f us each  %7zu kB resident\n", what, operations,
                    us / static_cast<double>(operations), resident_kb());
        start_ = std::chrono::steady_clock::now();
    }

  private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

model::Gateway many_pairs()
{
    model::Gateway gateway;
    gateway.sas.reserve(2 * kPairs);
    for (uint32_t i = 0; i < kPairs; i++) {
        const std::string number = std::to_string(i);
        auto policy = protect("policy-" + number, "out-" + number, {"in-" + number});
        const uint8_t bytes[4] = {10, static_cast<uint8_t>(0x80 | (i >> 16)), static_cast<uint8_t>(i >> 8),
                                  static_cast<uint8_t>(i)};
        policy.remote = {{{net::IpAddress::v4(bytes), 32}, 0, {}}};
        gateway.policies.push_back(std::move(policy));
        gateway.sas.push_back(inbound("in-" + number, 0x10000 + i));
        gateway.sas.push_back(outbound("out-" + number, 0x10000 + i));
    }
    return gateway;
}

TEST_F(ScaleTest, InstallsListsAndRemovesAHundredThousandSas)
{
    const auto gateway = many_pairs();
    Lap lap;
    ASSERT_TRUE(control->load(gateway));
    lap.report("load: SAs", 2 * kPairs);
    EXPECT_EQ(sad->inbound_count(), kPairs);
    EXPECT_EQ(sad->outbound_count(), kPairs);
    EXPECT_EQ(spd->count(), kPairs);
    EXPECT_EQ(bound("policy-49999")->spi, 0x10000u + 49999);
    EXPECT_EQ(control->stats().workers.at(0).inbound_sas, kPairs / 2);

    std::string after;
    size_t rows = 0;
    for (auto page = control->list_sas(after, 1000); !page.empty(); page = control->list_sas(after, 1000)) {
        rows += page.size();
        after = page.back().name;
    }
    EXPECT_EQ(rows, 2 * kPairs);
    lap.report("list: rows in pages", rows);
    for (int i = 0; i < 100; i++)
        step(100'000'000);
    lap.report("tick", 100);
    bool is_counted = false;
    control->count_tunnels([&](const std::vector<TunnelStatus>&) { is_counted = true; });
    for (int i = 0; i < 1000 && !is_counted; i++)
        step();
    EXPECT_TRUE(is_counted);
    lap.report("count tunnels: SAs", 2 * kPairs);
    for (const auto& sa : gateway.sas)
        ASSERT_TRUE(control->remove_sa(sa.name));
    lap.report("remove: SAs", 2 * kPairs);
    while (control->stats().retired_objects != 0)
        step();
    lap.report("reclaim: SAs", 2 * kPairs);
    EXPECT_EQ(bound("policy-0"), nullptr);
}

}  // namespace
}  // namespace ipsecgw::control
