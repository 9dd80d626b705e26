// Rekeyings and deletes of IKE SAs that cross.
#include <algorithm>
#include <utility>

#include "ike/children_internal.h"
#include "ike/collisions_internal.h"
#include "ike/lifecycle_internal.h"
#include "ike/tasks_internal.h"

namespace ipsecgw::ike {
namespace {

using base::LogLevel;

/// Patience with a peer that is to delete an IKE SA which has been replaced.
constexpr double kReplacedSeconds = 90;

IkeSa* rival_of(Core& core, const IkeRekeyExchange& exchange)
{
    return exchange.collision ? core.find(exchange.collision->peer_ike_sa) : nullptr;
}

}  // namespace

void inherit(Core& core, IkeSa& old, IkeSa& heir)
{
    move_children(core, old, heir);
    for (QueuedTask& task : old.queue)
        if (task.task.kind != TaskKind::kRekeyIke && task.task.kind != TaskKind::kLiveness)
            heir.queue.push_back(std::move(task));
    old.queue.clear();
    old.heir = heir.id;
    old.state = IkeState::kRekeyed;
    heir.is_heir_undecided = false;
    heir.is_announced = std::exchange(old.is_announced, false);
    for (Timer* timer : {&old.rekey_timer, &old.liveness_timer, &old.retry_timer})
        timer->cancel();
    core.timers.set(old.close_timer, core.in_seconds(kReplacedSeconds));
    core.counts.ike_rekeys++;
    core.log(LogLevel::kInfo, &heir, "IKE_SA %s rekeyed between %s[%s]...%s[%s]", heir.name().c_str(),
             heir.local.address.to_string().c_str(), heir.local_id.to_string().c_str(),
             heir.remote.address.to_string().c_str(), heir.remote_id.to_string().c_str());
    core.emit(IkeRekeyed{old.id, heir.id, heir.connection->name});
    start_ike_timers(core, heir);
    start_next_task(core, heir);
}

IkeSa* undecided_heir(Core& core, const IkeSa& old)
{
    if (old.outstanding == nullptr)
        return nullptr;
    const auto* exchange = std::get_if<IkeRekeyExchange>(&old.outstanding->state);
    return exchange != nullptr ? rival_of(core, *exchange) : nullptr;
}

void settle_heir(Core& core, IkeSa& heir)
{
    IkeSa* old = core.find(heir.predecessor);
    if (!heir.is_heir_undecided || old == nullptr || old->heir != 0)
        return;
    inherit(core, *old, heir);
}

void peer_rekeyed_ike(Core& core, IkeSa& old, IkeSa& created, Bytes lowest)
{
    auto* own = old.outstanding == nullptr ? nullptr : std::get_if<IkeRekeyExchange>(&old.outstanding->state);
    if (own == nullptr) {
        inherit(core, old, created);
        return;
    }
    core.log(LogLevel::kInfo, &old, "detected IKE_REKEY collision with IKE_REKEY of %s", old.name().c_str());
    created.is_heir_undecided = true;
    own->collision = IkeCollision{created.id, std::move(lowest)};
}

void own_ike_rekey_done(Core& core, IkeSa& old, const IkeRekeyExchange& exchange, IkeSa& created, const Bytes& lowest)
{
    IkeSa* rival = rival_of(core, exchange);
    if (old.heir != 0 || (rival != nullptr && lowest < exchange.collision->lowest_nonce)) {
        core.log(LogLevel::kInfo, &old, "IKE_REKEY collision lost, deleting redundant IKE_SA %s",
                 created.name().c_str());
        if (rival != nullptr && old.heir == 0)
            inherit(core, old, *rival);
        enqueue(core, created, Task{TaskKind::kDeleteIke});
        return;
    }
    if (rival != nullptr) {
        core.log(LogLevel::kInfo, &old, "IKE_REKEY collision won, IKE_SA %s becomes redundant", rival->name().c_str());
        rival->is_heir_undecided = false;
        rival->state = IkeState::kRekeyed;
        core.timers.set(rival->close_timer, core.in_seconds(kReplacedSeconds));
    }
    inherit(core, old, created);
    enqueue(core, old, Task{TaskKind::kDeleteIke});
}

void own_ike_rekey_refused(Core& core, IkeSa& old, const IkeRekeyExchange& exchange, NotifyType why)
{
    if (old.heir != 0)
        return;
    if (IkeSa* rival = rival_of(core, exchange)) {
        inherit(core, old, *rival);  // the peer knows only its own
        return;
    }
    old.state = IkeState::kEstablished;
    core.log(LogLevel::kInfo, &old, "IKE_SA rekeying failed%s, trying again in %u seconds",
             why == NotifyType::kTemporaryFailure ? " (peer is busy)" : "", core.options.retry_s);
    enqueue_later(core, old, Task{TaskKind::kRekeyIke}, core.options.retry_s);
}

}  // namespace ipsecgw::ike
