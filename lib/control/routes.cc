#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"
#include "control/routes_internal.h"

namespace ipsecgw::control {
namespace {

bool on_link(const worker::PortView& port, const net::IpAddress& address)
{
    if (!address.is_v4() && address.is_link_local())
        return true;
    return std::any_of(port.addresses.begin(), port.addresses.end(),
                       [&](const net::Prefix& ours) { return ours.contains(address); });
}

bool is_ours(const worker::DataPlane& data, const net::IpAddress& address)
{
    for (const auto& port : data.ports)
        for (const auto& ours : port.addresses)
            if (ours.address == address)
                return true;
    return false;
}

std::string port_names(const worker::DataPlane& data)
{
    std::vector<std::string> names;
    for (const auto& port : data.ports)
        names.push_back(port.name);
    return "ports: " + base::join(names);
}

base::Error bad_route(base::ErrorCode code, const model::Route& route, const std::string& what, std::string hint)
{
    return {code, base::format("route %s: %s", route.prefix.network().to_string().c_str(), what.c_str()),
            std::move(hint)};
}

}  // namespace

Routes::Routes(const worker::DataPlane& data) : data_(data)
{
    for (const auto& port : data.ports)
        for (const auto& address : port.addresses)
            if (!address.address.is_link_local() || address.address.is_v4())
                routes_.emplace(address.network(), RouteRecord{{port.index, std::nullopt}, true});
}

base::Result<uint16_t> Routes::port_for(const model::Route& route) const
{
    const auto matches = [&](const worker::PortView& port) {
        return route.port.empty() ? route.via && on_link(port, *route.via) : port.name == route.port;
    };
    const auto found = std::find_if(data_.ports.begin(), data_.ports.end(), matches);
    if (found == data_.ports.end() && !route.port.empty())
        return bad_route(base::ErrorCode::kNotFound, route, "no port is named \"" + route.port + "\"",
                         port_names(data_));
    if (!route.via && route.port.empty())
        return bad_route(base::ErrorCode::kInvalidArgument, route, "neither a next hop nor a port", port_names(data_));
    if (!route.via)
        return found->index;
    const std::string via = "next hop " + route.via->to_string();
    if (route.via->family() != route.prefix.family())
        return bad_route(base::ErrorCode::kInvalidArgument, route, via + " is of the other address family", "");
    if (is_ours(data_, *route.via))
        return bad_route(base::ErrorCode::kInvalidArgument, route, via + " is this gateway",
                         "name the router on the link");
    if (found == data_.ports.end() || !on_link(*found, *route.via))
        return bad_route(
            base::ErrorCode::kInvalidArgument, route,
            via + (route.port.empty() ? " is on no port's link" : " is not on the link of port " + route.port),
            "it must be within one of the port's own prefixes");
    return found->index;
}

base::Result<route::NextHop> Routes::next_hop_of(const model::Route& route) const
{
    const uint16_t port = GW_TRY(port_for(route));
    return route::NextHop{port, route.via};
}

base::Result<void> Routes::add(const model::Route& route, model::Owner owner)
{
    const uint16_t port = GW_TRY(port_for(route));
    if (!routes_.emplace(route.prefix.network(), RouteRecord{{port, route.via}, false, owner}).second)
        return bad_route(base::ErrorCode::kAlreadyExists, route, "there is a route to this prefix", "remove it first");
    return {};
}

base::Result<void> Routes::remove(const net::Prefix& prefix)
{
    const auto it = routes_.find(prefix.network());
    if (it == routes_.end())
        return base::Error{base::ErrorCode::kNotFound, "no route to " + prefix.network().to_string(), ""};
    if (it->second.connected)
        return base::Error{base::ErrorCode::kInvalidArgument,
                           "the route to " + prefix.network().to_string() + " comes from a port's address",
                           "it goes with the address"};
    routes_.erase(it);
    return {};
}

base::Result<void> Routes::publish()
{
    std::vector<route::FibEntry> entries;
    entries.reserve(routes_.size());
    for (const auto& [prefix, record] : routes_)
        entries.push_back({prefix, record.next_hop});
    data_.tables->publish(GW_TRY(route::Fib::build(entries)));
    return {};
}

}  // namespace ipsecgw::control
