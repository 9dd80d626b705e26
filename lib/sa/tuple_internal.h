// One tuple of the Spd's tuple space: all rules that look at the same bits.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "dpdk/qsbr.h"
#include "sa/flow_selector.h"
#include "sa/pointer_table_internal.h"

namespace ipsecgw::sa {

struct PolicyEntry;

/// What decides between rules that match: the lowest comes first. Equal ranks: the older.
struct RuleOrder {
    uint64_t rank;  // priority, then how many bits the prefixes leave open
    uint64_t age;   // counts up with each policy added

    static uint64_t rank_of(uint32_t priority, const FlowSelector& selector) noexcept
    {
        return uint64_t{priority} << 32 | (2 * 128 - selector.prefix_bits());
    }
    auto operator<=>(const RuleOrder&) const = default;
};

enum RuleDirections : uint8_t { kRuleOutbound = 1 << 0, kRuleInbound = 1 << 1 };

/// One selector pair of one policy, without what the bucket's key says.
struct Rule {
    RuleOrder order;
    const PolicyEntry* entry;
    PortMatch ports;
    uint8_t directions;  // RuleDirections

    bool operator==(const Rule&) const = default;
};

/// The rules whose masked words are the same. Immutable; the rules follow it in memory, best first.
struct alignas(RTE_CACHE_LINE_SIZE) Bucket {
    FlowWords key;
    uint64_t hash;
    uint32_t count;

    [[nodiscard]] std::span<const Rule> rules() const noexcept
    {
        return {reinterpret_cast<const Rule*>(this + 1), count};
    }
};

/// Threads: match by any worker; everything else by the one writer.
class Tuple {
  public:
    Tuple(const FlowWords& mask, dpdk::Reclaimer& reclaimer);
    /// No reader may be left.
    ~Tuple();
    Tuple(const Tuple&) = delete;
    Tuple& operator=(const Tuple&) = delete;

    /// Hash of a flow under this tuple's mask, for match().
    [[nodiscard]] uint64_t hash(const Flow& flow) const noexcept;
    /// Hints that match() with this hash follows.
    void prefetch(uint64_t hash) const noexcept { buckets_.prefetch(hash); }
    /// The same, a step later.
    void prefetch_bucket(uint64_t hash) const noexcept { buckets_.prefetch_object(hash); }
    /// The best rule of this tuple for a flow in one direction, or null.
    [[nodiscard]] const Rule* match(const Flow& flow, uint64_t hash, RuleDirections direction) const noexcept;

    /// `key` is the selector's value under this tuple's mask. False: no memory, nothing changed.
    [[nodiscard]] bool add(const FlowWords& key, const Rule& rule);
    /// Takes out a rule that was added.
    void remove(const FlowWords& key, const Rule& rule);

    [[nodiscard]] bool empty() const noexcept { return ranks_.empty(); }
    /// Lowest rank among the rules; not for an empty tuple.
    [[nodiscard]] uint64_t best_rank() const noexcept { return ranks_.begin()->first; }

  private:
    struct ByKey {
        using Object = const Bucket;
        static uint64_t hash(const Bucket& bucket) noexcept { return bucket.hash; }
    };

    [[nodiscard]] const Bucket* find(const FlowWords& words, uint64_t hash) const noexcept;

    FlowWords mask_;
    dpdk::Reclaimer& reclaimer_;
    std::map<uint64_t, uint32_t> ranks_;  // how many rules have it
    PointerTable<ByKey> buckets_;
};

}  // namespace ipsecgw::sa
