// Anti-replay (RFC 4303 section 3.4.3, appendix A), as a ring of words that never shifts (RFC 6479).
#pragma once

#include <cstdint>
#include <span>

namespace ipsecgw::sa {

enum class Replay : uint8_t { kFresh, kSeen, kTooOld };

/// A window of 0 (off) or 32 to 4096 packets over full sequence numbers: 64-bit with ESN, 32-bit without.
///
/// The bitmap lies in memory given by `attach` (next to the SA, one allocation). Sequence number 0 is never fresh, window off
/// included for non-ESN SAs as RFC 4303 section 2.2 starts at 1.
/// Threads: the owner worker; readers for listings may see a torn but harmless picture through `highest()`.
class ReplayWindow {
 public:
    static constexpr uint16_t kMaxPackets = 4096;

    /// Words of bitmap a window of `packets` needs; a power of two with one spare word at least, 0 for 0.
    static uint32_t words_needed(uint16_t packets) noexcept;
    /// `words` must hold words_needed(packets), zeroed. Highest number seen starts at 0.
    void attach(uint16_t packets, std::span<uint64_t> words) noexcept;

    /// The full 64-bit number for the low half on the wire, by appendix A2.2 relative to the highest authentic one.
    [[nodiscard]] uint64_t infer_esn(uint32_t low) const noexcept;
    /// Would this number be accepted? Does not change anything: call before the ICV check.
    [[nodiscard]] Replay check(uint64_t sequence) const noexcept;
    /// Marks an authentic number, moving the window where it is ahead. Returns as check() would have; a second commit of one
    /// number in a burst therefore says kSeen and the packet must be dropped.
    Replay commit(uint64_t sequence) noexcept;

    [[nodiscard]] uint64_t highest() const noexcept { return highest_; }
    [[nodiscard]] uint16_t packets() const noexcept { return packets_; }

 private:
    uint64_t* words_ = nullptr;
    uint32_t word_mask_ = 0;  // words - 1
    uint16_t packets_ = 0;
    uint64_t highest_ = 0;
};

}  // namespace ipsecgw::sa
