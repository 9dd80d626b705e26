#include "app/service_manager.h"

#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/log_output.h"

namespace ipsecgw::app {

namespace {

constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

int priority(base::LogLevel level)
{
    switch (level) {
        case base::LogLevel::kError:
            return LOG_ERR;
        case base::LogLevel::kWarning:
            return LOG_WARNING;
        case base::LogLevel::kInfo:
            return LOG_INFO;
        case base::LogLevel::kDebug:
            return LOG_DEBUG;
    }
    return LOG_INFO;
}

void to_journal(base::LogLevel level, const char* message, unsigned suppressed)
{
    if (suppressed == 0)
        sd_journal_send("MESSAGE=%s", message, "PRIORITY=%i", priority(level), "SYSLOG_IDENTIFIER=ipsec-gw", nullptr);
    else
        sd_journal_send("MESSAGE=%s", message, "PRIORITY=%i", priority(level), "SYSLOG_IDENTIFIER=ipsec-gw", "SUPPRESSED=%u", suppressed, nullptr);
}

}  // namespace

base::Result<void> ServiceManager::log_to_journal()
{
    struct stat status;
    // libsystemd says nothing when nobody listens.
    if (stat(kJournalSocket, &status) != 0 || !S_ISSOCK(status.st_mode))
        return base::Error{base::ErrorCode::kUnavailable, "--log-to journal: there is no journald here", "leave it out: systemd takes stderr, too"};
    base::set_log_output(base::LogFormat::kText, &to_journal);
    return {};
}

ServiceManager::ServiceManager()
{
    uint64_t microseconds = 0;
    if (sd_watchdog_enabled(0, &microseconds) > 0)
        watchdog_ns_ = microseconds * 1000;
}

void ServiceManager::ready() const
{
    sd_notify(0, "READY=1\nSTATUS=Forwarding.");
}

void ServiceManager::stopping() const
{
    sd_notify(0, "STOPPING=1\nSTATUS=Stopping.");
}

void ServiceManager::alive() const
{
    sd_notify(0, "WATCHDOG=1");
}

}  // namespace ipsecgw::app
