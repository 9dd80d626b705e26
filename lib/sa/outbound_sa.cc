#include "sa/outbound_sa.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <new>

#include "base/text.h"
#include "sa/sa_memory_internal.h"

namespace ipsecgw::sa {
namespace {

// One block: the SA, the counters of each worker, the cipher context pointer of each worker.
constexpr size_t kCountersOffset = sizeof(OutboundSa);

size_t ciphers_offset(uint16_t workers) { return kCountersOffset + workers * sizeof(SaCounters); }
size_t block_bytes(uint16_t workers) { return ciphers_offset(workers) + workers * sizeof(CipherContext*); }

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
    auto* block = static_cast<uint8_t*>(allocate_sa_memory("outbound_sa", bytes, socket));
    if (block == nullptr)
        return out_of_sa_memory("an outbound SA", socket);
    auto* sa = new (block) OutboundSa{};
    sa->workers = workers;
    sa->counters = reinterpret_cast<SaCounters*>(block + kCountersOffset);
    for (uint16_t i = 0; i < workers; i++)
        new (sa->counters + i) SaCounters{};
    auto** contexts = reinterpret_cast<CipherContext**>(block + ciphers_offset(workers));
    for (uint16_t i = 0; i < workers; i++)
        contexts[i] = i < ciphers.size() ? ciphers[i].release() : ciphers.empty() ? nullptr : contexts[0];
    sa->ciphers = contexts;
    sa->next_sequence.store(1, std::memory_order_relaxed);
    sa->last_sequence = std::numeric_limits<uint32_t>::max();
    sa->path_mtu.store(kAnyMtu, std::memory_order_relaxed);
    return OutboundSaPtr(sa);
}

bool OutboundSa::is_idle() const noexcept
{
    return std::all_of(ciphers, ciphers + workers, [](const CipherContext* cipher) {
        return cipher == nullptr || cipher->is_idle == nullptr || cipher->is_idle(*cipher);
    });
}

void OutboundSaDeleter::operator()(OutboundSa* sa) const noexcept
{
    if (sa == nullptr)
        return;
    for (uint16_t i = 0; i < sa->workers; i++)
        if (sa->ciphers[i] != nullptr && (i == 0 || sa->ciphers[i] != sa->ciphers[0]))
            sa->ciphers[i]->destroy(sa->ciphers[i]);
    const size_t bytes = block_bytes(sa->workers);
    std::destroy_n(sa->counters, sa->workers);
    std::destroy_at(sa);
    free_sa_memory(sa, bytes);
}

}  // namespace ipsecgw::sa
