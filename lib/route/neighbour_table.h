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

/// Open-addressing hash over (port, address); built whole at each change, which is rare beside look-ups.
class NeighbourTable {
 public:
    explicit NeighbourTable(const std::vector<NeighbourEntry>& entries);

    /// Null: not resolved. Stays valid until the worker's next quiescent state.
    [[nodiscard]] const net::MacAddress* lookup(uint16_t port, const net::IpAddress& address) const noexcept;
    [[nodiscard]] size_t size() const noexcept { return size_; }

 private:
    std::vector<NeighbourEntry> slots_;  // power of two; an unspecified address marks a free slot
    size_t size_ = 0;
};

}  // namespace ipsecgw::route
