// IKE_AUTH, the initiator's end (RFC 7296 section 1.2): who we are, who they are, and the first child.
#include <algorithm>
#include <utility>

#include "ike/connections_internal.h"
#include "ike/credentials.h"
#include "ike/exchanges_internal.h"
#include "ike/identities_internal.h"
#include "ike/lifecycle_internal.h"
#include "ike/negotiate_child_internal.h"
#include "ike/tasks_internal.h"
#include "ike/window_internal.h"

namespace ipsecgw::ike {
namespace {

using base::Error;
using base::ErrorCode;
using base::LogLevel;
using base::Result;

/// The keys with a PPK mixed in, when both ends know of PPKs and we have one; empty: without.
Result<std::optional<PpkKeys>> own_ppk_keys(Core& core, IkeSa& ike)
{
    const auto& connection = *ike.connection;
    if (!connection.ppk_id)
        return std::optional<PpkKeys>{};
    const base::SecretBytes* ppk = core.credentials.find_ppk(*connection.ppk_id);
    if (ppk == nullptr || !ike.handshake->peer_knows_ppk) {
        if (connection.ppk_required)
            return Error{ErrorCode::kPermissionDenied, ppk == nullptr ? "no PPK found" : "peer does not support PPKs"};
        return std::optional<PpkKeys>{};
    }
    auto mixed = GW_TRY(mix_ppk(*ike.keys, ppk->view()));
    return std::optional<PpkKeys>(std::move(mixed));
}

/// PPK_IDENTITY and, unless the PPK is required, NO_PPK_AUTH (RFC 8784 section 3).
Result<void> append_ppk(std::vector<Payload>& payloads, Core& core, IkeSa& ike, OwnAuthInput input)
{
    payloads.emplace_back(make_notify(NotifyType::kPpkIdentity, ppk_identity_data(*ike.connection->ppk_id)));
    if (ike.connection->ppk_required)
        return {};
    input.octets.sk_p = ike.keys->sk_pi.view();
    auto plain = GW_TRY(make_auth(core.credentials, input));
    payloads.emplace_back(make_notify(NotifyType::kNoPpkAuth, std::move(plain.data)));
    return {};
}

void append_certificates(std::vector<Payload>& payloads, Core& core, IkeSa& ike)
{
    const Asked asked = ike.handshake->certificates_asked ? Asked::kYes : Asked::kNo;
    for (auto& certificate : certificates_to_send(core.credentials, *ike.connection, asked))
        payloads.emplace_back(CertPayload{std::move(certificate)});
    for (auto& ask : certificate_requests(core.credentials, *ike.connection))
        payloads.emplace_back(CertReqPayload{std::move(ask)});
}

/// IDi to AUTH and what goes with them.
Result<void> append_proof(std::vector<Payload>& payloads, Core& core, IkeSa& ike)
{
    Handshake& handshake = *ike.handshake;
    const auto& connection = *ike.connection;
    ike.local_id = GW_TRY(own_identity(core.credentials, connection, ike.local.address));
    IdPayload id;
    id.which = Which::kInitiator;
    id.identity = ike.local_id;
    const Bytes body = id.body();
    payloads.emplace_back(std::move(id));
    append_certificates(payloads, core, ike);
    const bool knows_peer = names_one(connection.remote.id);
    if (knows_peer)
        payloads.emplace_back(IdPayload{Which::kResponder, connection.remote.id, {}});
    const auto mixed = GW_TRY(own_ppk_keys(core, ike));
    const model::Identity anybody;
    const OwnAuthInput input{connection,
                             ike.local_id,
                             knows_peer ? connection.remote.id : anybody,
                             ike.remote.address,
                             handshake.peer_hashes,
                             {handshake.init_request, handshake.nonce_r, body,
                              mixed ? mixed->sk_pi.view() : ike.keys->sk_pi.view(), hash_of(ike.keys->suite.prf)}};
    payloads.emplace_back(AuthPayload{GW_TRY(make_auth(core.credentials, input))});
    if (mixed)
        GW_TRY(append_ppk(payloads, core, ike, input));
    if (connection.unique != model::UniquePolicy::kNever && is_only_ike_sa(core, ike))
        payloads.emplace_back(make_notify(NotifyType::kInitialContact));
    core.log(LogLevel::kInfo, &ike, "authentication of '%s' (myself)", ike.local_id.to_string().c_str());
    return {};
}

/// The exchange brings up the IKE SA alone, its children follow (RFC 6023). An error: the peer cannot, and we must.
Result<bool> is_childless(const IkeSa& ike)
{
    switch (ike.connection->childless) {
        case model::Childless::kAllow:
        case model::Childless::kNever:
            return false;
        case model::Childless::kPrefer:
            return ike.handshake->peer_is_childless;
        case model::Childless::kForce:
            if (ike.handshake->peer_is_childless)
                return true;
            return Error{ErrorCode::kUnavailable, "peer does not support childless IKE_SAs",
                         "childless = force wants that"};
    }
    return false;
}

/// The child that travels with the exchange: the first that waits.
Result<void> append_child(std::vector<Payload>& payloads, Core& core, IkeSa& ike, Outstanding& request)
{
    if (GW_TRY(is_childless(ike)))
        return {};
    const auto first = std::ranges::find_if(
        ike.queue, [](const QueuedTask& queued) { return queued.task.kind == TaskKind::kNewChild; });
    if (first == ike.queue.end())
        return {};
    const ChildConfigPtr config = first->task.config;
    auto exchange = GW_TRY(offer_child(core, ike, config, Groups::kNone, first->task.packet.get()));
    append_offer(payloads, exchange);
    request.state = std::move(exchange);
    ike.queue.erase(first);
    return {};
}

/// The responder is who we want. The PPK is taken when it used it.
Result<PeerProof> verify_responder(Core& core, IkeSa& ike, const Message& response)
{
    const auto* id = find_identity(response.payloads, Which::kResponder);
    const auto* auth = find_payload<AuthPayload>(response.payloads);
    if (id == nullptr || auth == nullptr)
        return Error{ErrorCode::kPermissionDenied, "it sent no IDr or AUTH payload"};
    const Handshake& handshake = *ike.handshake;
    auto mixed = GW_TRY(own_ppk_keys(core, ike));
    const bool used_ppk = find_notify(response.payloads, NotifyType::kPpkIdentity) != nullptr;
    if (used_ppk && !mixed)
        return Error{ErrorCode::kPermissionDenied, "it uses a PPK we did not offer"};
    if (!used_ppk && ike.connection->ppk_required)
        return Error{ErrorCode::kPermissionDenied, "it did not use the required PPK"};
    if (!used_ppk)
        mixed.reset();
    const auto certificates = certificates_of(response);
    const Bytes body = id->body();
    const PeerAuthInput input{*ike.connection,
                              ike.local_id,
                              id->identity,
                              ike.remote.address,
                              auth->auth,
                              certificates,
                              {handshake.init_response, handshake.nonce_i, body,
                               mixed ? mixed->sk_pr.view() : ike.keys->sk_pr.view(), hash_of(ike.keys->suite.prf)},
                              core.host.unix_seconds()};
    auto proof = GW_TRY(verify_auth(core.credentials, input));
    ike.remote_id = id->identity;
    ike.uses_ppk = used_ppk;
    if (mixed)
        adopt(*ike.keys, std::move(*mixed));
    return proof;
}

/// The first child of a response; its failure leaves the IKE SA up.
void conclude_first_child(Core& core, IkeSa& ike, ChildExchange& exchange, const Bytes& nonce_i, const Bytes& nonce_r,
                          const Message& response)
{
    const std::string name = exchange.config->name;
    if (const auto* refusal = find_refusal(response.payloads)) {
        core.log(LogLevel::kWarning, &ike, "received %s notify, no CHILD_SA built", to_string(refusal->type).c_str());
        new_child_failed(core, ike, exchange.config, "received " + to_string(refusal->type));
        return;
    }
    const uint32_t spi_in = exchange.spi.spi();
    auto agreed = conclude_child(ike, exchange, read_child(response.payloads), Groups::kNone);
    if (!agreed) {
        core.log(LogLevel::kWarning, &ike, "CHILD_SA '%s' cannot be built: %s", name.c_str(),
                 agreed.error().what.c_str());
        new_child_failed(core, ike, exchange.config, agreed.error().what);
        enqueue(core, ike, Task::delete_child(0, spi_in));
        return;
    }
    auto keys = derive_child_keys(*ike.keys, {agreed->suite.esp, nonce_i, nonce_r, {}});
    if (!keys) {
        new_child_failed(core, ike, exchange.config, keys.error().what);
        enqueue(core, ike, Task::delete_child(0, spi_in));
        return;
    }
    ChildSa& child = add_child(core, ike, std::move(*agreed), std::move(*keys));
    activate_outbound(core, ike, child);
    new_child_is_up(core, ike, child);
}

}  // namespace

void start_ike_auth(Core& core, IkeSa& ike)
{
    std::vector<Payload> payloads;
    auto request = std::make_unique<Outstanding>();
    request->task = Task{TaskKind::kEstablish};
    request->exchange = ExchangeType::kIkeAuth;
    auto proof = append_proof(payloads, core, ike);
    if (proof)
        proof = append_child(payloads, core, ike, *request);
    if (!proof) {
        core.log(LogLevel::kError, &ike, "unable to authenticate: %s", proof.error().what.c_str());
        fail_attempt(core, ike, proof.error().what);
        return;
    }
    if (!send_request(core, ike, std::move(request), payloads))
        fail_attempt(core, ike, "the IKE_AUTH request cannot be built");
}

void on_ike_auth_response(Core& core, IkeSa& ike, Outstanding& request, const Message& response)
{
    auto* exchange = std::get_if<ChildExchange>(&request.state);
    const auto give_child_back = [&] {
        if (exchange != nullptr)
            ike.queue.insert(ike.queue.begin(), QueuedTask{Task::new_child(exchange->config), 0});
    };
    if (find_payload<AuthPayload>(response.payloads) == nullptr)
        if (const auto* error = find_refusal(response.payloads)) {
            core.log(LogLevel::kWarning, &ike, "received %s notify error", to_string(error->type).c_str());
            give_child_back();
            fail_attempt(core, ike, "received " + to_string(error->type));
            return;
        }
    const auto proof = verify_responder(core, ike, response);
    if (!proof) {
        core.log(LogLevel::kWarning, &ike, "authentication of '%s' failed: %s", ike.remote.address.to_string().c_str(),
                 proof.error().what.c_str());
        give_child_back();
        attempt_failed(core, ike, AttemptEnd::kRefused, "peer not authentic: " + proof.error().what);
        ike.state = IkeState::kDeleting;
        if (!start_refuse_auth(core, ike))
            core.destroy(ike);
        return;
    }
    core.log(LogLevel::kInfo, &ike, "authentication of '%s' with %s successful", ike.remote_id.to_string().c_str(),
             proof->method.c_str());
    const Bytes nonce_i = ike.handshake->nonce_i;
    const Bytes nonce_r = ike.handshake->nonce_r;
    ike_established(core, ike);
    register_identities(core, ike);
    if (exchange != nullptr)
        conclude_first_child(core, ike, *exchange, nonce_i, nonce_r, response);
    enforce_uniqueness(core, ike);
}

}  // namespace ipsecgw::ike
