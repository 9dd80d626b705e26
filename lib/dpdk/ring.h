// A bounded queue of pointers between threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"

struct rte_ring;

namespace ipsecgw::dpdk {

enum class Producers : uint8_t { kOne, kMany };

/// Owns an rte_ring with one consumer. It has no name in DPDK, so any number of gateways may live in a process. What is
/// queued when it goes is the owner's to drain.
///
/// Memory order: the ring's. An enqueue releases its tail when the slots are filled, a dequeue acquires it: whoever takes
/// an mbuf sees all that was written to it before it was put in, and needs no fence of his own.
class Ring {
  public:
    /// `size` is rounded up to a power of two; one slot of it stays free. kResourceExhausted.
    static base::Result<Ring> create(uint32_t size, Producers producers, int socket);
    Ring(Ring&&) noexcept = default;
    Ring& operator=(Ring&&) noexcept = default;
    ~Ring() = default;
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    [[nodiscard]] rte_ring* get() const noexcept { return ring_.get(); }

  private:
    struct Free {
        void operator()(rte_ring* ring) const noexcept;
    };
    explicit Ring(rte_ring* ring) : ring_(ring) {}
    std::unique_ptr<rte_ring, Free> ring_;
};

}  // namespace ipsecgw::dpdk
