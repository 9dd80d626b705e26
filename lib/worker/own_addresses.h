// Which destinations are the gateway itself.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/byte_order.h"
#include "sa/flow_key.h"
#include "worker/dataplane.h"

namespace ipsecgw::worker {

/// Where a packet belongs by its addresses.
enum class Place : uint8_t {
    kMartian,  // an address that may not be on a wire, or a link-local one that may not be forwarded (RFC 1812
               // section 5.3.7, RFC 4291, RFC 3927)
    kGroup,    // multicast or broadcast: not forwarded here (RFC 2644)
    kOurs,
    kElsewhere,
};

/// The addresses of all ports, and the broadcast addresses of their IPv4 links, in a small hash table.
/// Immutable. Threads: any.
class OwnAddresses {
  public:
    explicit OwnAddresses(const std::vector<PortView>& ports);

    [[nodiscard]] Place place(const sa::FlowKey& flow) const noexcept
    {
        return flow.family == net::Family::kIpv4 ? place_v4(flow) : place_v6(flow);
    }

  private:
    enum class Kind : uint8_t { kFree, kOurs, kBroadcast };
    /// As it lies in a FlowKey.
    struct Address {
        uint64_t words[2];
        [[nodiscard]] bool operator==(const Address& other) const noexcept
        {
            return ((words[0] ^ other.words[0]) | (words[1] ^ other.words[1])) == 0;
        }
    };
    struct Slot {
        Address address;
        net::Family family;
        Kind kind;
    };
    static constexpr size_t kFilterWords = 4;

    static Address load(const uint8_t* bytes) noexcept
    {
        Address address;
        std::memcpy(address.words, bytes, sizeof address.words);
        return address;
    }
    static uint64_t hash(net::Family family, const Address& address) noexcept
    {
        const uint64_t folded = address.words[0] ^ std::rotl(address.words[1], 29) ^ static_cast<uint64_t>(family);
        return folded * 0x9e3779b97f4a7c15 >> 32;
    }
    void insert(const net::IpAddress& address, Kind kind);
    [[nodiscard]] Kind find(net::Family family, const uint8_t* bytes) const noexcept
    {
        const Address address = load(bytes);
        const uint64_t at = hash(family, address);
        // Nearly all addresses are not in the table, and nearly all of these end here.
        if ((filter_[at % kFilterWords] >> (at / kFilterWords % 64) & 1) == 0) [[likely]]
            return Kind::kFree;
        return find_hashed(family, address, at);
    }
    [[nodiscard]] Kind find_hashed(net::Family family, const Address& address, uint64_t at) const noexcept;
    /// First octets of IPv4 addresses that are, in part at least, no ordinary hosts': 0, 127, 169 (link-local) and 224
    /// to 255.
    static constexpr std::array<uint8_t, 256> kSpecialOctet = [] {
        std::array<uint8_t, 256> special{};
        for (size_t octet = 0; octet < special.size(); octet++)
            special[octet] = octet == 0 || octet == 127 || octet == 169 || octet >= 224;
        return special;
    }();

    /// Most packets go from a host to a host, which a few bits of each address tell; the others are looked at closely.
    [[nodiscard]] Place place_v4(const sa::FlowKey& flow) const noexcept
    {
        const uint64_t special = kSpecialOctet[flow.source[0]] | kSpecialOctet[flow.destination[0]];
        const uint64_t ours = low_bits_v4_ >> (flow.source[3] % 64) | low_bits_v4_ >> (flow.destination[3] % 64);
        if (((special | ours) & 1) == 0) [[likely]]
            return Place::kElsewhere;
        return place_v4_closely(flow);
    }
    [[nodiscard]] Place place_v4_closely(const sa::FlowKey& flow) const noexcept;
    [[nodiscard]] Place place_v6(const sa::FlowKey& flow) const noexcept;

    uint64_t low_bits_v4_ = 0;                     // a bit for the last six bits of each IPv4 address in the table
    std::array<uint64_t, kFilterWords> filter_{};  // a bit for each hash in the table
    std::vector<Slot> slots_;                      // power of two, at most a quarter full
};

}  // namespace ipsecgw::worker
