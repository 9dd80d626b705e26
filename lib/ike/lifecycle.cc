#include <algorithm>

#include "base/clock.h"
#include "ike/connections_internal.h"
#include "ike/lifecycle_internal.h"
#include "ike/tasks_internal.h"
#include "ike/window_internal.h"

namespace ipsecgw::ike {
namespace {

using base::LogLevel;

/// When the peer was last heard, on the IKE SA or on a child.
uint64_t last_sign_of_life(Core& core, const IkeSa& ike)
{
    uint64_t last = ike.last_heard_ns;
    for (const auto& child : ike.children)
        if (child->is_inbound_installed)
            last = std::max(last, core.host.last_inbound_ns(child->spi_in));
    return last;
}

void on_liveness_timer(Core& core, IkeSa& ike)
{
    const uint64_t delay_ns = ike.connection->dpd_delay_s * base::kNsPerSecond;
    const uint64_t due = last_sign_of_life(core, ike) + delay_ns;
    if (due > core.now_ns) {
        core.timers.set(ike.liveness_timer, due);
        return;
    }
    // A request that is out asks the same.
    if (ike.outstanding == nullptr)
        enqueue(core, ike, Task{TaskKind::kLiveness});
    core.timers.set(ike.liveness_timer, core.now_ns + delay_ns);
}

void on_close_ike_timer(Core& core, IkeSa& ike)
{
    if (ike.state == IkeState::kRekeyed) {
        close_ike(core, ike, ChildEnd::kAsked);
        return;
    }
    core.log(LogLevel::kInfo, &ike, "lifetime of IKE_SA %s has ended without rekeying, deleting it",
             ike.name().c_str());
    ike.end = ChildEnd::kExpired;
    enqueue(core, ike, Task{TaskKind::kDeleteIke});
}

void on_inactivity_timer(Core& core, IkeSa& ike, ChildSa& child)
{
    const uint64_t span_ns = child.config->inactivity_s * base::kNsPerSecond;
    const uint64_t last = std::max(child.installed_ns, core.host.last_use_ns(child.id));
    if (last + span_ns > core.now_ns) {
        core.timers.set(child.inactivity_timer, last + span_ns);
        return;
    }
    core.log(LogLevel::kInfo, &ike, "deleting CHILD_SA %s after %u seconds of inactivity", child.name().c_str(),
             child.config->inactivity_s);
    enqueue(core, ike, Task::delete_child(child.id, child.spi_in));
}

void on_child_timer(Core& core, IkeSa& ike, ChildSa& child, TimerKind kind)
{
    if (kind == TimerKind::kRekeyChild) {
        enqueue(core, ike, Task::rekey_child(child.id));
    } else if (kind == TimerKind::kCloseChild) {
        core.log(LogLevel::kInfo, &ike, "lifetime of CHILD_SA %s has ended, deleting it", child.name().c_str());
        child.is_expired = true;
        enqueue(core, ike, Task::delete_child(child.id, child.spi_in));
    } else if (kind == TimerKind::kDrainChild) {
        remove_child(core, ike, child);
    } else if (kind == TimerKind::kInactivity) {
        on_inactivity_timer(core, ike, child);
    }
}

void on_ike_timer(Core& core, IkeSa& ike, TimerKind kind)
{
    switch (kind) {
        case TimerKind::kRetransmit:
            retransmit(core, ike);
            return;
        case TimerKind::kHalfOpen:
            core.log(LogLevel::kInfo, &ike, "deleting half open IKE_SA with %s after timeout",
                     ike.remote.address.to_string().c_str());
            close_ike(core, ike, ChildEnd::kAsked);
            return;
        case TimerKind::kRekeyIke:
            enqueue(core, ike, Task{TaskKind::kRekeyIke});
            return;
        case TimerKind::kCloseIke:
            on_close_ike_timer(core, ike);
            return;
        case TimerKind::kLiveness:
            on_liveness_timer(core, ike);
            return;
        case TimerKind::kRetryTasks:
            start_next_task(core, ike);
            return;
        case TimerKind::kForgetResponse:
            ike.answered.reset();
            return;
        case TimerKind::kRekeyChild:
        case TimerKind::kCloseChild:
        case TimerKind::kDrainChild:
        case TimerKind::kInactivity:
        case TimerKind::kReconnect:
            return;
    }
}

}  // namespace

void start_ike_timers(Core& core, IkeSa& ike)
{
    const auto& connection = *ike.connection;
    if (connection.rekey_time_s != 0) {
        const uint64_t rekey_ns = connection.rekey_time_s * base::kNsPerSecond;
        const uint64_t rand_ns = connection.effective_rand_time_s() * base::kNsPerSecond;
        core.timers.set(ike.rekey_timer, core.now_ns + rekey_ns - std::min(rekey_ns, core.random_below(rand_ns)));
        core.timers.set(ike.close_timer,
                        core.now_ns + rekey_ns + connection.effective_over_time_s() * base::kNsPerSecond);
    }
    if (connection.dpd_delay_s != 0)
        core.timers.set(ike.liveness_timer, core.in_seconds(connection.dpd_delay_s));
}

void tell_keys(Core& core, const IkeSa& ike)
{
    if (!core.options.tell_keys)
        return;
    IkeKeys keys;
    keys.spi_i = ike.spi_i;
    keys.spi_r = ike.spi_r;
    keys.sk_ei = ike.keys->initiator.sk_e.clone();
    keys.sk_er = ike.keys->responder.sk_e.clone();
    keys.sk_ai = ike.keys->initiator.sk_a.clone();
    keys.sk_ar = ike.keys->responder.sk_a.clone();
    keys.cipher = ike.keys->suite.cipher;
    core.emit(std::move(keys));
}

void ike_established(Core& core, IkeSa& ike)
{
    ike.state = IkeState::kEstablished;
    ike.established_ns = core.now_ns;
    ike.handshake.reset();
    ike.half_open_timer.cancel();
    core.leave_half_open(ike);
    core.counts.established++;
    core.log(LogLevel::kInfo, &ike, "IKE_SA %s established between %s[%s]...%s[%s]", ike.name().c_str(),
             ike.local.address.to_string().c_str(), ike.local_id.to_string().c_str(),
             ike.remote.address.to_string().c_str(), ike.remote_id.to_string().c_str());
    ike.is_announced = true;
    core.emit(IkeUp{ike.id, ike.connection->name});
    if (ike.role == Role::kInitiator && ike.connection->children.empty())
        core.emit(InitiateDone{ike.connection->name, {}, {}});
    start_ike_timers(core, ike);
    attempt_succeeded(core, ike);
}

void close_ike(Core& core, IkeSa& ike, ChildEnd end)
{
    while (!ike.children.empty()) {
        ChildSa& child = *ike.children.back();
        child_ended(core, ike, child, end);
        remove_child(core, ike, child);
    }
    const auto waiting = take_queued_children(ike);
    for (const auto& config : waiting) {
        if (end == ChildEnd::kAsked)
            core.emit(InitiateDone{ike.connection->name, config->name, "the IKE_SA was deleted"});
        else
            follow_child_end(core, ike, config->name, end);
    }
    if (ike.is_announced)
        core.emit(IkeDown{ike.id, ike.connection->name});
    core.destroy(ike);
}

void fail_attempt(Core& core, IkeSa& ike, const std::string& reason)
{
    if (ike.role == Role::kInitiator)
        attempt_failed(core, ike, AttemptEnd::kRefused, reason);
    core.destroy(ike);
}

void peer_is_gone(Core& core, IkeSa& ike)
{
    core.log(LogLevel::kWarning, &ike, "giving up after %u retransmits", core.options.retransmit_tries);
    if (ike.state == IkeState::kConnecting) {
        core.log(LogLevel::kWarning, &ike, "establishing IKE_SA failed, peer not responding");
        attempt_failed(core, ike, AttemptEnd::kUnanswered, "peer not responding");
        core.destroy(ike);
        return;
    }
    close_ike(core, ike, ike.state == IkeState::kDeleting ? ike.end : ChildEnd::kPeerIsGone);
}

void follow_endpoint(Core& core, IkeSa& ike, const Endpoint& remote)
{
    // Section 2.23: only who is not behind a NAT itself, or two ends may chase each other.
    if (ike.remote == remote || !ike.nat_remote || ike.is_behind_nat)
        return;
    core.log(LogLevel::kInfo, &ike, "NAT mappings of peer changed, moving from %s to %s",
             ike.remote.to_string().c_str(), remote.to_string().c_str());
    ike.remote = remote;
    // An SA in the data path is not edited: new ones, made before the old ones break, carry the new endpoint.
    for (const auto& child : ike.children)
        if (child->state == ChildState::kInstalled && child->is_current())
            enqueue_later(core, ike, Task::rekey_child(child->id), 0);
}

void on_timer(Core& core, const Timer& timer)
{
    if (timer.kind() == TimerKind::kReconnect) {
        if (const auto loaded = core.connections_by_number.find(timer.ike_sa());
            loaded != core.connections_by_number.end())
            on_reconnect_timer(core, *loaded->second);
        return;
    }
    IkeSa* ike = core.find(timer.ike_sa());
    if (ike == nullptr)
        return;
    if (timer.child_sa() == 0)
        on_ike_timer(core, *ike, timer.kind());
    else if (ChildSa* child = ike->find_child(timer.child_sa()))
        on_child_timer(core, *ike, *child, timer.kind());
}

}  // namespace ipsecgw::ike
