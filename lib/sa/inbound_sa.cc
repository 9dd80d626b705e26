#include "sa/inbound_sa.h"

#include <memory>
#include <new>
#include <utility>

#include "base/text.h"
#include "dpdk/table_memory.h"
#include "sa/sa_memory_internal.h"
#include "sa/spd.h"

namespace ipsecgw::sa {
namespace {

// One block: the SA, and the bitmap of a window too large for the SA's own line.
constexpr size_t kWordsOffset = sizeof(InboundSa);

size_t far_words(uint16_t replay_window)
{
    const uint32_t words = ReplayWindow::words_needed(replay_window);
    return words <= kNearWindowWords ? 0 : words;
}

size_t block_bytes(uint16_t replay_window) { return kWordsOffset + far_words(replay_window) * sizeof(uint64_t); }

}  // namespace

base::Result<InboundSaPtr> allocate_inbound(uint16_t replay_window, bool esn, int socket)
{
    if (replay_window > ReplayWindow::kMaxPackets)
        return base::Error{base::ErrorCode::kInvalidArgument,
                           base::format("a replay window of %u packets is too large", replay_window),
                           base::format("the largest is %u", ReplayWindow::kMaxPackets)};
    const size_t bytes = block_bytes(replay_window);
    auto* block = static_cast<uint8_t*>(dpdk::allocate_table_memory(bytes, socket));
    if (block == nullptr)
        return out_of_sa_memory("an inbound SA", socket);
    auto* sa = new (block) InboundSa{};
    sa->flags = esn ? kSaEsn : 0;
    const size_t far = far_words(replay_window);
    sa->replay.attach(replay_window, far == 0 ? std::span<uint64_t>(sa->near_window)
                                              : std::span(reinterpret_cast<uint64_t*>(block + kWordsOffset), far));
    return InboundSaPtr(sa);
}

bool InboundSa::is_idle() const noexcept
{
    return cipher == nullptr || cipher->is_idle == nullptr || cipher->is_idle(*cipher);
}

void InboundSaDeleter::operator()(InboundSa* sa) const noexcept
{
    if (sa == nullptr)
        return;
    if (sa->cipher != nullptr)
        sa->cipher->destroy(sa->cipher);
    delete sa->selectors.load(std::memory_order_relaxed);
    const size_t bytes = block_bytes(sa->replay.packets());
    std::destroy_at(sa);
    dpdk::free_table_memory(sa, bytes);
}

}  // namespace ipsecgw::sa
