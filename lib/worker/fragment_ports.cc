#include "worker/fragment_ports.h"

#include <algorithm>

namespace ipsecgw::worker {

bool FragmentPorts::Entry::is_of(const sa::FlowKey& flow, Identity identity, Source of) const noexcept
{
    const auto words = flow.words();
    return number == identity.number && protocol == identity.protocol && family == flow.family && source == of &&
           std::equal(addresses.begin(), addresses.end(), words.begin());
}

// The traffic may choose where it collides: it gains that its own later fragments are dropped.
size_t FragmentPorts::place_of(const sa::FlowKey& flow, Identity identity) noexcept
{
    const auto words = flow.words();
    const uint64_t source = (words[0] + words[1] * 0xbf58476d1ce4e5b9) * 0x9e3779b97f4a7c15;
    const uint64_t destination = (words[2] + words[3] * 0xd6e8feb86659fd93) * 0x94d049bb133111eb;
    return ((source ^ destination ^ identity.number * 0xa0761d6478bd642f) >> 48) % kSets;
}

void FragmentPorts::learn(const sa::FlowKey& first, Identity identity, Source source, uint64_t now_tsc) noexcept
{
    Set& set = sets_[place_of(first, identity)];
    auto at = std::find_if(set.begin(), set.end(), [&](const Entry& e) { return e.is_of(first, identity, source); });
    if (at == set.end())
        at = std::min_element(set.begin(), set.end(),
                              [](const Entry& a, const Entry& b) { return a.until_tsc < b.until_tsc; });
    const auto words = first.words();
    std::copy_n(words.begin(), at->addresses.size(), at->addresses.begin());
    at->source = source;
    at->number = identity.number;
    at->protocol = identity.protocol;
    at->family = first.family;
    at->upper_protocol = first.protocol;
    at->source_port = first.source_port;
    at->destination_port = first.destination_port;
    at->until_tsc = now_tsc + lifetime_tsc_;
}

bool FragmentPorts::recall(sa::FlowKey& later, Identity identity, Source source, uint64_t now_tsc) const noexcept
{
    for (const Entry& entry : sets_[place_of(later, identity)]) {
        if (entry.until_tsc <= now_tsc || !entry.is_of(later, identity, source))
            continue;
        later.set_upper(later.family, entry.upper_protocol, {entry.source_port, entry.destination_port, true});
        return true;
    }
    return false;
}

}  // namespace ipsecgw::worker
