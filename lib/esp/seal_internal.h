// seal_burst in two halves, for a cipher that works between them.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "esp/drop_sink.h"
#include "sa/outbound_sa.h"

namespace ipsecgw::esp {

/// A burst between its framing and its cipher call.
struct FramedSeal {
    std::array<sa::EspText, sa::kMaxBurst> texts;
    std::array<uint16_t, sa::kMaxBurst> inner_bytes;
    uint16_t packets = 0;
    uint64_t bytes = 0;  // inner, of all
};

/// Sequence numbers, headers and trailers; requirements and drops as seal_burst's. The first framed.packets of `burst`
/// are left. Threads: any worker.
void frame_seal(sa::OutboundSa& sa, std::span<rte_mbuf*> burst, FramedSeal& framed, DropSink& drops) noexcept;

/// The rest: drops what the cipher has not sealed (bit i of `sealed`: it has), and counts. `framed` describes `burst`,
/// of one or several frame_seal, in order. Returns the survivors as seal_burst does. Threads: the worker that framed.
uint16_t finish_seal(sa::OutboundSa& sa, uint16_t worker, std::span<rte_mbuf*> burst, FramedSeal& framed,
                     uint64_t sealed, DropSink& drops) noexcept;

}  // namespace ipsecgw::esp
