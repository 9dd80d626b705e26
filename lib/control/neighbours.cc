#include <algorithm>
#include <utility>
#include <vector>

#include <rte_mbuf.h>

#include "base/text.h"
#include "control/neighbours_internal.h"
#include "worker/packet_info.h"

namespace ipsecgw::control {
namespace {

std::vector<route::Link> links_of(const worker::DataPlane& data)
{
    std::vector<route::Link> links;
    for (const auto& port : data.ports)
        links.push_back({port.index, port.mac, port.addresses});
    return links;
}

}  // namespace

using telemetry::Drop;

Neighbours::Neighbours(const worker::DataPlane& data, Transmitter& transmitter, ControlDrops& drops)
    : data_(data), transmitter_(transmitter), drops_(drops), resolver_(links_of(data))
{
}

Neighbours::~Neighbours()
{
    for (rte_mbuf* m : waiting_)
        rte_pktmbuf_free(m);
}

base::Result<void> Neighbours::add_static(const model::Neighbour& neighbour, model::Owner owner)
{
    const auto port = std::find_if(data_.ports.begin(), data_.ports.end(),
                                   [&](const auto& candidate) { return candidate.name == neighbour.port; });
    if (port == data_.ports.end())
        return base::Error{base::ErrorCode::kNotFound,
                           base::format("neighbour %s: no port is named \"%s\"", neighbour.address.to_string().c_str(),
                                        neighbour.port.c_str()),
                           ""};
    if (!statics_.emplace(std::pair(neighbour.port, neighbour.address), StaticNeighbour{neighbour, owner}).second)
        return base::Error{base::ErrorCode::kAlreadyExists,
                           base::format("neighbour %s: there is a static one on port %s",
                                        neighbour.address.to_string().c_str(), neighbour.port.c_str()),
                           "remove it first"};
    resolver_.add_static({port->index, neighbour.address, neighbour.mac});
    changed_ = true;
    return {};
}

base::Result<void> Neighbours::remove(const model::Neighbour& neighbour)
{
    if (statics_.erase({neighbour.port, neighbour.address}) == 0)
        return base::Error{base::ErrorCode::kNotFound,
                           base::format("no static neighbour %s on port %s", neighbour.address.to_string().c_str(),
                                        neighbour.port.c_str()),
                           ""};
    for (const auto& port : data_.ports)
        if (port.name == neighbour.port && resolver_.remove(port.index, neighbour.address))
            changed_ = true;
    return {};
}

const StaticNeighbour* Neighbours::find(const model::Neighbour& neighbour) const
{
    const auto found = statics_.find({neighbour.port, neighbour.address});
    return found == statics_.end() ? nullptr : &found->second;
}

std::vector<StaticNeighbour> Neighbours::statics() const
{
    std::vector<StaticNeighbour> all;
    for (const auto& [where, neighbour] : statics_)
        all.push_back(neighbour);
    return all;
}

void Neighbours::receive(rte_mbuf* frame, uint64_t now_ns)
{
    const std::span<const uint8_t> bytes(rte_pktmbuf_mtod(frame, const uint8_t*), rte_pktmbuf_data_len(frame));
    apply(resolver_.receive(worker::info(frame).in_port, bytes, now_ns));
    drops_.drop(frame, Drop::kPuntDone);
}

void Neighbours::resolve(uint16_t port, const net::IpAddress& next_hop, rte_mbuf* packet, uint64_t now_ns)
{
    waiting_.insert(packet);
    apply(resolver_.resolve(port, next_hop, reinterpret_cast<uint64_t>(packet), now_ns));
}

void Neighbours::announce(uint64_t now_ns)
{
    apply(resolver_.announce(now_ns));
}

void Neighbours::tick(uint64_t now_ns)
{
    if (resolver_.next_timer_ns() <= now_ns)
        apply(resolver_.tick(now_ns));
}

void Neighbours::publish()
{
    if (std::exchange(changed_, false))
        data_.tables->publish(resolver_.table());
}

void Neighbours::apply(const route::Effects& effects)
{
    for (const auto& frame : effects.send)
        if (rte_mbuf* m = transmitter_.make(frame.bytes); m != nullptr)
            transmitter_.send_frame(frame.port, m);
    for (const auto& released : effects.release)
        if (rte_mbuf* m = take(released.packet); m != nullptr)
            transmitter_.send_ip(released.port, released.mac, m);
    for (const uint64_t handle : effects.give_up)
        if (rte_mbuf* m = take(handle); m != nullptr)
            drops_.drop(m, Drop::kNeighbour);
    changed_ = changed_ || effects.table_changed;
}

rte_mbuf* Neighbours::take(uint64_t handle)
{
    auto* m = reinterpret_cast<rte_mbuf*>(handle);
    return waiting_.erase(m) == 1 ? m : nullptr;
}

}  // namespace ipsecgw::control
