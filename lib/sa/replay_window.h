// Anti-replay (RFC 4303 section 3.4.3, appendix A), as a ring of words that never shifts (RFC 6479).
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

namespace ipsecgw::sa {

enum class Replay : uint8_t { kFresh, kSeen, kTooOld };

/// A window of 0 (off) or 32 to 4096 packets over full sequence numbers: 64-bit with ESN, 32-bit without.
///
/// Exactly the `packets` numbers up to the highest authentic one are inside; older ones are kTooOld. So is number 0, as a sender
/// starts at 1 (RFC 4303 section 2.2). A window that is off calls every number fresh: "no inbound checks are performed on the
/// Sequence Number" (section 3.4.3), and such a sender may roll over to 0 (section 3.3.3).
///
/// The bitmap lies in memory given by `attach` (next to the SA, one allocation).
/// Threads: the owner worker; `highest()` and `packets()` by any, for listings.
class ReplayWindow {
 public:
    static constexpr uint16_t kMaxPackets = 4096;

    /// Words of bitmap a window of `packets` needs; a power of two with one spare word at least, 0 for 0.
    static uint32_t words_needed(uint16_t packets) noexcept;
    /// `words` must hold words_needed(packets), zeroed. Highest number seen starts at 0.
    void attach(uint16_t packets, std::span<uint64_t> words) noexcept;

    /// The full 64-bit number for the low half on the wire, by appendix A2.2 relative to the highest authentic one.
    [[nodiscard]] uint64_t infer_esn(uint32_t low) const noexcept
    {
        // Cases A and B of A2.2 are one rule: of the numbers that end in `low`, take the one in the 2^32 that start at the window's
        // bottom. Nothing precedes the first subspace, so the bottom stops at 0.
        const uint64_t top = highest();
        const uint64_t behind = packets_ != 0 ? packets_ - 1u : kInferBehindWhenOff;
        const uint64_t bottom = top >= behind ? top - behind : 0;
        return bottom + static_cast<uint32_t>(low - static_cast<uint32_t>(bottom));
    }

    /// Would this number be accepted? Does not change anything: call before the ICV check.
    [[nodiscard]] Replay check(uint64_t sequence) const noexcept
    {
        const uint64_t top = highest();
        if (packets_ == 0 || sequence > top)
            return Replay::kFresh;
        if (top - sequence >= packets_ || sequence == 0)
            return Replay::kTooOld;
        return (words_[word_of(sequence)] & bit_of(sequence)) != 0 ? Replay::kSeen : Replay::kFresh;
    }

    /// Marks an authentic number, moving the window where it is ahead. Returns as check() would have; a second commit of one
    /// number in a burst therefore says kSeen and the packet must be dropped.
    Replay commit(uint64_t sequence) noexcept
    {
        const uint64_t top = highest();
        if (packets_ == 0) {
            if (sequence > top)
                highest_.store(sequence, std::memory_order_relaxed);
            return Replay::kFresh;
        }
        if (sequence > top) {
            advance(top, sequence);
        } else if (top - sequence >= packets_ || sequence == 0) {
            return Replay::kTooOld;
        }
        uint64_t& word = words_[word_of(sequence)];
        const uint64_t bit = bit_of(sequence);
        if ((word & bit) != 0)
            return Replay::kSeen;
        word |= bit;
        return Replay::kFresh;
    }

    [[nodiscard]] uint64_t highest() const noexcept { return highest_.load(std::memory_order_relaxed); }
    [[nodiscard]] uint16_t packets() const noexcept { return packets_; }

 private:
    // Without a window there is no bottom to reckon from: the nearest number on either side is as good a guess as any.
    static constexpr uint64_t kInferBehindWhenOff = (uint64_t{1} << 31) - 1;

    [[nodiscard]] uint64_t word_of(uint64_t sequence) const noexcept { return (sequence / 64) & word_mask_; }
    static uint64_t bit_of(uint64_t sequence) noexcept { return uint64_t{1} << (sequence % 64); }

    // The spare word makes the ring wide enough that a word is cleared before the window's leading edge enters it, and never while
    // its trailing edge is still inside (RFC 6479 section 2).
    void advance(uint64_t top, uint64_t sequence) noexcept
    {
        const uint64_t last = sequence / 64;
        uint64_t at = top / 64;
        if (last - at > word_mask_)
            at = last - word_mask_ - 1;
        while (at != last)
            words_[++at & word_mask_] = 0;
        highest_.store(sequence, std::memory_order_relaxed);
    }

    uint64_t* words_ = nullptr;
    std::atomic<uint64_t> highest_{0};  // written by the owner only
    uint32_t word_mask_ = 0;            // words - 1
    uint16_t packets_ = 0;
};

}  // namespace ipsecgw::sa
