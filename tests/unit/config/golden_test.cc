#include <gtest/gtest.h>

#include "unit/config/config_support.h"

namespace ipsecgw::config {
namespace {

const std::string kHere = SOURCE_ROOT "/tests/unit/config/";

TEST(ConfigGolden, EveryErrorOfABrokenFileInOneRun)
{
    const Loaded loaded = load_text(slurp(kHere + "broken.cfg"), "broken.cfg");
    EXPECT_EQ(text_of(loaded.errors), slurp(kHere + "broken.errors"));
    EXPECT_EQ(text_of(loaded.warnings), slurp(kHere + "broken.warnings"));
    EXPECT_TRUE(loaded.gateway.sas.empty());
}

/// Samples carry pattern keys and are readable by all, and say nothing else.
TEST(ConfigGolden, EverySampleLoads)
{
    size_t samples = 0;
    for (const auto& entry : std::filesystem::directory_iterator(SOURCE_ROOT "/config")) {
        if (entry.path().extension() != ".cfg")
            continue;
        samples++;
        const Loaded loaded = load_file(entry.path());
        EXPECT_EQ(text_of(loaded.errors), "") << entry.path();
        EXPECT_FALSE(loaded.gateway.ports.empty()) << entry.path();
        EXPECT_FALSE(loaded.gateway.policies.empty() && loaded.gateway.connections.empty()) << entry.path();
        for (const auto& warning : loaded.warnings)
            EXPECT_TRUE(warning.what.starts_with("it holds keys and is open") ||
                        warning.what.starts_with("the key is a pattern") ||
                        warning.what.find("key.pem\" holds a key and is open") != std::string::npos)
                << warning.to_string();
        for (const auto& sa : loaded.gateway.sas)
            EXPECT_TRUE(model::validate(sa).empty()) << sa.name;
    }
    EXPECT_EQ(samples, 17U);
}

enum class Between { kNothing, kNat };

/// What one gateway sends the other must accept. A NAT between them changes addresses and ports on the way.
void expect_peers(const std::string& a, const std::string& b, Between between)
{
    SCOPED_TRACE(a);
    const Loaded left = load_file(SOURCE_ROOT "/config/" + a);
    const Loaded right = load_file(SOURCE_ROOT "/config/" + b);
    ASSERT_EQ(left.gateway.sas.size(), right.gateway.sas.size());
    for (const auto& mine : left.gateway.sas) {
        SCOPED_TRACE(mine.name);
        const auto found = std::find_if(
            right.gateway.sas.begin(), right.gateway.sas.end(),
            [&](const model::SaParams& sa) { return sa.spi == mine.spi && sa.direction != mine.direction; });
        ASSERT_NE(found, right.gateway.sas.end());
        EXPECT_EQ(found->local, mine.remote);
        if (between == Between::kNothing) {
            EXPECT_EQ(found->remote, mine.local);
        }
        EXPECT_EQ(found->suite, mine.suite);
        EXPECT_EQ(found->esn, mine.esn);
        EXPECT_EQ(found->mode, mine.mode);
        EXPECT_EQ(found->udp.has_value(), mine.udp.has_value());
        EXPECT_TRUE(base::equal_constant_time(found->keymat.view(), mine.keymat.view()));
    }
    for (const auto& mine : left.gateway.policies)
        EXPECT_TRUE(std::any_of(
            right.gateway.policies.begin(), right.gateway.policies.end(),
            [&](const model::Policy& theirs) { return theirs.local == mine.remote && theirs.remote == mine.local; }))
            << mine.name;
}

TEST(ConfigGolden, PairedSamplesMirrorEachOther)
{
    expect_peers("two-port-a.cfg", "two-port-b.cfg", Between::kNothing);
    expect_peers("one-armed.cfg", "two-port-b.cfg", Between::kNothing);
    expect_peers("ipv6.cfg", "ipv6-peer.cfg", Between::kNothing);
    expect_peers("nat-t.cfg", "nat-t-peer.cfg", Between::kNat);
    expect_peers("transport-vxlan.cfg", "transport-vxlan-peer.cfg", Between::kNothing);
}

}  // namespace
}  // namespace ipsecgw::config
