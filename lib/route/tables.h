// The two snapshots workers forward by, and their publication.
#pragma once

#include <atomic>
#include <memory>

#include "dpdk/qsbr.h"
#include "route/fib.h"
#include "route/neighbour_table.h"

namespace ipsecgw::route {

/// Never null after construction. Threads: fib() and neighbours() by any worker; publish by the one writer.
///
/// Memory order: a table is finished before the release exchange that publishes it, and workers acquire the pointer. The
/// number grows with a release behind that exchange: whoever acquires the new number finds the new table, or a later
/// one. It grows before the old table is retired: a worker that has been quiescent since (dpdk::Qsbr) reads the new
/// number, so what it kept under the old one is never used when that has been freed.
class Tables {
  public:
    static base::Result<std::unique_ptr<Tables>> create(dpdk::Reclaimer& reclaimer);
    ~Tables();
    Tables(const Tables&) = delete;
    Tables& operator=(const Tables&) = delete;

    [[nodiscard]] const Fib& fib() const noexcept { return *fib_.load(std::memory_order_acquire); }
    [[nodiscard]] const NeighbourTable& neighbours() const noexcept
    {
        return *neighbours_.load(std::memory_order_acquire);
    }
    /// Grows with each publication. Whoever keeps what a look-up gave him keeps this with it, read before the look-up:
    /// while it is the same, what he keeps is neither out of date nor freed.
    [[nodiscard]] uint64_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }
    void publish(std::unique_ptr<const Fib> fib);
    void publish(std::unique_ptr<const NeighbourTable> neighbours);

  private:
    explicit Tables(dpdk::Reclaimer& reclaimer) : reclaimer_(reclaimer) {}
    dpdk::Reclaimer& reclaimer_;
    std::atomic<const Fib*> fib_{nullptr};
    std::atomic<const NeighbourTable*> neighbours_{nullptr};
    std::atomic<uint64_t> generation_{1};
};

}  // namespace ipsecgw::route
