#include "sa/replay_window.h"

#include <bit>
#include <cassert>

namespace ipsecgw::sa {

uint32_t ReplayWindow::words_needed(uint16_t packets) noexcept
{
    if (packets == 0)
        return 0;
    // n packets that start anywhere in a word touch ceil(n / 64) + 1 words at most.
    return std::bit_ceil((packets + 63u) / 64 + 1);
}

void ReplayWindow::attach(uint16_t packets, std::span<uint64_t> words) noexcept
{
    const uint32_t needed = words_needed(packets);
    assert(words.size() >= needed);
    words_ = words.data();
    word_mask_ = needed == 0 ? 0 : needed - 1;
    packets_ = packets;
    highest_.store(0, std::memory_order_relaxed);
}

}  // namespace ipsecgw::sa
