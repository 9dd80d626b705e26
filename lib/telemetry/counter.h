// A counter one thread writes and any thread reads.
#pragma once

#include <atomic>
#include <cstdint>

namespace ipsecgw::telemetry {

/// Relaxed and without a lock prefix: the one writer may load and store. Readers see whole values, late.
///
/// Memory order: none, on purpose. A reader never goes back in one counter, but of two counters it may see the later one
/// moved first: sums over counters fit each other only when the writer is quiet. Nothing is freed or decided by one.
class Counter {
 public:
    void add(uint64_t n) noexcept { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
    void set(uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
    [[nodiscard]] uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
    std::atomic<uint64_t> value_{0};
};

}  // namespace ipsecgw::telemetry
