// The hot half of an inbound SA: everything a worker touches to open a packet.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <rte_common.h>

#include "base/result.h"
#include "net/address.h"
#include "sa/cipher_context.h"
#include "sa/counters.h"
#include "sa/offload_kind.h"
#include "sa/replay_window.h"

namespace ipsecgw::sa {

class SelectorSet;

/// Bits of InboundSa::flags and OutboundSa::flags.
enum SaFlags : uint8_t {
    kSaEsn = 1 << 0,
    kSaTransport = 1 << 1,
    kSaUdp = 1 << 2,        // RFC 3948 encapsulation
    kSaOuterIpv6 = 1 << 3,
    kSaCopyDscp = 1 << 4,   // inbound: inward; outbound: outward
    kSaEcn = 1 << 5,        // RFC 6040 normal mode
    kSaCopyFlowLabel = 1 << 6,
    kSaLimited = 1 << 7,    // inbound: hard_packets or hard_bytes is set
};

/// Words of replay window that fit behind it on its cache line: the usual window of 64 packets costs no further line
/// (one of 448 where lines have 128 bytes).
inline constexpr size_t kNearWindowWords =
    (RTE_CACHE_LINE_SIZE - sizeof(SaCounters) - sizeof(ReplayWindow)) / sizeof(uint64_t);

/// One writer publishes it, one owner worker uses it, QSBR frees it. Never edited in place after publication, except
/// `selectors`, which is itself a published pointer. A packet touches the first two lines, and the cipher's.
///
/// Memory order: line 0 and the cold lines are written before the SAD's release store and read behind its acquire load.
/// The owner's lines need no order, as one thread uses them; the owner of an SA never changes, and a packet that comes
/// to its owner by ring brings nothing of the SA with it but the SPI. What control reads of them (ReplayWindow::highest,
/// counters) are single words, each atomic, late and in no order to each other.
struct alignas(RTE_CACHE_LINE_SIZE) InboundSa {
    // Line 0. Written before publication; read by any worker (a packet may arrive elsewhere and be handed over).
    uint32_t spi;
    uint32_t slot;                                    // index in the Sad; tags and listings use it
    uint16_t owner;                                   // worker index
    uint8_t flags;                                    // SaFlags
    uint8_t iv_bytes;
    uint8_t icv_bytes;
    uint8_t align_bytes;                              // ciphertext is a multiple of this
    uint16_t udp_local_port;                          // host order; 0 without kSaUdp
    CipherContext* cipher;                            // owned; used by the owner worker only
    std::atomic<const SelectorSet*> selectors;        // owned; set by Spd::set_selectors; null: nothing may pass
    uint32_t generation;                              // of the slot; with it, the SA's tag
    OffloadKind kind;
    net::IpAddress local;

    // Line 1. The owner worker's; control reads the counters.
    alignas(RTE_CACHE_LINE_SIZE) SaCounters counters;
    ReplayWindow replay;
    uint64_t near_window[kNearWindowWords];           // the window's bitmap where it fits, else that lies behind the drops

    // Cold; packets in UDP read it.
    alignas(RTE_CACHE_LINE_SIZE) net::IpAddress remote;
    uint16_t udp_remote_port;                         // host order; 0 without kSaUdp
    uint64_t moved_tsc;                               // owner: when control was last told that the peer's endpoint is another; 0: never
    uint64_t hard_packets;                            // 0 is none; the owner enforces both exactly
    uint64_t hard_bytes;
    mutable SaDrops drops;                            // counted by whoever has the packet

    [[nodiscard]] bool is(SaFlags flag) const noexcept { return (flags & flag) != 0; }
    [[nodiscard]] SaTag tag() const noexcept { return {slot, generation}; }
    /// No packet of it is in a look-aside device. Threads: the one writer, when no worker can find the SA any more.
    [[nodiscard]] bool is_idle() const noexcept;
};
static_assert(offsetof(InboundSa, counters) == RTE_CACHE_LINE_SIZE, "read-only half is one line");
static_assert(offsetof(InboundSa, remote) == 2 * RTE_CACHE_LINE_SIZE, "the owner's half is one line and a large bitmap");
static_assert(kNearWindowWords >= 2, "the usual window is near");

/// Wipes and frees the SA, its cipher context, its selectors and its window.
struct InboundSaDeleter {
    void operator()(InboundSa* sa) const noexcept;
};
using InboundSaPtr = std::unique_ptr<InboundSa, InboundSaDeleter>;

/// An SA with a window of `replay_window` packets and zeroed counters on NUMA node `socket` (-1: any); the caller fills line 0, takes
/// over `cipher`. One allocation; `esn` sets kSaEsn. Fails with kResourceExhausted; kInvalidArgument beyond kMaxPackets.
base::Result<InboundSaPtr> allocate_inbound(uint16_t replay_window, bool esn, int socket);

}  // namespace ipsecgw::sa
