// The security policy database (RFC 4301 section 4.4.1): a packet's flow to protect, bypass or discard, without a lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dpdk/qsbr.h"
#include "model/policy.h"
#include "sa/flow_key.h"
#include "sa/inbound_sa.h"
#include "sa/outbound_sa.h"
#include "telemetry/counter.h"

namespace ipsecgw::sa {

/// What an inbound SA may carry: mirrored selector pairs of the policies that name it (RFC 4301 section 5.2). Immutable.
class SelectorSet {
 public:
    struct Pair {
        model::TrafficSelector local;   // our side: destination of an inbound packet
        model::TrafficSelector remote;  // the peer's side: source
    };
    explicit SelectorSet(std::vector<Pair> pairs);
    /// `inbound` is the opened packet as it is. Noexcept, no allocation; linear in the pairs of one SA.
    [[nodiscard]] bool allows(const FlowKey& inbound) const noexcept;

 private:
    std::vector<Pair> pairs_;
};

/// One policy as workers see it. Stable from publication until its grace period; only `outbound` and the counters change.
struct PolicyEntry {
    model::Action action;
    uint32_t id;                                 // index for listings
    std::atomic<OutboundSa*> outbound{nullptr};  // kProtect: swung by one store at rekey; null: drop with kNoSa
    telemetry::Counter* hits = nullptr;          // [worker]; outbound and inbound clear matches
};

/// Policies by selectors and priority. Look-up is tuple space search: one hash probe per distinct pair of prefix lengths in use, best
/// priority first, so it does not grow with the number of policies. A change touches one bucket.
///
/// Threads: match_* by any worker; everything else by the one writer. What match_* returns stays valid until the calling worker
/// reports a quiescent state.
class Spd {
 public:
    static base::Result<std::unique_ptr<Spd>> create(uint16_t workers, dpdk::Reclaimer& reclaimer);
    ~Spd();
    Spd(const Spd&) = delete;
    Spd& operator=(const Spd&) = delete;

    /// Policy for a clear packet from the protected side, or null: no policy, so discard.
    [[nodiscard]] const PolicyEntry* match_outbound(const FlowKey& packet) const noexcept;
    /// Policy for a clear packet from the unprotected side (selectors mirrored). kProtect here means: must have come by ESP.
    [[nodiscard]] const PolicyEntry* match_inbound(const FlowKey& packet) const noexcept;

    /// Adds a policy; `policy` must be valid. The entry is published with `outbound` null. kAlreadyExists for a known name.
    base::Result<PolicyEntry*> add(const model::Policy& policy);
    /// Unpublishes; entries are freed after a grace period. kNotFound.
    base::Result<void> remove(std::string_view name);
    [[nodiscard]] PolicyEntry* find(std::string_view name) const noexcept;
    /// Packets that matched, over all workers.
    [[nodiscard]] uint64_t hits(const PolicyEntry& entry) const noexcept;

    /// Publishes what an inbound SA may carry; the set before it is freed after a grace period. Null: nothing.
    void set_selectors(InboundSa& sa, std::unique_ptr<const SelectorSet> selectors);

    [[nodiscard]] uint32_t count() const noexcept;

 private:
    class Table;
    explicit Spd(std::unique_ptr<Table> table);
    std::unique_ptr<Table> table_;
};

}  // namespace ipsecgw::sa
