#include "esp/look_aside.h"

#include <algorithm>
#include <utility>

#include <rte_branch_prediction.h>

#include "esp/burst_internal.h"
#include "esp/look_aside_internal.h"
#include "esp/open_internal.h"
#include "esp/seal_internal.h"

namespace ipsecgw::esp {

using telemetry::Drop;

struct LookAside::Lane {
    std::unique_ptr<QueuePair> queue;
    uint16_t count = 0;
    std::array<rte_crypto_op*, sa::kMaxBurst> waiting;
};

/// Packets of one SA whose ESP stands but for the cipher.
struct LookAside::Submission {
    LookAsideContext& context;
    void* sa;
    sa::SaDrops& of_sa;
    std::span<rte_mbuf*> packets;
    const sa::EspText* texts;
    const uint64_t* sequences;    // inbound
    const uint16_t* inner_bytes;  // outbound
};

namespace {

LookAsideContext& context_of(sa::CipherContext* cipher) noexcept
{
    return static_cast<LookAsideContext&>(*cipher);
}

/// Charged to the SA.
sa::SaDrops& drops_of(const LookAsideContext& context, void* sa) noexcept
{
    if (context.direction == model::Direction::kInbound)
        return static_cast<sa::InboundSa*>(sa)->drops;
    return static_cast<sa::OutboundSa*>(sa)->drops;
}

void add_in_flight(LookAsideContext& context, uint32_t packets) noexcept
{
    // One writer. Relaxed: the quiescent state this worker reports later publishes it to the reclaimer.
    context.in_flight.store(context.in_flight.load(std::memory_order_relaxed) + packets, std::memory_order_relaxed);
}

void take_in_flight(LookAsideContext& context, uint32_t packets) noexcept
{
    // Release: everything done with the SA comes before the reclaimer sees that it is idle.
    context.in_flight.store(context.in_flight.load(std::memory_order_relaxed) - packets, std::memory_order_release);
}

}  // namespace

LookAside::LookAside(std::vector<std::unique_ptr<QueuePair>> queues, uint16_t worker)
    : lanes_(queues.size()), worker_(worker)
{
    for (size_t i = 0; i < queues.size(); i++)
        lanes_[i].queue = std::move(queues[i]);
}

LookAside::~LookAside() = default;

void LookAside::submit(const Submission& submission, DropSink& drops) noexcept
{
    Lane& lane = lanes_[submission.context.device_index];
    std::array<rte_crypto_op*, sa::kMaxBurst> operations;
    const size_t count = submission.packets.size();
    for (size_t i = 0; i < count; i++) {
        rte_crypto_op* operation = operations[i] = lane.queue->take();
        OperationData& data = data_of(operation);
        sym_of(operation).m_src = submission.packets[i];
        data.text = submission.texts[i];
        data.context = &submission.context;
        data.sa = submission.sa;
        if (submission.sequences != nullptr)
            data.sequence = submission.sequences[i];
        else
            data.inner_bytes = submission.inner_bytes[i];
    }
    const uint16_t filled = submission.context.fill(submission.context, {operations.data(), count});
    for (size_t i = filled; i < count; i++) {
        drops.drop(submission.packets[i], Drop::kCipher, submission.of_sa);
        lane.queue->give_back(operations[i]);
    }
    add_in_flight(submission.context, filled);
    in_flight_ += filled;
    for (uint16_t i = 0; i < filled; i++) {
        if (lane.count == lane.waiting.size())
            flush(lane, drops);
        lane.waiting[lane.count++] = operations[i];
    }
}

void LookAside::open(sa::InboundSa& sa, std::span<rte_mbuf*> burst, DropSink& drops) noexcept
{
    LookAsideContext& context = context_of(sa.cipher);
    StagedOpen staged;  // NOLINT(cppcoreguidelines-pro-type-member-init): written before it is read
    burst = burst.first(stage_open(sa, burst, staged, drops));
    const size_t room = std::min<size_t>(burst.size(), lanes_[context.device_index].queue->room());
    Losses{sa.drops, drops}.add(burst.subspan(room), Drop::kCryptoFull);
    submit({context, &sa, sa.drops, burst.first(room), staged.texts.data(), staged.sequences.data(), nullptr},
           drops);
}

void LookAside::seal(sa::OutboundSa& sa, std::span<rte_mbuf*> burst, DropSink& drops) noexcept
{
    LookAsideContext& context = context_of(sa.cipher(worker_));
    // Before they get sequence numbers: the peer would see a gap.
    const size_t room = std::min<size_t>(burst.size(), lanes_[context.device_index].queue->room());
    Losses{sa.drops, drops}.add(burst.subspan(room), Drop::kCryptoFull);
    if (room == 0)
        return;
    FramedSeal framed;  // NOLINT(cppcoreguidelines-pro-type-member-init): written before it is read
    frame_seal(sa, burst.first(room), framed, drops);
    submit(
        {context, &sa, sa.drops, burst.first(framed.packets), framed.texts.data(), nullptr, framed.inner_bytes.data()},
        drops);
}

void LookAside::flush(Lane& lane, DropSink& drops) noexcept
{
    if (lane.count == 0)
        return;
    // A device that works when it is given a packet may refuse a forged one on the spot, and takes those behind it in
    // another call. One that is full refuses all of them.
    for (uint16_t at = 0; at < lane.count; at++) {
        at = static_cast<uint16_t>(at + lane.queue->enqueue({lane.waiting.data() + at, lane.count - size_t{at}}));
        if (at < lane.count)
            refused(lane, lane.waiting[at], drops);
    }
    lane.count = 0;
}

void LookAside::refused(Lane& lane, rte_crypto_op* operation, DropSink& drops) noexcept
{
    const OperationData& data = data_of(operation);
    LookAsideContext& context = *data.context;
    const bool failed =
        operation->status != RTE_CRYPTO_OP_STATUS_NOT_PROCESSED && operation->status != RTE_CRYPTO_OP_STATUS_SUCCESS;
    const Drop reason = !failed                                           ? Drop::kCryptoFull
                        : context.direction == model::Direction::kInbound ? Drop::kAuth
                                                                          : Drop::kCipher;
    drops.drop(sym_of(operation).m_src, reason, drops_of(context, data.sa));
    lane.queue->give_back(operation);
    take_in_flight(context, 1);
    in_flight_--;
}

void LookAside::flush(DropSink& drops) noexcept
{
    drops.clock.enter(telemetry::Stage::kCipher);
    for (Lane& lane : lanes_)
        flush(lane, drops);
}

bool LookAside::refill() noexcept
{
    for (size_t i = 0; i < lanes_.size(); i++) {
        if (lanes_[i].queue->in_flight() == lanes_[i].count)
            continue;  // it has none
        done_count_ = lanes_[i].queue->dequeue(done_);
        done_lane_ = i;
        if (done_count_ != 0)
            return true;
    }
    return false;
}

bool LookAside::take(Ciphered& out, DropSink& drops) noexcept
{
    drops.clock.enter(telemetry::Stage::kCipher);
    if (done_count_ == 0 && !refill())
        return false;
    drops.clock.enter(telemetry::Stage::kEsp);
    LookAsideContext& context = *data_of(done_[0]).context;
    void* const sa = data_of(done_[0]).sa;
    QueuePair& queue = *lanes_[done_lane_].queue;
    const bool inbound = context.direction == model::Direction::kInbound;
    StagedOpen staged;  // NOLINT(cppcoreguidelines-pro-type-member-init): written before they are read
    FramedSeal framed;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    sa::EspText* const texts = inbound ? staged.texts.data() : framed.texts.data();
    uint64_t succeeded = 0;
    uint16_t grouped = 0;
    uint16_t others = 0;
    for (uint16_t i = 0; i < done_count_; i++) {
        rte_crypto_op* operation = done_[i];
        const OperationData& data = data_of(operation);
        if (data.context != &context) {
            done_[others++] = operation;
            continue;
        }
        if (context.restore != nullptr)
            context.restore(*operation);
        texts[grouped] = data.text;
        staged.sequences[grouped] = data.sequence;
        framed.inner_bytes[grouped] = data.inner_bytes;
        framed.bytes += data.inner_bytes;
        succeeded |= static_cast<uint64_t>(operation->status == RTE_CRYPTO_OP_STATUS_SUCCESS) << grouped;
        out.packets[grouped++] = sym_of(operation).m_src;
        queue.give_back(operation);
    }
    done_count_ = others;
    out.context = &context;
    out.taken = grouped;
    out.inbound = inbound ? static_cast<sa::InboundSa*>(sa) : nullptr;
    out.outbound = inbound ? nullptr : static_cast<sa::OutboundSa*>(sa);
    const std::span<rte_mbuf*> packets(out.packets.data(), grouped);
    if (inbound) {
        out.kept = finish_open(*out.inbound, packets, staged, succeeded, drops);
    } else {
        framed.packets = grouped;
        out.kept = finish_seal(*out.outbound, worker_, packets, framed, succeeded, drops);
    }
    return true;
}

void LookAside::release(const Ciphered& group) noexcept
{
    take_in_flight(*group.context, group.taken);
    in_flight_ -= group.taken;
}

}  // namespace ipsecgw::esp
