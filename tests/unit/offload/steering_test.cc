// SPI RSS and the flow rules of each dialect, against published hashes and recorded expectations.
#include <algorithm>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "offload/spi_rss.h"
#include "offload/steering_rules.h"

namespace ipsecgw::offload {
namespace {

// Microsoft, "Verifying the RSS Hash Calculation": key, and the hash of 66.9.149.187:2794 -> 161.142.100.80:1766. The pair of ports is one
// 32-bit word of the input, as an SPI is.
const std::vector<uint8_t> kKey = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca,
                                   0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b,
                                   0xbe, 0xac, 0x01, 0xfa};

net::IpAddress address(std::string_view text) { return net::IpAddress::parse(text).value(); }

std::vector<uint16_t> identity_table(uint16_t size)
{
    std::vector<uint16_t> table(size);
    for (uint16_t i = 0; i < size; i++)
        table[i] = i;
    return table;
}

TEST(SpiRss, AgreesWithMicrosoftsVerificationSuite)
{
    const SpiRss rss(kKey, identity_table(1024), 1024);
    EXPECT_EQ(rss.queue_of(address("66.9.149.187"), address("161.142.100.80"), 2794u << 16 | 1766u), 0x51ccc178u % 1024);
    EXPECT_EQ(rss.queue_of(address("199.92.111.2"), address("65.69.140.83"), 14230u << 16 | 4739u), 0xc626b0eau % 1024);
    EXPECT_EQ(rss.queue_of(address("3ffe:2501:200:1fff::7"), address("3ffe:2501:200:3::1"), 2794u << 16 | 1766u), 0x40207d3du % 1024);
}

TEST(SpiRss, ChoosesSpisThatLandOnTheWantedWorker)
{
    const SpiRss rss(kKey, identity_table(8), 4);
    std::mt19937 random(1);
    std::set<uint32_t> used;
    const auto source = address("198.51.100.2");
    const auto destination = address("198.51.100.1");
    for (uint16_t worker = 0; worker < 4; worker++) {
        for (int i = 0; i < 1000; i++) {
            const auto spi = rss.choose(source, destination, worker, [&] { return static_cast<uint32_t>(random()); },
                                        [&](uint32_t candidate) { return !used.contains(candidate); });
            ASSERT_TRUE(spi);
            EXPECT_GE(*spi, 256u);
            EXPECT_EQ(rss.worker_of(source, destination, *spi), worker);
            EXPECT_TRUE(used.insert(*spi).second);
        }
    }
}

TEST(SpiRss, SaysWhenNoSpiCanLandThere)
{
    const SpiRss rss(kKey, {0, 0}, 2);  // the table has queue 0 only
    uint32_t next = 256;
    EXPECT_FALSE(rss.choose(address("198.51.100.2"), address("198.51.100.1"), 1, [&] { return next++; }, [](uint32_t) { return true; }, 100));
}

std::vector<std::string> words(const std::vector<FlowRuleSpec>& rules)
{
    std::vector<std::string> lines;
    std::transform(rules.begin(), rules.end(), std::back_inserter(lines), [](const FlowRuleSpec& rule) { return rule.to_string(); });
    return lines;
}

// Expectations follow DPDK's mlx5 guide: RTE_ETH_RSS_ESP by explicit rule, alone in its action; SPI matches in group 0 from ConnectX-7 on only.
TEST(SteeringRules, Mlx5JumpsOutOfGroupZero)
{
    EXPECT_EQ(words(steering_rules(RuleDialect::kMlx5, 2, kKey)),
              (std::vector<std::string>{
                  "ingress group 0 priority 0 pattern eth / end actions jump group 1 / end",
                  "ingress group 1 priority 1 pattern eth / ipv4 / esp / end actions rss types esp end queues 0 1 end / end",
                  "ingress group 1 priority 1 pattern eth / ipv6 / esp / end actions rss types esp end queues 0 1 end / end",
                  "ingress group 1 priority 2 pattern eth / ipv4 / end actions rss types ip udp tcp end queues 0 1 end / end",
                  "ingress group 1 priority 2 pattern eth / ipv6 / end actions rss types ip udp tcp end queues 0 1 end / end",
                  "ingress group 1 priority 3 pattern eth / end actions queue index 0 / end",
              }));
    EXPECT_EQ(spi_rule(RuleDialect::kMlx5, net::Family::kIpv4, 0xc1f00a21, 3).to_string(),
              "ingress group 1 priority 0 pattern eth / ipv4 / esp spi is 0xc1f00a21 / end actions queue index 3 / end");
}

TEST(SteeringRules, ARuleForAnSaNamesItsAddress)
{
    FlowRuleSpec rule;
    rule.match_eth = rule.match_udp = rule.match_esp = rule.security = true;
    rule.spi = 0xc1f00a21;
    rule.family = net::Family::kIpv6;
    rule.destination = address("2001:db8::1");
    EXPECT_EQ(rule.to_string(),
              "ingress group 0 priority 0 pattern eth / ipv6 dst is 2001:db8::1 / udp / esp spi is 0xc1f00a21 / end actions security / end");
}

TEST(SteeringRules, OtherPortsNeedNoSecondGroup)
{
    const auto rules = words(steering_rules(RuleDialect::kPlain, 1, kKey));
    ASSERT_EQ(rules.size(), 5u);
    EXPECT_EQ(rules[0], "ingress group 0 priority 1 pattern eth / ipv4 / esp / end actions rss types esp end queues 0 end / end");
    EXPECT_EQ(dialect_of("mlx5_pci"), RuleDialect::kMlx5);
    EXPECT_EQ(dialect_of("net_inline_ipsec"), RuleDialect::kPlain);
}

}  // namespace
}  // namespace ipsecgw::offload
