#include <algorithm>
#include <utility>

#include "base/byte_order.h"
#include "base/text.h"
#include "ike/choose_proposal.h"
#include "ike/connections_internal.h"
#include "ike/negotiate_child_internal.h"

namespace ipsecgw::ike {
namespace {

using base::Error;
using base::ErrorCode;
using base::LogLevel;
using base::Result;
using model::KeyExchangeGroup;
using model::Mode;

/// A configured child against what a peer asks for.
struct Candidate {
    ChildConfigPtr config;
    Selectors local;
    Selectors remote;
    bool takes_first = false;  // the first selectors, which may be a packet's that waits (RFC 7296 section 2.9)
    bool takes_all = false;    // nothing of what the peer asked for is missing
    std::optional<ChosenProposal> proposal;
};

/// Selectors without a partner of their family and protocol carry nothing.
void drop_partnerless(Selectors& selectors, const Selectors& others)
{
    std::erase_if(selectors, [&](const Selector& one) {
        return std::ranges::none_of(others, [&](const Selector& other) {
            return one.first.family() == other.first.family() &&
                   (one.protocol == 0 || other.protocol == 0 || one.protocol == other.protocol);
        });
    });
}

/// What the data path cannot hold a packet against.
void drop_unusable(Selectors& selectors)
{
    std::erase_if(selectors, [](const Selector& one) {
        const auto as_model = to_model({one}, 1);
        model::Policy policy;
        policy.name = "x";
        policy.action = model::Action::kProtect;
        policy.local = as_model;
        policy.remote = {{net::Prefix::any(one.first.family()), one.protocol, {}}};
        return as_model.empty() || !model::validate(policy).empty();
    });
}

/// The data path can hold packets against them as a whole.
bool make_a_policy(const Selectors& local, const Selectors& remote)
{
    model::Policy policy;
    policy.name = "x";
    policy.action = model::Action::kProtect;
    policy.local = to_model(local);
    policy.remote = to_model(remote);
    return model::validate(policy).empty();
}

std::vector<model::Proposal> offered_of(const SaPayload& sa, Groups groups)
{
    std::vector<model::Proposal> out;
    for (const auto& offered : sa.proposals)
        out.push_back(offered.proposal);
    if (groups == Groups::kNone)
        for (auto& proposal : out)
            std::erase_if(proposal.transforms,
                          [](const auto& t) { return t.type == model::TransformType::kKeyExchange; });
    return out;
}

std::optional<ChosenProposal> choose(const SaPayload& sa, const KePayload* ke, Groups groups,
                                     const model::ChildConfig& config)
{
    const auto offered = offered_of(sa, groups);
    const auto preferred =
        ke == nullptr ? KeyExchangeGroup::kNone : model::group_of(ke->group).value_or(KeyExchangeGroup::kNone);
    if (groups == Groups::kNone)
        return choose_proposal(offered, without_groups(esp_proposals_of(config)), KeyExchangeGroup::kNone);
    return choose_proposal(offered, esp_proposals_of(config), preferred);
}

Candidate hold(const IkeSa& ike, const ChildPayloads& request, Groups groups, const ChildConfigPtr& config)
{
    Candidate candidate{config, {}, {}, false, false, {}};
    if (request.transport != (config->mode == Mode::kTransport) && config->mode == Mode::kTransport)
        return candidate;  // a host-to-host child is no tunnel
    candidate.local = narrow(request.ts_r->selectors, resolve(config->local_ts, ike.local.address));
    candidate.remote = narrow(request.ts_i->selectors, resolve(config->remote_ts, ike.remote.address));
    for (Selectors* side : {&candidate.local, &candidate.remote})
        drop_unusable(*side);
    drop_partnerless(candidate.local, candidate.remote);
    drop_partnerless(candidate.remote, candidate.local);
    candidate.takes_first = !request.ts_r->selectors.empty() && !request.ts_i->selectors.empty() &&
                            contains(candidate.local, {request.ts_r->selectors.front()}) &&
                            contains(candidate.remote, {request.ts_i->selectors.front()});
    candidate.takes_all =
        contains(candidate.local, request.ts_r->selectors) && contains(candidate.remote, request.ts_i->selectors);
    if (!candidate.local.empty() && !candidate.remote.empty())
        candidate.proposal = choose(*request.sa, request.ke, groups, *config);
    return candidate;
}

/// The best of the configured children: one with a proposal before one without, one that takes all before one that
/// narrows, and of those one that takes what comes first.
Candidate find_candidate(const IkeSa& ike, const ChildPayloads& request, Groups groups, const ChildSa* rekeyed)
{
    if (rekeyed != nullptr)
        return hold(ike, request, groups, rekeyed->config);
    Candidate best;
    const auto rank = [](const Candidate& c) {
        const bool is_any = !c.local.empty() && !c.remote.empty();
        return is_any ? 1 + (c.takes_first ? 1 : 0) + (c.takes_all ? 2 : 0) + (c.proposal ? 4 : 0) : 0;
    };
    for (size_t i = 0; i < ike.connection->children.size(); i++) {
        Candidate candidate = hold(ike, request, groups, child_config_at(ike.connection, i));
        if (rank(candidate) > rank(best))
            best = std::move(candidate);
    }
    return best;
}

Bytes be32(uint32_t value)
{
    Bytes out(4);
    base::store_be32(out.data(), value);
    return out;
}

/// Fragments other than the first go with it where selectors have ports, too: the data path keeps state of them (RFC
/// 4301 section 7.3). Who asks for a child says so, who answers says it to a peer that did.
enum class Fragments : uint8_t { kAlso, kUnsaid };

/// What both directions of a child's negotiation have at their end.
void append_selectors(std::vector<Payload>& payloads, const Selectors& of_initiator, const Selectors& of_responder,
                      Mode mode, Fragments fragments)
{
    payloads.emplace_back(TsPayload{Which::kInitiator, of_initiator});
    payloads.emplace_back(TsPayload{Which::kResponder, of_responder});
    if (mode == Mode::kTransport)
        payloads.emplace_back(make_notify(NotifyType::kUseTransportMode));
    if (fragments == Fragments::kAlso)
        payloads.emplace_back(make_notify(NotifyType::kNonFirstFragmentsAlso));
}

/// Another child of the connection could have something of the request that `found` leaves out (section 2.9).
bool is_more_possible(const IkeSa& ike, const ChildPayloads& request, Groups groups, const Candidate& found)
{
    for (size_t i = 0; i < ike.connection->children.size(); i++) {
        const Candidate other = hold(ike, request, groups, child_config_at(ike.connection, i));
        if (other.proposal && !(contains(found.local, other.local) && contains(found.remote, other.remote)))
            return true;
    }
    return false;
}

uint32_t spi_of(const OfferedProposal& proposal)
{
    return proposal.spi.size() == 4 ? base::load_be32(proposal.spi.data()) : 0;
}

}  // namespace

std::span<const model::Proposal> esp_proposals_of(const model::ChildConfig& config)
{
    return config.esp_proposals.empty() ? model::default_esp_proposals() : config.esp_proposals;
}

std::span<const model::Proposal> ike_proposals_of(const model::IkeConnection& connection)
{
    return connection.proposals.empty() ? model::default_ike_proposals() : connection.proposals;
}

Selectors translate(const Selectors& selectors, const net::IpAddress& address)
{
    Selectors out = selectors;
    for (Selector& selector : out)
        if (selector.first == selector.last && selector.first.family() == address.family())
            selector.first = selector.last = address;
    return out;
}

NotifyPayload make_notify(NotifyType type, Bytes data)
{
    NotifyPayload out;
    out.type = type;
    out.data = std::move(data);
    return out;
}

Bytes be16(uint16_t value)
{
    Bytes out(2);
    base::store_be16(out.data(), value);
    return out;
}

Bytes make_nonce(Core& core)
{
    // At least half the key size of any of our PRFs (section 2.10).
    Bytes nonce(32);
    if (!core.host.random(nonce))
        nonce.clear();
    return nonce;
}

ChildPayloads read_child(const std::vector<Payload>& payloads)
{
    ChildPayloads out;
    for (const Payload& payload : payloads) {
        if (const auto* sa = std::get_if<SaPayload>(&payload))
            out.sa = sa;
        else if (const auto* ke = std::get_if<KePayload>(&payload))
            out.ke = ke;
        else if (const auto* nonce = std::get_if<NoncePayload>(&payload))
            out.nonce = nonce;
        else if (const auto* ts = std::get_if<TsPayload>(&payload))
            (ts->which == Which::kInitiator ? out.ts_i : out.ts_r) = ts;
        else if (const auto* notify = std::get_if<NotifyPayload>(&payload)) {
            out.transport = out.transport || notify->type == NotifyType::kUseTransportMode;
            out.takes_fragments = out.takes_fragments || notify->type == NotifyType::kNonFirstFragmentsAlso;
            out.takes_tfc = out.takes_tfc && notify->type != NotifyType::kEspTfcPaddingNotSupported;
        }
    }
    return out;
}

std::variant<AcceptedChild, Refusal> accept_child(Core& core, IkeSa& ike, const ChildPayloads& offer, Groups groups,
                                                  const ChildSa* rekeyed)
{
    ChildPayloads request = offer;
    TsPayload ts_i = *offer.ts_i;
    TsPayload ts_r = *offer.ts_r;
    if (request.transport && ike.uses_udp()) {
        ts_i.selectors = translate(ts_i.selectors, ike.remote.address);
        ts_r.selectors = translate(ts_r.selectors, ike.local.address);
        request.ts_i = &ts_i;
        request.ts_r = &ts_r;
    }
    Candidate found = find_candidate(ike, request, groups, rekeyed);
    if (found.local.empty() || found.remote.empty() || !make_a_policy(found.local, found.remote)) {
        core.log(LogLevel::kWarning, &ike, "traffic selectors %s === %s unacceptable",
                 to_string(request.ts_r->selectors).c_str(), to_string(request.ts_i->selectors).c_str());
        return Refusal{NotifyType::kTsUnacceptable, {}};
    }
    if (!found.proposal) {
        core.log(LogLevel::kWarning, &ike, "no acceptable ESP proposal found for '%s'", found.config->name.c_str());
        return Refusal{NotifyType::kNoProposalChosen, {}};
    }
    const auto suite = model::to_child_suite(found.proposal->proposal);
    const OfferedProposal& offered = request.sa->proposals[found.proposal->index];
    if (!suite || spi_of(offered) < 256)
        return Refusal{NotifyType::kNoProposalChosen, {}};
    if (groups == Groups::kAsProposed && suite->group != KeyExchangeGroup::kNone &&
        (request.ke == nullptr || request.ke->group != static_cast<uint16_t>(suite->group))) {
        core.log(LogLevel::kInfo, &ike, "DH group of the peer is not %s, requesting that",
                 std::string(model::to_string(suite->group)).c_str());
        return Refusal{NotifyType::kInvalidKePayload, be16(static_cast<uint16_t>(suite->group))};
    }
    auto spi = core.host.reserve_spi(ike.local.address, ike.remote.address);
    if (!spi) {
        core.log(LogLevel::kError, &ike, "unable to allocate SPI: %s", spi.error().what.c_str());
        return Refusal{NotifyType::kNoAdditionalSas, {}};
    }
    AcceptedChild out;
    out.takes_fragments = request.takes_fragments;
    out.is_more_possible = rekeyed == nullptr && !found.takes_all && is_more_possible(ike, request, groups, found);
    out.agreed.config = found.config;
    out.agreed.role = Role::kResponder;
    out.agreed.mode = request.transport && found.config->mode == Mode::kTransport ? Mode::kTransport : Mode::kTunnel;
    out.agreed.suite = *suite;
    out.agreed.local_ts = std::move(found.local);
    out.agreed.remote_ts = std::move(found.remote);
    out.agreed.spi_in = ReservedSpi(core.host, *spi);
    out.agreed.spi_out = spi_of(offered);
    out.agreed.predecessor = rekeyed != nullptr ? rekeyed->id : 0;
    out.agreed.peer_takes_tfc = request.takes_tfc;
    out.proposal_number = offered.number;
    out.proposal = std::move(found.proposal->proposal);
    out.group = suite->group;
    return out;
}

Result<ChildExchange> offer_child(Core& core, IkeSa& ike, const ChildConfigPtr& config, Groups groups,
                                  const PacketSelectors* packet)
{
    ChildExchange exchange;
    exchange.config = config;
    exchange.mode = config->mode;
    exchange.spi = ReservedSpi(core.host, GW_TRY(core.host.reserve_spi(ike.local.address, ike.remote.address)));
    const auto proposals = esp_proposals_of(*config);
    if (groups == Groups::kNone)
        exchange.proposals = without_groups(proposals);
    else
        exchange.proposals.assign(proposals.begin(), proposals.end());
    exchange.local_ts = resolve(config->local_ts, ike.local.address);
    exchange.remote_ts = resolve(config->remote_ts, ike.remote.address);
    if (packet != nullptr && contains(exchange.local_ts, {packet->local}) &&
        contains(exchange.remote_ts, {packet->remote})) {
        exchange.local_ts.insert(exchange.local_ts.begin(), packet->local);
        exchange.remote_ts.insert(exchange.remote_ts.begin(), packet->remote);
    }
    return exchange;
}

void append_offer(std::vector<Payload>& payloads, const ChildExchange& exchange)
{
    SaPayload sa;
    for (const auto& proposal : exchange.proposals)
        sa.proposals.push_back({static_cast<uint8_t>(sa.proposals.size() + 1), be32(exchange.spi.spi()), proposal});
    payloads.emplace_back(std::move(sa));
    if (!exchange.nonce.empty())
        payloads.emplace_back(NoncePayload{exchange.nonce});
    if (exchange.key_exchange) {
        const auto value = exchange.key_exchange->public_value();
        payloads.emplace_back(KePayload{exchange.key_exchange->method(), {value.begin(), value.end()}});
    }
    append_selectors(payloads, exchange.local_ts, exchange.remote_ts, exchange.mode, Fragments::kAlso);
}

void append_answer(std::vector<Payload>& payloads, const AcceptedChild& accepted, const AnswerKeys& keys)
{
    SaPayload sa;
    sa.proposals.push_back({accepted.proposal_number, be32(accepted.agreed.spi_in.spi()), accepted.proposal});
    payloads.emplace_back(std::move(sa));
    if (!keys.nonce.empty())
        payloads.emplace_back(NoncePayload{keys.nonce});
    if (keys.ke)
        payloads.emplace_back(*keys.ke);
    append_selectors(payloads, accepted.agreed.remote_ts, accepted.agreed.local_ts, accepted.agreed.mode,
                     accepted.takes_fragments ? Fragments::kAlso : Fragments::kUnsaid);
    if (accepted.is_more_possible)
        payloads.emplace_back(make_notify(NotifyType::kAdditionalTsPossible));
}

const NotifyPayload* find_refusal(const std::vector<Payload>& payloads)
{
    for (const Payload& payload : payloads)
        if (const auto* found = std::get_if<NotifyPayload>(&payload); found != nullptr && is_error(found->type))
            return found;
    return nullptr;
}

void new_child_is_up(Core& core, IkeSa& ike, ChildSa& child)
{
    core.log(LogLevel::kInfo, &ike, "CHILD_SA %s established with SPIs %08x_i %08x_o and TS %s === %s",
             child.name().c_str(), child.spi_in, child.spi_out, to_string(child.local_ts).c_str(),
             to_string(child.remote_ts).c_str());
    child.is_announced = true;
    core.emit(ChildUp{ike.id, child.id, ike.connection->name, child.config->name});
    start_child_timers(core, child);
    if (Loaded* loaded = core.find_loaded(ike.connection->name))
        loaded->wanted.erase(child.config->name);
    if (child.role == Role::kInitiator)
        core.emit(InitiateDone{ike.connection->name, child.config->name, {}});
}

void new_child_failed(Core& core, IkeSa& ike, const ChildConfigPtr& config, const std::string& reason)
{
    core.emit(InitiateDone{ike.connection->name, config->name, reason});
    child_failed(core, ike, *config);
}

Result<AgreedChild> conclude_child(IkeSa& ike, ChildExchange& exchange, const ChildPayloads& response, Groups groups)
{
    const auto wrong = [](const char* what) { return Error{ErrorCode::kInvalidArgument, what}; };
    if (response.sa == nullptr || response.ts_i == nullptr || response.ts_r == nullptr ||
        response.sa->proposals.size() != 1)
        return wrong("the response has no SA, TSi or TSr payload");
    const OfferedProposal& answer = response.sa->proposals.front();
    const auto is_ours = [&](const model::Proposal& offer) { return is_choice_of(answer.proposal, offer); };
    const auto suite = model::to_child_suite(answer.proposal);
    if (std::ranges::none_of(exchange.proposals, is_ours) || !suite || spi_of(answer) < 256)
        return wrong("the proposal chosen is none of ours");
    const bool has_group = suite->group != KeyExchangeGroup::kNone;
    if (groups == Groups::kAsProposed && has_group &&
        (response.ke == nullptr || !exchange.key_exchange || response.ke->group != exchange.key_exchange->method() ||
         response.ke->group != static_cast<uint16_t>(suite->group)))
        return wrong("the key exchange does not fit the proposal chosen");
    const bool is_translated = exchange.mode == Mode::kTransport && ike.uses_udp();
    const Selectors local =
        is_translated ? translate(response.ts_i->selectors, ike.local.address) : response.ts_i->selectors;
    const Selectors remote =
        is_translated ? translate(response.ts_r->selectors, ike.remote.address) : response.ts_r->selectors;
    if (local.empty() || remote.empty() || !contains(exchange.local_ts, local) || !contains(exchange.remote_ts, remote))
        return wrong("the traffic selectors chosen are not within ours");
    if (!make_a_policy(local, remote))
        return wrong("the traffic selectors chosen make no policy");
    if (exchange.mode == Mode::kTransport && !response.transport)
        return wrong("the peer wants tunnel mode");
    AgreedChild agreed;
    agreed.config = exchange.config;
    agreed.role = Role::kInitiator;
    agreed.mode = exchange.mode;
    agreed.suite = *suite;
    agreed.local_ts = local;
    agreed.remote_ts = remote;
    agreed.spi_in = std::move(exchange.spi);
    agreed.spi_out = spi_of(answer);
    agreed.predecessor = exchange.rekeys;
    agreed.peer_takes_tfc = response.takes_tfc;
    return agreed;
}

}  // namespace ipsecgw::ike
