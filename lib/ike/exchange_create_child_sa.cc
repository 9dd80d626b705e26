// CREATE_CHILD_SA for child SAs (RFC 7296 sections 1.3.1 and 1.3.3): new ones and rekeyed ones.
#include <algorithm>
#include <utility>

#include "base/byte_order.h"
#include "ike/choose_proposal.h"
#include "ike/collisions_internal.h"
#include "ike/exchanges_internal.h"
#include "ike/negotiate_child_internal.h"
#include "ike/tasks_internal.h"
#include "ike/window_internal.h"

namespace ipsecgw::ike {
namespace {

using base::LogLevel;
using model::KeyExchangeGroup;

/// A peer that asks for one group after another is playing.
constexpr uint32_t kMaxGroupRetries = 3;

NotifyPayload rekey_notify(const ChildSa& child)
{
    NotifyPayload out = make_notify(NotifyType::kRekeySa);
    out.protocol = model::ProtocolId::kEsp;
    out.spi.resize(4);
    base::store_be32(out.spi.data(), child.spi_in);
    return out;
}

/// With perfect forward secrecy, a key pair; the same group as the child had, if it may have it again.
bool make_key_pair(Core& core, IkeSa& ike, ChildExchange& exchange, KeyExchangeGroup group)
{
    if (group == KeyExchangeGroup::kNone)
        return true;
    auto made = crypto::KeyExchange::create(static_cast<uint16_t>(group));
    if (!made) {
        core.log(LogLevel::kError, &ike, "key exchange failed: %s", made.error().what.c_str());
        return false;
    }
    exchange.key_exchange = std::move(*made);
    return true;
}

bool send_child_request(Core& core, IkeSa& ike, ChildExchange exchange, KeyExchangeGroup group)
{
    exchange.nonce = make_nonce(core);
    if (exchange.nonce.empty() || !make_key_pair(core, ike, exchange, group))
        return false;
    std::vector<Payload> payloads;
    auto request = std::make_unique<Outstanding>();
    if (exchange.rekeys != 0) {
        request->task = Task::rekey_child(exchange.rekeys);
        if (const ChildSa* old = ike.find_child(exchange.rekeys))
            payloads.emplace_back(rekey_notify(*old));
    } else {
        request->task = Task::new_child(exchange.config);
    }
    request->exchange = ExchangeType::kCreateChildSa;
    append_offer(payloads, exchange);
    request->state = std::move(exchange);
    return send_request(core, ike, std::move(request), payloads);
}

/// What an answer to CREATE_CHILD_SA needs and a request must have.
bool is_complete(const ChildPayloads& child)
{
    return child.sa != nullptr && child.nonce != nullptr && child.ts_i != nullptr && child.ts_r != nullptr;
}

/// The peer may not touch children now (section 2.25.2).
bool is_busy(const IkeSa& ike)
{
    return ike.state != IkeState::kEstablished || ike.heir != 0 ||
           (ike.outstanding != nullptr &&
            (ike.outstanding->task.kind == TaskKind::kRekeyIke || ike.outstanding->task.kind == TaskKind::kDeleteIke));
}

/// Our half of the answer's key exchange, and the shared secret. False: the peer's value is none.
bool answer_key_exchange(Core& core, IkeSa& ike, const KePayload& peer, AnswerKeys& answer, base::SecretBytes& secret)
{
    auto made = crypto::KeyExchange::create(peer.group);
    if (!made)
        return false;
    auto shared = made->shared_secret(peer.data);
    if (!shared) {
        core.log(LogLevel::kWarning, &ike, "DH public value of the peer refused: %s", shared.error().what.c_str());
        return false;
    }
    const auto value = made->public_value();
    answer.ke = KePayload{peer.group, {value.begin(), value.end()}};
    secret = std::move(*shared);
    return true;
}

/// The child is agreed: install its receive side, answer, and let it take its place.
void answer_child(Core& core, IkeSa& ike, const Message& request, const ChildPayloads& wanted, AcceptedChild accepted)
{
    AnswerKeys answer;
    base::SecretBytes secret;
    answer.nonce = make_nonce(core);
    if (answer.nonce.empty() ||
        (accepted.group != KeyExchangeGroup::kNone && !answer_key_exchange(core, ike, *wanted.ke, answer, secret))) {
        send_notify_response(core, ike, request.header, NotifyType::kInvalidSyntax);
        return;
    }
    auto keys =
        derive_child_keys(*ike.keys, {accepted.agreed.suite.esp, wanted.nonce->data, answer.nonce, secret.view()});
    if (!keys) {
        send_notify_response(core, ike, request.header, NotifyType::kNoProposalChosen);
        return;
    }
    const ChildSaId predecessor = accepted.agreed.predecessor;
    std::vector<Payload> payloads;
    append_answer(payloads, accepted, answer);
    ChildSa& child = add_child(core, ike, std::move(accepted.agreed), std::move(*keys));
    send_response(core, ike, request.header, payloads);
    if (ChildSa* old = ike.find_child(predecessor)) {
        core.log(LogLevel::kInfo, &ike, "inbound CHILD_SA %s established with SPIs %08x_i %08x_o, rekeying %s",
                 child.name().c_str(), child.spi_in, child.spi_out, old->name().c_str());
        start_child_timers(core, child);
        peer_rekeyed_child(core, ike, *old, child, lowest_nonce(wanted.nonce->data, answer.nonce));
    } else {
        activate_outbound(core, ike, child);
        new_child_is_up(core, ike, child);
    }
}

/// CHILD_SA_NOT_FOUND names the SPI it did not find.
void answer_not_found(Core& core, IkeSa& ike, const Message& request, const NotifyPayload& rekey)
{
    NotifyPayload notify = make_notify(NotifyType::kChildSaNotFound);
    notify.protocol = rekey.protocol;
    notify.spi = rekey.spi;
    const Payload payload = std::move(notify);
    send_response(core, ike, request.header, {&payload, 1});
}

/// The next try with the group the peer asked for. False: it makes no sense.
bool retry_with_group(Core& core, IkeSa& ike, ChildExchange& exchange, const NotifyPayload& refusal)
{
    if (refusal.type != NotifyType::kInvalidKePayload || refusal.data.size() != 2 || !exchange.key_exchange ||
        ++exchange.group_retries > kMaxGroupRetries)
        return false;
    const auto group = static_cast<KeyExchangeGroup>(base::load_be16(refusal.data.data()));
    if (!allows_group(exchange.proposals, group) || exchange.key_exchange->method() == static_cast<uint16_t>(group))
        return false;
    const ChildSa* old = ike.find_child(exchange.rekeys);
    if (exchange.rekeys != 0 && (old == nullptr || old->state != ChildState::kRekeying))
        return false;
    core.log(LogLevel::kInfo, &ike, "peer didn't accept DH group, it requested %s",
             std::string(model::to_string(group)).c_str());
    return send_child_request(core, ike, std::move(exchange), group);
}

void child_refused(Core& core, IkeSa& ike, ChildExchange& exchange, const NotifyPayload& refusal)
{
    if (retry_with_group(core, ike, exchange, refusal))
        return;
    core.log(LogLevel::kWarning, &ike, "received %s notify, no CHILD_SA built", to_string(refusal.type).c_str());
    if (exchange.rekeys != 0)
        own_child_rekey_refused(core, ike, exchange, refusal.type);
    else if (refusal.type == NotifyType::kTemporaryFailure)
        enqueue_later(core, ike, Task::new_child(exchange.config), core.options.retry_s);
    else
        new_child_failed(core, ike, exchange.config, "received " + to_string(refusal.type));
}

/// The response brought no child we may have: the peer thinks it has one.
void child_is_wrong(Core& core, IkeSa& ike, ChildExchange& exchange, uint32_t spi_in, const std::string& why)
{
    core.log(LogLevel::kWarning, &ike, "CHILD_SA '%s' cannot be built: %s", exchange.config->name.c_str(), why.c_str());
    enqueue(core, ike, Task::delete_child(0, spi_in));
    if (exchange.rekeys != 0)
        own_child_rekey_refused(core, ike, exchange, NotifyType::kNoProposalChosen);
    else
        new_child_failed(core, ike, exchange.config, why);
}

}  // namespace

bool start_new_child(Core& core, IkeSa& ike, const Task& task)
{
    if (ike.state != IkeState::kEstablished)
        return false;
    if (ike.find_current_child(task.config->name) != nullptr) {
        core.emit(InitiateDone{ike.connection->name, task.config->name, {}});
        return false;
    }
    auto exchange = offer_child(core, ike, task.config, Groups::kAsProposed, task.packet.get());
    if (!exchange) {
        new_child_failed(core, ike, task.config, exchange.error().what);
        return false;
    }
    core.log(LogLevel::kInfo, &ike, "establishing CHILD_SA %s", task.config->name.c_str());
    const auto group = first_group(exchange->proposals);
    return send_child_request(core, ike, std::move(*exchange), group);
}

bool start_rekey_child(Core& core, IkeSa& ike, const Task& task)
{
    ChildSa* child = ike.find_child(task.child);
    if (child == nullptr || child->state != ChildState::kInstalled || child->is_redundant ||
        ike.state != IkeState::kEstablished)
        return false;
    auto exchange = offer_child(core, ike, child->config, Groups::kAsProposed);
    if (!exchange) {
        core.log(LogLevel::kError, &ike, "unable to rekey %s: %s", child->name().c_str(),
                 exchange.error().what.c_str());
        enqueue_later(core, ike, task, core.options.retry_s);
        return false;
    }
    exchange->rekeys = child->id;
    exchange->mode = child->mode;
    // Behind a NAT that has moved, a host-to-host child is between the addresses of now.
    const bool is_translated = child->mode == model::Mode::kTransport && ike.uses_udp();
    exchange->local_ts = is_translated ? translate(child->local_ts, ike.local.address) : child->local_ts;
    exchange->remote_ts = is_translated ? translate(child->remote_ts, ike.remote.address) : child->remote_ts;
    const auto last = child->suite.group;
    const auto group = allows_group(exchange->proposals, last) && last != KeyExchangeGroup::kNone
                           ? last
                           : first_group(exchange->proposals);
    core.log(LogLevel::kInfo, &ike, "establishing CHILD_SA %s, rekeying", child->name().c_str());
    child->state = ChildState::kRekeying;
    if (send_child_request(core, ike, std::move(*exchange), group))
        return true;
    child->state = ChildState::kInstalled;
    return false;
}

void on_create_child_sa_request(Core& core, IkeSa& ike, const Message& request)
{
    const ChildPayloads wanted = read_child(request.payloads);
    if (wanted.sa != nullptr && !wanted.sa->proposals.empty() &&
        wanted.sa->proposals.front().proposal.protocol == model::ProtocolId::kIke) {
        on_rekey_ike_request(core, ike, request);
        return;
    }
    if (!is_complete(wanted)) {
        send_notify_response(core, ike, request.header, NotifyType::kInvalidSyntax);
        return;
    }
    if (is_busy(ike)) {
        send_notify_response(core, ike, request.header, NotifyType::kTemporaryFailure);
        return;
    }
    ChildSa* old = nullptr;
    if (const auto* rekey = find_notify(request.payloads, NotifyType::kRekeySa)) {
        if (rekey->protocol == model::ProtocolId::kEsp && rekey->spi.size() == 4)
            old = ike.find_child_by_peer_spi(base::load_be32(rekey->spi.data()));
        if (const auto objection = objection_to_rekey(old)) {
            if (*objection == NotifyType::kChildSaNotFound)
                answer_not_found(core, ike, request, *rekey);
            else
                send_notify_response(core, ike, request.header, *objection);
            return;
        }
    }
    auto accepted = accept_child(core, ike, wanted, Groups::kAsProposed, old);
    if (const auto* refusal = std::get_if<Refusal>(&accepted))
        send_notify_response(core, ike, request.header, refusal->type, refusal->data);
    else
        answer_child(core, ike, request, wanted, std::get<AcceptedChild>(std::move(accepted)));
}

void on_create_child_sa_response(Core& core, IkeSa& ike, Outstanding& request, const Message& response)
{
    if (std::holds_alternative<IkeRekeyExchange>(request.state)) {
        on_rekey_ike_response(core, ike, request, response);
        return;
    }
    auto* exchange = std::get_if<ChildExchange>(&request.state);
    if (exchange == nullptr)
        return;  // nobody waits for it any more
    if (const auto* refusal = find_refusal(response.payloads)) {
        child_refused(core, ike, *exchange, *refusal);
        return;
    }
    const ChildPayloads answer = read_child(response.payloads);
    const uint32_t spi_in = exchange->spi.spi();
    auto agreed = conclude_child(ike, *exchange, answer, Groups::kAsProposed);
    if (!agreed || answer.nonce == nullptr) {
        child_is_wrong(core, ike, *exchange, spi_in, agreed ? "the response has no Nr payload" : agreed.error().what);
        return;
    }
    if (is_gone_already(*exchange, agreed->spi_out)) {
        core.log(LogLevel::kInfo, &ike, "the peer has deleted CHILD_SA '%s' meanwhile", exchange->config->name.c_str());
        if (exchange->rekeys != 0)
            own_child_rekey_undone(core, ike, *exchange);
        else
            new_child_failed(core, ike, exchange->config, "the peer deleted the CHILD_SA at once");
        return;
    }
    base::SecretBytes secret;
    if (agreed->suite.group != KeyExchangeGroup::kNone) {
        auto shared = exchange->key_exchange->shared_secret(answer.ke->data);
        if (!shared) {
            child_is_wrong(core, ike, *exchange, spi_in, shared.error().what);
            return;
        }
        secret = std::move(*shared);
    }
    auto keys = derive_child_keys(*ike.keys, {agreed->suite.esp, exchange->nonce, answer.nonce->data, secret.view()});
    if (!keys) {
        child_is_wrong(core, ike, *exchange, spi_in, keys.error().what);
        return;
    }
    ChildSa& child = add_child(core, ike, std::move(*agreed), std::move(*keys));
    if (exchange->rekeys == 0) {
        activate_outbound(core, ike, child);
        new_child_is_up(core, ike, child);
        return;
    }
    core.log(LogLevel::kInfo, &ike, "CHILD_SA %s established with SPIs %08x_i %08x_o and TS %s === %s",
             child.name().c_str(), child.spi_in, child.spi_out, to_string(child.local_ts).c_str(),
             to_string(child.remote_ts).c_str());
    start_child_timers(core, child);
    own_child_rekey_done(core, ike, *exchange, child, lowest_nonce(exchange->nonce, answer.nonce->data));
}

}  // namespace ipsecgw::ike
