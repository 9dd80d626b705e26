#include "base/log.h"

#include <string>

#include <gtest/gtest.h>

namespace ipsecgw::base {
namespace {

class Log : public testing::Test {
 protected:
    ~Log() override { set_log_level(LogLevel::kInfo); }

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

}  // namespace
}  // namespace ipsecgw::base
