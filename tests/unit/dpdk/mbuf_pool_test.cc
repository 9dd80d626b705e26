#include "dpdk/mbuf_pool.h"

#include <initializer_list>

#include <gtest/gtest.h>
#include <rte_mbuf.h>

namespace ipsecgw::dpdk {
namespace {

TEST(MbufPool, HoldsAnyFrameSealedInOneSegment)
{
    for (const uint16_t mtu : std::initializer_list<uint16_t>{1280, 1500, 4096, 9000, 9700}) {
        // The largest outer: IPv6, UDP, ESP and a CBC IV in front; padding, trailer and HMAC-SHA-512's ICV behind.
        EXPECT_GE(RTE_PKTMBUF_HEADROOM + 14, 14 + 40 + 8 + 8 + 16);
        EXPECT_GE(MbufPool::data_room(mtu), RTE_PKTMBUF_HEADROOM + 14 + mtu + 15 + 2 + 32) << mtu;
    }
    EXPECT_EQ(MbufPool::data_room(1500), RTE_MBUF_DEFAULT_BUF_SIZE);
}

TEST(MbufPool, CountsEveryPlaceAPacketCanBe)
{
    EXPECT_GE(MbufPool::mbufs_for({.descriptors = 8 * 2048, .queued = 4096, .workers = 4}), 8u * 2048 + 4096 + 4 * 512);
    EXPECT_EQ(MbufPool::mbufs_for({.descriptors = 0, .queued = 0, .workers = 0}), 1023u);
}

TEST(MbufPool, FitsTwoPortsIn256MegabytesWithoutHugePages)
{
    const uint32_t count = MbufPool::mbufs_for({.descriptors = 2 * 2 * 1024, .queued = 4096, .workers = 2});
    EXPECT_LE(uint64_t{count} * (sizeof(rte_mbuf) + 128 + MbufPool::data_room(1500)), 100u << 20);
}

TEST(MbufPool, ReservesThePrivateArea)
{
    auto pool = MbufPool::create({.name = "private", .count = 1023, .private_bytes = 128, .largest_mtu = 9000});
    ASSERT_TRUE(pool) << pool.error().what;
    EXPECT_EQ(rte_pktmbuf_priv_size(pool->get()), 128);
    EXPECT_EQ(rte_pktmbuf_data_room_size(pool->get()), MbufPool::data_room(9000));
    EXPECT_EQ(pool->size(), 1023u);
    EXPECT_EQ(pool->in_use(), 0u);
    rte_mbuf* m = rte_pktmbuf_alloc(pool->get());
    ASSERT_NE(m, nullptr);
    EXPECT_EQ(pool->in_use(), 1u);
    rte_pktmbuf_free(m);
    EXPECT_EQ(pool->in_use(), 0u);
}

TEST(MbufPool, SaysHowMuchMemoryIsMissing)
{
    const auto pool = MbufPool::create({.name = "huge", .count = 4194303, .private_bytes = 128, .largest_mtu = 9000});
    ASSERT_FALSE(pool);
    EXPECT_EQ(pool.error().code, base::ErrorCode::kResourceExhausted);
    EXPECT_NE(pool.error().what.find("4194303 mbufs need "), std::string::npos) << pool.error().what;
}

TEST(MbufPool, NamesAPoolThatExists)
{
    const auto first = MbufPool::create({.name = "twice", .count = 1023});
    ASSERT_TRUE(first);
    const auto second = MbufPool::create({.name = "twice", .count = 1023});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, base::ErrorCode::kAlreadyExists);
}

}  // namespace
}  // namespace ipsecgw::dpdk
