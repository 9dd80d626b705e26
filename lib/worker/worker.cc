#include "worker/worker.h"

#include <algorithm>
#include <cstring>
#include <time.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_ring.h>

#include "base/text.h"
#include "worker/context.h"

namespace ipsecgw::worker {

namespace {

constexpr uint64_t kIcmpErrorsPerSecond = 100;  // per worker; RFC 4443 section 2.4 (f), RFC 1812 section 4.3.2.8

PortState port_state(const DataPlane& data, const PortView& view, uint16_t worker)
{
    PortState port;
    port.view = &view;
    std::memcpy(&port.mac_word, view.mac.bytes.data(), view.mac.bytes.size());
    for (uint16_t queue = 0; queue < view.rx_queues; queue++) {
        if (queue % data.workers == worker)
            port.rx_queues.push_back(queue);
    }
    port.tx_queue = view.tx_queues == 0 ? uint16_t{0} : static_cast<uint16_t>(worker % view.tx_queues);
    // Queue q belongs to worker q; without queues at all each worker drops by itself.
    port.tx_worker = view.tx_queues == 0 ? worker : port.tx_queue;
    return port;
}

base::Result<std::unique_ptr<dpdk::Ring>> make_ring(uint32_t size, dpdk::Producers producers, int socket)
{
    return std::make_unique<dpdk::Ring>(GW_TRY(dpdk::Ring::create(size, producers, socket)));
}

void drain(const dpdk::Ring& ring) noexcept
{
    std::array<rte_mbuf*, kMaxWork> left;
    while (const unsigned count =
               rte_ring_dequeue_burst(ring.get(), reinterpret_cast<void**>(left.data()), kMaxWork, nullptr))
        rte_pktmbuf_free_bulk(left.data(), count);
}

/// Everything but polling the ports.
uint32_t take_queued(Context& context) noexcept
{
    context.enter(Stage::kRx);
    return take_handed_over(context) + take_frames(context);
}

/// Before the first look-up of a turn, and after the last quiescent state: see flow_cache.h.
void note_generations(Context& context) noexcept
{
    context.spd_generation = context.data.spd->generation();
    context.route_generation = context.data.tables->generation();
}

void on_drops(void* context, std::span<rte_mbuf* const> packets, const telemetry::Drop* reasons) noexcept
{
    const Context& of = *static_cast<Context*>(context);
    of.tap->dropped(of.index, packets, reasons);
}

void use_tap(Context& context, Tap* tap) noexcept
{
    context.tap = tap;
    context.drops.watch(tap != nullptr ? &on_drops : nullptr, &context);
}

/// Acquire pairs with the release in watch(): the tap is complete.
void note_tap(Context& context) noexcept
{
    if (Tap* tap = context.wanted_tap.load(std::memory_order_acquire); tap != context.tap) [[unlikely]]
        use_tap(context, tap);
}

/// Packets that will come back by themselves.
uint32_t elsewhere(const Context& context) noexcept
{
    return context.look_aside == nullptr ? 0 : context.look_aside->in_flight();
}

void sleep_idle(Context& context) noexcept
{
    // Offline: a sleeping worker must not hold up reclamation. It holds no pointer between turns.
    context.data.qsbr->offline(context.index);
    const uint64_t ns = context.data.idle_sleep_us * uint64_t{1000};
    const timespec pause{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
    nanosleep(&pause, nullptr);
    context.data.qsbr->online(context.index);
}

}  // namespace

void finish_turn(Context& context) noexcept
{
    seal_queued(context);
    flush_handover(context);
    flush_look_aside(context);
    flush_tx(context);
    context.drops.flush();
}

base::Result<std::unique_ptr<Worker>> Worker::create(const DataPlane& data, uint16_t index, int socket)
{
    if (index >= data.workers)
        return base::Error{base::ErrorCode::kInvalidArgument, base::format("worker %u of %u", index, data.workers)};
    for (size_t i = 0; i < data.ports.size(); i++) {
        if (data.ports[i].index != i)
            return base::Error{base::ErrorCode::kInvalidArgument,
                               base::format("port %s has index %u and stands at %zu", data.ports[i].name.c_str(),
                                            data.ports[i].index, i)};
    }
    auto context = std::make_unique<Context>(data, index, rte_get_tsc_hz());
    context->handed_over = GW_TRY(make_ring(kHandoverRing, dpdk::Producers::kMany, socket));
    context->shared_tx = GW_TRY(make_ring(kSharedTxRing, dpdk::Producers::kMany, socket));
    context->injected = GW_TRY(make_ring(kInjectRing, dpdk::Producers::kOne, socket));
    if (data.reassembly != 0)
        context->reassembly = GW_TRY(Reassembly::create(data.reassembly, socket));
    if (data.engines != nullptr)
        context->look_aside = GW_TRY(data.engines->look_aside_of(index));
    context->icmp_limit = RateLimit(kIcmpErrorsPerSecond, rte_get_tsc_hz());
    for (const auto& view : data.ports)
        context->ports.push_back(port_state(data, view, index));
    for (const auto& view : data.ports)
        context->smallest_mtu = std::min(context->smallest_mtu, view.mtu);
    context->counters.ports = std::vector<PortCounters>(data.ports.size());
    context->peers.assign(data.workers, nullptr);
    context->peers[index] = context.get();
    return std::unique_ptr<Worker>(new Worker(std::move(context)));
}

uint32_t Worker::queued_packets(size_t look_aside_devices, uint32_t reassembly) noexcept
{
    return kHandoverRing + kSharedTxRing + kInjectRing +
           esp::kLookAsidePackets * static_cast<uint32_t>(look_aside_devices) + Reassembly::buffers(reassembly);
}

Worker::Worker(std::unique_ptr<Context> context) : context_(std::move(context)) {}

Worker::~Worker()
{
    use_tap(*context_, nullptr);
    drain(*context_->handed_over);
    drain(*context_->shared_tx);
    drain(*context_->injected);
}

void Worker::link(std::span<const std::unique_ptr<Worker>> workers)
{
    for (const auto& worker : workers) {
        for (const auto& peer : workers)
            worker->context_->peers[peer->index()] = peer->context_.get();
    }
}

uint32_t Worker::turn() noexcept
{
    Context& context = *context_;
    const uint64_t started = rte_rdtsc();
    note_generations(context);
    note_tap(context);
    context.drops.clock.begin_turn();
    // What devices have finished comes first: it is the oldest, and makes room in them.
    uint32_t packets = take_ciphered(context);
    packets += receive(context) + take_queued(context);
    context.counters.turns.add(1);
    if (packets != 0) {
        finish_turn(context);
        context.drops.clock.end_turn(packets);
        context.counters.busy_cycles.add(rte_rdtsc() - started);
    } else {
        context.drops.clock.end_turn(0);
        context.counters.idle_turns.add(1);
    }
    if (packets == 0 || ++context.turns_since_quiescent >= kHousekeepingTurns) {
        context.turns_since_quiescent = 0;
        expire_fragments(context);
        context.data.qsbr->quiescent(context.index);
    }
    return packets + elsewhere(context);
}

void Worker::run() noexcept
{
    Context& context = *context_;
    if (context.data.engines != nullptr)
        context.data.engines->prepare_thread();
    context.data.qsbr->online(context.index);
    uint32_t idle = 0;
    while (!context.stopping.load(std::memory_order_relaxed)) {
        if (turn() != 0) {
            idle = 0;
        } else if (idle < kIdleTurns) {
            idle++;
            rte_pause();
        } else if (context.data.idle_sleep_us != 0) {
            sleep_idle(context);
        } else {
            rte_pause();
        }
    }
    note_generations(context);
    note_tap(context);
    while (take_queued(context) != 0)
        finish_turn(context);
    drain_look_aside(context);
    use_tap(context, nullptr);
    context.data.qsbr->offline(context.index);
}

void Worker::stop() noexcept
{
    context_->stopping.store(true, std::memory_order_relaxed);
}

bool Worker::inject(rte_mbuf* frame) noexcept
{
    return rte_ring_enqueue(context_->injected->get(), frame) == 0;
}

uint32_t Worker::inject_room() const noexcept
{
    return rte_ring_free_count(context_->injected->get());
}

void Worker::watch(Tap* tap) noexcept
{
    context_->wanted_tap.store(tap, std::memory_order_release);
}

uint16_t Worker::index() const noexcept
{
    return context_->index;
}
const WorkerCounters& Worker::counters() const noexcept
{
    return context_->counters;
}
const esp::DropSink& Worker::drops() const noexcept
{
    return context_->drops;
}

}  // namespace ipsecgw::worker
