// open_burst in two halves, for a cipher that works between them.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "esp/drop_sink.h"
#include "sa/inbound_sa.h"

namespace ipsecgw::esp {

/// Between the first pass over a burst and the last: what the cipher takes, and the inferred sequence numbers.
struct StagedOpen {
    std::array<sa::EspText, sa::kMaxBurst> texts;
    std::array<uint64_t, sa::kMaxBurst> sequences;
};

/// Everything that can be told before the ICV is verified; requirements and drops as open_burst's. Returns how many are
/// left, at the front of `burst`, each described in `staged`. Threads: owner worker.
uint16_t stage_open(const sa::InboundSa& sa, std::span<rte_mbuf*> burst, StagedOpen& staged, DropSink& drops) noexcept;

/// The rest: `burst` and `staged` of one or several stage_open, in order. Bit i of `authentic`: the cipher has verified
/// and decrypted packet i. Returns the survivors as open_burst does. Threads: owner worker.
uint16_t finish_open(sa::InboundSa& sa, std::span<rte_mbuf*> burst, const StagedOpen& staged, uint64_t authentic,
                     DropSink& drops) noexcept;

}  // namespace ipsecgw::esp
