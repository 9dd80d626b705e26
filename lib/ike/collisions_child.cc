// Rekeyings and deletes of child SAs that cross.
#include <algorithm>
#include <cinttypes>
#include <utility>

#include "ike/children_internal.h"
#include "ike/collisions_internal.h"
#include "ike/tasks_internal.h"

namespace ipsecgw::ike {
namespace {

using base::LogLevel;

/// Our request about `child` that waits for its response; null: there is none.
ChildExchange* own_rekey_of(IkeSa& ike, ChildSaId child)
{
    if (ike.outstanding == nullptr)
        return nullptr;
    auto* exchange = std::get_if<ChildExchange>(&ike.outstanding->state);
    return exchange != nullptr && exchange->rekeys == child ? exchange : nullptr;
}

/// What the peer's colliding exchange made, if it is still there.
ChildSa* rival_of(IkeSa& ike, const ChildExchange& exchange)
{
    ChildSa* rival = exchange.collision ? ike.find_child(exchange.collision->peer_child) : nullptr;
    return rival != nullptr && rival->state != ChildState::kDeleted ? rival : nullptr;
}

void make_redundant(ChildSa& child)
{
    child.is_redundant = true;
    child.rekey_timer.cancel();
    child.inactivity_timer.cancel();
}

/// The peer's SA that replaces `old` and whose send side waits; null: there is none.
ChildSa* held_successor(IkeSa& ike, const ChildSa& old)
{
    for (const auto& child : ike.children)
        if (child->predecessor == old.id && child->role == Role::kResponder && !child->is_redundant &&
            child->outbound == OutboundState::kHeld && child->state != ChildState::kDeleted)
            return child.get();
    return nullptr;
}

/// A rekeyed child takes over from one that is no more.
void announce_successor(Core& core, IkeSa& ike, const ChildExchange& exchange, ChildSa& created)
{
    created.is_announced = true;
    core.counts.child_rekeys++;
    core.emit(ChildRekeyed{ike.id, exchange.rekeys, created.id, ike.connection->name, created.config->name});
}

/// `child`, which was to replace another, goes: the other stays in its place.
void restore_predecessor(Core& core, IkeSa& ike, const ChildSa& child)
{
    ChildSa* old = child.is_redundant ? nullptr : ike.find_child(child.predecessor);
    if (old == nullptr || old->state != ChildState::kRekeyed || old->successor != 0)
        return;
    old->state = ChildState::kInstalled;
    enqueue_later(core, ike, Task::rekey_child(old->id), core.options.retry_s);
}

}  // namespace

Bytes lowest_nonce(std::span<const uint8_t> a, std::span<const uint8_t> b)
{
    const bool a_is_lower = std::ranges::lexicographical_compare(a, b);
    return a_is_lower ? Bytes(a.begin(), a.end()) : Bytes(b.begin(), b.end());
}

std::optional<NotifyType> objection_to_rekey(const ChildSa* child)
{
    if (child == nullptr || child->state == ChildState::kDeleted)
        return NotifyType::kChildSaNotFound;
    if (child->is_redundant || child->state == ChildState::kDeleting || child->state == ChildState::kRekeyed)
        return NotifyType::kTemporaryFailure;
    return std::nullopt;
}

void peer_rekeyed_child(Core& core, IkeSa& ike, ChildSa& old, ChildSa& created, Bytes lowest)
{
    if (ChildExchange* own = own_rekey_of(ike, old.id)) {
        core.log(LogLevel::kInfo, &ike, "detected CHILD_REKEY collision with CHILD_REKEY of %s", old.name().c_str());
        own->collision = ChildCollision{created.id, std::move(lowest)};
        return;
    }
    old.state = ChildState::kRekeyed;
    old.rekey_timer.cancel();
    drop_tasks_of(ike, old.id);
}

void own_child_rekey_done(Core& core, IkeSa& ike, const ChildExchange& exchange, ChildSa& created, const Bytes& lowest)
{
    ChildSa* old = ike.find_child(exchange.rekeys);
    const bool old_is_there = old != nullptr && old->state == ChildState::kRekeying;
    ChildSa* rival = rival_of(ike, exchange);
    // Also when the peer has deleted meanwhile what its exchange made: ours has lost all the same.
    if (exchange.collision && lowest < exchange.collision->lowest_nonce) {
        core.log(LogLevel::kInfo, &ike, "CHILD_REKEY collision lost, deleting redundant child %s",
                 created.name().c_str());
        make_redundant(created);
        if (old_is_there)
            old->state = ChildState::kRekeyed;
        enqueue(core, ike, Task::delete_child(created.id, created.spi_in));
        return;
    }
    if (rival != nullptr) {
        core.log(LogLevel::kInfo, &ike, "CHILD_REKEY collision won, %s becomes redundant", rival->name().c_str());
        make_redundant(*rival);
    }
    if (!old_is_there) {
        // The peer has deleted the old one already.
        activate_outbound(core, ike, created);
        if (rival != nullptr && rival->is_announced)
            replace_child(core, ike, *rival, created);
        else if (exchange.is_old_gone)
            announce_successor(core, ike, exchange, created);
        return;
    }
    if (ChildSa* before = ike.find_child(old->predecessor); before != nullptr && before->successor == 0)
        replace_child(core, ike, *before, *old);  // whose peer has just confirmed it, by rekeying it
    replace_child(core, ike, *old, created);
    old->state = ChildState::kRekeyed;
    enqueue(core, ike, Task::delete_child(old->id, old->spi_in));
}

void own_child_rekey_refused(Core& core, IkeSa& ike, const ChildExchange& exchange, NotifyType why)
{
    ChildSa* old = ike.find_child(exchange.rekeys);
    ChildSa* rival = rival_of(ike, exchange);
    if (old == nullptr || old->state != ChildState::kRekeying) {
        if (exchange.is_old_gone)
            child_ended(core, ike, exchange.rekeys, exchange.config, ChildEnd::kByPeer);
        return;
    }
    if (rival != nullptr) {
        // The peer's exchange came through: it knows the outcome, and deletes the old one if it has not.
        old->state = ChildState::kRekeyed;
        if (why == NotifyType::kChildSaNotFound) {
            replace_child(core, ike, *old, *rival);
            drain_child(core, ike, *old);
        }
        return;
    }
    if (why == NotifyType::kChildSaNotFound) {
        core.log(LogLevel::kInfo, &ike, "peer didn't find %s to rekey, creating it anew", old->name().c_str());
        const ChildConfigPtr config = old->config;
        child_ended(core, ike, *old, ChildEnd::kAsked);
        drain_child(core, ike, *old);
        enqueue(core, ike, Task::new_child(config));
        return;
    }
    old->state = ChildState::kInstalled;
    core.log(LogLevel::kInfo, &ike, "CHILD_SA rekeying of %s failed, trying again in %u seconds", old->name().c_str(),
             core.options.retry_s);
    enqueue_later(core, ike, Task::rekey_child(old->id), core.options.retry_s);
}

void note_unknown_delete(IkeSa& ike, uint32_t spi)
{
    constexpr size_t kMaxGone = 16;
    auto* exchange = ike.outstanding == nullptr ? nullptr : std::get_if<ChildExchange>(&ike.outstanding->state);
    if (exchange != nullptr && exchange->gone_spis.size() < kMaxGone)
        exchange->gone_spis.push_back(spi);
}

bool is_gone_already(const ChildExchange& exchange, uint32_t spi) noexcept
{
    return std::ranges::count(exchange.gone_spis, spi) != 0;
}

void own_child_rekey_undone(Core& core, IkeSa& ike, const ChildExchange& exchange)
{
    ChildSa* old = ike.find_child(exchange.rekeys);
    if (old == nullptr || old->state != ChildState::kRekeying) {
        if (exchange.is_old_gone)
            child_ended(core, ike, exchange.rekeys, exchange.config, ChildEnd::kByPeer);
        return;
    }
    old->state = ChildState::kInstalled;
    enqueue(core, ike, Task::delete_child(old->id, old->spi_in));
    child_ended(core, ike, *old, ChildEnd::kByPeer);
}

void confirm_successors(Core& core, IkeSa& ike)
{
    for (size_t i = 0; i < ike.children.size(); i++) {
        ChildSa& old = *ike.children[i];
        if (old.state != ChildState::kRekeyed || old.successor != 0)
            continue;
        if (ChildSa* successor = held_successor(ike, old))
            replace_child(core, ike, old, *successor);
    }
}

bool peer_deletes_child(Core& core, IkeSa& ike, ChildSa& child)
{
    drop_tasks_of(ike, child.id);
    if (child.state == ChildState::kDeleting || child.state == ChildState::kDeleted) {
        remove_outbound(core, ike, child);  // each has asked: our own response does the rest (section 1.4.1)
        return false;
    }
    ChildExchange* own = own_rekey_of(ike, child.id);
    ChildSa* successor = own != nullptr ? rival_of(ike, *own) : held_successor(ike, child);
    // The successor may be being rekeyed itself by now: traffic moves to it all the same.
    const bool is_usable = successor != nullptr && !successor->is_redundant &&
                           (successor->state == ChildState::kInstalled || successor->state == ChildState::kRekeying);
    if (is_usable)
        replace_child(core, ike, child, *successor);
    else if (own == nullptr)
        child_ended(core, ike, child, ChildEnd::kByPeer);
    else
        own->is_old_gone = std::exchange(child.is_announced, false);
    restore_predecessor(core, ike, child);
    drain_child(core, ike, child);
    return true;
}

}  // namespace ipsecgw::ike
