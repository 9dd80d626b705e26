#include "ike/selectors.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace ipsecgw::ike {
namespace {

using Bytes = std::array<uint8_t, 16>;

Bytes bytes_of(const net::IpAddress& address)
{
    Bytes out{};
    std::ranges::copy(address.bytes(), out.begin());
    return out;
}

net::IpAddress address_of(net::Family family, const Bytes& bytes)
{
    return family == net::Family::kIpv4 ? net::IpAddress::v4(bytes.data()) : net::IpAddress::v6(bytes.data());
}

/// `address` with its bits from `length` on all ones, or all zeros.
Bytes with_host_bits(Bytes address, uint8_t length, uint8_t bits, uint8_t value)
{
    for (unsigned bit = length; bit < bits; bit++) {
        const auto mask = static_cast<uint8_t>(0x80U >> (bit % 8));
        if (value != 0)
            address[bit / 8] |= mask;
        else
            address[bit / 8] &= static_cast<uint8_t>(~mask);
    }
    return address;
}

/// Adds one; false on overflow.
bool increment(Bytes& address, size_t size)
{
    for (size_t i = size; i-- > 0;)
        if (++address[i] != 0)
            return true;
    return false;
}

/// The shortest prefix that begins at `first` and does not pass `last`.
uint8_t longest_step(const Bytes& first, const Bytes& last, uint8_t bits)
{
    uint8_t length = bits;
    while (length > 0) {
        const auto shorter = static_cast<uint8_t>(length - 1);
        if (with_host_bits(first, shorter, bits, 0) != first || with_host_bits(first, shorter, bits, 1) > last)
            break;
        length = shorter;
    }
    return length;
}

/// The length of the prefix that is the range, if one is.
std::optional<uint8_t> prefix_length(const Selector& selector)
{
    const uint8_t bits = net::address_bits(selector.first.family());
    const Bytes first = bytes_of(selector.first);
    const Bytes last = bytes_of(selector.last);
    const uint8_t length = longest_step(first, last, bits);
    if (with_host_bits(first, length, bits, 1) != last)
        return std::nullopt;
    return length;
}

}  // namespace

Selector to_selector(const model::TrafficSelector& selector) noexcept
{
    const auto network = selector.prefix.network();
    const uint8_t bits = net::address_bits(network.family());
    const Bytes last = with_host_bits(bytes_of(network.address), network.length, bits, 1);
    return {selector.protocol, selector.ports, network.address, address_of(network.family(), last)};
}

Selectors resolve(const std::vector<model::ChildSelector>& configured, const net::IpAddress& address)
{
    const Selector dynamic{0, {}, address, address};
    if (configured.empty())
        return {dynamic};
    Selectors out;
    for (const auto& child : configured) {
        Selector selector = to_selector(child.selector);
        if (child.is_dynamic)
            selector.first = selector.last = address;
        out.push_back(selector);
    }
    return out;
}

bool contains(const Selector& outer, const Selector& inner) noexcept
{
    return intersect(outer, inner) == inner;
}

bool contains(const Selectors& outer, const Selectors& inner) noexcept
{
    return std::ranges::all_of(inner, [&](const Selector& one) {
        return std::ranges::any_of(outer, [&](const Selector& whole) { return contains(whole, one); });
    });
}

std::optional<Selector> intersect(const Selector& a, const Selector& b) noexcept
{
    if (a.first.family() != b.first.family() || (a.protocol != 0 && b.protocol != 0 && a.protocol != b.protocol))
        return std::nullopt;
    const Selector common{a.protocol != 0 ? a.protocol : b.protocol,
                          {std::max(a.ports.first, b.ports.first), std::min(a.ports.last, b.ports.last)},
                          std::max(a.first, b.first),
                          std::min(a.last, b.last)};
    if (common.last < common.first || common.ports.last < common.ports.first)
        return std::nullopt;
    return common;
}

Selectors narrow(const Selectors& offered, const Selectors& allowed)
{
    Selectors out;
    for (const Selector& offer : offered) {
        for (const Selector& limit : allowed) {
            const auto common = intersect(offer, limit);
            if (!common || contains(out, {*common}))
                continue;
            std::erase_if(out, [&](const Selector& part) { return contains(*common, part); });
            if (out.size() < kMaxSelectors)
                out.push_back(*common);
        }
    }
    return out;
}

std::vector<model::TrafficSelector> to_model(const Selectors& selectors, size_t max)
{
    std::vector<model::TrafficSelector> out;
    for (const Selector& selector : selectors) {
        const auto family = selector.first.family();
        const uint8_t bits = net::address_bits(family);
        Bytes first = bytes_of(selector.first);
        const Bytes last = bytes_of(selector.last);
        while (first <= last && out.size() < max) {
            const uint8_t length = longest_step(first, last, bits);
            model::TrafficSelector part{{address_of(family, first), length}, selector.protocol, selector.ports};
            if (std::ranges::find(out, part) == out.end())
                out.push_back(part);
            first = with_host_bits(first, length, bits, 1);
            if (!increment(first, net::address_bytes(family)))
                break;
        }
    }
    return out;
}

std::string to_string(const Selector& selector)
{
    const auto length = prefix_length(selector);
    const net::PortRange any;
    const model::TrafficSelector as_model{{selector.first, length.value_or(net::address_bits(selector.first.family()))},
                                          selector.protocol,
                                          selector.protocol == 0 ? any : selector.ports};
    std::string text = as_model.to_string();
    if (!length) {
        const size_t end = text.find('[');
        const std::string range = selector.first.to_string() + ".." + selector.last.to_string();
        text = end == std::string::npos ? range : range + text.substr(end);
    }
    return text;
}

std::string to_string(const Selectors& selectors)
{
    std::vector<std::string> words;
    for (const auto& selector : selectors)
        words.push_back(to_string(selector));
    return base::join(words, " ");
}

}  // namespace ipsecgw::ike
