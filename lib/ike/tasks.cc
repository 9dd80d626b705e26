#include <algorithm>
#include <utility>

#include "ike/exchanges_internal.h"
#include "ike/tasks_internal.h"

namespace ipsecgw::ike {
namespace {

/// Sends the task's request. False: it has become pointless, the next may start.
bool start(Core& core, IkeSa& ike, const Task& task)
{
    switch (task.kind) {
        case TaskKind::kEstablish:
            return false;  // start_ike_sa_init does it; it is never queued
        case TaskKind::kNewChild:
            return start_new_child(core, ike, task);
        case TaskKind::kRekeyChild:
            return start_rekey_child(core, ike, task);
        case TaskKind::kDeleteChild:
            return start_delete_child(core, ike, task);
        case TaskKind::kRekeyIke:
            return start_rekey_ike(core, ike);
        case TaskKind::kDeleteIke:
            return start_delete_ike(core, ike);
        case TaskKind::kLiveness:
            return start_liveness(core, ike);
        case TaskKind::kRefuseAuth:
            return start_refuse_auth(core, ike);
    }
    return false;
}

/// Ends of the whole SA come before work on it.
bool is_final(const Task& task)
{
    return task.kind == TaskKind::kDeleteIke || task.kind == TaskKind::kRefuseAuth;
}

}  // namespace

void enqueue(Core& core, IkeSa& ike, Task task)
{
    const auto is_there = [&](const QueuedTask& queued) { return queued.task.is_same(task); };
    if (const auto it = std::ranges::find_if(ike.queue, is_there); it != ike.queue.end()) {
        it->not_before_ns = 0;
    } else if (ike.outstanding == nullptr || !ike.outstanding->task.is_same(task)) {
        const auto where = is_final(task) ? ike.queue.begin() : ike.queue.end();
        ike.queue.insert(where, QueuedTask{std::move(task), 0});
    }
    start_next_task(core, ike);
}

void enqueue_later(Core& core, IkeSa& ike, Task task, double seconds)
{
    const uint64_t span_ns = static_cast<uint64_t>(seconds * 1e9);
    const uint64_t when = core.now_ns + span_ns + core.random_below(span_ns / 2);
    const auto is_there = [&](const QueuedTask& queued) { return queued.task.is_same(task); };
    if (std::ranges::none_of(ike.queue, is_there))
        ike.queue.push_back({std::move(task), when});
    start_next_task(core, ike);
}

void start_next_task(Core& core, IkeSa& ike)
{
    if (ike.state == IkeState::kConnecting)
        return;
    while (ike.outstanding == nullptr && !ike.is_doomed) {
        const auto next =
            std::ranges::find_if(ike.queue, [&](const QueuedTask& task) { return task.not_before_ns <= core.now_ns; });
        if (next == ike.queue.end())
            break;
        const Task task = std::move(next->task);
        ike.queue.erase(next);
        if (start(core, ike, task))
            return;
    }
    uint64_t earliest = kNeverNs;
    for (const QueuedTask& task : ike.queue)
        earliest = std::min(earliest, task.not_before_ns);
    if (ike.outstanding == nullptr && !ike.is_doomed)
        core.timers.set(ike.retry_timer, earliest);
}

bool is_child_queued(const IkeSa& ike, std::string_view child)
{
    const auto makes = [&](const QueuedTask& queued) {
        return queued.task.kind == TaskKind::kNewChild && queued.task.config->name == child;
    };
    if (std::ranges::any_of(ike.queue, makes))
        return true;
    if (ike.outstanding == nullptr)
        return false;
    const auto* exchange = std::get_if<ChildExchange>(&ike.outstanding->state);
    return exchange != nullptr && exchange->config->name == child;
}

std::vector<ChildConfigPtr> take_queued_children(IkeSa& ike)
{
    std::vector<ChildConfigPtr> out;
    if (ike.outstanding != nullptr)
        if (auto* exchange = std::get_if<ChildExchange>(&ike.outstanding->state);
            exchange != nullptr && exchange->rekeys == 0) {
            out.push_back(exchange->config);
            ike.outstanding->state.emplace<std::monostate>();
        }
    for (QueuedTask& queued : ike.queue)
        if (queued.task.kind == TaskKind::kNewChild)
            out.push_back(queued.task.config);
    std::erase_if(ike.queue, [](const QueuedTask& queued) { return queued.task.kind == TaskKind::kNewChild; });
    return out;
}

void drop_tasks_of(IkeSa& ike, ChildSaId child)
{
    std::erase_if(ike.queue, [&](const QueuedTask& queued) { return queued.task.child == child && child != 0; });
}

std::string_view to_string(TaskKind kind) noexcept
{
    switch (kind) {
        case TaskKind::kEstablish:
            return "IKE_INIT";
        case TaskKind::kNewChild:
            return "CHILD_CREATE";
        case TaskKind::kRekeyChild:
            return "CHILD_REKEY";
        case TaskKind::kDeleteChild:
            return "CHILD_DELETE";
        case TaskKind::kRekeyIke:
            return "IKE_REKEY";
        case TaskKind::kDeleteIke:
            return "IKE_DELETE";
        case TaskKind::kLiveness:
            return "IKE_DPD";
        case TaskKind::kRefuseAuth:
            return "IKE_AUTH_FAILED";
    }
    return "?";
}

}  // namespace ipsecgw::ike
