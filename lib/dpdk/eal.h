// The DPDK environment of this process: started once, cleaned up by its owner.
#pragma once

#include <span>
#include <utility>

#include "base/result.h"

namespace ipsecgw::dpdk {

/// Owns a started EAL. At most one per process, and one start per process: DPDK cannot start twice.
///
/// Threads: the thread that started it, after every worker has stopped and every pool, port and ring has gone.
class Eal {
  public:
    /// `args` are main's, program name first; EAL reads up to "--" and may permute them. Its log goes to stderr. The
    /// error tells in the operator's terms why EAL did not start and what to do: kPermissionDenied, kResourceExhausted
    /// (memory, huge pages), kAlreadyExists (another process has the lock), kInvalidArgument, kNotFound (a device),
    /// kUnavailable.
    static base::Result<Eal> init(std::span<char*> args);
    ~Eal();
    Eal(Eal&& other) noexcept : words_consumed_(std::exchange(other.words_consumed_, -1)) {}
    Eal& operator=(Eal&& other) noexcept
    {
        std::swap(words_consumed_, other.words_consumed_);
        return *this;
    }
    Eal(const Eal&) = delete;
    Eal& operator=(const Eal&) = delete;

    /// How far EAL read `args`: there it has put the program name again, and the caller's own words follow.
    [[nodiscard]] int words_consumed() const noexcept { return words_consumed_; }

  private:
    explicit Eal(int words_consumed) : words_consumed_(words_consumed) {}
    int words_consumed_;  // -1: moved from
};

}  // namespace ipsecgw::dpdk
