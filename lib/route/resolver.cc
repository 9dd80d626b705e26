#include "route/resolver.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/byte_order.h"
#include "base/clock.h"
#include "net/headers.h"
#include "route/arp.h"
#include "route/neighbour_cache.h"
#include "route/neighbour_discovery.h"

namespace ipsecgw::route {
namespace {

constexpr uint64_t kRetransmitNs = base::kNsPerSecond;      // RFC 4861 section 10: RETRANS_TIMER
constexpr uint64_t kReachableNs = 30 * base::kNsPerSecond;  // REACHABLE_TIME
constexpr uint64_t kFirstProbeNs = 5 * base::kNsPerSecond;  // DELAY_FIRST_PROBE_TIME
constexpr uint8_t kMaxAttempts = 3;                         // MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT

bool is_host_mac(const net::MacAddress& mac) { return !mac.is_multicast() && mac != net::MacAddress{}; }

bool owns(const Link& link, const net::IpAddress& address)
{
    return std::any_of(link.addresses.begin(), link.addresses.end(),
                       [&](const net::Prefix& ours) { return ours.address == address; });
}

bool is_on_link(const Link& link, const net::IpAddress& address)
{
    return std::any_of(link.addresses.begin(), link.addresses.end(),
                       [&](const net::Prefix& ours) { return ours.contains(address); });
}

/// The all-ones address of an IPv4 prefix; prefixes of 31 and 32 bits have none (RFC 3021).
bool is_broadcast_of(const net::Prefix& prefix, const net::IpAddress& address)
{
    if (!address.is_v4() || prefix.length > 30 || !prefix.contains(address))
        return false;
    const auto mask = static_cast<uint32_t>(~(UINT64_C(0xffffffff) >> prefix.length));
    return (base::load_be32(address.data()) | mask) == UINT32_MAX;
}

/// Can `address` be one host's, other than us, on this link?
bool is_neighbour_address(const Link& link, const net::IpAddress& address)
{
    const net::IpAddress limited_broadcast = net::IpAddress::v4("\xff\xff\xff\xff");
    return !address.is_unspecified() && !address.is_multicast() && !address.is_loopback() &&
           address != limited_broadcast && !owns(link, address) &&
           std::none_of(link.addresses.begin(), link.addresses.end(),
                        [&](const net::Prefix& ours) { return is_broadcast_of(ours, address); });
}

/// The address to ask from: one whose prefix has the target, else the link's first of the family (a route may put addresses on the
/// link that no prefix of ours covers), else none.
std::optional<net::IpAddress> source_for(const Link& link, const net::IpAddress& target)
{
    std::optional<net::IpAddress> source;
    for (const auto& ours : link.addresses) {
        if (ours.family() != target.family())
            continue;
        if (ours.contains(target))
            return ours.address;
        if (!source)
            source = ours.address;
    }
    return source;
}

std::vector<uint8_t> build_request(const Link& link, const net::IpAddress& source, const net::IpAddress& target,
                                   const std::optional<net::MacAddress>& unicast)
{
    if (target.is_v4())
        return build_arp(unicast.value_or(net::MacAddress::broadcast()),
                         {ArpOperation::kRequest, link.mac, source, {}, target});
    DiscoveryMessage message;
    message.source = source;
    message.destination = unicast ? target : solicited_node_address(target);
    message.target = target;
    message.link_layer = link.mac;
    return build_discovery(link.mac, unicast.value_or(multicast_mac(message.destination)), message);
}

/// An advertisement of our address `target`; to all nodes when `destination` is unspecified (RFC 4861 section 7.2.4).
std::vector<uint8_t> build_advertisement(const Link& link, const net::IpAddress& target,
                                         const net::IpAddress& destination, const net::MacAddress& to)
{
    DiscoveryMessage message;
    message.type = DiscoveryType::kAdvertisement;
    message.source = target;
    message.target = target;
    message.link_layer = link.mac;
    message.is_router = true;  // we forward; a host that routes through us must not read otherwise (section 7.3.3)
    message.is_override = true;
    message.is_solicited = !destination.is_unspecified();
    message.destination = message.is_solicited ? destination : all_nodes_address();
    return build_discovery(link.mac, message.is_solicited ? to : multicast_mac(message.destination), message);
}

}  // namespace

struct Resolver::Impl {
    using Entry = NeighbourCache::Entry;
    /// A frame of the wire, and who it says is where.
    struct Claim {
        const Link& link;
        net::IpAddress address;
        net::MacAddress mac;
        uint64_t now_ns;

