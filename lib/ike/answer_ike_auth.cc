// IKE_AUTH, the responder's end (RFC 7296 section 1.2).
#include <algorithm>
#include <utility>

#include "ike/choose_proposal.h"
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

constexpr uint8_t kSharedKeyMic = 2;  // IANA authentication method

/// The connection serves this peer: the algorithms chosen, the identity it wants of us, and the way it proves itself.
bool fits(const IkeSa& ike, const model::IkeConnection& connection, const IdPayload* wanted, const AuthPayload& auth)
{
    const bool is_psk = auth.auth.method == kSharedKeyMic;
    if (is_psk != (connection.remote.auth.method == model::AuthMethod::kPsk))
        return false;
    if (wanted != nullptr && !connection.local.id.is_any() && !connection.local.id.matches(wanted->identity))
        return false;
    const auto& suite = ike.keys->suite;
    return allows_group(ike_proposals_of(connection), suite.group) &&
           std::ranges::any_of(ike_proposals_of(connection), [&](const model::Proposal& proposal) {
               return proposal.has(model::to_transform(suite.cipher.encryption, suite.cipher.key_bits)) &&
                      proposal.has(model::to_transform(suite.prf));
           });
}

/// The PPK the initiator named, mixed in; empty: none is used. `no_ppk_auth` then replaces AUTH (RFC 8784 section 3).
struct PpkChoice {
    std::optional<PpkKeys> mixed;
    const NotifyPayload* no_ppk_auth = nullptr;
};
Result<PpkChoice> choose_ppk(Core& core, const IkeSa& ike, const Message& request)
{
    const auto& connection = *ike.connection;
    const auto* named = find_notify(request.payloads, NotifyType::kPpkIdentity);
    PpkChoice choice;
    if (named != nullptr && connection.ppk_id && is_ppk_identity(*named, *connection.ppk_id))
        if (const auto* ppk = core.credentials.find_ppk(*connection.ppk_id)) {
            auto mixed = GW_TRY(mix_ppk(*ike.keys, ppk->view()));
            choice.mixed = std::move(mixed);
            return choice;
        }
    if (connection.ppk_required)
        return Error{ErrorCode::kPermissionDenied, "it did not use the required PPK"};
    if (named != nullptr) {
        choice.no_ppk_auth = find_notify(request.payloads, NotifyType::kNoPpkAuth);
        if (choice.no_ppk_auth == nullptr)
            return Error{ErrorCode::kPermissionDenied, "it requires a PPK we do not have"};
    }
    return choice;
}

Result<PeerProof> verify_initiator(Core& core, IkeSa& ike, const Message& request, const PpkChoice& ppk)
{
    const Handshake& handshake = *ike.handshake;
    const auto* id = find_identity(request.payloads, Which::kInitiator);
    AuthData auth = find_payload<AuthPayload>(request.payloads)->auth;
    if (ppk.no_ppk_auth != nullptr)
        auth.data = ppk.no_ppk_auth->data;
    const auto certificates = certificates_of(request);
    const Bytes body = id->body();
    const PeerAuthInput input{
        *ike.connection,
        ike.local_id,
        id->identity,
        ike.remote.address,
        auth,
        certificates,
        {handshake.init_request, handshake.nonce_r, body, ppk.mixed ? ppk.mixed->sk_pi.view() : ike.keys->sk_pi.view(),
         hash_of(ike.keys->suite.prf)},
        core.host.unix_seconds()};
    return verify_auth(core.credentials, input);
}

/// Takes the first connection the peer's identity and proof fit. The error is that of the last one tried.
Result<PeerProof> authenticate(Core& core, IkeSa& ike, const Message& request, PpkChoice& ppk)
{
    const auto* id = find_identity(request.payloads, Which::kInitiator);
    const auto* wanted = find_identity(request.payloads, Which::kResponder);
    const auto* auth = find_payload<AuthPayload>(request.payloads);
    if (id == nullptr || auth == nullptr)
        return Error{ErrorCode::kPermissionDenied, "it sent no IDi or AUTH payload (EAP is not supported)"};
    ike.remote_id = id->identity;
    Result<PeerProof> last = Error{ErrorCode::kPermissionDenied,
                                   "no connection matches '" + id->identity.to_string() + "' and its proposal"};
    // A few tries: each may cost a signature.
    constexpr int kMaxTries = 4;
    int tries = 0;
    for (const auto& candidate : core.directory.by_identity(ike.local.address, ike.remote.address, id->identity)) {
        if (!fits(ike, *candidate, wanted, *auth) || ++tries > kMaxTries)
            continue;
        core.set_connection(ike, candidate);
        auto own = own_identity(core.credentials, *candidate, ike.local.address);
        if (!own) {
            last = std::move(own).error();
            continue;
        }
        ike.local_id = std::move(*own);
        auto choice = choose_ppk(core, ike, request);
        if (!choice) {
            last = std::move(choice).error();
            continue;
        }
        ppk = std::move(*choice);
        last = verify_initiator(core, ike, request, ppk);
        if (last)
            return last;
    }
    return last;
}

