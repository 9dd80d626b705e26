#include "dpdk/ring.h"

#include <algorithm>
#include <bit>

#include <rte_malloc.h>
#include <rte_ring.h>

#include "base/text.h"

namespace ipsecgw::dpdk {

base::Result<Ring> Ring::create(uint32_t size, Producers producers, int socket)
{
    const uint32_t slots = std::bit_ceil(std::max(size, 2u));
    const ssize_t bytes = rte_ring_get_memsize(slots);
    void* memory =
        bytes < 0 ? nullptr : rte_zmalloc_socket("ring", static_cast<size_t>(bytes), RTE_CACHE_LINE_SIZE, socket);
    if (memory == nullptr)
        return base::Error{base::ErrorCode::kResourceExhausted, base::format("no memory for a ring of %u", slots),
                           "give DPDK more memory with -m"};
    auto* ring = static_cast<rte_ring*>(memory);
    const unsigned flags = RING_F_SC_DEQ | (producers == Producers::kOne ? RING_F_SP_ENQ : 0u);
    if (rte_ring_init(ring, "gateway", slots, flags) != 0) {
        rte_free(memory);
        return base::Error{base::ErrorCode::kInternal, base::format("rte_ring_init refused a ring of %u", slots)};
    }
    return Ring(ring);
}

void Ring::Free::operator()(rte_ring* ring) const noexcept
{
    rte_free(ring);
}

}  // namespace ipsecgw::dpdk
