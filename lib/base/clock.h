// Time for everything above the packet path; workers use the TSC.
#pragma once

#include <time.h>

#include <cstdint>

namespace ipsecgw::base {

inline constexpr uint64_t kNsPerSecond = 1'000'000'000;

/// CLOCK_MONOTONIC in nanoseconds.
inline uint64_t monotonic_ns() noexcept
{
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * kNsPerSecond + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace ipsecgw::base