Result<void> append_own_proof(std::vector<Payload>& payloads, Core& core, IkeSa& ike, PpkChoice& ppk)
{
    const Handshake& handshake = *ike.handshake;
    IdPayload id;
    id.which = Which::kResponder;
    id.identity = ike.local_id;
    const Bytes body = id.body();
    payloads.emplace_back(std::move(id));
    const Asked asked = handshake.certificates_asked ? Asked::kYes : Asked::kNo;
    for (auto& certificate : certificates_to_send(core.credentials, *ike.connection, asked))
        payloads.emplace_back(CertPayload{std::move(certificate)});
    const OwnAuthInput input{
        *ike.connection,
        ike.local_id,
        ike.remote_id,
        ike.remote.address,
        handshake.peer_hashes,
        {handshake.init_response, handshake.nonce_i, body, ppk.mixed ? ppk.mixed->sk_pr.view() : ike.keys->sk_pr.view(),
         hash_of(ike.keys->suite.prf)}};
    payloads.emplace_back(AuthPayload{GW_TRY(make_auth(core.credentials, input))});
    if (ppk.mixed) {
        payloads.emplace_back(make_notify(NotifyType::kPpkIdentity));
        adopt(*ike.keys, std::move(*ppk.mixed));
        ike.uses_ppk = true;
    }
    return {};
}

/// The child that came along. Null: none, or refused with a notify in `payloads`; the IKE SA does not mind.
ChildSa* answer_child(std::vector<Payload>& payloads, Core& core, IkeSa& ike, const ChildPayloads& wanted,
                      const Bytes& nonce_i, const Bytes& nonce_r)
{
    if (wanted.sa == nullptr || wanted.ts_i == nullptr || wanted.ts_r == nullptr)
        return nullptr;
    auto accepted = accept_child(core, ike, wanted, Groups::kNone, nullptr);
    if (const auto* refusal = std::get_if<Refusal>(&accepted)) {
        payloads.emplace_back(make_notify(refusal->type, refusal->data));
        return nullptr;
    }
    auto& child = std::get<AcceptedChild>(accepted);
    auto keys = derive_child_keys(*ike.keys, {child.agreed.suite.esp, nonce_i, nonce_r, {}});
    if (!keys) {
        payloads.emplace_back(make_notify(NotifyType::kNoProposalChosen));
        return nullptr;
    }
    append_answer(payloads, child, {});
    return &add_child(core, ike, std::move(child.agreed), std::move(*keys));
}

/// Refused: the answer is repeated as long as a half-open SA stays.
void refuse(Core& core, IkeSa& ike, const Message& request, NotifyType why = NotifyType::kAuthenticationFailed)
{
    core.counts.failed++;
    ike.is_refused = true;
    send_notify_response(core, ike, request.header, why);
}

/// A child came, or none, where the connection wants it otherwise (RFC 6023); empty: it is as wanted.
std::string objection_to_childlessness(const IkeSa& ike, const ChildPayloads& wanted)
{
    const bool has_child = wanted.sa != nullptr || wanted.ts_i != nullptr || wanted.ts_r != nullptr;
    if (has_child && ike.connection->childless == model::Childless::kForce)
        return "a CHILD_SA came with IKE_AUTH, and childless is force";
    if (!has_child && ike.connection->childless == model::Childless::kNever)
        return "no CHILD_SA came with IKE_AUTH, and childless is never";
    return {};
}

}  // namespace

void on_ike_auth_request(Core& core, IkeSa& ike, const Message& request)
{
    if (ike.is_refused)
        return;
    Handshake& handshake = *ike.handshake;
    handshake.certificates_asked =
        handshake.certificates_asked || find_payload<CertReqPayload>(request.payloads) != nullptr;
    PpkChoice ppk;
    const auto proof = authenticate(core, ike, request, ppk);
    if (!proof) {
        core.log(LogLevel::kWarning, &ike, "authentication of '%s' failed: %s", ike.remote_id.to_string().c_str(),
                 proof.error().what.c_str());
        refuse(core, ike, request);
        return;
    }
    core.log(LogLevel::kInfo, &ike, "authentication of '%s' with %s successful", ike.remote_id.to_string().c_str(),
             proof->method.c_str());
    if (ike.connection->unique == model::UniquePolicy::kKeep && !twins_of(core, ike).empty()) {
        core.log(LogLevel::kInfo, &ike, "cancelling IKE_SA setup due to uniqueness policy");
        refuse(core, ike, request);
        return;
    }
    const ChildPayloads wanted = read_child(request.payloads);
    if (const std::string objection = objection_to_childlessness(ike, wanted); !objection.empty()) {
        core.log(LogLevel::kWarning, &ike, "IKE_SA refused: %s", objection.c_str());
        refuse(core, ike, request, NotifyType::kInvalidSyntax);
        return;
    }
    std::vector<Payload> payloads;
    if (const auto own = append_own_proof(payloads, core, ike, ppk); !own) {
        core.log(LogLevel::kError, &ike, "unable to authenticate: %s", own.error().what.c_str());
        refuse(core, ike, request);
        return;
    }
    const Bytes nonce_i = handshake.nonce_i;
    const Bytes nonce_r = handshake.nonce_r;
    ike_established(core, ike);
    if (find_notify(request.payloads, NotifyType::kInitialContact) != nullptr)
        on_initial_contact(core, ike);
    register_identities(core, ike);
    ChildSa* child = answer_child(payloads, core, ike, wanted, nonce_i, nonce_r);
    send_response(core, ike, request.header, payloads);
    if (child != nullptr) {
        activate_outbound(core, ike, *child);
        new_child_is_up(core, ike, *child);
    }
    enforce_uniqueness(core, ike);
    start_next_task(core, ike);
}

}  // namespace ipsecgw::ike
