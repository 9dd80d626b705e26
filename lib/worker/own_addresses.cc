#include "worker/own_addresses.h"

#include "base/byte_order.h"

namespace ipsecgw::worker {

namespace {

/// 0/8, 127/8 and 240/4 but for the limited broadcast (RFC 6890 table: neither source nor destination on a wire).
bool is_martian_v4(uint32_t address) noexcept
{
    const uint32_t top = address >> 24;
    return top == 0 || top == 127 || (top >= 240 && address != UINT32_MAX);
}

bool is_link_local_v4(uint32_t address) noexcept
{
    return address >> 16 == 0xa9fe;
}

/// ::, ::1 and ::ffff:0:0/96 (RFC 6890).
bool is_martian_v6(const uint8_t* address) noexcept
{
    if (base::load_be64(address) != 0)
        return false;
    const uint64_t low = base::load_be64(address + 8);
    return low <= 1 || low >> 32 == 0xffff;
}

bool is_link_local_v6(const uint8_t* address) noexcept
{
    return (base::load_be16(address) & 0xffc0) == 0xfe80;
}

}  // namespace

OwnAddresses::OwnAddresses(const std::vector<PortView>& ports)
{
    size_t count = 0;
    for (const auto& port : ports)
        count += port.addresses.size();
    slots_.resize(std::bit_ceil(count * 8 + 8), Slot{{}, net::Family::kIpv4, Kind::kFree});
    for (const auto& port : ports) {
        for (const auto& prefix : port.addresses)
            insert(prefix.address, Kind::kOurs);
    }
    for (const auto& port : ports) {
        for (const auto& prefix : port.addresses) {
            // Links of two or one have no broadcast (RFC 3021).
            if (!prefix.address.is_v4() || prefix.length > 30)
                continue;
            uint8_t bytes[4];
            base::store_be32(bytes, base::load_be32(prefix.address.data()) | (UINT32_MAX >> prefix.length));
            insert(net::IpAddress::v4(bytes), Kind::kBroadcast);
        }
    }
}

void OwnAddresses::insert(const net::IpAddress& text, Kind kind)
{
    const Address address = load(text.data());
    size_t i = hash(text.family(), address) & (slots_.size() - 1);
    for (; slots_[i].kind != Kind::kFree; i = (i + 1) & (slots_.size() - 1)) {
        if (slots_[i].family == text.family() && slots_[i].address == address)
            return;
    }
    slots_[i] = {address, text.family(), kind};
    const uint64_t at = hash(text.family(), address);
    if (text.is_v4())
        low_bits_v4_ |= uint64_t{1} << (text.data()[3] % 64);
    filter_[at % kFilterWords] |= uint64_t{1} << (at / kFilterWords % 64);
}

OwnAddresses::Kind OwnAddresses::find_hashed(net::Family family, const Address& address, uint64_t at) const noexcept
{
    for (size_t i = at;; i++) {
        const Slot& slot = slots_[i & (slots_.size() - 1)];
        if (slot.kind == Kind::kFree || (slot.address == address && slot.family == family))
            return slot.kind;
    }
}

Place OwnAddresses::place_v4_closely(const sa::FlowKey& flow) const noexcept
{
    const uint32_t source = base::load_be32(flow.source);
    const uint32_t destination = base::load_be32(flow.destination);
    // A source that is ours is forged; one that is a group never answers.
    if (source >> 28 >= 0xe || is_martian_v4(source) || is_martian_v4(destination) ||
        find(flow.family, flow.source) != Kind::kFree)
        return Place::kMartian;
    if (destination >> 28 >= 0xe)
        return Place::kGroup;
    switch (find(flow.family, flow.destination)) {
        case Kind::kOurs:
            return Place::kOurs;
        case Kind::kBroadcast:
            return Place::kGroup;
        case Kind::kFree:
            break;
    }
    return is_link_local_v4(source) || is_link_local_v4(destination) ? Place::kMartian : Place::kElsewhere;
}

Place OwnAddresses::place_v6(const sa::FlowKey& flow) const noexcept
{
    if (flow.source[0] == 0xff || is_martian_v6(flow.source) || is_martian_v6(flow.destination) ||
        find(flow.family, flow.source) != Kind::kFree)
        return Place::kMartian;
    if (flow.destination[0] == 0xff)
        return Place::kGroup;
    if (find(flow.family, flow.destination) == Kind::kOurs)
        return Place::kOurs;
    return is_link_local_v6(flow.source) || is_link_local_v6(flow.destination) ? Place::kMartian : Place::kElsewhere;
}

}  // namespace ipsecgw::worker
