#include "route/neighbour_table.h"

#include <bit>
#include <cstring>
#include <random>

namespace ipsecgw::route {
namespace {

/// Folds the 128-bit product, so that every bit of either side reaches the low bits a table index is made of.
uint64_t mix(uint64_t a, uint64_t b) noexcept
{
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint64_t hash(uint64_t seed, uint16_t port, const net::IpAddress& address) noexcept
{
    uint64_t words[2];
    std::memcpy(words, address.data(), sizeof words);  // IPv4 keeps the bytes behind its four at zero
    const uint64_t tail = (uint64_t{port} << 8) | static_cast<uint64_t>(address.family());
    return mix(mix(words[0] ^ seed, words[1] ^ 0x9e3779b97f4a7c15) ^ tail ^ seed, seed | 1);
}

}  // namespace

NeighbourTable::NeighbourTable(const std::vector<NeighbourEntry>& entries)
    : slots_(std::bit_ceil(entries.size() * 2 + 2))
{
    std::random_device random;
    seed_ = (uint64_t{random()} << 32) | random();
    for (const auto& entry : entries) {
        if (entry.address.is_unspecified())
            continue;
        auto& slot = slots_[slot_of(entry.port, entry.address)];
        size_ += slot.address.is_unspecified() ? 1 : 0;
        slot = entry;
    }
}

size_t NeighbourTable::slot_of(uint16_t port, const net::IpAddress& address) const noexcept
{
    const size_t mask = slots_.size() - 1;
    size_t at = hash(seed_, port, address) & mask;
    while (!slots_[at].address.is_unspecified() && (slots_[at].port != port || slots_[at].address != address))
        at = (at + 1) & mask;
    return at;
}

const net::MacAddress* NeighbourTable::lookup(uint16_t port, const net::IpAddress& address) const noexcept
{
    const auto& slot = slots_[slot_of(port, address)];
    return slot.address.is_unspecified() ? nullptr : &slot.mac;
}

}  // namespace ipsecgw::route
