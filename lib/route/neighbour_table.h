// Who is where on each link: next-hop address to MAC, as an immutable snapshot workers read.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "net/address.h"

namespace ipsecgw::route {

struct NeighbourEntry {
    uint16_t port = 0;
    net::IpAddress address;
    net::MacAddress mac;
};

/// Open-addressing hash over (port, address); built whole at each change, which is rare beside look-ups. At most half full. The hash
/// is seeded anew for each table: who can choose addresses on a link cannot choose where they collide.
class NeighbourTable {
 public:
    /// An address given twice on one port: the later wins. Unspecified addresses are left out.
    explicit NeighbourTable(const std::vector<NeighbourEntry>& entries);

    /// Null: not resolved. Stays valid until the worker's next quiescent state.
    [[nodiscard]] const net::MacAddress* lookup(uint16_t port, const net::IpAddress& address) const noexcept;
    [[nodiscard]] size_t size() const noexcept { return size_; }

 private:
    /// The slot that holds the key, or the free one where it would go.
    [[nodiscard]] size_t slot_of(uint16_t port, const net::IpAddress& address) const noexcept;

    std::vector<NeighbourEntry> slots_;  // power of two; an unspecified address marks a free slot
    size_t size_ = 0;
    uint64_t seed_ = 0;
};

}  // namespace ipsecgw::route
