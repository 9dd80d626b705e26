// gwctl explain: the data path's answer with the names control has for it.
#include <cstring>

#include "base/text.h"
#include "control/control_plane_internal.h"
#include "net/headers.h"
#include "sa/spd.h"
#include "trace/filter.h"
#include "worker/explain.h"

namespace ipsecgw::control {

using worker::Explained;
using worker::ExplainRequest;
using End = Explained::End;
using From = ExplainRequest::From;
using base::Error;
using base::ErrorCode;

namespace {

std::string_view word_of(End end)
{
    switch (end) {
        case End::kDropped:
            return "dropped";
        case End::kSealed:
            return "sealed";
        case End::kForwarded:
            return "forwarded in clear";
        case End::kOurs:
            return "delivered to the gateway";
        case End::kAsksIke:
            return "dropped, and IKE is asked for an SA";
    }
    return "";
}

constexpr uint32_t kUsualBytes = 84;  // a ping's

Error bad(const std::string& what)
{
    return {ErrorCode::kInvalidArgument, what,
            "like: out src 10.0.1.2 dst 10.0.2.2 proto tcp sport 40000 dport 443 length 1400"};
}

base::Result<From> parse_direction(std::string_view word)
{
    if (word == "out")
        return From::kProtected;
    if (word == "in")
        return From::kSa;
    if (word == "in-clear")
        return From::kUnprotected;
    return bad("\"" + std::string(word.substr(0, 64)) + "\" is no direction: out, in or in-clear");
}

/// Takes "length N" out of the words.
base::Result<uint32_t> take_length(std::string_view packet, std::string& rest)
{
    uint32_t length = kUsualBytes;
    const auto words = base::split(packet, ' ');
    for (size_t i = 0; i < words.size(); i++) {
        if (words[i] != "length" || i + 1 == words.size()) {
            rest += std::string(words[i]) + " ";
            continue;
        }
        const auto bytes = base::parse_unsigned(words[++i]);
        if (!bytes || *bytes < 20 || *bytes > UINT16_MAX)
            return bad("length is 20 to 65535 bytes");
        length = static_cast<uint32_t>(*bytes);
    }
    return length;
}

bool is_one(const std::optional<net::Prefix>& prefix)
{
    return prefix && prefix->length == net::address_bits(prefix->address.family());
}

base::Result<ExplainRequest> parse(std::string_view direction, std::string_view packet)
{
    ExplainRequest request;
    request.from = GW_TRY(parse_direction(direction));
    std::string rest;
    request.bytes = GW_TRY(take_length(packet, rest));
    const trace::Filter filter = GW_TRY(trace::Filter::parse(rest, {}));
    if (!is_one(filter.source) || !is_one(filter.destination))
        return bad("a packet has one address each as src and dst");
    const net::IpAddress source = filter.source->address, destination = filter.destination->address;
    if (source.family() != destination.family())
        return bad("src and dst are of two families");
    if (filter.host || filter.either_port || filter.spi || filter.is_about_drops)
        return bad("host, port, spi and drop do not describe one packet");
    if (filter.source_port.has_value() != filter.destination_port.has_value())
        return bad("give both sport and dport, or none: then only policies for any port can match");
    std::memcpy(request.flow.source, source.data(), source.bytes().size());
    std::memcpy(request.flow.destination, destination.data(), destination.bytes().size());
    request.flow.set_upper(
        source.family(), filter.protocol.value_or(net::kProtoUdp),
        {filter.source_port.value_or(0), filter.destination_port.value_or(0), filter.source_port.has_value()});
    return request;
}

void fill_sa(const SaRecord& record, ExplainStatus& out)
{
    out.sa = record.params.name;
    out.spi = record.params.spi;
    out.algorithm = record.algorithm;
    out.offload = sa::to_string(record.kind);
    out.offload_reason = record.offload_reason;
    out.engine = record.engine;
    out.peer = record.params.remote.to_string();
}

void fill_route(const worker::Route& route, ExplainStatus& out)
{
    if (route.port == nullptr)
        return;
    out.port = route.port->name;
    out.mtu = route.port->mtu;
    out.next_hop = route.next_hop.to_string();
    out.neighbour = route.mac != nullptr ? route.mac->to_string() : "not resolved yet: the first packet waits for it";
}

void fill_reason(telemetry::Drop reason, ExplainStatus& out)
{
    out.reason = telemetry::drop_name(reason);
    out.help = telemetry::drop_help(reason);
}

/// The policy's SAs whose selectors allow the flow (RFC 4301 section 5.2).
std::vector<std::string> carriers(const SaTable& sas, const model::Policy& policy, const sa::FlowKey& flow)
{
    std::vector<std::string> names;
    for (const std::string& name : policy.inbound_sas) {
        const auto found = sas.all().find(name);
        if (found == sas.all().end() || found->second.inbound == nullptr || found->second.expired)
            continue;
        const sa::SelectorSet* selectors = found->second.inbound->selectors.load(std::memory_order_acquire);
        if (selectors != nullptr && selectors->allows(flow))
            names.push_back(name);
    }
    return names;
}

}  // namespace

base::Result<ExplainStatus> ControlPlane::explain(std::string_view direction, std::string_view packet) const
{
    const State& s = *state_;
    const ExplainRequest request = GW_TRY(parse(direction, packet));
    const worker::DataPlane& data = *s.parts.data;
    const worker::OwnAddresses own(data.ports);
    const auto policy_of = [&](const sa::PolicyEntry* entry) -> const model::Policy* {
        for (const auto& [name, record] : s.policies.all())
            if (record.entry == entry)
                return &record.policy;
        return nullptr;
    };
    ExplainStatus out;
    if (request.from == From::kSa) {
        const sa::PolicyEntry* entry = data.spd->match_inbound(request.flow);
        const model::Policy* policy = entry != nullptr ? policy_of(entry) : nullptr;
        if (policy != nullptr)
            out.inbound_sas = carriers(s.sas, *policy, request.flow);
        if (out.inbound_sas.empty()) {
            out.verdict = word_of(End::kDropped);
            out.policy = policy != nullptr ? policy->name : "";
            fill_reason(telemetry::Drop::kSelectorMismatch, out);
            return out;
        }
    }
    const Explained answer = worker::explain(data, own, request);
    out.verdict = word_of(answer.end);
    if (answer.reason != telemetry::Drop::kCount)
        fill_reason(answer.reason, out);
    if (answer.policy != nullptr) {
        const model::Policy* policy = policy_of(answer.policy);
        out.policy = policy != nullptr ? policy->name : "";
        out.action = model::to_string(answer.policy->action);
    }
    fill_route(answer.route, out);
    out.bytes = request.bytes;
    out.wire_bytes = answer.wire_bytes;
    out.inner_mtu = answer.inner_mtu;
    out.is_too_big = answer.is_too_big;
    const model::Policy* policy = answer.sa != nullptr ? policy_of(answer.policy) : nullptr;
    if (policy == nullptr)
        return out;
    if (const auto found = s.sas.all().find(policy->outbound_sa); found != s.sas.all().end())
        fill_sa(found->second, out);
    return out;
}

}  // namespace ipsecgw::control
