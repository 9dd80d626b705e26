#include "route/neighbour_cache.h"

#include <algorithm>

namespace ipsecgw::route {

NeighbourCache::Entry* NeighbourCache::find(const NeighbourKey& key)
{
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second;
}

std::list<NeighbourCache::Entry*>* NeighbourCache::list_of(NeighbourState state)
{
    switch (state) {
        case NeighbourState::kIncomplete:
            return &incomplete_;
        case NeighbourState::kStale:
            return &stale_;
        case NeighbourState::kReachable:
        case NeighbourState::kProbe:
        case NeighbourState::kStatic:
            return nullptr;
    }
    return nullptr;
}

NeighbourCache::Entry& NeighbourCache::emplace(const NeighbourKey& key)
{
    Entry& entry = entries_[key];
    entry.key = key;
    entry.timer = {UINT64_MAX, serial_++};
    entry.place = incomplete_.insert(incomplete_.end(), &entry);
    return entry;
}

bool NeighbourCache::make_room(Wanted wanted, Effects& effects)
{
    if (entries_.size() - statics_ < Resolver::kMaxEntries)
        return true;
    // A host that introduces itself may not push out what our own traffic asks for.
    if (wanted == Wanted::kByPacket && !incomplete_.empty()) {
        erase(*incomplete_.front(), effects);
        return true;
    }
    if (stale_.empty())
        return false;
    erase(*stale_.front(), effects);
    return true;
}

NeighbourCache::Entry* NeighbourCache::insert(const NeighbourKey& key, Wanted wanted, Effects& effects)
{
    return make_room(wanted, effects) ? &emplace(key) : nullptr;
}

NeighbourCache::Entry& NeighbourCache::insert_static(const NeighbourEntry& wanted)
{
    const NeighbourKey key = {wanted.port, wanted.address};
    Entry* found = find(key);
    Entry& entry = found != nullptr ? *found : emplace(key);
    if (entry.state != NeighbourState::kStatic)
        statics_++;
    set_state(entry, NeighbourState::kStatic);
    set_timer(entry, UINT64_MAX);
    entry.mac = wanted.mac;
    return entry;
}

void NeighbourCache::erase(Entry& entry, Effects& effects)
{
    while (!entry.waiting.empty())
        dequeue_oldest(entry, effects);
    if (entry.state != NeighbourState::kIncomplete)
        effects.table_changed = true;
    if (entry.state == NeighbourState::kStatic)
        statics_--;
    if (auto* list = list_of(entry.state); list != nullptr)
        list->erase(entry.place);
    set_timer(entry, UINT64_MAX);
    entries_.erase(entries_.find(entry.key));
}

void NeighbourCache::set_state(Entry& entry, NeighbourState state)
{
    if (auto* list = list_of(entry.state); list != nullptr)
        list->erase(entry.place);
    entry.state = state;
    entry.attempts = 0;
    if (auto* list = list_of(state); list != nullptr)
        entry.place = list->insert(list->end(), &entry);
}

void NeighbourCache::set_timer(Entry& entry, uint64_t due_ns)
{
    if (entry.timer.first != UINT64_MAX)
        timers_.erase(entry.timer);
    entry.timer.first = due_ns;
    if (due_ns != UINT64_MAX)
        timers_.emplace(entry.timer, &entry);
}

void NeighbourCache::dequeue_oldest(Entry& entry, Effects& effects)
{
    effects.give_up.push_back(entry.waiting.front());
    entry.waiting.pop_front();
    waiting_--;
    if (entry.waiting.empty())
        with_waiting_.erase(entry.queued);
}

void NeighbourCache::enqueue(Entry& entry, uint64_t packet, Effects& effects)
{
    if (entry.waiting.size() >= Resolver::kMaxWaiting)
        dequeue_oldest(entry, effects);
    else if (waiting_ >= Resolver::kMaxWaitingTotal)
        dequeue_oldest(*with_waiting_.front(), effects);
    if (entry.waiting.empty())
        entry.queued = with_waiting_.insert(with_waiting_.end(), &entry);
    entry.waiting.push_back(packet);
    waiting_++;
}

void NeighbourCache::release(Entry& entry, Effects& effects)
{
    if (entry.waiting.empty())
        return;
    for (const uint64_t packet : entry.waiting)
        effects.release.push_back({packet, entry.key.port, entry.mac});
    waiting_ -= entry.waiting.size();
    entry.waiting.clear();
    with_waiting_.erase(entry.queued);
}

uint64_t NeighbourCache::next_timer_ns() const noexcept
{
    return timers_.empty() ? UINT64_MAX : timers_.begin()->first.first;
}

NeighbourCache::Entry* NeighbourCache::take_due(uint64_t now_ns)
{
    if (next_timer_ns() > now_ns)
        return nullptr;
    Entry* entry = timers_.begin()->second;
    set_timer(*entry, UINT64_MAX);
    return entry;
}

}  // namespace ipsecgw::route
