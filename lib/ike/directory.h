// Which connections a peer may mean: found by its address, later by its identity, without a look at all of them.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "model/ike_connection.h"
#include "net/address.h"

namespace ipsecgw::ike {

class Directory {
  public:
    using ConnectionPtr = std::shared_ptr<const model::IkeConnection>;

    void add(const ConnectionPtr& connection);
    void remove(const ConnectionPtr& connection);

    /// Connections that accept these addresses, those that name the peer's alone first.
    [[nodiscard]] std::vector<ConnectionPtr> by_addresses(const net::IpAddress& local,
                                                          const net::IpAddress& remote) const;
    /// Connections that accept the addresses and the peer's identity, those that name just this identity first, then
    /// those that name the address.
    [[nodiscard]] std::vector<ConnectionPtr> by_identity(const net::IpAddress& local, const net::IpAddress& remote,
                                                         const model::Identity& peer) const;

    /// No answer is longer: what many connections share tells nothing apart.
    static constexpr size_t kMaxFound = 64;

  private:
    std::multimap<net::IpAddress, ConnectionPtr> by_address_;    // of remote_addrs that are one address
    std::vector<ConnectionPtr> wide_;                            // others
    std::multimap<model::Identity, ConnectionPtr> by_identity_;  // of remote.id without patterns
    std::vector<ConnectionPtr> patterns_;
};

}  // namespace ipsecgw::ike
