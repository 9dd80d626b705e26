#include "base/log.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdio>

namespace ipsecgw::base {
namespace {

// Process-wide like the stderr it guards; two gateways in one process share both. Relaxed: a line more or less.
std::atomic<LogLevel> threshold{LogLevel::kInfo};

const char* prefix(LogLevel level)
{
    switch (level) {
        case LogLevel::kError:
            return "ipsec-gw: error: ";
        case LogLevel::kWarning:
            return "ipsec-gw: warning: ";
        case LogLevel::kInfo:
            return "ipsec-gw: ";
        case LogLevel::kDebug:
            return "ipsec-gw: debug: ";
    }
    return "ipsec-gw: ";
}

}  // namespace

void set_log_level(LogLevel level) noexcept { threshold.store(level, std::memory_order_relaxed); }

void log(LogLevel level, const char* fmt, ...)
{
    if (level > threshold.load(std::memory_order_relaxed))
        return;
    char line[1024];
    size_t used = static_cast<size_t>(std::snprintf(line, sizeof line, "%s", prefix(level)));
    va_list args;
    va_start(args, fmt);
    const int more = std::vsnprintf(line + used, sizeof line - used - 1, fmt, args);
    va_end(args);
    used = std::min(used + static_cast<size_t>(std::max(more, 0)), sizeof line - 2);
    line[used++] = '\n';
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line, used);
}

}  // namespace ipsecgw::base
