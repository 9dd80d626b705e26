// The resolver's entries with their timers and limits: what is known of whom, who waits, what is thrown out when full.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <utility>
#include <vector>

#include "net/address.h"
#include "route/resolver.h"

namespace ipsecgw::route {

struct NeighbourKey {
    uint16_t port = 0;
    net::IpAddress address;

    auto operator<=>(const NeighbourKey&) const = default;
};

/// Bounded, with each step in O(log n), so that neither a scan from the wire nor a flood of solicitations can make it slow or large.
/// When full, an address nobody answers for (incomplete, the oldest first) makes room, then one never confirmed (stale).
/// Entries a host has confirmed and static ones are never thrown out. Threads: control.
class NeighbourCache {
 public:
    struct Entry {
        NeighbourKey key;
        net::MacAddress mac;             // meaningless while kIncomplete
        NeighbourState state = NeighbourState::kIncomplete;
        uint8_t attempts = 0;            // requests or probes sent in this state
        uint64_t since_ns = 0;           // last confirmed, or first asked
        std::deque<uint64_t> waiting;    // packets, oldest first; only while kIncomplete

     private:
        friend class NeighbourCache;
        std::pair<uint64_t, uint64_t> timer;  // {due, serial}; due UINT64_MAX: none
        std::list<Entry*>::iterator place;    // in the list of its state, if that has one
        std::list<Entry*>::iterator queued;   // in with_waiting_, while something waits
    };
    /// Why an entry is wanted: packets wait for it, or a host has introduced itself.
    enum class Wanted : uint8_t { kByPacket, kByHost };

    [[nodiscard]] Entry* find(const NeighbourKey& key);
    /// A new incomplete entry without timer; null when there is no room. What waited on an entry thrown out goes to `effects`.
    Entry* insert(const NeighbourKey& key, Wanted wanted, Effects& effects);
    Entry& insert_static(const NeighbourEntry& entry);
    /// What waits goes to `effects.give_up`.
    void erase(Entry& entry, Effects& effects);

    void set_state(Entry& entry, NeighbourState state);
    void set_timer(Entry& entry, uint64_t due_ns);
    /// Queues behind the others; over a limit, the oldest is given up.
    void enqueue(Entry& entry, uint64_t packet, Effects& effects);
    /// Everything that waits leaves for entry.mac.
    void release(Entry& entry, Effects& effects);

    [[nodiscard]] uint64_t next_timer_ns() const noexcept;
    /// An entry whose timer is due, the timer now off; null when none is.
    Entry* take_due(uint64_t now_ns);

    [[nodiscard]] const std::map<NeighbourKey, Entry>& entries() const noexcept { return entries_; }

 private:
    [[nodiscard]] std::list<Entry*>* list_of(NeighbourState state);
    Entry& emplace(const NeighbourKey& key);
    bool make_room(Wanted wanted, Effects& effects);
    void dequeue_oldest(Entry& entry, Effects& effects);

    std::map<NeighbourKey, Entry> entries_;
    std::map<std::pair<uint64_t, uint64_t>, Entry*> timers_;
    std::list<Entry*> incomplete_, stale_;  // oldest first
    std::list<Entry*> with_waiting_;        // by the time their first packet came
    size_t waiting_ = 0;                    // packets, over all entries
    size_t statics_ = 0;
    uint64_t serial_ = 0;
};

}  // namespace ipsecgw::route
