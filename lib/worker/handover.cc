// An inbound SA has one owner worker; ESP that arrives elsewhere goes to it by ring, in order.
#include <rte_ring.h>

#include "worker/context.h"

namespace ipsecgw::worker {

using telemetry::Drop;

namespace {

/// One burst to one owner. What does not fit is dropped here and not charged to the SA: its counters are its owner's to
/// write.
void flush_to(Context& context, uint16_t owner) noexcept
{
    Batch& batch = context.esp_for[owner];
    if (batch.count == 0)
        return;
    if (context.tap != nullptr) [[unlikely]]
        context.tap->handed_over(context.index, owner, batch.all());
    const unsigned sent =
        rte_ring_enqueue_burst(context.peers[owner]->handed_over->get(),
                               reinterpret_cast<void* const*>(batch.packets.data()), batch.count, nullptr);
    context.counters.handed_over_out.add(sent);
    for (unsigned i = sent; i < batch.count; i++)
        context.drops.drop(batch.packets[i], Drop::kHandoverFull);
    batch.count = 0;
}

}  // namespace

void hand_over(Context& context, rte_mbuf* m, uint16_t owner) noexcept
{
    Batch& batch = context.esp_for[owner];
    batch.add(m);
    if (batch.full())
        flush_to(context, owner);
}

void flush_handover(Context& context) noexcept
{
    for (uint16_t owner = 0; owner < context.esp_for.size(); owner++)
        flush_to(context, owner);
}

uint32_t take_handed_over(Context& context) noexcept
{
    std::array<rte_mbuf*, kMaxWork> packets;
    const unsigned count =
        rte_ring_dequeue_burst(context.handed_over->get(), reinterpret_cast<void**>(packets.data()), kMaxWork, nullptr);
    if (count == 0)
        return 0;
    context.counters.handed_over_in.add(count);
    inbound_handed_over(context, {packets.data(), count});
    return count;
}

}  // namespace ipsecgw::worker
