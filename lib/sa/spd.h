// The security policy database (RFC 4301 section 4.4.1): a packet's flow to protect, bypass or discard, without a lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <vector>

#include <rte_common.h>
#include <rte_prefetch.h>

#include "base/result.h"
#include "dpdk/qsbr.h"
#include "model/policy.h"
#include "sa/flow_key.h"
#include "sa/flow_selector.h"
#include "sa/inbound_sa.h"
#include "sa/outbound_sa.h"
#include "telemetry/counter.h"

namespace ipsecgw::sa {

/// What an inbound SA may carry: mirrored selector pairs of the policies that name it (RFC 4301 section 5.2).
/// Immutable. Most sets are of one pair of IPv4 prefixes, and that is in the object itself: one line that a worker can
/// fetch ahead.
class alignas(RTE_CACHE_LINE_SIZE) SelectorSet {
  public:
    struct Pair {
        model::TrafficSelector local;   // our side: destination of an inbound packet
        model::TrafficSelector remote;  // the peer's side: source
    };
    /// Pairs that nothing can match (two families, two protocols) are left out.
    explicit SelectorSet(std::span<const Pair> pairs);
    /// `inbound` is the opened packet as it is. Noexcept, no allocation; linear in the pairs of one SA.
    [[nodiscard]] bool allows(const FlowKey& inbound) const noexcept
    {
        return ipv4_.matches(inbound) || (more_ != nullptr && more_allow(Flow::inbound(inbound)));
    }
    /// Whether allows() has more than one pair to ask.
    [[nodiscard]] bool is_long() const noexcept { return is_long_; }
    /// Unique in the Spd that published the set, and never used again: what it allowed once it always allows.
    [[nodiscard]] uint64_t id() const noexcept { return id_; }

    void prefetch() const noexcept { rte_prefetch0(this); }

    /// Where the other tables are.
    static void* operator new(size_t bytes, std::align_val_t);
    static void operator delete(void* memory, size_t bytes, std::align_val_t) noexcept;

  private:
    friend class Spd;
    [[nodiscard]] bool more_allow(const Flow& flow) const noexcept;

    /// The first pair of IPv4 prefixes, as FlowSelector has it, in half the room.
    struct Ipv4Pair {
        uint64_t address_mask = 0;
        uint64_t addresses = ~uint64_t{0};  // local below remote; nothing under that mask
        uint64_t upper_mask = 0;
        uint64_t upper = 0;
        PortMatch ports{};

        [[nodiscard]] bool matches(const FlowKey& inbound) const noexcept
        {
            uint32_t local, remote;
            std::memcpy(&local, inbound.destination, sizeof local);
            std::memcpy(&remote, inbound.source, sizeof remote);
            const uint64_t both = local | uint64_t{remote} << 32;
            const uint64_t other =
                pack_upper(inbound.family, inbound.protocol, inbound.destination_port, inbound.source_port);
            if ((((both & address_mask) ^ addresses) | ((other & upper_mask) ^ upper)) != 0)
                return false;
            return ports.is_any() || (inbound.ports_known && ports.local.contains(inbound.destination_port) &&
                                      ports.remote.contains(inbound.source_port));
        }
    };

    mutable uint64_t id_ = 0;  // 0 until published
    Ipv4Pair ipv4_;
    std::unique_ptr<const std::vector<FlowSelector>> more_;  // null: none
    bool is_long_ = false;
};
static_assert(sizeof(SelectorSet) == RTE_CACHE_LINE_SIZE);

/// One policy as workers see it, in one line. Stable from publication until its grace period; only `outbound` and the
/// counters change.
struct PolicyEntry {
    model::Action action;
    uint32_t id;                                 // index for listings; reused after removal
    std::atomic<OutboundSa*> outbound{nullptr};  // kProtect: swung by one release store at rekey; null: drop with kNoSa
    /// Outbound and inbound clear matches, counted by workers. A worker's counters of this many policies stand
    /// together: no worker writes what another one reads, and a hundred thousand of them stay in its cache.
    static constexpr uint32_t kHitsTogether = 256;
    telemetry::Counter* hits = nullptr;          // [worker * kHitsTogether]
    uint64_t hits_before = 0;                    // of policies that had this id before
    /// TSC from which on the next packet without an SA asks for one; kNoAcquire: none does. Moved on by the worker that
    /// asks.
    mutable std::atomic<uint64_t> acquire_tsc{kNoAcquire};

    static constexpr uint64_t kNoAcquire = UINT64_MAX;

