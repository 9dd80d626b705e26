// Routes: connected ones from the ports' addresses, static ones from outside, published as one Fib.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/gateway.h"
#include "model/owner.h"
#include "route/fib.h"
#include "worker/dataplane.h"

namespace ipsecgw::control {

struct RouteRecord {
    route::NextHop next_hop;
    bool connected = false;
    model::Owner owner = model::Owner::kConfig;
};

class Routes {
  public:
    using Map = std::map<net::Prefix, RouteRecord>;

    /// Link-local prefixes are no routes: they are the same on every link and never forwarded (RFC 4291 section 2.5.6).
    explicit Routes(const worker::DataPlane& data);

    /// Changes the list only; publish() makes it true, once for any number of changes.
    base::Result<void> add(const model::Route& route, model::Owner owner);
    base::Result<void> remove(const net::Prefix& prefix);
    /// Where the route would lead: kNotFound, kInvalidArgument as add() has them.
    [[nodiscard]] base::Result<route::NextHop> next_hop_of(const model::Route& route) const;
    base::Result<void> publish();

    /// A copy of the list, to go back to when a change fails.
    [[nodiscard]] Map snapshot() const { return routes_; }
    void restore(Map routes) { routes_ = std::move(routes); }

    [[nodiscard]] const Map& all() const noexcept { return routes_; }

  private:
    [[nodiscard]] base::Result<uint16_t> port_for(const model::Route& route) const;

    const worker::DataPlane& data_;
    Map routes_;
};

}  // namespace ipsecgw::control
