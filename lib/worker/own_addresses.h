// Which destinations are the gateway itself.
#pragma once

#include <cstdint>
#include <vector>

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

    [[nodiscard]] Place place(const sa::FlowKey& flow) const noexcept;

  private:
    enum class Kind : uint8_t { kFree, kOurs, kBroadcast };
    /// As it lies in a FlowKey.
    struct Address {
        uint64_t words[2];
        bool operator==(const Address&) const = default;
    };
    struct Slot {
        Address address;
        net::Family family;
        Kind kind;
    };
    static Address load(const uint8_t* bytes) noexcept;
    static uint64_t hash(net::Family family, const Address& address) noexcept;
    void insert(const net::IpAddress& address, Kind kind);
    [[nodiscard]] Kind find(net::Family family, const uint8_t* bytes) const noexcept;
    [[nodiscard]] Place place_v4(const sa::FlowKey& flow) const noexcept;
    [[nodiscard]] Place place_v6(const sa::FlowKey& flow) const noexcept;

    std::vector<Slot> slots_;  // power of two, at most a quarter full
};

}  // namespace ipsecgw::worker
