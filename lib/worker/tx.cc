// Transmit buffers, queues shared by workers, and the frames others pass on.
#include <algorithm>

#include <rte_ethdev.h>
#include <rte_ring.h>

#include "worker/context.h"

namespace ipsecgw::worker {

using telemetry::Drop;

namespace {

uint64_t bytes_of(std::span<rte_mbuf*> frames) noexcept
{
    uint64_t bytes = 0;
    for (const rte_mbuf* m : frames)
        bytes += m->pkt_len;
    return bytes;
}

/// How many the port took. A port that is full gets one more chance: it may just be freeing.
uint16_t give(const PortState& port, std::span<rte_mbuf*> frames) noexcept
{
    const auto count = static_cast<uint16_t>(frames.size());
    if (port.view->tx_queues == 0)
        return 0;
    uint16_t sent = rte_eth_tx_burst(port.view->port_id, port.tx_queue, frames.data(), count);
    if (sent < count)
        sent = static_cast<uint16_t>(sent + rte_eth_tx_burst(port.view->port_id, port.tx_queue, frames.data() + sent,
                                                             static_cast<uint16_t>(count - sent)));
    return sent;
}

/// To the worker that owns the queue; it counts them as transmitted.
uint16_t pass_on(Context& context, const PortState& port, std::span<rte_mbuf*> frames) noexcept
{
    for (rte_mbuf* m : frames)
        info(m).out_port = port.view->index;
    return static_cast<uint16_t>(rte_ring_enqueue_burst(context.peers[port.tx_worker]->shared_tx->get(),
                                                        reinterpret_cast<void* const*>(frames.data()),
                                                        static_cast<unsigned>(frames.size()), nullptr));
}

uint32_t take_from(Context& context, rte_ring* ring) noexcept
{
    std::array<rte_mbuf*, kMaxWork> frames;
    const unsigned count = rte_ring_dequeue_burst(ring, reinterpret_cast<void**>(frames.data()), kMaxWork, nullptr);
    for (unsigned i = 0; i < count; i++)
        transmit(context, info(frames[i]).out_port, frames[i]);
    return count;
}

}  // namespace

void flush_port(Context& context, PortState& port) noexcept
{
    std::span<rte_mbuf*> frames = port.tx.all();
    if (frames.empty())
        return;
    uint16_t sent = 0;
    context.enter(Stage::kForward);
    if (port.tx_worker != context.index) {
        context.enter(Stage::kTx);
        sent = pass_on(context, port, frames);
        context.enter(Stage::kForward);
    } else {
        // Counted before the port owns them; less what it did not take.
        uint64_t bytes = port.tx_bytes;
        if ((port.tx_flags & RTE_MBUF_F_TX_SEC_OFFLOAD) != 0) {
            frames = frames.first(attach_sessions(context, *port.view, frames));
            bytes = bytes_of(frames);
        }
        if (context.tap != nullptr) [[unlikely]]
            context.tap->sent(context.index, port.view->index, frames);
        context.enter(Stage::kTx);
        sent = give(port, frames);
        context.enter(Stage::kForward);
        bytes -= bytes_of(frames.subspan(sent));
        context.counters.ports[port.view->index].tx_packets.add(sent);
        context.counters.ports[port.view->index].tx_bytes.add(bytes);
    }
    for (rte_mbuf* m : frames.subspan(sent))
        context.drops.drop(m, Drop::kTxFull);
    port.tx.count = 0;
    port.tx_bytes = 0;
    port.tx_flags = 0;
}

void flush_tx(Context& context) noexcept
{
    for (PortState& port : context.ports)
        flush_port(context, port);
}

uint32_t take_frames(Context& context) noexcept
{
    return take_from(context, context.shared_tx->get()) + take_from(context, context.injected->get());
}

void tell_of_punt(Context& context, rte_mbuf* m) noexcept
{
    if (context.tap != nullptr) [[unlikely]]
        context.tap->to_control(context.index, m);
}

void punt(Context& context, rte_mbuf* m, Punt why) noexcept
{
    info(m).punt = why;
    tell_of_punt(context, m);
    if (context.data.punt == nullptr || !context.data.punt->put(m))
        context.drops.drop(m, Drop::kPuntFull);
}

}  // namespace ipsecgw::worker
