// The security association database (RFC 4301 section 4.4.2): SPI to inbound SA without a lock, and the slots of both
// kinds.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "dpdk/qsbr.h"
#include "sa/inbound_sa.h"
#include "sa/outbound_sa.h"

namespace ipsecgw::sa {

/// Inbound SAs by SPI. An SPI we chose is unique on this gateway, so it alone selects the SA (RFC 4301 section 4.1).
///
/// Threads: `find`, `prefetch` and `*_by_tag` by any worker at any time; everything else by the one writer. What find()
/// returns stays valid until the calling worker reports a quiescent state. Destroy it after the workers have stopped;
/// what is retired may outlive it.
///
/// Memory order: by SPI as PointerTable has it. By tag, each slot is a pointer stored with release when the SA is
/// complete, slot and generation included, and acquired by `*_by_tag`; a worker that has a tag of an SA that it cannot
/// see yet, or not any more, finds null or another generation.
class Sad {
  public:
    /// Address space is reserved for `max_sas` slots of each direction, memory taken as they are used; look-up cost
    /// does not grow with the number of SAs. Slots are reused, the last freed first.
    static base::Result<std::unique_ptr<Sad>> create(uint32_t max_sas, dpdk::Reclaimer& reclaimer);
    ~Sad();
    Sad(const Sad&) = delete;
    Sad& operator=(const Sad&) = delete;

    /// The published SA or null.
    [[nodiscard]] InboundSa* find(uint32_t spi) const noexcept;
    /// Hints that find(spi) follows.
    void prefetch(uint32_t spi) const noexcept;
    /// A step later, when that has arrived: the SA itself.
    void prefetch_found(uint32_t spi) const noexcept;

    /// The SA a tag names, published and not retired; null when the tag is stale.
    [[nodiscard]] InboundSa* inbound_by_tag(SaTag tag) const noexcept;
    [[nodiscard]] OutboundSa* outbound_by_tag(SaTag tag) const noexcept;

    /// The tag that the next publish() or adopt() gives: for a session that a port must know it by before the SA is
    /// published.
    [[nodiscard]] SaTag next_inbound_tag() const noexcept;
    [[nodiscard]] SaTag next_outbound_tag() const noexcept;

    /// Makes the SA visible to workers with one release store; sets sa->slot and sa->generation. kAlreadyExists when
    /// the SPI is in use, kResourceExhausted when full or out of memory; the SA is then destroyed.
    base::Result<InboundSa*> publish(InboundSaPtr sa);
    /// Unpublishes and frees after a grace period. kNotFound.
    base::Result<void> retire_inbound(uint32_t spi);

    /// Outbound SAs are found through the Spd; the Sad gives them their slot and owns them. kResourceExhausted when
    /// full.
    base::Result<OutboundSa*> adopt(OutboundSaPtr sa);
    /// The caller has removed every reference from the Spd. Frees after a grace period. kNotFound.
    base::Result<void> retire_outbound(uint32_t slot);

    /// The SA in a slot, or null. Slots at or beyond `*_slots()` were never used.
    [[nodiscard]] InboundSa* inbound_at(uint32_t slot) const noexcept;
    [[nodiscard]] OutboundSa* outbound_at(uint32_t slot) const noexcept;
    [[nodiscard]] uint32_t inbound_slots() const noexcept;
    [[nodiscard]] uint32_t outbound_slots() const noexcept;

    /// Calls `visit(InboundSa&)`, `visit(OutboundSa&)` for each SA in the order of slots. `visit` may retire the SA it
    /// is given.
    template <class Visit>
    void for_each_inbound(Visit&& visit) const
    {
        for (uint32_t slot = 0; slot < inbound_slots(); slot++)
            if (InboundSa* sa = inbound_at(slot))
                visit(*sa);
    }
    template <class Visit>
    void for_each_outbound(Visit&& visit) const
    {
        for (uint32_t slot = 0; slot < outbound_slots(); slot++)
            if (OutboundSa* sa = outbound_at(slot))
                visit(*sa);
    }

    [[nodiscard]] uint32_t inbound_count() const noexcept;
    [[nodiscard]] uint32_t outbound_count() const noexcept;
    [[nodiscard]] uint32_t capacity() const noexcept;

  private:
    class Table;
    explicit Sad(std::unique_ptr<Table> table);
    std::unique_ptr<Table> table_;
};

}  // namespace ipsecgw::sa
