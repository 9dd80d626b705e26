// Packet buffers: one pool per NUMA node, every packet one segment.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/result.h"

struct rte_mempool;

namespace ipsecgw::dpdk {

/// Where mbufs of a pool can be at one time.
struct MbufDemand {
    uint32_t descriptors = 0;  // over all rings of all ports
    uint32_t queued = 0;       // in software rings: hand-over, punt, packets that wait for a neighbour
    uint16_t workers = 1;
};

/// Owns an mbuf pool. Destroy it after everything that could hold one of its mbufs.
class MbufPool {
  public:
    struct Settings {
        std::string name;             // unique in the process, at most 25 characters
        uint32_t count = 0;           // mbufs; see mbufs_for
        uint16_t private_bytes = 0;   // for the user of the pool, behind each mbuf
        uint16_t largest_mtu = 1500;  // IP bytes
        int socket = -1;              // NUMA node; -1: any
    };
    /// kResourceExhausted with the size it asked for when the memory is not there.
    static base::Result<MbufPool> create(const Settings& settings);
    ~MbufPool();
    MbufPool(MbufPool&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}
    MbufPool& operator=(MbufPool&& other) noexcept
    {
        std::swap(pool_, other.pool_);
        return *this;
    }
    MbufPool(const MbufPool&) = delete;
    MbufPool& operator=(const MbufPool&) = delete;

    /// Enough that no ring starves: each place a packet can be, filled, and a worker's caches. 2^n - 1, where a mempool
    /// is smallest.
    static uint32_t mbufs_for(const MbufDemand& demand) noexcept;
    /// Bytes of an mbuf's buffer so that a frame of `largest_mtu`, sealed, is one segment.
    static uint16_t data_room(uint16_t largest_mtu) noexcept;

    [[nodiscard]] rte_mempool* get() const noexcept { return pool_; }
    [[nodiscard]] uint32_t in_use() const noexcept;
    [[nodiscard]] uint32_t size() const noexcept;

  private:
    explicit MbufPool(rte_mempool* pool) : pool_(pool) {}
    rte_mempool* pool_;
};

}  // namespace ipsecgw::dpdk
