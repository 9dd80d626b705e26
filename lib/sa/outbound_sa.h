// The hot half of an outbound SA: everything a worker touches to seal a packet.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <rte_common.h>

#include "base/result.h"
#include "model/sa_params.h"
#include "net/address.h"
#include "sa/cipher_context.h"
#include "sa/counters.h"
#include "sa/inbound_sa.h"
#include "sa/offload_kind.h"

namespace ipsecgw::sa {

inline constexpr size_t kMaxOuterBytes = 48;  // IPv6 and UDP
inline constexpr uint16_t kAnyMtu = UINT16_MAX;

/// Any worker seals with it at any time: line 0 and 1 are read-only, line 2 is what all of them write; a worker's own counters
/// follow. A packet touches these three lines, its worker's counters (the first worker's are in line 2), and the cipher's.
/// Sequence numbers never reset: an SA object cannot be re-keyed or rewound, so two seals never share an IV.
///
/// Memory order: lines 0 and 1 but for `path_mtu`, which comes alone and is relaxed, are written before the release store of PolicyEntry::outbound (or of the Sad's slot) and
/// read behind its acquire load. `next_sequence` is relaxed everywhere: what must hold is that no number is given twice,
/// and all its changes are read-modify-writes, which have one order by themselves, or stores of last_sequence + 1, the end.
/// So a twin that goes on behind it starts at what an exchange took out. `expired` is relaxed too: it comes alone, and a
/// burst more or less at the end of a time is none of its business; the limits in packets are `last_sequence`'s.
struct alignas(RTE_CACHE_LINE_SIZE) OutboundSa {
    // Line 0. Written before publication.
    uint32_t spi;
    uint32_t slot;
    uint8_t flags;                          // SaFlags
    uint8_t iv_bytes;
    uint8_t icv_bytes;
    uint8_t align_bytes;
    uint8_t outer_bytes;                    // IP and UDP template length; 0 in transport mode without UDP
    model::DfPolicy df;
    uint16_t tfc_pad_to;                    // 0 is off
    uint16_t workers;
    uint16_t udp_local_port;                // host order, transport mode with UDP
    uint16_t udp_remote_port;
    OffloadKind kind;
    CipherContext* shared_cipher;           // owned; of all workers; null: each has its own, or none
    uint64_t iv_base;                       // IV = iv_base + sequence number: random start, so a restart with the same key does
                                            // not repeat IVs (RFC 4106 section 3.1 wants uniqueness only)
    uint64_t last_sequence;                 // last usable number: 2^32 - 1, near 2^64 (ESN), or the hard packet limit
    uint32_t generation;                    // of the slot; with it, the SA's tag
    uint16_t session_port;                  // inline kinds: the DPDK port that seals; packets leave by no other
    std::atomic<uint16_t> path_mtu;         // control: what routers say the way to the peer takes, or kAnyMtu

    // Line 1. The outer header, complete but for lengths, identification, checksum and copied bits. And where it leads, as
    // FlowKey has addresses: IPv4 in the first four bytes, the rest zero.
    alignas(RTE_CACHE_LINE_SIZE) uint8_t outer[kMaxOuterBytes];
    uint8_t peer[16];

    // Line 2. Written by every worker.
    alignas(RTE_CACHE_LINE_SIZE) std::atomic<uint64_t> next_sequence;
    std::atomic<bool> expired;              // set by control (time, bytes): workers drop with kExpired
    SaCounters first_counters;              // of worker 0

    // Cold.
    alignas(RTE_CACHE_LINE_SIZE) net::IpAddress local;
    net::IpAddress remote;
    bool limited_by_lifetime;               // last_sequence is a lifetime, not the number space
    void* session_context;                  // inline kinds: rte_security's context and session
    void* session;
    mutable SaDrops drops;                  // counted by any worker

    /// What follows it in memory: counters of the workers but the first, each on a line of its own, then their ciphers.
    struct alignas(RTE_CACHE_LINE_SIZE) OtherCounters {
        SaCounters counters;
    };

    /// Written by that worker only.
    [[nodiscard]] SaCounters& counters(uint16_t worker) noexcept
    {
        return worker == 0 ? first_counters : reinterpret_cast<OtherCounters*>(this + 1)[worker - 1].counters;
    }
    [[nodiscard]] const SaCounters& counters(uint16_t worker) const noexcept
    {
        return const_cast<OutboundSa*>(this)->counters(worker);
    }
    /// Owned. Null where the port ciphers.
    [[nodiscard]] CipherContext* cipher(uint16_t worker) const noexcept
    {
        return shared_cipher != nullptr ? shared_cipher : own_ciphers()[worker];
    }
    /// Of each worker; all null where there is a shared one.
    [[nodiscard]] CipherContext* const* own_ciphers() const noexcept
    {
        return reinterpret_cast<CipherContext* const*>(reinterpret_cast<const OtherCounters*>(this + 1) + workers - 1);
    }

    [[nodiscard]] bool is(SaFlags flag) const noexcept { return (flags & flag) != 0; }
    [[nodiscard]] SaTag tag() const noexcept { return {slot, generation}; }
    /// No packet of it is in a look-aside device. Threads: the one writer, when no worker can find the SA any more.
    [[nodiscard]] bool is_idle() const noexcept;
};
static_assert(offsetof(OutboundSa, path_mtu) + sizeof(uint16_t) <= 64 && offsetof(OutboundSa, outer) == RTE_CACHE_LINE_SIZE);
static_assert(offsetof(OutboundSa, next_sequence) == 2 * RTE_CACHE_LINE_SIZE);

/// Wipes and frees the SA and its cipher contexts (each once).
struct OutboundSaDeleter {
    void operator()(OutboundSa* sa) const noexcept;
};
using OutboundSaPtr = std::unique_ptr<OutboundSa, OutboundSaDeleter>;

/// An SA for `workers` workers with zeroed counters on NUMA node `socket` (-1: any), in one allocation. `ciphers` has one context per
/// worker, or one shareable context for all, or none where the port ciphers; ownership moves in when it succeeds. The caller fills the rest of line 0 and line 1;
/// `next_sequence` starts at 1 (RFC 4303 section 3.3.3), `last_sequence` at 2^32 - 1, `path_mtu` at kAnyMtu.
/// kResourceExhausted; kInvalidArgument when the number of contexts fits neither rule.
base::Result<OutboundSaPtr> allocate_outbound(std::span<CipherContextPtr> ciphers, uint16_t workers, int socket);

}  // namespace ipsecgw::sa
