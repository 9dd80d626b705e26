// Policies by themselves, against the SAs and against the routes.
#include <algorithm>

#include "base/text.h"
#include "config/check_internal.h"

namespace ipsecgw::config {
namespace {

using ParsedPolicy = Parsed<model::Policy>;
using Selectors = std::vector<model::TrafficSelector>;

bool is_moot(const Origin& origin, std::string_view field)
{
    if (field.starts_with("local_ts") || field.starts_with("remote_ts"))
        return origin.is_bad("local_ts") || origin.is_bad("remote_ts");
    if (field == "name")
        return false;
    return origin.is_bad("action");
}

/// SAs by name.
using Index = std::map<std::string_view, const model::SaParams*>;

Index index_of(const Document& document)
{
    Index index;
    for (const auto& sa : document.sas)
        index.emplace(sa.value.sa.name, &sa.value.sa);
    return index;
}

/// What the checks of one policy look at.
struct Context {
    Reader& reader;
    const Document& document;
    const Index& index;
    std::string all_sas, inbound_sas, outbound_sas;  // hints, the same for every policy
};

std::string sas_hint(const Document& document, std::optional<model::Direction> direction)
{
    std::vector<std::string> names;
    for (const auto& sa : document.sas)
        if (!direction || sa.value.sa.direction == *direction)
            names.push_back(sa.value.sa.name);
    if (!direction)
        return names_hint("SAs", names);
    return names_hint(*direction == model::Direction::kInbound ? "inbound SAs" : "outbound SAs", names);
}

/// The SA of that name and direction; null after reporting that there is none.
const model::SaParams* resolve(const Context& context, const ParsedPolicy& policy, const std::string& setting,
                               const std::string& name)
{
    const auto wanted = setting == "sa" ? model::Direction::kOutbound : model::Direction::kInbound;
    const auto found = context.index.find(name);
    if (found == context.index.end()) {
        context.reader.error(policy.origin, setting, "no SA is named \"" + name + "\"", context.all_sas);
        return nullptr;
    }
    if (found->second->direction == wanted)
        return found->second;
    const bool wants_out = wanted == model::Direction::kOutbound;
    context.reader.error(policy.origin, setting, "SA \"" + name + "\" is " + (wants_out ? "inbound" : "outbound"),
                         (wants_out ? "inbound SAs belong in sa_in; " : "the outbound SA belongs in sa; ") +
                             (wants_out ? context.outbound_sas : context.inbound_sas));
    return nullptr;
}

/// A transport mode SA joins two hosts (RFC 4301 section 4.1): whatever else a selector lets in would go to a host
/// without the SA.
void check_transport(Reader& reader, const ParsedPolicy& policy, const model::SaParams& sa)
{
    const auto check_side = [&](const std::string& setting, const Selectors& selectors, const net::IpAddress& host) {
        for (size_t i = 0; i < selectors.size(); i++)
            if (selectors[i].prefix != net::Prefix{host, net::address_bits(host.family())})
                reader.error(policy.origin, setting + ".[" + std::to_string(i) + "]",
                             selectors[i].to_string() + " is more than " + host.to_string() +
                                 ", all that transport mode SA \"" + sa.name + "\" carries",
                             "write the host's address, or use mode tunnel");
    };
    check_side("local_ts", policy.value.local, sa.local);
    check_side("remote_ts", policy.value.remote, sa.remote);
}

const model::SaParams* check_outbound(const Context& context, const ParsedPolicy& policy)
{
    if (policy.origin.is_bad("sa"))
        return nullptr;
    if (policy.origin.has("sa"))
        return resolve(context, policy, "sa", policy.value.outbound_sa);
    context.reader.warning(policy.origin, "sa", "the policy has no outbound SA: its packets are dropped",
                           context.outbound_sas);
    return nullptr;
}

void check_inbound(const Context& context, const ParsedPolicy& policy, const model::SaParams* out)
{
    if (policy.origin.is_bad("sa_in"))
        return;
    if (policy.value.inbound_sas.empty())
        context.reader.warning(policy.origin, "sa_in", "the policy has no inbound SA: no answer comes back through it",
                               context.inbound_sas);
    for (size_t i = 0; i < policy.value.inbound_sas.size(); i++) {
        const std::string setting = "sa_in.[" + std::to_string(i) + "]";
        const model::SaParams* in = resolve(context, policy, setting, policy.value.inbound_sas[i]);
        if (in != nullptr && out != nullptr && out->mode != in->mode)
            context.reader.warning(policy.origin, setting,
                                   "SA \"" + in->name + "\" is in " + std::string(to_string(in->mode)) +
                                       " mode and \"" + out->name + "\" in " + std::string(to_string(out->mode)) +
                                       " mode",
                                   "both directions usually use the same");
    }
}

void check_protect(const Context& context, const ParsedPolicy& policy)
{
    const model::SaParams* out = check_outbound(context, policy);
    check_inbound(context, policy, out);
    if (policy.origin.is_bad("local_ts") || policy.origin.is_bad("remote_ts"))
        return;
    if (out != nullptr && out->mode == model::Mode::kTransport)
        return check_transport(context.reader, policy, *out);
    if (!links_are_known(context.document))
        return;
    const Selectors& local = policy.value.local;
    for (size_t i = 0; i < local.size(); i++)
        if (!has_route_into(context.document, local[i].prefix))
            context.reader.warning(policy.origin, "local_ts.[" + std::to_string(i) + "]",
                                   "no link or route leads to " + local[i].prefix.to_string() +
                                       ": what comes out of the tunnel cannot be delivered",
                                   "add a route");
}

/// Everything that decides which packets a policy gets, as text.
std::string match_key(const model::Policy& policy)
{
    std::string key = std::to_string(policy.priority) + std::string(to_string(policy.direction));
    for (const Selectors* side : {&policy.local, &policy.remote}) {
        key += "|";
        for (const auto& selector : *side)
            key += selector.to_string() + " ";
    }
    return key;
}

void check_shadowed(Reader& reader, const Document& document)
{
    std::map<std::string, const model::Policy*> first;
    for (const auto& policy : document.policies) {
        if (policy.value.local.empty() || policy.value.remote.empty())
            continue;
        const auto [at, is_new] = first.emplace(match_key(policy.value), &policy.value);
        if (!is_new)
            reader.warning(
                policy.origin, "name",
                "it never matches: policy \"" + at->second->name + "\" has its selectors and priority, and is first",
                "give it a lower priority number, or remove it");
    }
}

void check_unused_sas(Reader& reader, const Document& document)
{
    std::set<std::string, std::less<>> used;
    for (const auto& policy : document.policies) {
        used.insert(policy.value.outbound_sa);
        used.insert(policy.value.inbound_sas.begin(), policy.value.inbound_sas.end());
    }
    for (const auto& sa : document.sas) {
        const model::SaParams& params = sa.value.sa;
        if (sa.origin.is_bad("name") || sa.origin.is_bad("direction") || used.contains(params.name))
            continue;
        const bool inbound = params.direction == model::Direction::kInbound;
        reader.warning(sa.origin, "name",
                       inbound ? "no policy names SA \"" + params.name + "\": what comes through it is dropped"
                               : "no policy names SA \"" + params.name + "\": nothing goes through it",
                       inbound ? "name it in a policy's sa_in" : "name it in a policy's sa");
    }
}

}  // namespace

void check_policies(Reader& reader, Document& document)
{
    check_unique_names(reader, document.policies, [](const model::Policy& policy) { return policy.name; });
    const Index index = index_of(document);
    const Context context{reader,
                          document,
                          index,
                          sas_hint(document, std::nullopt),
                          sas_hint(document, model::Direction::kInbound),
                          sas_hint(document, model::Direction::kOutbound)};
    for (const auto& policy : document.policies) {
        report(reader, policy.origin, model::validate(policy.value), is_moot);
        if (!policy.origin.is_bad("action") && policy.value.action == model::Action::kProtect)
            check_protect(context, policy);
    }
    check_shadowed(reader, document);
    check_unused_sas(reader, document);
    if (document.policies.empty() && document.connections.empty() && !document.root.is_bad("policies"))
        reader.warning(document.root, "policies", "there is no policy: every packet is discarded",
                       "add one with action protect, bypass or discard");
}

}  // namespace ipsecgw::config