    [[nodiscard]] telemetry::Counter& hits_of(uint16_t worker) const noexcept
    {
        return hits[worker * size_t{kHitsTogether}];
    }

    /// True for one packet each `interval_tsc` over all workers, where the policy asks for SAs at all.
    [[nodiscard]] bool take_acquire(uint64_t now_tsc, uint64_t interval_tsc) const noexcept
    {
        uint64_t due = acquire_tsc.load(std::memory_order_relaxed);
        return due <= now_tsc &&
               acquire_tsc.compare_exchange_strong(due, now_tsc + interval_tsc, std::memory_order_relaxed);
    }
};

/// Policies by selectors and priority. Look-up is tuple space search: one hash probe per distinct combination of prefix
/// lengths and exact protocol and ports in use, best priority first, so it does not grow with the number of policies. A
/// change touches one bucket per selector pair.
///
/// The lowest priority number wins; among equals the selector pair with the longer prefixes (the bits of both added
/// up), then the older policy. A policy of several selector pairs appears and goes pair by pair; while a policy is
/// replaced, add the new one first.
///
/// Threads: match_* by any worker; everything else by the one writer. What match_* returns stays valid until the
/// calling worker reports a quiescent state. Destroy it after the workers have stopped; what is retired may outlive it.
///
/// Memory order: lists of tuples, buckets and selector sets are finished, then published by one release store or
/// exchange, and acquired by who reads them. A look-up loads several of them, one after the other, and may see some older
/// than others; so it looks again when the generation has moved meanwhile. The generation grows by a release behind each
/// change and before anything is retired: whoever acquires the new number finds the change; whoever still has the old one
/// has not been quiescent since, so what it found under it is not freed. `PolicyEntry::outbound` is released by the
/// writer when the SA is complete, and acquired before the SA is used. `hits` are telemetry::Counter; `acquire_tsc` is a
/// ticket that one compare-and-exchange takes, and orders nothing else.
class Spd {
  public:
    static base::Result<std::unique_ptr<Spd>> create(uint16_t workers, dpdk::Reclaimer& reclaimer);
    ~Spd();
    Spd(const Spd&) = delete;
    Spd& operator=(const Spd&) = delete;

    /// Policy for a clear packet from the protected side, or null: no policy, so discard.
    [[nodiscard]] const PolicyEntry* match_outbound(const FlowKey& packet) const noexcept;
    /// Hints that match_outbound() for this flow follows. With several flows at hand: the indexes for each of them,
    /// then the rules for each, then match.
    void prefetch_indexes(const FlowKey& packet) const noexcept;
    void prefetch_rules(const FlowKey& packet) const noexcept;
    /// Policy for a clear packet from the unprotected side (selectors mirrored). kProtect here means: must have come by
    /// ESP.
    [[nodiscard]] const PolicyEntry* match_inbound(const FlowKey& packet) const noexcept;

    /// Grows with each policy that comes or goes. What match_* returned stays right and valid while this is what it was
    /// before the look-up, also beyond a quiescent state.
    [[nodiscard]] uint64_t generation() const noexcept;

    /// Adds a policy; `policy` must be valid. The entry is published with `outbound` null. kAlreadyExists for a known
    /// name, kInvalidArgument when no packet can match it, kResourceExhausted; then nothing of it stays.
    base::Result<PolicyEntry*> add(const model::Policy& policy);
    /// Unpublishes; entries are freed after a grace period. kNotFound.
    base::Result<void> remove(std::string_view name);
    [[nodiscard]] PolicyEntry* find(std::string_view name) const noexcept;
    /// Packets that matched, over all workers.
    [[nodiscard]] uint64_t hits(const PolicyEntry& entry) const noexcept;

    /// Publishes what an inbound SA may carry; the set before it is freed after a grace period. Null: nothing.
    void set_selectors(InboundSa& sa, std::unique_ptr<const SelectorSet> selectors);

    /// Whether any policy asks for ports: a packet whose ports are not known may then match another policy than its own.
    /// Any thread; who has seen a policy sees that it does.
    [[nodiscard]] bool selects_ports() const noexcept;

    [[nodiscard]] uint32_t count() const noexcept;
    /// Hash probes of the slowest look-up of a family, for listings.
    [[nodiscard]] uint32_t tuples(net::Family family) const noexcept;

  private:
    class Table;
    explicit Spd(std::unique_ptr<Table> table);
    std::unique_ptr<Table> table_;
};

}  // namespace ipsecgw::sa
