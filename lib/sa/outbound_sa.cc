#include "sa/outbound_sa.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <new>

#include "base/text.h"
#include "dpdk/table_memory.h"
#include "sa/sa_memory_internal.h"

namespace ipsecgw::sa {
namespace {

// One block: the SA, the counters of each worker but the first, the cipher context of each worker.
size_t block_bytes(uint16_t workers)
{
    return sizeof(OutboundSa) + (workers - 1u) * sizeof(OutboundSa::OtherCounters) + workers * sizeof(CipherContext*);
}

bool fits(std::span<const CipherContextPtr> ciphers, uint16_t workers)
{
    if (workers != 0 && ciphers.empty())
        return true;
    if (workers == 0 || std::any_of(ciphers.begin(), ciphers.end(), [](const auto& c) { return c == nullptr; }))
        return false;
    return ciphers.size() == workers || (ciphers.size() == 1 && ciphers[0]->shareable);
}

}  // namespace

base::Result<OutboundSaPtr> allocate_outbound(std::span<CipherContextPtr> ciphers, uint16_t workers, int socket)
{
    if (!fits(ciphers, workers))
        return base::Error{base::ErrorCode::kInvalidArgument,
                           base::format("%zu cipher contexts do not serve %u workers", ciphers.size(), workers),
                           "give one context per worker, or one that is shareable"};
    const size_t bytes = block_bytes(workers);
    auto* block = static_cast<uint8_t*>(dpdk::allocate_table_memory(bytes, socket));
    if (block == nullptr)
        return out_of_sa_memory("an outbound SA", socket);
    auto* sa = new (block) OutboundSa{};
    sa->workers = workers;
    std::uninitialized_value_construct_n(reinterpret_cast<OutboundSa::OtherCounters*>(sa + 1), workers - 1);
    auto** own = const_cast<CipherContext**>(sa->own_ciphers());
    std::uninitialized_value_construct_n(own, workers);
    if (ciphers.size() == 1 && ciphers[0]->shareable)
        sa->shared_cipher = ciphers[0].release();
    else
        std::transform(ciphers.begin(), ciphers.end(), own, [](CipherContextPtr& context) { return context.release(); });
    sa->next_sequence.store(1, std::memory_order_relaxed);
    sa->last_sequence = std::numeric_limits<uint32_t>::max();
    sa->path_mtu.store(kAnyMtu, std::memory_order_relaxed);
    return OutboundSaPtr(sa);
}

bool OutboundSa::is_idle() const noexcept
{
    const auto is_idle = [](const CipherContext* cipher) {
        return cipher == nullptr || cipher->is_idle == nullptr || cipher->is_idle(*cipher);
    };
    return is_idle(shared_cipher) && std::all_of(own_ciphers(), own_ciphers() + workers, is_idle);
}

void OutboundSaDeleter::operator()(OutboundSa* sa) const noexcept
{
    if (sa == nullptr)
        return;
    if (sa->shared_cipher != nullptr)
        sa->shared_cipher->destroy(sa->shared_cipher);
    for (uint16_t i = 0; i < sa->workers; i++)
        if (CipherContext* own = sa->own_ciphers()[i]; own != nullptr)
            own->destroy(own);
    const size_t bytes = block_bytes(sa->workers);
    std::destroy_at(sa);
    dpdk::free_table_memory(sa, bytes);
}

}  // namespace ipsecgw::sa
