// A token bucket over the TSC.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ipsecgw::worker {

/// Lets `per_second` events pass on average and as many at once. Threads: one.
class RateLimit {
  public:
    RateLimit() = default;
    RateLimit(uint64_t per_second, uint64_t tsc_hz)
        : cycles_per_token_(tsc_hz / per_second), full_(per_second), tokens_(per_second)
    {
    }

    /// True: the event may happen, and a token is gone.
    bool take(uint64_t now_tsc) noexcept
    {
        const uint64_t earned = cycles_per_token_ == 0 ? 0 : (now_tsc - last_tsc_) / cycles_per_token_;
        if (earned >= full_) {
            tokens_ = full_;
            last_tsc_ = now_tsc;
        } else if (earned != 0) {
            tokens_ = std::min(full_, tokens_ + earned);
            last_tsc_ += earned * cycles_per_token_;  // the rest of a token is not lost
        }
        if (tokens_ == 0)
            return false;
        tokens_--;
        return true;
    }

  private:
    uint64_t cycles_per_token_ = 0;
    uint64_t full_ = 0;
    uint64_t tokens_ = 0;
    uint64_t last_tsc_ = 0;
};

}  // namespace ipsecgw::worker
