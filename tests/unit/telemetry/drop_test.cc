#include "telemetry/drop.h"

#include <algorithm>
#include <cctype>
#include <set>

#include <gtest/gtest.h>

namespace ipsecgw::telemetry {
namespace {

class DropTable : public testing::TestWithParam<size_t> {
 protected:
    Drop reason_ = static_cast<Drop>(GetParam());
};

TEST_P(DropTable, NameIsAKebabCaseWord)
{
    const std::string_view name = drop_name(reason_);
    ASSERT_FALSE(name.empty());
    EXPECT_TRUE(std::all_of(name.begin(), name.end(), [](char c) { return std::islower(c) != 0 || c == '-'; })) << name;
    EXPECT_NE(name.front(), '-');
    EXPECT_NE(name.back(), '-');
    EXPECT_EQ(name.find("--"), std::string_view::npos);
    EXPECT_NE(name, "unknown");
}

TEST_P(DropTable, HelpIsOneSentence)
{
    const std::string_view help = drop_help(reason_);
    ASSERT_GT(help.size(), 20u);
    EXPECT_TRUE(std::isupper(help.front()) != 0) << help;
    EXPECT_TRUE(help.ends_with('.')) << help;
    EXPECT_EQ(help.find(". "), std::string_view::npos) << help;
    EXPECT_EQ(help.find("  "), std::string_view::npos) << help;
}

INSTANTIATE_TEST_SUITE_P(AllReasons, DropTable, testing::Range(size_t{0}, kDropCount));

TEST(Drop, NamesAreUnique)
{
    std::set<std::string_view> names;
    for (size_t i = 0; i < kDropCount; i++)
        EXPECT_TRUE(names.insert(drop_name(static_cast<Drop>(i))).second) << drop_name(static_cast<Drop>(i));
}

// Dashboards and scripts depend on these words.
TEST(Drop, NamesAreStable)
{
    EXPECT_EQ(drop_name(Drop::kEspRunt), "esp-runt");
    EXPECT_EQ(drop_name(Drop::kReplay), "replay");
    EXPECT_EQ(drop_name(Drop::kTooOld), "too-old");
    EXPECT_EQ(drop_name(Drop::kAuth), "auth");
    EXPECT_EQ(drop_name(Drop::kSelectorMismatch), "selector-mismatch");
    EXPECT_EQ(drop_name(Drop::kTooBig), "too-big");
    EXPECT_EQ(drop_name(Drop::kUnknownSpi), "unknown-spi");
    EXPECT_EQ(drop_name(Drop::kNoSa), "no-sa");
    EXPECT_EQ(drop_name(Drop::kPuntDone), "punt-done");
}

TEST(Drop, OnlyWhatIsConsumedByDesignIsBenign)
{
    std::set<std::string_view> benign;
    for (size_t i = 0; i < kDropCount; i++)
        if (drop_is_benign(static_cast<Drop>(i)))
            benign.insert(drop_name(static_cast<Drop>(i)));
    EXPECT_EQ(benign, (std::set<std::string_view>{"dummy", "nat-keepalive", "punt-done", "ike-done"}));
}

TEST(Drop, AValueThatIsNoReasonSurvives)
{
    EXPECT_EQ(drop_name(Drop::kCount), "unknown");
    EXPECT_EQ(drop_name(static_cast<Drop>(255)), "unknown");
    EXPECT_FALSE(drop_is_benign(static_cast<Drop>(255)));
}

}  // namespace
}  // namespace ipsecgw::telemetry
