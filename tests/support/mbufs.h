// Mbufs for tests: a pool that knows when something leaked.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include "support/packets.h"

namespace ipsecgw::test {

/// A pool with a private area of `private_bytes`; checks in the end that every mbuf is back.
class TestPool {
  public:
    explicit TestPool(uint16_t private_bytes = 128, uint32_t count = 4095, uint16_t room = RTE_MBUF_DEFAULT_BUF_SIZE)
    {
        static int number = 0;
        const std::string name = "test" + std::to_string(number++);
        pool_ = rte_pktmbuf_pool_create(name.c_str(), count, 0, private_bytes, room, SOCKET_ID_ANY);
        EXPECT_NE(pool_, nullptr);
    }
    ~TestPool()
    {
        EXPECT_EQ(in_use(), 0u) << "mbufs leaked";
        rte_mempool_free(pool_);
    }
    TestPool(const TestPool&) = delete;
    TestPool& operator=(const TestPool&) = delete;

    [[nodiscard]] rte_mempool* get() const { return pool_; }
    [[nodiscard]] uint32_t in_use() const { return rte_mempool_in_use_count(pool_); }
    [[nodiscard]] rte_mbuf* make(const Bytes& bytes) const
    {
        rte_mbuf* m = rte_pktmbuf_alloc(pool_);
        if (m != nullptr)
            std::copy(bytes.begin(), bytes.end(), rte_pktmbuf_append(m, static_cast<uint16_t>(bytes.size())));
        return m;
    }

  private:
    rte_mempool* pool_;
};

inline Bytes bytes_of_mbuf(const rte_mbuf* m)
{
    const auto* data = rte_pktmbuf_mtod(m, const uint8_t*);
    return {data, data + m->pkt_len};
}

}  // namespace ipsecgw::test
