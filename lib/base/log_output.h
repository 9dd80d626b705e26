// How and where lines of the log are written; for the composition root.
#pragma once

#include "base/log.h"

namespace ipsecgw::base {

enum class LogFormat : uint8_t {
    kText,  // "ipsec-gw: warning: text"
    kJson,  // {"time":"2026-01-02T03:04:05.678901Z","level":"warning","message":"text"}
};

/// Takes the place of stderr. `suppressed`: lines like this one that were left out before it.
using LogSink = void (*)(LogLevel level, const char* message, unsigned suppressed);

/// Threads: before others start. Process-wide, as the log is. A null sink is stderr.
void set_log_output(LogFormat format, LogSink sink) noexcept;

/// Of one kind of line (one format string) so many are written in a second; what is more is counted, and the next line
/// of its kind tells how many were left out.
inline constexpr unsigned kLogLinesPerSecond = 50;

}  // namespace ipsecgw::base
