#include <algorithm>
#include <bit>

#include "sa/flow_selector.h"
#include "sa/sa_memory_internal.h"
#include "sa/spd.h"

namespace ipsecgw::sa {
namespace {

void put_prefix(const net::Prefix& prefix, uint64_t* value, uint64_t* mask)
{
    uint8_t bits[16] = {};
    for (uint8_t i = 0; i < prefix.length; i++)
        bits[i / 8] = static_cast<uint8_t>(bits[i / 8] | 0x80 >> i % 8);
    std::memcpy(mask, bits, sizeof bits);
    std::memcpy(value, prefix.network().address.data(), 16);
}

uint16_t exact_mask(const net::PortRange& range)
{
    return range.first == range.last ? 0xffff : 0;
}
uint16_t exact_value(const net::PortRange& range)
{
    return range.first == range.last ? range.first : 0;
}

}  // namespace

std::optional<FlowSelector> FlowSelector::from(const model::TrafficSelector& local,
                                               const model::TrafficSelector& remote)
{
    const net::Family family = local.prefix.family();
    if (family != remote.prefix.family())
        return std::nullopt;
    if (local.protocol != 0 && remote.protocol != 0 && local.protocol != remote.protocol)
        return std::nullopt;
    const uint8_t protocol = std::max(local.protocol, remote.protocol);

    FlowSelector selector{};
    put_prefix(local.prefix, &selector.value[0], &selector.mask[0]);
    put_prefix(remote.prefix, &selector.value[2], &selector.mask[2]);
    selector.ports = {local.ports, remote.ports};
    selector.value[4] = pack_upper(family, protocol, exact_value(local.ports), exact_value(remote.ports));
    selector.mask[4] =
        pack_upper(net::Family{0xff}, protocol == 0 ? 0 : 0xff, exact_mask(local.ports), exact_mask(remote.ports));
    return selector;
}

uint32_t FlowSelector::prefix_bits() const noexcept
{
    return static_cast<uint32_t>(std::popcount(mask[0]) + std::popcount(mask[1]) + std::popcount(mask[2]) +
                                 std::popcount(mask[3]));
}

void* SelectorSet::operator new(size_t bytes, std::align_val_t)
{
    return table_memory_or_throw(bytes);
}

void SelectorSet::operator delete(void* memory, size_t bytes, std::align_val_t) noexcept
{
    dpdk::free_table_memory(memory, bytes);
}

SelectorSet::SelectorSet(std::span<const Pair> pairs)
{
    std::vector<FlowSelector> more;
    size_t count = 0;
    for (const Pair& pair : pairs) {
        const auto selector = FlowSelector::from(pair.local, pair.remote);
        if (!selector)
            continue;
        count++;
        if (selector->family() != net::Family::kIpv4 || ipv4_.upper_mask != 0) {
            more.push_back(*selector);
            continue;
        }
        // The address is in the first four of sixteen bytes: the low half of a word. The family is always in the mask.
        ipv4_ = {selector->mask[0] | selector->mask[2] << 32, selector->value[0] | selector->value[2] << 32,
                 selector->mask[4], selector->value[4], selector->ports};
    }
    is_long_ = count > 1;
    if (!more.empty())
        more_ = std::make_unique<const std::vector<FlowSelector>>(std::move(more));
}

bool SelectorSet::more_allow(const Flow& flow) const noexcept
{
    return std::any_of(more_->begin(), more_->end(), [&flow](const auto& s) { return s.matches(flow); });
}

}  // namespace ipsecgw::sa
