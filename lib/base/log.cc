#include "base/log.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <string_view>

#include "base/log_output.h"

namespace ipsecgw::base {
namespace {

constexpr size_t kLineBytes = 1024;
constexpr size_t kKinds = 64;

// Process-wide like the stderr it guards; two gateways in one process share both. Relaxed: a line more or less.
std::atomic<LogLevel> threshold{LogLevel::kInfo};
std::atomic<LogFormat> format{LogFormat::kText};
std::atomic<LogSink> sink{nullptr};

/// How many lines each kind has had in its second. Kinds that fall on the same place share it.
struct Quota {
    struct Kind {
        time_t second = 0;
        unsigned lines = 0;
        unsigned suppressed = 0;
    };
    std::mutex mutex;
    std::array<Kind, kKinds> kinds;
};
Quota quota;

/// False: this line is one too many. Else how many were left out before it.
bool take_quota(const char* kind, unsigned& suppressed)
{
    const time_t now = std::time(nullptr);
    const std::lock_guard lock(quota.mutex);
    Quota::Kind& of = quota.kinds[(reinterpret_cast<uintptr_t>(kind) >> 3) % kKinds];
    if (of.second != now) {
        of.second = now;
        of.lines = 0;
    }
    if (of.lines >= kLogLinesPerSecond) {
        of.suppressed++;
        return false;
    }
    of.lines++;
    suppressed = of.suppressed;
    of.suppressed = 0;
    return true;
}

std::string_view word(LogLevel level)
{
    switch (level) {
        case LogLevel::kError:
            return "error";
        case LogLevel::kWarning:
            return "warning";
        case LogLevel::kInfo:
            return "info";
        case LogLevel::kDebug:
            return "debug";
    }
    return "info";
}

/// Text up to the end of its room; the line's end fits always.
class Line {
  public:
    void add(std::string_view text)
    {
        const size_t taken = std::min(text.size(), kLineBytes - 1 - used_ - reserved_);
        std::copy_n(text.data(), taken, bytes_.data() + used_);
        used_ += taken;
    }
    /// Whole or not at all: what JSON escapes must not be torn.
    void add_whole(std::string_view text)
    {
        if (text.size() <= kLineBytes - 1 - used_ - reserved_)
            add(text);
    }
    void reserve(size_t bytes) { reserved_ = bytes; }
    void write()
    {
        bytes_[used_++] = '\n';
        [[maybe_unused]] const auto written = ::write(STDERR_FILENO, bytes_.data(), used_);
    }

  private:
    std::array<char, kLineBytes> bytes_;
    size_t used_ = 0, reserved_ = 0;
};

void add_escaped(Line& line, std::string_view text)
{
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            const char escaped[] = {'\\', c};
            line.add_whole({escaped, 2});
        } else if (byte < 0x20 || byte >= 0x7f) {
            // Bytes beyond ASCII as Latin-1: whatever they were, what is written is valid.
            char escaped[7];
            std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
            line.add_whole({escaped, 6});
        } else {
            line.add_whole({&c, 1});
        }
    }
}

void write_json(LogLevel level, std::string_view message, unsigned suppressed)
{
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    tm utc{};
    gmtime_r(&now.tv_sec, &utc);
    char text[64];
    size_t length = std::strftime(text, sizeof text, "{\"time\":\"%Y-%m-%dT%H:%M:%S", &utc);
    length += static_cast<size_t>(std::snprintf(text + length, sizeof text - length, ".%06ldZ\",\"level\":\"", now.tv_nsec / 1000));
    Line line;
    line.add({text, length});
    line.add(word(level));
    line.add("\",\"message\":\"");
    char rest[32] = "\"}";
    if (suppressed != 0)
        std::snprintf(rest, sizeof rest, "\",\"suppressed\":%u}", suppressed);
    const std::string_view end = rest;
    line.reserve(end.size());
    add_escaped(line, message);
    line.reserve(0);
    line.add(end);
    line.write();
}

void write_text(LogLevel level, std::string_view message, unsigned suppressed)
{
    Line line;
    line.add("ipsec-gw: ");
    if (level != LogLevel::kInfo) {
        line.add(word(level));
        line.add(": ");
    }
    char rest[48] = "";
    if (suppressed != 0)
        std::snprintf(rest, sizeof rest, " (%u more like it left out)", suppressed);
    const std::string_view end = rest;
    line.reserve(end.size());
    line.add(message);
    line.reserve(0);
    line.add(end);
    line.write();
}

[[gnu::format(printf, 2, 0)]] void write(LogLevel level, const char* fmt, va_list args, unsigned suppressed)
{
    char message[kLineBytes];
    if (std::vsnprintf(message, sizeof message, fmt, args) < 0)
        return;
    if (const LogSink where = sink.load(std::memory_order_relaxed); where != nullptr)
        where(level, message, suppressed);
    else if (format.load(std::memory_order_relaxed) == LogFormat::kJson)
        write_json(level, message, suppressed);
    else
        write_text(level, message, suppressed);
}

}  // namespace

void set_log_level(LogLevel level) noexcept { threshold.store(level, std::memory_order_relaxed); }

void set_log_output(LogFormat wanted, LogSink where) noexcept
{
    format.store(wanted, std::memory_order_relaxed);
    sink.store(where, std::memory_order_relaxed);
}

void log(LogLevel level, const char* fmt, ...)
{
    unsigned suppressed = 0;
    if (level > threshold.load(std::memory_order_relaxed) || !take_quota(fmt, suppressed))
        return;
    va_list args;
    va_start(args, fmt);
    write(level, fmt, args, suppressed);
    va_end(args);
}

void log_each(LogLevel level, const char* fmt, ...)
{
    if (level > threshold.load(std::memory_order_relaxed))
        return;
    va_list args;
    va_start(args, fmt);
    write(level, fmt, args, 0);
    va_end(args);
}

}  // namespace ipsecgw::base
