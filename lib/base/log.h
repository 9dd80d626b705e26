// One line per event on stderr. Never called from a worker.
#pragma once

#include <cstdint>

namespace ipsecgw::base {

enum class LogLevel : uint8_t { kError, kWarning, kInfo, kDebug };

/// Lines less urgent than `level` are not written. Threads: any; set before the threads start.
void set_log_level(LogLevel level) noexcept;

/// Writes "ipsec-gw: LEVEL: text" in one write(2). Never pass key material.
[[gnu::format(printf, 2, 3)]] void log(LogLevel level, const char* fmt, ...);

/// The same, but no line is left out however many come: for who bounds them itself, and for whom one format is not one
/// kind of event.
[[gnu::format(printf, 2, 3)]] void log_each(LogLevel level, const char* fmt, ...);

}  // namespace ipsecgw::base
