// Ports, routes and neighbours against each other.
#include <algorithm>

#include "base/text.h"
#include "config/check_internal.h"

namespace ipsecgw::config {
namespace {

using ParsedPort = Parsed<model::Port>;

bool overlap(const net::Prefix& a, const net::Prefix& b)
{
    return a.length <= b.length ? a.contains(b.address) : b.contains(a.address);
}

const model::Port* find_port(const Document& document, std::string_view name)
{
    for (const auto& port : document.ports)
        if (port.value.name == name)
            return &port.value;
    return nullptr;
}

bool is_on_link(const model::Port& port, const net::IpAddress& address)
{
    return std::any_of(port.addresses.begin(), port.addresses.end(),
                       [&](const net::Prefix& prefix) { return prefix.contains(address); });
}

std::string ports_hint(const Document& document)
{
    std::vector<std::string> names;
    for (const auto& port : document.ports)
        names.push_back(port.value.name);
    return names_hint("ports", names);
}

std::string links_hint(const Document& document)
{
    std::vector<std::string> links;
    for (const auto& port : document.ports)
        for (const auto& prefix : port.value.addresses)
            links.push_back(port.value.name + " " + prefix.network().to_string());
    return names_hint("links", links);
}

/// Says what kind of address `address` is when no interface and no next hop can have it.
const char* unusable_kind(const net::IpAddress& address)
{
    if (address.is_unspecified())
        return "the unspecified address";
    if (address.is_multicast())
        return "a multicast address";
    if (address.is_loopback())
        return "a loopback address";
    return nullptr;
}

void check_port_address(Reader& reader, const ParsedPort& port, size_t index)
{
    const net::Prefix& prefix = port.value.addresses[index];
    const std::string item = "addresses.[" + std::to_string(index) + "]";
    const std::string text = prefix.to_string();
    if (const char* kind = unusable_kind(prefix.address))
        return reader.error(port.origin, item, text + " is " + kind, "write the port's own address, like 10.1.0.1/24");
    if (prefix.length == 0)
        return reader.error(port.origin, item, text + " puts every address on the link",
                            "write the link's prefix length");
    if (prefix.address.is_v4() && prefix.length <= 30) {  // RFC 3021: with 31 bits both are hosts
        const uint8_t* bytes = prefix.address.data();
        const uint32_t address =
            uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
        const uint32_t host_mask = ~uint32_t{0} >> prefix.length;
        if ((address & host_mask) == 0 || (address & host_mask) == host_mask)
            return reader.error(
                port.origin, item,
                text + " is the " + ((address & host_mask) == 0 ? "network" : "broadcast") + " address of its link",
                "write the port's own address in it");
    }
}

/// Each address is ours once, and a destination is on one port's link only.
void check_overlap(Reader& reader, const Document& document, size_t port_index, size_t address_index)
{
    const ParsedPort& mine = document.ports[port_index];
    const net::Prefix& prefix = mine.value.addresses[address_index];
    const std::string item = "addresses.[" + std::to_string(address_index) + "]";
    for (size_t p = 0; p <= port_index; p++) {
        const ParsedPort& other = document.ports[p];
        const size_t count = p == port_index ? address_index : other.value.addresses.size();
        for (size_t a = 0; a < count; a++) {
            const net::Prefix& earlier = other.value.addresses[a];
            if (earlier.address == prefix.address)
                return reader.error(
                    mine.origin, item,
                    prefix.address.to_string() + " is also an address of port \"" + other.value.name + "\"",
                    "an address is on one port");
            if (p != port_index && !prefix.address.is_link_local() && earlier.length != 0 && overlap(earlier, prefix))
                return reader.error(
                    mine.origin, item,
                    prefix.to_string() + " overlaps " + earlier.to_string() + " of port \"" + other.value.name + "\"",
                    "each link has its own prefix");
        }
    }
}

void check_roles(Reader& reader, const Document& document)
{
    bool has_protected = false;
    bool has_unprotected = false;
    for (const auto& port : document.ports) {
        if (port.origin.is_bad("role"))
            return;
        has_protected |= port.value.role != model::PortRole::kUnprotected;
        has_unprotected |= port.value.role != model::PortRole::kProtected;
    }
    const auto line = document.root.lines.find("ports");
    if (line == document.root.lines.end())
        return;  // reported as missing
    if (document.ports.empty())
        return reader.error(line->second, "ports", "there is no port",
                            "a gateway has a protected and an unprotected port, or one with role both");
    if (!has_protected || !has_unprotected)
        reader.error(line->second, "ports",
                     std::string("no port is on the ") + (has_protected ? "unprotected" : "protected") + " side",
                     "give one the role, or role both to a port that is on both");
}

void check_ports(Reader& reader, const Document& document)
{
    check_unique_names(reader, document.ports, [](const model::Port& port) { return port.name; });
    std::map<std::string, const Origin*> devices;
    for (size_t p = 0; p < document.ports.size(); p++) {
        const ParsedPort& port = document.ports[p];
        if (!port.origin.is_bad("device")) {
            const auto [at, is_new] = devices.emplace(port.value.device, &port.origin);
            if (!is_new)
                reader.error(port.origin, "device",
                             "\"" + port.value.device + "\" is also the device of " + at->second->path,
                             "each port has its own; a one-armed gateway has one port with role both");
        }
        if (port.origin.is_bad("addresses"))
            continue;
        for (size_t a = 0; a < port.value.addresses.size(); a++) {
            check_port_address(reader, port, a);
            check_overlap(reader, document, p, a);
        }
    }
    check_roles(reader, document);
}

/// Finds the port of a route that names only its next hop.
void complete_route(Reader& reader, const Document& document, Parsed<model::Route>& route)
{
    const net::IpAddress& via = *route.value.via;
    if (via.is_link_local() && !via.is_v4())
        return reader.error(route.origin, "via", via.to_string() + " is link-local: it says nothing about the port",
                            "add port = \"...\"; " + ports_hint(document));
    const model::Port* best = nullptr;
    uint8_t best_length = 0;
    for (const auto& port : document.ports)
        for (const auto& prefix : port.value.addresses)
            if (prefix.contains(via) && (best == nullptr || prefix.length > best_length)) {
                best = &port.value;
                best_length = prefix.length;
            }
    if (best != nullptr)
        route.value.port = best->name;
    else if (links_are_known(document))
        reader.error(route.origin, "via", via.to_string() + " is on no port's link", links_hint(document));
}

void check_next_hop(Reader& reader, const Document& document, Parsed<model::Route>& route)
{
    const net::IpAddress& via = *route.value.via;
    if (const char* kind = unusable_kind(via))
        return reader.error(route.origin, "via", via.to_string() + " is " + kind, "write the next router's address");
    if (!route.origin.is_bad("prefix") && via.family() != route.value.prefix.family())
        return reader.error(route.origin, "via", via.to_string() + " is of another family than the prefix",
                            "write a next hop of the prefix's family");
    for (const auto& port : document.ports)
        for (const auto& prefix : port.value.addresses)
            if (prefix.address == via)
                return reader.error(route.origin, "via",
                                    via.to_string() + " is our own address on port \"" + port.value.name + "\"",
                                    "write the next router's address");
    if (!route.origin.has("port"))
        return complete_route(reader, document, route);
    const model::Port* port = find_port(document, route.value.port);
    if (port != nullptr && links_are_known(document) && !via.is_link_local() && !is_on_link(*port, via))
        reader.error(route.origin, "via", via.to_string() + " is not on the link of port \"" + port->name + "\"",
                     links_hint(document));
}

void check_routes(Reader& reader, Document& document)
{
    std::map<net::Prefix, const Origin*> first;
    for (auto& route : document.routes) {
        const Origin& origin = route.origin;
        const bool names_port = origin.has("port") && !origin.is_bad("port");
        if (names_port && find_port(document, route.value.port) == nullptr)
            reader.error(origin, "port", "no port is named \"" + route.value.port + "\"", ports_hint(document));
        if (route.value.via)
            check_next_hop(reader, document, route);
        else if (!origin.has("via") && !origin.has("port"))
            reader.error(origin, "via", "the route has neither via nor port",
                         "name the next router, or the port whose link the prefix is on");
        if (origin.is_bad("prefix"))
            continue;
        if (route.value.prefix.address.is_multicast()) {
            reader.error(origin, "prefix", route.value.prefix.to_string() + " is multicast", "only unicast is routed");
            continue;
        }
        const auto [at, is_new] = first.emplace(route.value.prefix, &origin);
        if (!is_new)
            reader.error(origin, "prefix",
                         route.value.prefix.to_string() + " is routed by " + at->second->path + " already",
                         "a prefix has one next hop");
        for (const auto& port : document.ports)
            for (const auto& prefix : port.value.addresses)
                if (prefix.network() == route.value.prefix)
                    reader.error(
                        origin, "prefix",
                        route.value.prefix.to_string() + " is the link of port \"" + port.value.name + "\" already",
                        "remove the route");
    }
}

void check_neighbours(Reader& reader, const Document& document)
{
    std::map<std::pair<std::string, net::IpAddress>, const Origin*> first;
    for (const auto& neighbour : document.neighbours) {
        const Origin& origin = neighbour.origin;
        const model::Port* port = find_port(document, neighbour.value.port);
        if (!origin.is_bad("port") && port == nullptr)
            reader.error(origin, "port", "no port is named \"" + neighbour.value.port + "\"", ports_hint(document));
        if (origin.is_bad("address"))
            continue;
        const net::IpAddress& address = neighbour.value.address;
        if (const char* kind = unusable_kind(address)) {
            reader.error(origin, "address", address.to_string() + " is " + kind, "write the neighbour's address");
            continue;
        }
        if (port != nullptr && links_are_known(document) && !address.is_link_local() && !is_on_link(*port, address))
            reader.error(origin, "address", address.to_string() + " is not on the link of port \"" + port->name + "\"",
                         links_hint(document));
        const auto [at, is_new] = first.emplace(std::pair(neighbour.value.port, address), &origin);
        if (!is_new)
            reader.error(origin, "address", address.to_string() + " is " + at->second->path + " already", "remove one");
    }
}

}  // namespace

bool links_are_known(const Document& document)
{
    return !document.ports.empty() &&
           std::none_of(document.ports.begin(), document.ports.end(),
                        [](const ParsedPort& port) { return port.origin.is_bad("addresses"); });
}

const model::Port* egress(const Document& document, const net::IpAddress& destination)
{
    const model::Port* best = nullptr;
    int best_length = -1;
    for (const auto& port : document.ports)
        for (const auto& prefix : port.value.addresses)
            if (prefix.contains(destination) && prefix.length > best_length) {
                best = &port.value;
                best_length = prefix.length;
            }
    for (const auto& route : document.routes)
        if (!route.origin.is_bad("prefix") && route.value.prefix.contains(destination) &&
            route.value.prefix.length > best_length) {
            best = find_port(document, route.value.port);
            best_length = route.value.prefix.length;
        }
    return best;
}

bool has_route_into(const Document& document, const net::Prefix& prefix)
{
    for (const auto& port : document.ports)
        for (const auto& link : port.value.addresses)
            if (link.family() == prefix.family() && overlap(link, prefix))
                return true;
    return std::any_of(document.routes.begin(), document.routes.end(), [&](const Parsed<model::Route>& route) {
        return !route.origin.is_bad("prefix") && route.value.prefix.family() == prefix.family() &&
               overlap(route.value.prefix, prefix);
    });
}

void check_network(Reader& reader, Document& document)
{
    check_ports(reader, document);
    check_routes(reader, document);
    check_neighbours(reader, document);
}

}  // namespace ipsecgw::config
