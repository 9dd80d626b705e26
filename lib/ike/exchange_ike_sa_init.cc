// IKE_SA_INIT (RFC 7296 section 1.2): algorithms, nonces and Diffie-Hellman, in clear.
#include <algorithm>
#include <utility>

#include "base/byte_order.h"
#include "ike/choose_proposal.h"
#include "ike/connections_internal.h"
#include "ike/exchanges_internal.h"
#include "ike/lifecycle_internal.h"
#include "ike/nat_detection.h"
#include "ike/negotiate_child_internal.h"
#include "ike/window_internal.h"

namespace ipsecgw::ike {
namespace {

using base::LogLevel;
using model::KeyExchangeGroup;

/// Cookies and other groups: a peer that asks for more of them is playing.
constexpr uint32_t kMaxRestarts = 4;

SaPayload ike_offer(std::span<const model::Proposal> proposals)
{
    SaPayload sa;
    for (const auto& proposal : proposals)
        sa.proposals.push_back({static_cast<uint8_t>(sa.proposals.size() + 1), {}, proposal});
    return sa;
}

/// What both ends say of themselves beside the keys.
void append_abilities(std::vector<Payload>& payloads, const IkeSa& ike, const Header& header)
{
    const auto& connection = *ike.connection;
    append_nat_detection(payloads, header, ike.local, ike.remote, connection.encap ? Source::kPretend : Source::kReal);
    if (connection.fragmentation != model::Fragmentation::kNo)
        payloads.emplace_back(make_notify(NotifyType::kFragmentationSupported));
    Bytes hashes;
    for (const uint16_t hash : kSignatureHashes)
        for (const uint8_t byte : be16(hash))
            hashes.push_back(byte);
    payloads.emplace_back(make_notify(NotifyType::kSignatureHashAlgorithms, std::move(hashes)));
    if (header.is_response && connection.childless != model::Childless::kNever)
        payloads.emplace_back(make_notify(NotifyType::kChildlessIkev2Supported));
}

/// What the peer says of itself.
void read_abilities(Core& core, IkeSa& ike, const Message& message)
{
    Handshake& handshake = *ike.handshake;
    ike.peer_fragments = find_notify(message.payloads, NotifyType::kFragmentationSupported) != nullptr;
    handshake.peer_knows_ppk = find_notify(message.payloads, NotifyType::kUsePpk) != nullptr;
    handshake.peer_is_childless = find_notify(message.payloads, NotifyType::kChildlessIkev2Supported) != nullptr;
    handshake.certificates_asked = find_payload<CertReqPayload>(message.payloads) != nullptr;
    if (const auto* hashes = find_notify(message.payloads, NotifyType::kSignatureHashAlgorithms))
        for (size_t i = 0; i + 1 < hashes->data.size(); i += 2)
            handshake.peer_hashes.push_back(base::load_be16(&hashes->data[i]));
    const NatFinding nat = find_nat(message, ike.local, ike.remote);
    ike.nat_local = nat.local || (nat.is_supported && ike.connection->encap);
    ike.nat_remote = nat.remote;
    ike.is_behind_nat = nat.local;
    if (nat.local)
        core.log(LogLevel::kInfo, &ike, "local host is behind NAT, sending keep alives");
    if (nat.remote)
        core.log(LogLevel::kInfo, &ike, "remote host is behind NAT");
}

/// The keys of the IKE SA from the peer's public value. False: it is none.
bool make_keys(Core& core, IkeSa& ike, const model::IkeSuite& suite, const KePayload& ke)
{
    Handshake& handshake = *ike.handshake;
    const auto secret = handshake.key_exchange->shared_secret(ke.data);
    if (!secret) {
        core.log(LogLevel::kWarning, &ike, "DH public value of the peer refused: %s", secret.error().what.c_str());
        return false;
    }
    KeyInputs inputs;
    inputs.suite = suite;
    inputs.nonce_i = handshake.nonce_i;
    inputs.nonce_r = handshake.nonce_r;
    inputs.spi_i = ike.spi_i;
    inputs.spi_r = ike.spi_r;
    auto keys = derive_keys(inputs, secret->view());
    if (!keys) {
        core.log(LogLevel::kError, &ike, "deriving keys failed: %s", keys.error().what.c_str());
        return false;
    }
    ike.keys = std::move(*keys);
    handshake.key_exchange.reset();
    tell_keys(core, ike);
    return true;
}

/// (Re)sends the first message: with a key pair of `group`, unless it has one, and the cookie, if there is one.
void send_init(Core& core, IkeSa& ike, KeyExchangeGroup group)
{
    Handshake& handshake = *ike.handshake;
    if (!handshake.key_exchange || handshake.key_exchange->method() != static_cast<uint16_t>(group)) {
        auto made = crypto::KeyExchange::create(static_cast<uint16_t>(group));
        if (!made) {
            fail_attempt(core, ike, made.error().what);
            return;
        }
        handshake.key_exchange = std::move(*made);
    }
    Header header;
    header.spi_i = ike.spi_i;
    header.from_initiator = true;
    std::vector<Payload> payloads;
    if (!handshake.cookie.empty())
        payloads.emplace_back(make_notify(NotifyType::kCookie, handshake.cookie));
    payloads.emplace_back(ike_offer(ike_proposals_of(*ike.connection)));
    const auto value = handshake.key_exchange->public_value();
    payloads.emplace_back(KePayload{static_cast<uint16_t>(group), {value.begin(), value.end()}});
    payloads.emplace_back(NoncePayload{handshake.nonce_i});
    append_abilities(payloads, ike, header);
    if (ike.connection->ppk_id)
        payloads.emplace_back(make_notify(NotifyType::kUsePpk));
    auto encoded = encode_message(header, payloads);
    if (!encoded) {
        fail_attempt(core, ike, encoded.error().what);
        return;
    }
    handshake.init_request = std::move(*encoded);
    auto request = std::make_unique<Outstanding>();
    request->task = Task{TaskKind::kEstablish};
    request->exchange = ExchangeType::kIkeSaInit;
    request->packets = {handshake.init_request};
    ike.next_request = 1;
    send_ready_request(core, ike, std::move(request));
}

/// COOKIE and INVALID_KE_PAYLOAD start the exchange again. False: the response is neither.
bool restart(Core& core, IkeSa& ike, const Message& response)
{
    Handshake& handshake = *ike.handshake;
    const auto* cookie = find_notify(response.payloads, NotifyType::kCookie);
    const auto* other_group = find_notify(response.payloads, NotifyType::kInvalidKePayload);
    if (cookie == nullptr && other_group == nullptr)
        return false;
    const auto proposals = ike_proposals_of(*ike.connection);
    auto group = static_cast<KeyExchangeGroup>(handshake.key_exchange->method());
    if (other_group != nullptr && other_group->data.size() == 2) {
        const auto wanted = static_cast<KeyExchangeGroup>(base::load_be16(other_group->data.data()));
        // One we did not offer would be a downgrade (section 2.7); the same again leads nowhere.
        if (wanted == group || !allows_group(proposals, wanted)) {
            fail_attempt(core, ike, "peer wants a DH group we did not propose");
            return true;
        }
        core.log(LogLevel::kInfo, &ike, "peer didn't accept DH group %s, it requested %s",
                 std::string(model::to_string(group)).c_str(), std::string(model::to_string(wanted)).c_str());
        group = wanted;
    }
    if (cookie != nullptr && (cookie->data.empty() || cookie->data.size() > 64))
        return true;
    if (++handshake.restarts > kMaxRestarts) {
        fail_attempt(core, ike, "peer asks for cookies or groups again and again");
        return true;
    }
    if (cookie != nullptr)
        handshake.cookie = cookie->data;
    ike.outstanding.reset();
    send_init(core, ike, group);
    return true;
}

void answer_in_clear(Core& core, const Datagram& datagram, const Header& request, const Payload& payload)
{
    Header header = request;
    header.from_initiator = false;
    header.is_response = true;
    if (auto encoded = encode_message(header, {&payload, 1}))
        core.emit(Send{datagram.local, datagram.remote, std::move(*encoded)});
}

/// A first message, read and chosen from.
struct FirstMessage {
    const SaPayload* sa = nullptr;
    const KePayload* ke = nullptr;
    const NoncePayload* nonce = nullptr;
    ConnectionPtr connection;
    ChosenProposal chosen;
    model::IkeSuite suite;
};

/// The first connection that accepts the addresses and has a proposal in common.
bool choose_connection(Core& core, const Datagram& datagram, FirstMessage& first)
{
    const auto candidates = core.directory.by_addresses(datagram.local.address, datagram.remote.address);
    if (candidates.empty()) {
        core.log(LogLevel::kWarning, nullptr, "no IKE config found for %s...%s",
                 datagram.local.address.to_string().c_str(), datagram.remote.address.to_string().c_str());
        return false;
    }
    std::vector<model::Proposal> offered;
    for (const auto& proposal : first.sa->proposals)
        offered.push_back(proposal.proposal);
    const auto preferred = model::group_of(first.ke->group).value_or(KeyExchangeGroup::kNone);
    for (const auto& connection : candidates) {
        auto chosen = choose_proposal(offered, ike_proposals_of(*connection), preferred);
        if (!chosen)
            continue;
        auto suite = model::to_ike_suite(chosen->proposal);
        if (!suite)
            continue;
        first.connection = connection;
        first.chosen = std::move(*chosen);
        first.suite = *suite;
        return true;
    }
    core.log(LogLevel::kWarning, nullptr, "no acceptable IKE proposal found for %s",
             datagram.remote.to_string().c_str());
    return false;
}

/// The limits, and a cookie where they want one. False: the request is dropped or answered.
bool passes_half_open(Core& core, const Datagram& datagram, const Message& request, const NoncePayload& nonce)
{
    const HalfOpen::Origin origin{datagram.remote, request.header.spi_i, nonce.data};
    const auto* cookie = find_notify(request.payloads, NotifyType::kCookie);
    const bool is_valid = cookie != nullptr && core.half_open.is_valid(cookie->data, origin, core.now_ns);
    switch (
        core.half_open.judge(datagram.remote.address, is_valid ? HalfOpen::Cookie::kValid : HalfOpen::Cookie::kNone)) {
        case HalfOpen::Verdict::kAccept:
            return true;
        case HalfOpen::Verdict::kDrop:
            core.counts.dropped_half_open++;
            return false;
        case HalfOpen::Verdict::kWantCookie:
            break;
    }
    if (auto made = core.half_open.make_cookie(origin, core.now_ns); !made.empty()) {
        core.counts.cookies_sent++;
        answer_in_clear(core, datagram, request.header, make_notify(NotifyType::kCookie, std::move(made)));
    }
    return false;
}

/// Answers a request that was found good.
void accept_init(Core& core, const Datagram& datagram, const Message& request, FirstMessage first)
{
    IkeSa* ike = core.create_ike_sa(first.connection, Role::kResponder);
    if (ike == nullptr) {
        core.counts.dropped_half_open++;
        return;
    }
    ike->spi_i = request.header.spi_i;
    ike->local = datagram.local;
    ike->remote = datagram.remote;
    ike->handshake = std::make_unique<Handshake>();
    Handshake& handshake = *ike->handshake;
    handshake.init_request.assign(datagram.bytes.begin(), datagram.bytes.end());
    handshake.nonce_i = first.nonce->data;
    handshake.nonce_r = make_nonce(core);
    core.enter_half_open(*ike);
    ike->init_digest = init_digest(datagram);
    core.by_init.emplace(*ike->init_digest, ike);
    read_abilities(core, *ike, request);
    core.log(LogLevel::kInfo, ike, "%s is initiating an IKE_SA", datagram.remote.address.to_string().c_str());
    auto made = crypto::KeyExchange::create(static_cast<uint16_t>(first.suite.group));
    if (made)
        handshake.key_exchange = std::move(*made);
    Header header = request.header;
    header.spi_r = ike->spi_r;
    header.from_initiator = false;
    header.is_response = true;
    std::vector<Payload> payloads;
    SaPayload answer;
    answer.proposals.push_back({first.sa->proposals[first.chosen.index].number, {}, first.chosen.proposal});
    payloads.emplace_back(std::move(answer));
    if (handshake.key_exchange) {
        const auto value = handshake.key_exchange->public_value();
        payloads.emplace_back(KePayload{first.ke->group, {value.begin(), value.end()}});
    }
    if (handshake.nonce_r.empty() || !handshake.key_exchange || !make_keys(core, *ike, first.suite, *first.ke)) {
        core.destroy(*ike);
        answer_in_clear(core, datagram, request.header, make_notify(NotifyType::kInvalidSyntax));
        return;
    }
    payloads.emplace_back(NoncePayload{handshake.nonce_r});
    append_abilities(payloads, *ike, header);
    if (handshake.peer_knows_ppk && ike->connection->ppk_id)
        payloads.emplace_back(make_notify(NotifyType::kUsePpk));
    for (auto& ask : certificate_requests(core.credentials, *ike->connection))
        payloads.emplace_back(CertReqPayload{std::move(ask)});
    auto encoded = encode_message(header, payloads);
    if (!encoded) {
        core.destroy(*ike);
        return;
    }
    handshake.init_response = *encoded;
    core.log(LogLevel::kInfo, ike, "selected proposal: IKE:%s", first.suite.name().c_str());
    ike->expected_request = 1;
    core.timers.set(ike->half_open_timer, core.in_seconds(core.options.half_open_timeout_s));
    core.emit(Send{ike->local, ike->remote, std::move(*encoded)});
}

}  // namespace

void start_ike_sa_init(Core& core, IkeSa& ike)
{
    ike.handshake = std::make_unique<Handshake>();
    ike.handshake->nonce_i = make_nonce(core);
    core.log(LogLevel::kInfo, &ike, "initiating IKE_SA %s to %s", ike.name().c_str(),
             ike.remote.address.to_string().c_str());
    if (ike.handshake->nonce_i.empty()) {
        fail_attempt(core, ike, "no random bytes");
        return;
    }
    send_init(core, ike, first_group(ike_proposals_of(*ike.connection)));
}

void on_ike_sa_init_response(Core& core, IkeSa& ike, const Datagram& datagram, const Message& response)
{
    if (ike.state != IkeState::kConnecting || ike.outstanding == nullptr ||
        ike.outstanding->exchange != ExchangeType::kIkeSaInit || datagram.remote.address != ike.remote.address ||
        restart(core, ike, response))
        return;
    for (const Payload& payload : response.payloads)
        if (const auto* error = std::get_if<NotifyPayload>(&payload); error != nullptr && is_error(error->type)) {
            core.log(LogLevel::kWarning, &ike, "received %s notify error", to_string(error->type).c_str());
            fail_attempt(core, ike, "received " + to_string(error->type));
            return;
        }
    const auto* sa = find_payload<SaPayload>(response.payloads);
    const auto* ke = find_payload<KePayload>(response.payloads);
    const auto* nonce = find_payload<NoncePayload>(response.payloads);
    if (response.header.spi_r == 0 || sa == nullptr || ke == nullptr || nonce == nullptr || sa->proposals.size() != 1)
        return;  // nobody's answer: the peer's may still come
    const model::Proposal& answer = sa->proposals.front().proposal;
    const auto offers = ike_proposals_of(*ike.connection);
    const auto suite = model::to_ike_suite(answer);
    if (!suite || std::ranges::none_of(offers, [&](const auto& offer) { return is_choice_of(answer, offer); }) ||
        ke->group != ike.handshake->key_exchange->method() || ke->group != static_cast<uint16_t>(suite->group))
        return;
    ike.spi_r = response.header.spi_r;
    ike.handshake->nonce_r = nonce->data;
    ike.handshake->init_response.assign(datagram.bytes.begin(), datagram.bytes.end());
    ike.outstanding.reset();
    ike.retransmit_timer.cancel();
    ike.local.address = datagram.local.address;
    read_abilities(core, ike, response);
    if (!make_keys(core, ike, *suite, *ke)) {
        fail_attempt(core, ike, "the key exchange failed");
        return;
    }
    core.log(LogLevel::kInfo, &ike, "selected proposal: IKE:%s", suite->name().c_str());
    if (ike.uses_udp()) {
        for (Endpoint* end : {&ike.local, &ike.remote})
            if (end->port == 500)
                end->port = 4500;
    }
    start_ike_auth(core, ike);
}

Digest init_digest(const Datagram& datagram)
{
    Bytes bytes(datagram.bytes.begin(), datagram.bytes.end());
    const auto address = datagram.remote.address.bytes();
    bytes.insert(bytes.end(), address.begin(), address.end());
    for (const uint8_t byte : be16(datagram.remote.port))
        bytes.push_back(byte);
    return digest_of(bytes);
}

void on_ike_sa_init_request(Core& core, const Datagram& datagram, const Message& request)
{
    const Header& header = request.header;
    const auto own = core.by_spi.find(header.spi_i);
    const bool is_reflected = own != core.by_spi.end() && own->second->role == Role::kInitiator;
    if (header.spi_i == 0 || header.spi_r != 0 || header.message_id != 0 || !header.from_initiator || is_reflected) {
        core.counts.dropped_malformed++;
        return;
    }
    if (const auto known = core.by_init.find(init_digest(datagram)); known != core.by_init.end()) {
        if (known->second->handshake != nullptr)
            core.emit(Send{datagram.local, datagram.remote, known->second->handshake->init_response});
        return;
    }
    FirstMessage first;
    first.sa = find_payload<SaPayload>(request.payloads);
    first.ke = find_payload<KePayload>(request.payloads);
    first.nonce = find_payload<NoncePayload>(request.payloads);
    if (first.sa == nullptr || first.ke == nullptr || first.nonce == nullptr) {
        core.counts.dropped_malformed++;
        answer_in_clear(core, datagram, header, make_notify(NotifyType::kInvalidSyntax));
        return;
    }
    if (!passes_half_open(core, datagram, request, *first.nonce))
        return;
    if (!choose_connection(core, datagram, first)) {
        answer_in_clear(core, datagram, header, make_notify(NotifyType::kNoProposalChosen));
        return;
    }
    if (first.ke->group != static_cast<uint16_t>(first.suite.group)) {
        core.log(LogLevel::kInfo, nullptr, "DH group of %s unacceptable, requesting %s",
                 datagram.remote.to_string().c_str(), std::string(model::to_string(first.suite.group)).c_str());
        answer_in_clear(core, datagram, header,
                        make_notify(NotifyType::kInvalidKePayload, be16(static_cast<uint16_t>(first.suite.group))));
        return;
    }
    accept_init(core, datagram, request, std::move(first));
}

}  // namespace ipsecgw::ike
