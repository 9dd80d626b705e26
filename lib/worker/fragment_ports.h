// Stateful fragment checking (RFC 4301 sections 7.3 and 7.4): which ports the later fragments of a packet belong to.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sa/flow_key.h"

namespace ipsecgw::worker {

/// What the first fragments of the last seconds said. Four-way; where a set is full the oldest entry goes, so that a
/// flood of fragments costs others their later fragments, which are dropped, and nothing else. Threads: one worker.
class FragmentPorts {
  public:
    /// Whose fragments: those in clear, or those out of one SA (SelectorSet::id(), which is never 0). A first fragment
    /// speaks for later ones of its own source only: nobody outside a tunnel can open it for what is inside.
    using Source = uint64_t;
    static constexpr Source kClear = 0;

    /// A packet's fragments have these in common (RFC 791 section 3.2, RFC 8200 section 4.5).
    struct Identity {
        uint32_t number;   // Identification
        uint8_t protocol;  // IPv6: what the Fragment header names
    };

    /// `lifetime_tsc`: how long a first fragment speaks.
    explicit FragmentPorts(uint64_t lifetime_tsc) : lifetime_tsc_(lifetime_tsc), sets_(kSets) {}

    /// Of a first fragment, whose ports are known.
    void learn(const sa::FlowKey& first, Identity identity, Source source, uint64_t now_tsc) noexcept;
    /// Gives a later fragment the ports and the protocol of its first. False: no first fragment has been seen.
    [[nodiscard]] bool recall(sa::FlowKey& later, Identity identity, Source source, uint64_t now_tsc) const noexcept;

  private:
    struct Entry {
        std::array<uint64_t, 4> addresses{};
        Source source = 0;
        uint32_t number = 0;
        uint8_t protocol = 0;
        net::Family family{};
        uint8_t upper_protocol = 0;
        uint16_t source_port = 0, destination_port = 0;
        uint64_t until_tsc = 0;

        [[nodiscard]] bool is_of(const sa::FlowKey& flow, Identity identity, Source of) const noexcept;
    };
    static constexpr size_t kWays = 4;
    static constexpr size_t kSets = 256;
    using Set = std::array<Entry, kWays>;

    static size_t place_of(const sa::FlowKey& flow, Identity identity) noexcept;

    uint64_t lifetime_tsc_;
    std::vector<Set> sets_;
};

}  // namespace ipsecgw::worker
