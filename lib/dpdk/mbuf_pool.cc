#include "dpdk/mbuf_pool.h"

#include <algorithm>
#include <bit>

#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "base/text.h"

namespace ipsecgw::dpdk {

namespace {

// In front, RTE_PKTMBUF_HEADROOM (128) is enough: the most ESP adds is 40 of IPv6, 8 of UDP, 8 of ESP and 16 of IV, and
// the Ethernet header's place is used again. Behind: up to 15 of padding and 2 of trailer (RFC 4303 section 2.4), 32 of
// ICV, and two VLAN tags and the CRC a port may leave.
constexpr uint32_t kTailBytes = 64;
constexpr uint32_t kLinkBytes = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN + 8;
constexpr uint32_t kCache = 256;
constexpr uint32_t kBursts = 8;  // a worker's transmit buffers and the bursts on their way through its stages
constexpr uint32_t kBurst = 64;

}  // namespace

uint16_t MbufPool::data_room(uint16_t largest_mtu) noexcept
{
    const uint32_t bytes = RTE_PKTMBUF_HEADROOM + kLinkBytes + largest_mtu + kTailBytes;
    const uint32_t aligned = (bytes + RTE_CACHE_LINE_SIZE - 1) / RTE_CACHE_LINE_SIZE * RTE_CACHE_LINE_SIZE;
    // Some ports take no buffer below 2 KB.
    return static_cast<uint16_t>(std::clamp<uint32_t>(aligned, RTE_MBUF_DEFAULT_BUF_SIZE, UINT16_MAX));
}

uint32_t MbufPool::mbufs_for(const MbufDemand& demand) noexcept
{
    // A mempool cache keeps up to one and a half times its size.
    const uint64_t per_worker = kCache * 3 / 2 + kBursts * kBurst;
    const uint64_t wanted = uint64_t{demand.descriptors} + demand.queued + demand.workers * per_worker;
    return static_cast<uint32_t>(std::min<uint64_t>(std::bit_ceil(std::max<uint64_t>(wanted, 1024)), 1u << 31) - 1);
}

base::Result<MbufPool> MbufPool::create(const Settings& settings)
{
    const uint32_t cache = settings.count >= 4 * kCache - 1 ? kCache : 0;
    const uint16_t room = data_room(settings.largest_mtu);
    rte_mempool* pool = rte_pktmbuf_pool_create(settings.name.c_str(), settings.count, cache, settings.private_bytes,
                                                room, settings.socket < 0 ? SOCKET_ID_ANY : settings.socket);
    if (pool != nullptr)
        return MbufPool(pool);
    const int error = rte_errno;
    const std::string name = "mbuf pool \"" + settings.name + "\"";
    if (error == EEXIST)
        return base::Error{base::ErrorCode::kAlreadyExists, name + " exists already", ""};
    if (error != ENOMEM && error != ENOENT && error != ENOSPC)
        return base::Error{base::ErrorCode::kInvalidArgument, name + ": " + rte_strerror(error), ""};
    const uint64_t bytes =
        uint64_t{settings.count} * (sizeof(rte_mbuf) + settings.private_bytes + room + RTE_CACHE_LINE_SIZE);
    return base::Error{base::ErrorCode::kResourceExhausted,
                       base::format("no memory for %s: %u mbufs need %llu MB", name.c_str(), settings.count,
                                    static_cast<unsigned long long>((bytes >> 20) + 1)),
                       "give DPDK more memory (-m, or vm.nr_hugepages), or fewer mbufs, queues or descriptors"};
}

MbufPool::~MbufPool()
{
    rte_mempool_free(pool_);
}

uint32_t MbufPool::in_use() const noexcept
{
    return rte_mempool_in_use_count(pool_);
}
uint32_t MbufPool::size() const noexcept
{
    return pool_->size;
}

}  // namespace ipsecgw::dpdk
