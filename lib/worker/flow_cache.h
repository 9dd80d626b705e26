// What one worker has found out about flows and destinations, so that it need not ask the tables for each packet.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <rte_common.h>
#include <rte_prefetch.h>

#include "net/address.h"
#include "sa/flow_key.h"

namespace ipsecgw::sa {
struct PolicyEntry;
}

namespace ipsecgw::worker {

struct PortView;

/// Cached answers carry the generation of the table that gave them, read before the look-up and once per turn: an
/// answer is taken only while the table has not changed since, so what it points at lives (Spd::generation,
/// Tables::generation).
///
/// Memory order: the caches are one worker's. The load of a generation acquires and stands before the turn's first
/// look-up and behind the last quiescent state; so an answer is never older than its number, and a number that is still
/// the same in a later turn means that no grace period has passed over what the answer points at.
inline constexpr uint64_t kNoGeneration = 0;

/// By flow: the outbound policy, and the selectors of an inbound SA that the flow has passed. Direct-mapped; a flow
/// that shares its place with another costs a look-up, nothing else. Threads: one worker.
class FlowCache {
  public:
    struct alignas(64) Entry {
        std::array<uint64_t, 5> flow;         // FlowKey::words()
        uint64_t generation = kNoGeneration;  // of `outbound`
        const sa::PolicyEntry* outbound;      // null: no policy
        uint64_t allowed_by = 0;              // SelectorSet::id()
    };
    static_assert(sizeof(Entry) == 64);

    FlowCache() : entries_(kEntries) {}

    /// Where the flow's entry is, for whoever asks in two steps.
    [[nodiscard]] uint32_t place(const sa::FlowKey& flow) const noexcept { return place_of(flow.words()); }
    void prefetch(uint32_t place) const noexcept { rte_prefetch0(&entries_[place]); }

    /// The entry, if it is the flow's and its policy is of this generation; else null.
    [[nodiscard]] const Entry* find(uint32_t place, const sa::FlowKey& flow, uint64_t generation) const noexcept
    {
        const Entry& entry = entries_[place];
        return (difference(entry, flow.words()) | (entry.generation ^ generation)) == 0 ? &entry : nullptr;
    }

    /// The flow's entry; another flow's is made its own, with nothing known.
    [[nodiscard]] Entry& at(const sa::FlowKey& flow) noexcept
    {
        const auto words = flow.words();
        Entry& entry = entries_[place_of(words)];
        if (difference(entry, words) != 0) [[unlikely]] {
            entry.flow = words;
            entry.generation = kNoGeneration;
            entry.allowed_by = 0;
        }
        return entry;
    }

  private:
    static constexpr size_t kEntries = 4096;

    static uint64_t difference(const Entry& entry, const std::array<uint64_t, 5>& words) noexcept
    {
        uint64_t bits = 0;
        for (size_t i = 0; i < words.size(); i++)
            bits |= words[i] ^ entry.flow[i];
        return bits;
    }

    // The traffic may choose where it collides: it gains that its own flows are looked up.
    static uint32_t place_of(const std::array<uint64_t, 5>& words) noexcept
    {
        const uint64_t source = (words[0] + words[1] * 0xbf58476d1ce4e5b9) * 0x9e3779b97f4a7c15;
        const uint64_t destination = (words[2] + words[3] * 0xd6e8feb86659fd93) * 0x94d049bb133111eb;
        return static_cast<uint32_t>((source ^ destination ^ words[4] * 0xa0761d6478bd642f) >> 48) & (kEntries - 1);
    }

    std::vector<Entry> entries_;
};

/// Next hop of a destination.
struct Route {
    const PortView* port = nullptr;        // null: no route
    const net::MacAddress* mac = nullptr;  // null: not resolved
    net::IpAddress next_hop;
};

/// By destination: the route. Direct-mapped. Threads: one worker.
class RouteCache {
  public:
    struct Entry {
        std::array<uint64_t, 2> destination;
        uint64_t generation = kNoGeneration;
        net::Family family;
        Route route;

        [[nodiscard]] bool holds(net::Family of, const std::array<uint64_t, 2>& words, uint64_t now) const noexcept
        {
            return ((destination[0] ^ words[0]) | (destination[1] ^ words[1]) | (generation ^ now)) == 0 &&
                   family == of;
        }
    };

    RouteCache() : entries_(kEntries) {}

    [[nodiscard]] Entry& at(const std::array<uint64_t, 2>& destination) noexcept
    {
        const uint64_t mixed = (destination[0] + destination[1] * 0xd6e8feb86659fd93) * 0x9e3779b97f4a7c15;
        return entries_[mixed >> 48 & (kEntries - 1)];
    }

  private:
    static constexpr size_t kEntries = 1024;

    std::vector<Entry> entries_;
};

}  // namespace ipsecgw::worker
