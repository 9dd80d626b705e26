// Forwarding information base: longest prefix match over an immutable snapshot.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "net/address.h"

namespace ipsecgw::route {

/// Where a prefix leads. Without a gateway the destination itself is the next hop (connected).
struct NextHop {
    uint16_t port = 0;
    std::optional<net::IpAddress> gateway;

    bool operator==(const NextHop&) const = default;
};

struct FibEntry {
    net::Prefix prefix;
    NextHop next_hop;
};

/// Routes of both families. Built off line, published by pointer, never changed; look-up takes no lock and does not allocate.
class Fib {
 public:
    /// A prefix given twice: the later wins. kResourceExhausted when the RIB cannot hold them.
    static base::Result<std::unique_ptr<const Fib>> build(const std::vector<FibEntry>& entries);
    ~Fib();
    Fib(const Fib&) = delete;
    Fib& operator=(const Fib&) = delete;

    /// Null: no route. Stays valid until the worker's next quiescent state.
    [[nodiscard]] const NextHop* lookup(const net::IpAddress& destination) const noexcept;

 private:
    class Ribs;
    explicit Fib(std::unique_ptr<Ribs> ribs);
    std::unique_ptr<Ribs> ribs_;
};

}  // namespace ipsecgw::route
