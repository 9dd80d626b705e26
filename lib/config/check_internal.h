// What settings say of each other, after each was read. The reader gets the problems.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/fields_internal.h"
#include "config/reader_internal.h"

namespace ipsecgw::config {

/// Ports, routes (completes their ports), neighbours.
void check_network(Reader& reader, Document& document);
/// SAs: each by itself, then against the others and the ports. Completes what depends on direction and on the gateway's
/// settings.
void check_sas(Reader& reader, Document& document);
/// One SA by itself: completes it and reports what is wrong with it.
void complete_sa(Reader& reader, const Document& document, Parsed<SaDraft>& sa);
/// Policies: each by itself, then against the SAs and the routes.
void check_policies(Reader& reader, Document& document);
/// Connections with their children, secrets, authorities: each by itself, then against the ports. Joins children to their connections.
void check_connections(Reader& reader, Document& document);

/// Bytes that go up or down in equal steps, as in samples and tests: 00 01 02 ..., or all the same.
bool is_pattern(std::span<const uint8_t> key);

/// Adds each error of a model's validate() where its setting is, unless that setting was reported before or `is_moot`
/// says that it follows from one that was.
void report(Reader& reader, const Origin& origin, const std::vector<base::Error>& errors,
            bool (*is_moot)(const Origin& origin, std::string_view field));

/// "ports in this file: lan, wan"
std::string names_hint(std::string_view what, const std::vector<std::string>& names);

/// Reports a second thing of one name.
template <class T, class GetName>
void check_unique_names(Reader& reader, const std::vector<Parsed<T>>& items, GetName name)
{
    std::map<std::string, const Origin*> first;
    for (const auto& item : items) {
        if (item.origin.is_bad("name"))
            continue;
        const auto [at, is_new] = first.emplace(name(item.value), &item.origin);
        if (!is_new)
            reader.error(item.origin, "name",
                         "\"" + name(item.value) + "\" is taken by " + at->second->path + " (" +
                             reader.place_text(at->second->line) + ")",
                         "names are unique");
    }
}

/// The port that a destination leaves by: the longest of the links and routes; null when there is none. `overlaps`
/// finds any link or route that touches a prefix.
const model::Port* egress(const Document& document, const net::IpAddress& destination);
bool has_route_into(const Document& document, const net::Prefix& prefix);

/// Every port's addresses could be read, so that what is on no link is really on none.
bool links_are_known(const Document& document);

}  // namespace ipsecgw::config
