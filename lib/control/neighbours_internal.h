// Between the resolver, which knows no packets, and the workers, which know no ARP.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/result.h"
#include "control/transmitter_internal.h"
#include "model/gateway.h"
#include "model/owner.h"
#include "route/resolver.h"
#include "worker/dataplane.h"

struct rte_mbuf;

namespace ipsecgw::control {

struct StaticNeighbour {
    model::Neighbour neighbour;
    model::Owner owner = model::Owner::kConfig;
};

/// Packets that wait for their next hop are held here, by the handle the resolver gives back: their own address.
class Neighbours {
  public:
    Neighbours(const worker::DataPlane& data, Transmitter& transmitter, ControlDrops& drops);
    ~Neighbours();
    Neighbours(const Neighbours&) = delete;
    Neighbours& operator=(const Neighbours&) = delete;

    /// kAlreadyExists when there is a static one for the address, kNotFound without the port.
    base::Result<void> add_static(const model::Neighbour& neighbour, model::Owner owner);
    /// kNotFound when there is no static one.
    base::Result<void> remove(const model::Neighbour& neighbour);
    /// The static one for the address of `neighbour` on its port, or null.
    [[nodiscard]] const StaticNeighbour* find(const model::Neighbour& neighbour) const;
    [[nodiscard]] std::vector<StaticNeighbour> statics() const;

    /// An ARP or neighbour discovery frame; consumes it.
    void receive(rte_mbuf* frame, uint64_t now_ns);
    /// An IP packet that needs this next hop; sent, held or dropped.
    void resolve(uint16_t port, const net::IpAddress& next_hop, rte_mbuf* packet, uint64_t now_ns);
    void announce(uint64_t now_ns);
    void tick(uint64_t now_ns);
    [[nodiscard]] uint64_t next_ns() const { return resolver_.next_timer_ns(); }

    /// Gives workers the table when it has changed: once after a batch, since it is built whole.
    void publish();

    [[nodiscard]] std::vector<route::NeighbourStatus> list(uint64_t now_ns) const { return resolver_.list(now_ns); }

  private:
    void apply(const route::Effects& effects);
    rte_mbuf* take(uint64_t handle);

    const worker::DataPlane& data_;
    Transmitter& transmitter_;
    ControlDrops& drops_;
    route::Resolver resolver_;
    std::unordered_set<rte_mbuf*> waiting_;
    std::map<std::pair<std::string, net::IpAddress>, StaticNeighbour> statics_;
    bool changed_ = false;
};

}  // namespace ipsecgw::control
