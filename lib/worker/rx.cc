// Polling, and the split of what came into the kinds of work.
#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include "worker/classify.h"
#include "worker/context.h"
#include "worker/parse.h"

namespace ipsecgw::worker {

namespace {

constexpr uint16_t kPrefetchAhead = 4;

/// ESP candidates of one burst; the SAD is asked for them together.
struct Candidates {
    uint16_t count = 0;
    std::array<rte_mbuf*, kBurst> packets;
    std::array<Kind, kBurst> kinds;
    Batch opened;  // by the port
};

void count_received(Context& context, const PortState& port, std::span<rte_mbuf*> burst) noexcept
{
    uint64_t bytes = 0;
    for (const rte_mbuf* m : burst)
        bytes += m->pkt_len;
    PortCounters& counters = context.counters.ports[port.view->index];
    counters.rx_packets.add(burst.size());
    counters.rx_bytes.add(bytes);
}

void dispatch(Context& context, const PortView& port, rte_mbuf* m, Candidates& candidates, Batch& clear) noexcept
{
    PacketInfo& packet = info(m);
    packet.in_port = port.index;
    packet.origin = Origin::kClear;
    packet.encapsulated = false;
    if ((m->ol_flags & RTE_MBUF_F_RX_SEC_OFFLOAD) != 0 && take_opened_by_port(context, port, m, candidates.opened)) [[unlikely]]
        return;
    const Verdict verdict = classify(context.own, port, m);
    switch (verdict.kind) {
        case Kind::kDrop:
            context.drops.drop(m, verdict.reason);
            return;
        case Kind::kNeighbour:
            punt(context, m, Punt::kNeighbourFrame);
            return;
        case Kind::kLocal:
        case Kind::kTransit:
            break;
    }
    if (read_spi(port, m)) {
        context.data.sad->prefetch(packet.spi);
        candidates.kinds[candidates.count] = verdict.kind;
        candidates.packets[candidates.count++] = m;
    } else if (verdict.kind == Kind::kLocal) {
        deliver_clear(context, port, m);
        context.enter(Stage::kClassify);
    } else {
        clear.add(m);
    }
}

void process(Context& context, const PortState& port, std::span<rte_mbuf*> burst) noexcept
{
    context.enter(Stage::kClassify);
    count_received(context, port, burst);
    Candidates candidates;
    Batch clear;
    for (size_t i = 0; i < burst.size() && i < kPrefetchAhead; i++)
        rte_prefetch0(rte_pktmbuf_mtod(burst[i], const void*));
    for (size_t i = 0; i < burst.size(); i++) {
        if (i + kPrefetchAhead < burst.size())
            rte_prefetch0(rte_pktmbuf_mtod(burst[i + kPrefetchAhead], const void*));
        dispatch(context, *port.view, burst[i], candidates, clear);
    }
    transit_clear(context, *port.view, clear.all());
    accept_opened_by_port(context, candidates.opened);
    inbound(context, {candidates.packets.data(), candidates.count}, {candidates.kinds.data(), candidates.count});
}

}  // namespace

uint32_t receive(Context& context) noexcept
{
    uint32_t received = 0;
    for (PortState& port : context.ports) {
        for (const uint16_t queue : port.rx_queues) {
            std::array<rte_mbuf*, kBurst> burst;
            context.enter(Stage::kRx);
            const uint16_t count = rte_eth_rx_burst(port.view->port_id, queue, burst.data(), kBurst);
            if (count == 0)
                continue;
            process(context, port, {burst.data(), count});
            received += count;
        }
    }
    return received;
}

}  // namespace ipsecgw::worker
