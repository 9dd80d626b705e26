// How long the long tests are.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "support/allocations.h"

namespace ipsecgw::test {

/// `full` packets; under a sanitizer a hundredth of it; or what GW_LONG_PACKETS says.
inline uint64_t long_run_packets(uint64_t full)
{
    if (const char* wanted = std::getenv("GW_LONG_PACKETS"); wanted != nullptr)
        return std::strtoull(wanted, nullptr, 10);
    return can_count_allocations() ? full : full / 100;
}

/// xorshift64* (Vigna): the same numbers in each run.
class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed) {}
    uint64_t next()
    {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545f4914f6cdd1d;
    }
    /// 0 to `limit` - 1; 0 for 0.
    uint32_t below(size_t limit) { return limit == 0 ? 0 : static_cast<uint32_t>((next() >> 32) * limit >> 32); }

  private:
    uint64_t state_;
};

}  // namespace ipsecgw::test
