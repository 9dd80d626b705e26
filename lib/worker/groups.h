// Packets of many SAs, SA by SA.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <rte_mbuf.h>

namespace ipsecgw::worker {

/// Puts the packets of each SA together: the SAs in the order of their first packets, each one's packets in the order they
/// came. One step a packet however many SAs there are: with a hundred thousand, nearly every packet has its own.
template <class Sa, size_t kMost>
class Groups {
  public:
    /// `sas` is as long as `packets`, at most kMost. Both are looked at until the last group has been taken.
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): written before they are read
    Groups(std::span<rte_mbuf* const> packets, std::span<Sa* const> sas) noexcept : packets_(packets), sas_(sas)
    {
        std::array<uint8_t, kPlaces> places;  // group and one; 0: none
        places.fill(0);
        for (size_t i = 0; i < sas.size(); i++) {
            const auto at = static_cast<uint8_t>(i);
            next_[i] = kNone;
            if (i != 0 && sas[i] == sas[i - 1]) {
                next_[i - 1] = at;
                last_[last_group_] = at;
                continue;
            }
            size_t place = place_of(sas[i]);
            while (places[place] != 0 && sas[first_[places[place] - 1u]] != sas[i])
                place = (place + 1) % kPlaces;
            if (places[place] == 0) {
                first_[count_] = at;
                places[place] = ++count_;
            } else {
                next_[last_[places[place] - 1u]] = at;
            }
            last_group_ = places[place] - 1u;
            last_[last_group_] = at;
        }
    }

    [[nodiscard]] size_t count() const noexcept { return count_; }
    [[nodiscard]] Sa& sa(size_t group) const noexcept { return *sas_[first_[group]]; }

    /// Calls `take(Sa&, std::span<rte_mbuf*>)` for the packets of each SA, at most kAtOnce in one call.
    template <size_t kAtOnce, class Take>
    void for_each(const Take& take) const noexcept
    {
        for (size_t group = 0; group < count_; group++) {
            std::array<rte_mbuf*, kAtOnce> together;
            size_t count = 0;
            for (uint8_t at = first_[group]; at != kNone; at = next_[at]) {
                if (count == kAtOnce) [[unlikely]] {
                    take(sa(group), {together.data(), count});
                    count = 0;
                }
                together[count++] = packets_[at];
            }
            take(sa(group), {together.data(), count});
        }
    }

  private:
    static constexpr size_t kPlaces = 2 * kMost;
    static constexpr uint8_t kNone = UINT8_MAX;
    static_assert(kMost < kNone);

    static size_t place_of(const Sa* sa) noexcept
    {
        return static_cast<size_t>(reinterpret_cast<uintptr_t>(sa) * uint64_t{0x9e3779b97f4a7c15} >> 48) % kPlaces;
    }

    std::span<rte_mbuf* const> packets_;
    std::span<Sa* const> sas_;
    uint8_t count_ = 0;
    size_t last_group_ = 0;
    std::array<uint8_t, kMost> first_, last_;  // by group
    std::array<uint8_t, kMost> next_;          // by packet
};

}  // namespace ipsecgw::worker
