#include "model/policy.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "model/findings_internal.h"
#include "model/name.h"
#include "net/headers.h"

namespace ipsecgw::model {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

struct NamedProtocol {
    std::string_view name;
    uint8_t number;
};

// The first name of a number is the one we print.
constexpr NamedProtocol kProtocols[] = {
    {"tcp", net::kProtoTcp},
    {"udp", net::kProtoUdp},
    {"icmp", net::kProtoIcmp},
    {"ipv6-icmp", net::kProtoIcmpv6},
    {"icmpv6", net::kProtoIcmpv6},
    {"sctp", net::kProtoSctp},
    {"dccp", 33},
    {"udplite", 136},
    {"esp", net::kProtoEsp},
    {"ah", net::kProtoAh},
    {"gre", 47},
    {"ospf", 89},
    {"ipip", net::kProtoIpv4},
    {"ipv6", net::kProtoIpv6},
};

constexpr const char* kSelectorHint = "write it like 10.1.0.0/16, 10.1.0.0/16[tcp] or 192.168.50.1[udp/4789]";

bool is_icmp(uint8_t protocol)
{
    return protocol == net::kProtoIcmp || protocol == net::kProtoIcmpv6;
}

bool has_ports(uint8_t protocol)
{
    return protocol == net::kProtoTcp || protocol == net::kProtoUdp || protocol == net::kProtoSctp || protocol == 33 ||
           protocol == 136;
}

std::string protocol_name(uint8_t protocol)
{
    for (const auto& [name, number] : kProtocols)
        if (number == protocol)
            return std::string(name);
    return std::to_string(protocol);
}

Result<uint8_t> parse_protocol(std::string_view text)
{
    if (text.empty() || text == "any")
        return uint8_t{0};
    for (const auto& [name, number] : kProtocols)
        if (text == name)
            return number;
    if (const auto number = base::parse_unsigned(text); number && *number <= 255)
        return static_cast<uint8_t>(*number);
    std::vector<std::string> names;
    for (const auto& named : kProtocols)
        names.emplace_back(named.name);
    const auto near = base::nearest(text, names);
    return Error{ErrorCode::kInvalidArgument, "\"" + std::string(text) + "\" is no known protocol",
                 near ? "did you mean " + *near + "?" : "use a name like tcp, udp, icmp, sctp, or a number 0 to 255"};
}

Result<net::PortRange> parse_ports(std::string_view text)
{
    if (text == "any")
        return net::PortRange{};
    const size_t dash = text.find('-');
    const auto first = base::parse_unsigned(base::trim(text.substr(0, dash)));
    const auto last = dash == std::string_view::npos ? first : base::parse_unsigned(base::trim(text.substr(dash + 1)));
    if (!first || !last || *first > 65535 || *last > 65535)
        return Error{ErrorCode::kInvalidArgument, "\"" + std::string(text) + "\" is no port or range of ports",
                     "write a number 0 to 65535, or two with a dash like 4789-4800"};
    if (*first > *last)
        return Error{ErrorCode::kInvalidArgument, "the range \"" + std::string(text) + "\" is empty",
                     "put the smaller number first"};
    return net::PortRange{static_cast<uint16_t>(*first), static_cast<uint16_t>(*last)};
}

/// Below 256 an ICMP number is a type with all its codes, else type * 256 + code (as in swanctl).
net::PortRange icmp_range(net::PortRange written)
{
    if (written.is_any() || written.last > 255)
        return written;
    return {static_cast<uint16_t>(written.first * 256), static_cast<uint16_t>(written.last * 256 + 255)};
}

/// What is wrong with protocol and ports against each other and the family; nothing when all is well.
std::optional<Error> protocol_problem(const TrafficSelector& selector)
{
    const bool v4 = selector.prefix.family() == net::Family::kIpv4;
    if (selector.protocol == net::kProtoIcmp && !v4)
        return Error{ErrorCode::kInvalidArgument, "icmp is IPv4's and the prefix is IPv6", "write ipv6-icmp"};
    if (selector.protocol == net::kProtoIcmpv6 && v4)
        return Error{ErrorCode::kInvalidArgument, "ipv6-icmp is IPv6's and the prefix is IPv4", "write icmp"};
    if (selector.ports.first > selector.ports.last)
        return Error{ErrorCode::kInvalidArgument, "its range of ports is empty", "put the smaller number first"};
    if (selector.ports.is_any() || has_ports(selector.protocol) || is_icmp(selector.protocol))
        return std::nullopt;
    if (selector.protocol == 0)
        return Error{ErrorCode::kInvalidArgument, "ports need a protocol that has them (RFC 4301 section 4.4.1.1)",
                     "name it: [tcp/443] or [udp/4789]"};
    return Error{ErrorCode::kInvalidArgument, protocol_name(selector.protocol) + " has no ports",
                 "remove them; tcp, udp, sctp, dccp and udplite have ports, icmp and ipv6-icmp types"};
}

Error with_text(std::string_view text, Error error)
{
    error.what = "\"" + std::string(text) + "\": " + error.what;
    return error;
}

/// What stands in the brackets: PROTOCOL, PROTOCOL/PORTS or /PORTS.
Result<void> parse_brackets(std::string_view inside, TrafficSelector& selector)
{
    const size_t slash = inside.find('/');
    auto protocol = parse_protocol(base::trim(inside.substr(0, slash)));
    if (!protocol)
        return std::move(protocol).error();
    selector.protocol = *protocol;
    if (slash == std::string_view::npos)
        return {};
    auto ports = parse_ports(base::trim(inside.substr(slash + 1)));
    if (!ports)
        return std::move(ports).error();
    selector.ports = is_icmp(selector.protocol) ? icmp_range(*ports) : *ports;
    return {};
}

using Selectors = std::vector<TrafficSelector>;

void check_each(const std::string& field, const Selectors& selectors, Findings& findings)
{
    if (selectors.empty())
        findings.add(field, "it has no selector", "at least one prefix; 0.0.0.0/0 and ::/0 are everything");
    for (size_t i = 0; i < selectors.size(); i++) {
        const std::string item = field + ".[" + std::to_string(i) + "]";
        const TrafficSelector& selector = selectors[i];
        if (selector.prefix.length > net::address_bits(selector.prefix.family()))
            findings.add(item, "its prefix is longer than its address", "IPv4 has 32 bits, IPv6 128");
        else if (selector.prefix != selector.prefix.network())
            findings.add(item, selector.prefix.to_string() + " has bits set after its prefix",
                         "write " + selector.prefix.network().to_string());
        if (const auto problem = protocol_problem(selector))
            findings.add(item, problem->what, problem->hint);
        for (size_t j = 0; j < i; j++)
            if (selectors[j] == selector)
                findings.add(item, selector.to_string() + " is there twice", "remove one");
    }
}

/// A selector that forms no pair with the other side can never match a packet.
void check_pairs(const std::string& field, const Selectors& selectors, const Selectors& others, Findings& findings)
{
    const std::string other_field = field == "local_ts" ? "remote_ts" : "local_ts";
    for (size_t i = 0; i < selectors.size(); i++) {
        const TrafficSelector& mine = selectors[i];
        const auto same_family = [&](const TrafficSelector& o) { return o.prefix.family() == mine.prefix.family(); };
        const auto same_protocol = [&](const TrafficSelector& o) {
            return same_family(o) && (o.protocol == mine.protocol || o.protocol == 0 || mine.protocol == 0);
        };
        const std::string item = field + ".[" + std::to_string(i) + "]";
        if (std::none_of(others.begin(), others.end(), same_family))
            findings.add(item, mine.to_string() + " has no partner of its family in " + other_field,
                         "add one there, or remove this one");
        else if (std::none_of(others.begin(), others.end(), same_protocol))
            findings.add(item, mine.to_string() + " has no partner of its protocol in " + other_field,
                         "a packet has one protocol: name the same on both sides");
    }
}

void check_action(const Policy& policy, Findings& findings)
{
    if (policy.action == Action::kProtect) {
        if (policy.direction != PolicyDirection::kBoth)
            findings.add("direction",
                         "a protect policy covers both directions: what comes in is checked against it mirrored",
                         "remove it");
    } else {
        const std::string action(to_string(policy.action));
        if (!policy.outbound_sa.empty())
            findings.add("sa", "a " + action + " policy has no SA", "remove it, or use action protect");
        if (!policy.inbound_sas.empty())
            findings.add("sa_in", "a " + action + " policy has no SA", "remove it, or use action protect");
    }
    for (size_t i = 0; i < policy.inbound_sas.size(); i++)
        for (size_t j = 0; j < i; j++)
            if (policy.inbound_sas[i] == policy.inbound_sas[j])
                findings.add("sa_in.[" + std::to_string(i) + "]", "\"" + policy.inbound_sas[i] + "\" is there twice",
                             "remove one");
}

}  // namespace

