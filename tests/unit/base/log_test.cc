#include "base/log.h"
#include "base/log_output.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include <gtest/gtest.h>

namespace ipsecgw::base {
namespace {

class Log : public testing::Test {
 protected:
    ~Log() override
    {
        set_log_level(LogLevel::kInfo);
        set_log_output(LogFormat::kText, nullptr);
    }

    template <class Write>
    static std::string written_by(Write write)
    {
        testing::internal::CaptureStderr();
        write();
        return testing::internal::GetCapturedStderr();
    }
};

TEST_F(Log, OneLinePerEventWithItsLevel)
{
    EXPECT_EQ(written_by([] { log(LogLevel::kInfo, "%d workers", 3); }), "ipsec-gw: 3 workers\n");
    EXPECT_EQ(written_by([] { log(LogLevel::kWarning, "careful"); }), "ipsec-gw: warning: careful\n");
    EXPECT_EQ(written_by([] { log(LogLevel::kError, "broken"); }), "ipsec-gw: error: broken\n");
}

TEST_F(Log, LessUrgentThanTheLevelIsNotWritten)
{
    EXPECT_EQ(written_by([] { log(LogLevel::kDebug, "detail"); }), "");
    set_log_level(LogLevel::kError);
    EXPECT_EQ(written_by([] { log(LogLevel::kWarning, "careful"); }), "");
    set_log_level(LogLevel::kDebug);
    EXPECT_EQ(written_by([] { log(LogLevel::kDebug, "detail"); }), "ipsec-gw: debug: detail\n");
}

TEST_F(Log, ALongLineIsCutAndStillEnds)
{
    const std::string line = written_by([] { log(LogLevel::kInfo, "%s", std::string(5000, 'x').c_str()); });
    EXPECT_LE(line.size(), 1024u);
    EXPECT_GT(line.size(), 1000u);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_EQ(line.find('\0'), std::string::npos);
}

TEST_F(Log, JsonIsOneValidObjectALine)
{
    set_log_output(LogFormat::kJson, nullptr);
    std::string line = written_by([] { log(LogLevel::kWarning, "port \"%s\" \\ is%cgone", "w\xe4n", '\n'); });
    ASSERT_TRUE(line.starts_with("{\"time\":\"20")) << line;
    EXPECT_EQ(line.substr(line.find("Z\"")), "Z\",\"level\":\"warning\",\"message\":\"port \\\"w\\u00e4n\\\" \\\\ is\\u000agone\"}\n");
    line = written_by([] { log(LogLevel::kInfo, "%s", std::string(5000, '\x01').c_str()); });
    EXPECT_LE(line.size(), 1024u);
    EXPECT_TRUE(line.ends_with("\\u0001\"}\n")) << line.substr(line.size() - 20);
}

TEST_F(Log, AFloodOfOneKindLeavesRoomForOthersAndIsCounted)
{
    const std::string text = written_by([] {
        for (int i = 0; i < 1000; i++)
            log(LogLevel::kInfo, "flood %d", i);
        log(LogLevel::kInfo, "something else");
    });
    // The second may change while it runs.
    const auto lines = static_cast<unsigned>(std::count(text.begin(), text.end(), '\n'));
    EXPECT_LE(lines, 3 * kLogLinesPerSecond + 1);
    EXPECT_NE(text.find("something else"), std::string::npos);
}

TEST_F(Log, LeavesNoLineOutForWhoBoundsThemItself)
{
    const std::string text = written_by([] {
        for (unsigned i = 0; i < 3 * kLogLinesPerSecond; i++)
            log_each(LogLevel::kInfo, "event %u", i);
    });
    EXPECT_EQ(static_cast<unsigned>(std::count(text.begin(), text.end(), '\n')), 3 * kLogLinesPerSecond);
}

TEST_F(Log, ASinkTakesThePlaceOfStderr)
{
    set_log_output(LogFormat::kText, [](LogLevel level, const char* message, unsigned) {
        EXPECT_EQ(level, LogLevel::kError);
        EXPECT_STREQ(message, "for the journal");
        std::fprintf(stderr, "sunk");
    });
    EXPECT_EQ(written_by([] { log(LogLevel::kError, "for the %s", "journal"); }), "sunk");
}

}  // namespace
}  // namespace ipsecgw::base
