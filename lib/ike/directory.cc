#include "ike/directory.h"

#include <algorithm>

namespace ipsecgw::ike {
namespace {

using ConnectionPtr = Directory::ConnectionPtr;

bool is_one_address(const net::Prefix& prefix)
{
    return prefix.length == net::address_bits(prefix.family());
}

bool is_wide(const model::IkeConnection& connection)
{
    return connection.remote_addrs.empty() || !std::ranges::all_of(connection.remote_addrs, is_one_address);
}

/// Types whose values compare octet by octet but for the case of letters; others are held against each pattern.
bool is_plain(const model::Identity& identity)
{
    using model::IdentityType;
    const bool compares = identity.type == IdentityType::kIpv4Address || identity.type == IdentityType::kIpv6Address ||
                          identity.type == IdentityType::kFqdn || identity.type == IdentityType::kRfc822Address ||
                          identity.type == IdentityType::kKeyId;
    return compares && std::ranges::find(identity.data, '*') == identity.data.end();
}

model::Identity key_of(model::Identity identity)
{
    if (identity.type == model::IdentityType::kFqdn || identity.type == model::IdentityType::kRfc822Address)
        for (uint8_t& byte : identity.data)
            if (byte >= 'A' && byte <= 'Z')
                byte = static_cast<uint8_t>(byte + ('a' - 'A'));
    return identity;
}

template <class Key>
void erase(std::multimap<Key, ConnectionPtr>& map, const Key& key, const ConnectionPtr& connection)
{
    const auto [first, last] = map.equal_range(key);
    for (auto it = first; it != last;)
        it = it->second == connection ? map.erase(it) : std::next(it);
}

void add_once(std::vector<ConnectionPtr>& out, const ConnectionPtr& connection)
{
    if (out.size() < Directory::kMaxFound && std::ranges::find(out, connection) == out.end())
        out.push_back(connection);
}

}  // namespace

void Directory::add(const ConnectionPtr& connection)
{
    for (const net::Prefix& prefix : connection->remote_addrs)
        if (is_one_address(prefix))
            by_address_.emplace(prefix.address, connection);
    if (is_wide(*connection))
        wide_.push_back(connection);
    if (is_plain(connection->remote.id))
        by_identity_.emplace(key_of(connection->remote.id), connection);
    else
        patterns_.push_back(connection);
}

void Directory::remove(const ConnectionPtr& connection)
{
    for (const net::Prefix& prefix : connection->remote_addrs)
        erase(by_address_, prefix.address, connection);
    std::erase(wide_, connection);
    erase(by_identity_, key_of(connection->remote.id), connection);
    std::erase(patterns_, connection);
}

std::vector<ConnectionPtr> Directory::by_addresses(const net::IpAddress& local, const net::IpAddress& remote) const
{
    std::vector<ConnectionPtr> out;
    const auto [first, last] = by_address_.equal_range(remote);
    for (auto it = first; it != last && out.size() < kMaxFound; ++it)
        if (it->second->accepts(local, remote))
            add_once(out, it->second);
    for (const auto& connection : wide_)
        if (connection->accepts(local, remote))
            add_once(out, connection);
    return out;
}

std::vector<ConnectionPtr> Directory::by_identity(const net::IpAddress& local, const net::IpAddress& remote,
                                                  const model::Identity& peer) const
{
    std::vector<ConnectionPtr> out;
    const auto [first, last] = by_identity_.equal_range(key_of(peer));
    for (auto it = first; it != last && out.size() < kMaxFound; ++it)
        if (it->second->accepts(local, remote))
            add_once(out, it->second);
    // Patterns: those of this address before those of any.
    for (const bool wide : {false, true})
        for (const auto& connection : patterns_)
            if (out.size() < kMaxFound && is_wide(*connection) == wide && connection->accepts(local, remote) &&
                connection->remote.id.matches(peer))
                add_once(out, connection);
    return out;
}

}  // namespace ipsecgw::ike