Result<TrafficSelector> TrafficSelector::parse(std::string_view text)
{
    const std::string_view whole = base::trim(text);
    const size_t open = whole.find('[');
    const std::string_view prefix_text = base::trim(whole.substr(0, open));
    if (prefix_text.empty() || prefix_text == "dynamic")
        return Error{ErrorCode::kInvalidArgument, "\"" + std::string(text) + "\" has no prefix", kSelectorHint};
    auto prefix = net::Prefix::parse(prefix_text);
    if (!prefix)
        return std::move(prefix).error();
    TrafficSelector selector;
    selector.prefix = prefix->network();
    if (open == std::string_view::npos)
        return selector;
    if (!whole.ends_with(']'))
        return Error{ErrorCode::kInvalidArgument, "\"" + std::string(text) + "\" has no closing bracket at its end",
                     kSelectorHint};
    if (auto parsed = parse_brackets(whole.substr(open + 1, whole.size() - open - 2), selector); !parsed)
        return with_text(text, std::move(parsed).error());
    if (auto problem = protocol_problem(selector))
        return with_text(text, *std::move(problem));
    return selector;
}

std::string TrafficSelector::to_string() const
{
    std::string out = prefix.to_string();
    if (protocol == 0 && ports.is_any())
        return out;
    out += "[";
    if (protocol != 0)
        out += protocol_name(protocol);
    if (!ports.is_any()) {
        net::PortRange shown = ports;
        if (is_icmp(protocol) && ports.first % 256 == 0 && ports.last % 256 == 255)
            shown = {static_cast<uint16_t>(ports.first / 256), static_cast<uint16_t>(ports.last / 256)};
        out += "/" + std::to_string(shown.first);
        if (shown.first != shown.last)
            out += "-" + std::to_string(shown.last);
    }
    return out + "]";
}

std::vector<Error> validate(const Policy& policy)
{
    Findings findings;
    if (const auto named = check_name(policy.name); !named)
        findings.add("name", named.error().what, named.error().hint);
    check_each("local_ts", policy.local, findings);
    check_each("remote_ts", policy.remote, findings);
    if (!policy.local.empty() && !policy.remote.empty()) {
        check_pairs("local_ts", policy.local, policy.remote, findings);
        check_pairs("remote_ts", policy.remote, policy.local, findings);
    }
    check_action(policy, findings);
    return findings.take();
}

std::string_view to_string(Action action) noexcept
{
    switch (action) {
        case Action::kProtect:
            return "protect";
        case Action::kBypass:
            return "bypass";
        case Action::kDiscard:
            return "discard";
    }
    return "?";
}

std::string_view to_string(PolicyDirection direction) noexcept
{
    switch (direction) {
        case PolicyDirection::kBoth:
            return "both";
        case PolicyDirection::kInbound:
            return "in";
        case PolicyDirection::kOutbound:
            return "out";
    }
    return "?";
}

}  // namespace ipsecgw::model
