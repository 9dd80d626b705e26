// CREATE_CHILD_SA whose child is an IKE SA (RFC 7296 sections 1.3.2 and 2.18).
#include <algorithm>
#include <utility>

#include "base/byte_order.h"
#include "ike/choose_proposal.h"
#include "ike/collisions_internal.h"
#include "ike/exchanges_internal.h"
#include "ike/identities_internal.h"
#include "ike/lifecycle_internal.h"
#include "ike/negotiate_child_internal.h"
#include "ike/tasks_internal.h"
#include "ike/window_internal.h"

namespace ipsecgw::ike {
namespace {

using base::LogLevel;
using model::KeyExchangeGroup;

constexpr uint32_t kMaxGroupRetries = 3;

Bytes be64(uint64_t value)
{
    Bytes out(8);
    base::store_be64(out.data(), value);
    return out;
}

uint64_t spi_of(const OfferedProposal& proposal)
{
    return proposal.spi.size() == 8 ? base::load_be64(proposal.spi.data()) : 0;
}

/// An IKE SA that continues `old`, without keys yet.
IkeSa* create_heir(Core& core, const IkeSa& old, Role role)
{
    IkeSa* heir = core.create_ike_sa(old.connection, role);
    if (heir == nullptr)
        return nullptr;
    heir->predecessor = old.id;
    heir->local = old.local;
    heir->remote = old.remote;
    heir->local_id = old.local_id;
    heir->remote_id = old.remote_id;
    heir->nat_local = old.nat_local;
    heir->nat_remote = old.nat_remote;
    heir->is_behind_nat = old.is_behind_nat;
    heir->peer_fragments = old.peer_fragments;
    heir->uses_ppk = old.uses_ppk;
    return heir;
}

/// The new IKE SA's keys, from those of the old one.
struct RekeyedKeys {
    model::IkeSuite suite;
    std::span<const uint8_t> nonce_i, nonce_r;
    std::span<const uint8_t> secret;
};
bool make_heir_keys(Core& core, const IkeSa& old, IkeSa& heir, const RekeyedKeys& from)
{
    KeyInputs inputs;
    inputs.suite = from.suite;
    inputs.nonce_i = from.nonce_i;
    inputs.nonce_r = from.nonce_r;
    inputs.spi_i = heir.spi_i;
    inputs.spi_r = heir.spi_r;
    auto keys = derive_rekeyed_keys(inputs, from.secret, *old.keys);
    if (!keys) {
        core.log(LogLevel::kError, &old, "deriving keys failed: %s", keys.error().what.c_str());
        return false;
    }
    heir.keys = std::move(*keys);
    heir.state = IkeState::kEstablished;
    heir.established_ns = core.now_ns;
    register_identities(core, heir);
    tell_keys(core, heir);
    return true;
}

uint64_t new_spi(Core& core)
{
    std::array<uint8_t, 8> bytes{};
    uint64_t spi = 0;
    while ((spi == 0 || core.by_spi.contains(spi)) && core.host.random(bytes))
        spi = base::load_be64(bytes.data());
    return spi;
}

bool send_rekey_request(Core& core, IkeSa& ike, IkeRekeyExchange exchange, KeyExchangeGroup group)
{
    auto made = crypto::KeyExchange::create(static_cast<uint16_t>(group));
    exchange.nonce = make_nonce(core);
    if (!made || exchange.nonce.empty() || exchange.spi == 0) {
        core.log(LogLevel::kError, &ike, "unable to rekey: %s", made ? "no random bytes" : made.error().what.c_str());
        return false;
    }
    exchange.key_exchange = std::move(*made);
    SaPayload sa;
    for (const auto& proposal : ike_proposals_of(*ike.connection))
        sa.proposals.push_back({static_cast<uint8_t>(sa.proposals.size() + 1), be64(exchange.spi), proposal});
    const auto value = exchange.key_exchange->public_value();
    const std::vector<Payload> payloads{std::move(sa), NoncePayload{exchange.nonce},
                                        KePayload{static_cast<uint16_t>(group), {value.begin(), value.end()}}};
    auto request = std::make_unique<Outstanding>();
    request->task = Task{TaskKind::kRekeyIke};
    request->exchange = ExchangeType::kCreateChildSa;
    request->state = std::move(exchange);
    return send_request(core, ike, std::move(request), payloads);
}

/// A child is being made, rekeyed or closed, or the IKE SA itself (section 2.25.2).
bool is_busy(const IkeSa& ike)
{
    if (ike.heir != 0 || !ike.is_up())
        return true;
    if (ike.outstanding == nullptr)
        return false;
    const Task& task = ike.outstanding->task;
    return task.kind != TaskKind::kRekeyIke && task.kind != TaskKind::kLiveness;
}

struct ChosenRekey {
    ChosenProposal proposal;
    model::IkeSuite suite;
    uint64_t spi = 0;
    uint8_t number = 1;
};

std::optional<ChosenRekey> choose(const IkeSa& ike, const SaPayload& sa, const KePayload& ke)
{
    std::vector<model::Proposal> offered;
    for (const auto& proposal : sa.proposals)
        offered.push_back(proposal.proposal);
    auto chosen = choose_proposal(offered, ike_proposals_of(*ike.connection),
                                  model::group_of(ke.group).value_or(KeyExchangeGroup::kNone));
    if (!chosen)
        return std::nullopt;
    const auto suite = model::to_ike_suite(chosen->proposal);
    const OfferedProposal& offer = sa.proposals[chosen->index];
    if (!suite || spi_of(offer) == 0)
        return std::nullopt;
    return ChosenRekey{std::move(*chosen), *suite, spi_of(offer), offer.number};
}

/// A request that may be done: makes the heir and answers.
void answer_rekey(Core& core, IkeSa& ike, const Message& request, const ChosenRekey& chosen)
{
    const auto& nonce_i = find_payload<NoncePayload>(request.payloads)->data;
    const auto& ke = *find_payload<KePayload>(request.payloads);
    const Bytes nonce_r = make_nonce(core);
    auto made = crypto::KeyExchange::create(ke.group);
    auto secret = made ? made->shared_secret(ke.data) : base::Result<base::SecretBytes>(made.error());
    if (!secret || nonce_r.empty()) {
        core.log(LogLevel::kWarning, &ike, "DH public value of the peer refused");
        send_notify_response(core, ike, request.header, NotifyType::kInvalidSyntax);
        return;
    }
    IkeSa* heir = create_heir(core, ike, Role::kResponder);
    if (heir != nullptr)
        heir->spi_i = chosen.spi;
    if (heir == nullptr || !make_heir_keys(core, ike, *heir, {chosen.suite, nonce_i, nonce_r, secret->view()})) {
        if (heir != nullptr)
            core.destroy(*heir);
        send_notify_response(core, ike, request.header, NotifyType::kTemporaryFailure);
        return;
    }
    SaPayload sa;
    sa.proposals.push_back({chosen.number, be64(heir->spi_r), chosen.proposal.proposal});
    const auto value = made->public_value();
    const std::vector<Payload> payloads{std::move(sa), NoncePayload{nonce_r},
                                        KePayload{ke.group, {value.begin(), value.end()}}};
    send_response(core, ike, request.header, payloads);
    peer_rekeyed_ike(core, ike, *heir, lowest_nonce(nonce_i, nonce_r));
}

bool retry_with_group(Core& core, IkeSa& ike, IkeRekeyExchange& exchange, const NotifyPayload& refusal)
{
    if (refusal.type != NotifyType::kInvalidKePayload || refusal.data.size() != 2 || ike.heir != 0 ||
        ++exchange.group_retries > kMaxGroupRetries)
        return false;
    const auto group = static_cast<KeyExchangeGroup>(base::load_be16(refusal.data.data()));
    if (!allows_group(ike_proposals_of(*ike.connection), group) ||
        exchange.key_exchange->method() == static_cast<uint16_t>(group))
        return false;
    return send_rekey_request(core, ike, std::move(exchange), group);
}

/// The heir a response makes; null: it makes none.
IkeSa* conclude_rekey(Core& core, IkeSa& ike, const IkeRekeyExchange& exchange, const Message& response)
{
    const auto* sa = find_payload<SaPayload>(response.payloads);
    const auto* ke = find_payload<KePayload>(response.payloads);
    const auto* nonce = find_payload<NoncePayload>(response.payloads);
    if (sa == nullptr || ke == nullptr || nonce == nullptr || sa->proposals.size() != 1 ||
        spi_of(sa->proposals.front()) == 0)
        return nullptr;
    const model::Proposal& answer = sa->proposals.front().proposal;
    const auto suite = model::to_ike_suite(answer);
    const auto offers = ike_proposals_of(*ike.connection);
    if (!suite || std::ranges::none_of(offers, [&](const auto& offer) { return is_choice_of(answer, offer); }) ||
        ke->group != exchange.key_exchange->method() || ke->group != static_cast<uint16_t>(suite->group))
        return nullptr;
    const auto secret = exchange.key_exchange->shared_secret(ke->data);
    IkeSa* heir = secret ? create_heir(core, ike, Role::kInitiator) : nullptr;
    if (heir == nullptr)
        return nullptr;
    core.change_spi(*heir, exchange.spi);
    heir->spi_r = spi_of(sa->proposals.front());
    if (make_heir_keys(core, ike, *heir, {*suite, exchange.nonce, nonce->data, secret->view()}))
        return heir;
    core.destroy(*heir);
    return nullptr;
}

}  // namespace

bool start_rekey_ike(Core& core, IkeSa& ike)
{
    if (ike.state != IkeState::kEstablished || ike.is_heir_undecided)
        return false;
    const auto proposals = ike_proposals_of(*ike.connection);
    const auto last = ike.keys->suite.group;
    core.log(LogLevel::kInfo, &ike, "initiating IKE_SA %s rekeying", ike.name().c_str());
    IkeRekeyExchange exchange;
    exchange.spi = new_spi(core);
    if (!send_rekey_request(core, ike, std::move(exchange),
                            allows_group(proposals, last) ? last : first_group(proposals)))
        return false;
    ike.state = IkeState::kRekeying;
    return true;
}

void on_rekey_ike_request(Core& core, IkeSa& ike, const Message& request)
{
    const auto* sa = find_payload<SaPayload>(request.payloads);
    const auto* ke = find_payload<KePayload>(request.payloads);
    if (ke == nullptr || find_payload<NoncePayload>(request.payloads) == nullptr) {
        send_notify_response(core, ike, request.header, NotifyType::kInvalidSyntax);
        return;
    }
    if (is_busy(ike)) {
        send_notify_response(core, ike, request.header, NotifyType::kTemporaryFailure);
        return;
    }
    const auto chosen = choose(ike, *sa, *ke);
    if (!chosen) {
        core.log(LogLevel::kWarning, &ike, "no acceptable IKE proposal found for rekeying");
        send_notify_response(core, ike, request.header, NotifyType::kNoProposalChosen);
        return;
    }
    if (ke->group != static_cast<uint16_t>(chosen->suite.group)) {
        send_notify_response(core, ike, request.header, NotifyType::kInvalidKePayload,
                             be16(static_cast<uint16_t>(chosen->suite.group)));
        return;
    }
    answer_rekey(core, ike, request, *chosen);
}

void on_rekey_ike_response(Core& core, IkeSa& ike, Outstanding& request, const Message& response)
{
    auto& exchange = std::get<IkeRekeyExchange>(request.state);
    if (const auto* refusal = find_refusal(response.payloads)) {
        if (retry_with_group(core, ike, exchange, *refusal))
            return;
        core.log(LogLevel::kInfo, &ike, "received %s notify, IKE_SA not rekeyed", to_string(refusal->type).c_str());
        own_ike_rekey_refused(core, ike, exchange, refusal->type);
        return;
    }
    IkeSa* heir = conclude_rekey(core, ike, exchange, response);
    if (heir == nullptr) {
        core.log(LogLevel::kWarning, &ike, "the response to the rekeying makes no IKE_SA");
        own_ike_rekey_refused(core, ike, exchange, NotifyType::kNoProposalChosen);
        return;
    }
    own_ike_rekey_done(core, ike, exchange, *heir,
                       lowest_nonce(exchange.nonce, find_payload<NoncePayload>(response.payloads)->data));
}

}  // namespace ipsecgw::ike