        [[nodiscard]] NeighbourKey key() const { return {link.port, address}; }
    };

    std::vector<Link> links;
    NeighbourCache cache;
    Effects deferred;  // of add_static() and remove(), until the next call

    [[nodiscard]] const Link* link(uint16_t port) const;
    bool ask(Entry& entry, uint64_t now_ns, Effects& effects);
    void probe(Entry& entry, uint64_t now_ns, Effects& effects);
    void on_timer(Entry& entry, uint64_t now_ns, Effects& effects);

    void learn(Entry& entry, const Claim& claim, NeighbourState state, Effects& effects);
    void introduce(const Claim& claim, Effects& effects);
    void suspect(const Claim& claim, Effects& effects);
    void answer(const Claim& claim, Effects& effects);
    void advertised(const Claim& claim, const DiscoveryMessage& message, Effects& effects);
    void receive_arp(const Link& on, const ArpMessage& message, uint64_t now_ns, Effects& effects);
    void receive_discovery(const Link& on, const DiscoveryMessage& message, const net::MacAddress& from,
                           uint64_t now_ns, Effects& effects);
};

const Link* Resolver::Impl::link(uint16_t port) const
{
    const auto found = std::find_if(links.begin(), links.end(), [&](const Link& l) { return l.port == port; });
    return found == links.end() ? nullptr : &*found;
}

/// Sends one request or probe and arms its timer. False: the link has no address to ask from.
bool Resolver::Impl::ask(Entry& entry, uint64_t now_ns, Effects& effects)
{
    const Link* on = link(entry.key.port);
    const auto source = on != nullptr ? source_for(*on, entry.key.address) : std::nullopt;
    if (!source)
        return false;
    std::optional<net::MacAddress> unicast;
    if (entry.state == NeighbourState::kProbe)
        unicast = entry.mac;
    effects.send.push_back({on->port, build_request(*on, *source, entry.key.address, unicast)});
    entry.attempts++;
    cache.set_timer(entry, now_ns + kRetransmitNs);
    return true;
}

void Resolver::Impl::probe(Entry& entry, uint64_t now_ns, Effects& effects)
{
    cache.set_state(entry, NeighbourState::kProbe);
    if (!ask(entry, now_ns, effects))
        cache.erase(entry, effects);
}

void Resolver::Impl::on_timer(Entry& entry, uint64_t now_ns, Effects& effects)
{
    switch (entry.state) {
        case NeighbourState::kIncomplete:
        case NeighbourState::kProbe:
            if (entry.attempts >= kMaxAttempts || !ask(entry, now_ns, effects))
                cache.erase(entry, effects);
            break;
        case NeighbourState::kReachable:
        case NeighbourState::kStale:
            probe(entry, now_ns, effects);
            break;
        case NeighbourState::kStatic:
            break;
    }
}

/// The entry is where `claim` says from now on.
void Resolver::Impl::learn(Entry& entry, const Claim& claim, NeighbourState state, Effects& effects)
{
    if (entry.state == NeighbourState::kIncomplete || entry.mac != claim.mac)
        effects.table_changed = true;
    entry.mac = claim.mac;
    entry.since_ns = claim.now_ns;
    cache.set_state(entry, state);
    cache.set_timer(entry, claim.now_ns + (state == NeighbourState::kReachable ? kReachableNs : kFirstProbeNs));
    cache.release(entry, effects);
}

/// A host asked for us and said who it is (RFC 826 "Packet Reception", RFC 4861 section 7.2.3): believed, but not confirmed.
void Resolver::Impl::introduce(const Claim& claim, Effects& effects)
{
    Entry* entry = cache.find(claim.key());
    if (entry == nullptr && is_on_link(claim.link, claim.address))
        entry = cache.insert(claim.key(), NeighbourCache::Wanted::kByHost, effects);
    if (entry == nullptr || entry->state == NeighbourState::kStatic)
        return;
    if (entry->state == NeighbourState::kIncomplete || entry->mac != claim.mac)
        learn(*entry, claim, NeighbourState::kStale, effects);
}

/// Someone announces himself unasked. It moves nothing by itself, but when it contradicts us the known neighbour has to answer now.
void Resolver::Impl::suspect(const Claim& claim, Effects& effects)
{
    Entry* entry = cache.find(claim.key());
    if (entry == nullptr || entry->mac == claim.mac)
        return;
    if (entry->state == NeighbourState::kReachable || entry->state == NeighbourState::kStale)
        probe(*entry, claim.now_ns, effects);
}

/// A reply: counts when we have asked.
void Resolver::Impl::answer(const Claim& claim, Effects& effects)
{
    Entry* entry = cache.find(claim.key());
    if (entry == nullptr)
        return;
    if (entry->state == NeighbourState::kIncomplete || entry->state == NeighbourState::kProbe)
        learn(*entry, claim, NeighbourState::kReachable, effects);
    else
        suspect(claim, effects);
}

void Resolver::Impl::receive_arp(const Link& on, const ArpMessage& message, uint64_t now_ns, Effects& effects)
{
    const Claim claim = {on, message.sender_ip, message.sender_mac, now_ns};
    // A probe (RFC 5227 section 2.1.1) comes from 0.0.0.0: it is answered, but tells nothing.
    const bool tells = is_host_mac(message.sender_mac) && is_neighbour_address(on, message.sender_ip);
    const bool is_for_us = owns(on, message.target_ip);
    if (message.operation == ArpOperation::kReply) {
        if (tells)
            is_for_us ? answer(claim, effects) : suspect(claim, effects);
        return;
    }
    if (tells)
        is_for_us ? introduce(claim, effects) : suspect(claim, effects);
    if (is_for_us && is_host_mac(message.sender_mac) && (tells || message.sender_ip.is_unspecified()))
        effects.send.push_back({on.port, build_arp(message.sender_mac, {ArpOperation::kReply, on.mac, message.target_ip,
                                                                        message.sender_mac, message.sender_ip})});
}

/// RFC 4861 section 7.2.5, but an unsolicited advertisement never moves a known neighbour.
void Resolver::Impl::advertised(const Claim& claim, const DiscoveryMessage& message, Effects& effects)
{
    Entry* entry = cache.find(claim.key());
    if (entry == nullptr || !is_neighbour_address(claim.link, claim.address))
        return;
    if (!message.link_layer) {
        // Without the option it confirms what is known.
        if (entry->state == NeighbourState::kProbe && message.is_solicited)
            learn(*entry, {claim.link, claim.address, entry->mac, claim.now_ns}, NeighbourState::kReachable, effects);
        return;
    }
    if (!is_host_mac(claim.mac))
        return;
    if (entry->state == NeighbourState::kIncomplete)
        learn(*entry, claim, message.is_solicited ? NeighbourState::kReachable : NeighbourState::kStale, effects);
    else if (message.is_solicited && (message.is_override || entry->mac == claim.mac))
        answer(claim, effects);
    else
        suspect(claim, effects);
}

void Resolver::Impl::receive_discovery(const Link& on, const DiscoveryMessage& message, const net::MacAddress& from,
                                       uint64_t now_ns, Effects& effects)
{
    if (!message.destination.is_multicast() && !owns(on, message.destination))
        return;
    if (message.type == DiscoveryType::kAdvertisement) {
        advertised({on, message.target, message.link_layer.value_or(from), now_ns}, message, effects);
        return;
    }
    if (!owns(on, message.target))
        return;
    if (message.source.is_unspecified()) {
        effects.send.push_back({on.port, build_advertisement(on, message.target, message.source, {})});
        return;
    }
    const net::MacAddress mac = message.link_layer.value_or(from);
    if (!is_neighbour_address(on, message.source) || !is_host_mac(mac))
        return;
    if (message.link_layer)
        introduce({on, message.source, mac, now_ns}, effects);
    effects.send.push_back({on.port, build_advertisement(on, message.target, message.source, mac)});
}

Resolver::Resolver(std::vector<Link> links) : impl_(std::make_unique<Impl>())
{
    for (auto& link : links)
        link.addresses = with_link_local(std::move(link.addresses), link.mac);
    impl_->links = std::move(links);
}

Resolver::~Resolver() = default;

void Resolver::add_static(const NeighbourEntry& wanted)
{
    auto& entry = impl_->cache.insert_static(wanted);
    impl_->cache.release(entry, impl_->deferred);
    impl_->deferred.table_changed = true;
}

bool Resolver::remove(uint16_t port, const net::IpAddress& address)
{
    auto* entry = impl_->cache.find({port, address});
    if (entry == nullptr)
        return false;
    impl_->cache.erase(*entry, impl_->deferred);
    return true;
}

Effects Resolver::resolve(uint16_t port, const net::IpAddress& next_hop, uint64_t packet, uint64_t now_ns)
{
    Effects effects = std::exchange(impl_->deferred, {});
    auto& cache = impl_->cache;
    auto* entry = cache.find({port, next_hop});
    if (entry != nullptr && entry->state != NeighbourState::kIncomplete) {
        effects.release.push_back({packet, port, entry->mac});  // the worker looked in an older table
        return effects;
    }
    if (entry == nullptr) {
        const Link* on = impl_->link(port);
        if (on != nullptr && is_neighbour_address(*on, next_hop) && source_for(*on, next_hop))
            entry = cache.insert({port, next_hop}, NeighbourCache::Wanted::kByPacket, effects);
        if (entry == nullptr) {
            effects.give_up.push_back(packet);
            return effects;
        }
        entry->since_ns = now_ns;
        impl_->ask(*entry, now_ns, effects);
    }
    cache.enqueue(*entry, packet, effects);
    return effects;
}

Effects Resolver::receive(uint16_t port, std::span<const uint8_t> frame, uint64_t now_ns)
{
    Effects effects = std::exchange(impl_->deferred, {});
    const Link* on = impl_->link(port);
    net::EthernetHeader ethernet;
    if (on == nullptr || frame.size() < sizeof ethernet)
        return effects;
    std::memcpy(&ethernet, frame.data(), sizeof ethernet);
    const net::MacAddress to = {ethernet.destination};
    const net::MacAddress from = {ethernet.source};
    if ((!to.is_multicast() && to != on->mac) || !is_host_mac(from) || from == on->mac)
        return effects;
    const auto payload = frame.subspan(sizeof ethernet);
    const uint16_t type = base::swap_be16(ethernet.type_be);
    if (type == net::kEtherTypeArp) {
        if (const auto message = parse_arp(payload))
            impl_->receive_arp(*on, *message, now_ns, effects);
    } else if (type == net::kEtherTypeIpv6) {
        if (const auto message = parse_discovery(payload))
            impl_->receive_discovery(*on, *message, from, now_ns, effects);
    }
    return effects;
}

Effects Resolver::announce(uint64_t)
{
    Effects effects = std::exchange(impl_->deferred, {});
    for (const auto& link : impl_->links)
        for (const auto& ours : link.addresses) {
            const auto& address = ours.address;
            effects.send.push_back(
                {link.port, address.is_v4() ? build_arp(net::MacAddress::broadcast(),
                                                        {ArpOperation::kRequest, link.mac, address, {}, address})
                                            : build_advertisement(link, address, {}, {})});
        }
    return effects;
}

Effects Resolver::tick(uint64_t now_ns)
{
    Effects effects = std::exchange(impl_->deferred, {});
    while (auto* entry = impl_->cache.take_due(now_ns))
        impl_->on_timer(*entry, now_ns, effects);
    return effects;
}

uint64_t Resolver::next_timer_ns() const noexcept
{
    const auto& deferred = impl_->deferred;
    if (deferred.table_changed || !deferred.release.empty() || !deferred.give_up.empty())
        return 0;
    return impl_->cache.next_timer_ns();
}

std::unique_ptr<const NeighbourTable> Resolver::table() const
{
    std::vector<NeighbourEntry> entries;
    for (const auto& [key, entry] : impl_->cache.entries())
        if (entry.state != NeighbourState::kIncomplete)
            entries.push_back({key.port, key.address, entry.mac});
    return std::make_unique<const NeighbourTable>(entries);
}

std::vector<NeighbourStatus> Resolver::list(uint64_t now_ns) const
{
    std::vector<NeighbourStatus> rows;
    for (const auto& [key, entry] : impl_->cache.entries()) {
        const uint64_t age_ns = entry.state != NeighbourState::kStatic && now_ns > entry.since_ns ? now_ns - entry.since_ns : 0;
        rows.push_back({{key.port, key.address, entry.mac}, entry.state, age_ns});
    }
    return rows;
}

}  // namespace ipsecgw::route
