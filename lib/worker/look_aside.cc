// Packets that come back from look-aside crypto devices.
#include <rte_cycles.h>

#include "worker/context.h"

namespace ipsecgw::worker {

uint32_t take_ciphered(Context& context) noexcept
{
    if (context.look_aside == nullptr)
        return 0;
    uint32_t packets = 0;
    esp::Ciphered
        group;  // NOLINT(cppcoreguidelines-pro-type-member-init): its packets are written before they are read
    while (context.look_aside->take(group, context.drops)) {
        const std::span<rte_mbuf*> kept(group.packets.data(), group.kept);
        if (group.inbound != nullptr) {
            opened(context, *group.inbound, kept);
        } else {
            send_sealed(context, *group.outbound, kept);
        }
        context.look_aside->release(group);
        packets += group.taken;
    }
    return packets;
}

void flush_look_aside(Context& context) noexcept
{
    if (context.look_aside == nullptr)
        return;
    context.look_aside->flush(context.drops);
    context.counters.in_crypto_devices.set(context.look_aside->in_flight());
}

void drain_look_aside(Context& context) noexcept
{
    if (context.look_aside == nullptr)
        return;
    uint64_t deadline = rte_rdtsc() + rte_get_tsc_hz();
    while (context.look_aside->in_flight() != 0 && rte_rdtsc() < deadline) {
        if (take_ciphered(context) == 0)
            continue;
        finish_turn(context);
        deadline = rte_rdtsc() + rte_get_tsc_hz();
    }
}

}  // namespace ipsecgw::worker
