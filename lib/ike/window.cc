#include <algorithm>
#include <cmath>
#include <utility>

#include "crypto/digest.h"
#include "ike/collisions_internal.h"
#include "ike/exchanges_internal.h"
#include "ike/lifecycle_internal.h"
#include "ike/tasks_internal.h"
#include "ike/window_internal.h"

namespace ipsecgw::ike {
namespace {

using base::LogLevel;

/// Several minutes, after which a stored response may go (RFC 7296 section 2.1).
constexpr double kRememberSeconds = 300;

Header header_of(const IkeSa& ike, ExchangeType exchange, uint32_t message_id)
{
    Header header;
    header.spi_i = ike.spi_i;
    header.spi_r = ike.spi_r;
    header.exchange = exchange;
    header.from_initiator = ike.role == Role::kInitiator;
    header.message_id = message_id;
    return header;
}

bool may_fragment(const IkeSa& ike)
{
    switch (ike.connection->fragmentation) {
        case model::Fragmentation::kYes:
            return ike.peer_fragments;
        case model::Fragmentation::kForce:
            return true;
        case model::Fragmentation::kAccept:
        case model::Fragmentation::kNo:
            return false;
    }
    return false;
}

/// Bytes of one message, so that its IP packet is no longer than the options say; 0: it is not fragmented.
size_t max_message_bytes(const Core& core, const IkeSa& ike)
{
    if (!may_fragment(ike))
        return 0;
    const size_t ip_bytes = ike.local.address.is_v4() ? 20 : 40;
    return core.options.fragment_bytes - ip_bytes - 8 - (ike.local.port == 500 ? 0 : 4);
}

base::Result<std::vector<Bytes>> seal(Core& core, IkeSa& ike, const Header& header, std::span<const Payload> payloads)
{
    const SealContext context{ike.keys->suite, ike.keys->of(header.from_initiator), core.random,
                              max_message_bytes(core, ike)};
    return seal_message(context, header, payloads);
}

void transmit(Core& core, const IkeSa& ike, const std::vector<Bytes>& packets)
{
    for (const Bytes& packet : packets)
        core.emit(Send{ike.local, ike.remote, packet});
}

void set_retransmit_timer(Core& core, IkeSa& ike)
{
    const auto& options = core.options;
    const double wait = options.retransmit_timeout_s * std::pow(options.retransmit_base, ike.outstanding->retransmits);
    core.timers.set(ike.retransmit_timer, core.in_seconds(wait));
}

/// Opens the encrypted payload and collects fragments. Nothing: it is not authentic, or not complete.
std::optional<OpenedPayload> open(Core& core, IkeSa& ike, const Datagram& datagram, const Header& header)
{
    const auto message = decode_message(datagram.bytes);
    const auto* encrypted = message ? find_payload<EncryptedPayload>(message->payloads) : nullptr;
    if (encrypted == nullptr) {
        core.counts.dropped_malformed++;
        // Anybody could say so: our retransmissions find out (RFC 7296 section 2.21.4).
        if (message && header.is_response && find_notify(message->payloads, NotifyType::kInvalidIkeSpi) != nullptr)
            core.log(LogLevel::kInfo, &ike, "received INVALID_IKE_SPI notify that nobody vouches for, ignored");
        return std::nullopt;
    }
    auto opened = open_encrypted(ike.keys->suite, ike.keys->of(header.from_initiator), datagram.bytes, *encrypted);
    if (!opened)
        core.counts.dropped_unauthentic++;
    return opened;
}

std::optional<OpenedPayload> assemble(Core& core, std::unique_ptr<Reassembly>& fragments, OpenedPayload opened)
{
    if (opened.fragments == 0) {
        fragments.reset();
        return opened;
    }
    if (fragments == nullptr)
        fragments = std::make_unique<Reassembly>();
    const auto outcome = fragments->add(std::move(opened));
    if (outcome == Reassembly::Outcome::kDropped)
        core.counts.dropped_replayed++;
    if (outcome != Reassembly::Outcome::kComplete)
        return std::nullopt;
    OpenedPayload whole = fragments->take();
    fragments.reset();
    return whole;
}

/// A request we have answered came again: the answer goes out again, and nothing else happens.
void repeat_answer(Core& core, IkeSa& ike, const Datagram& datagram, const Header& header)
{
    if (ike.answered->digest != digest_of(datagram.bytes)) {
        // Of a request in fragments the first stands for all.
        const auto opened = open(core, ike, datagram, header);
        if (!opened || opened->fragments == 0 || opened->fragment != 1) {
            core.counts.dropped_replayed++;
            return;
        }
    }
    core.log(LogLevel::kInfo, &ike, "received retransmit of request with ID %u, retransmitting response",
             header.message_id);
    transmit(core, ike, ike.answered->packets);
}

void dispatch_request(Core& core, IkeSa& ike, const Message& request)
{
    const ExchangeType exchange = request.header.exchange;
    if (ike.is_heir_undecided && find_payload<DeletePayload>(request.payloads) == nullptr)
        settle_heir(core, ike);
    switch (exchange) {
        case ExchangeType::kIkeAuth:
            on_ike_auth_request(core, ike, request);
            return;
        case ExchangeType::kCreateChildSa:
            confirm_successors(core, ike);
            on_create_child_sa_request(core, ike, request);
            return;
        case ExchangeType::kInformational:
            on_informational_request(core, ike, request);
            return;
        case ExchangeType::kIkeSaInit:
            break;
    }
    send_notify_response(core, ike, request.header, NotifyType::kInvalidSyntax);
}

void dispatch_response(Core& core, IkeSa& ike, const Message& response)
{
    const std::unique_ptr<Outstanding> request = std::move(ike.outstanding);
    ike.retransmit_timer.cancel();
    ike.response_fragments.reset();
    switch (request->exchange) {
        case ExchangeType::kIkeAuth:
            on_ike_auth_response(core, ike, *request, response);
            break;
        case ExchangeType::kCreateChildSa:
            on_create_child_sa_response(core, ike, *request, response);
            break;
        case ExchangeType::kInformational:
            on_informational_response(core, ike, *request, response);
            break;
        case ExchangeType::kIkeSaInit:
            break;
    }
    if (!ike.is_doomed)
        start_next_task(core, ike);
}

/// The request's exchange fits what the IKE SA is at; others are nobody's and change nothing.
bool fits_state(const IkeSa& ike, const Header& header)
{
    if (ike.state == IkeState::kConnecting)
        return ike.role == Role::kResponder && header.exchange == ExchangeType::kIkeAuth;
    return header.exchange != ExchangeType::kIkeAuth && !ike.is_refused;
}

void receive_payloads(Core& core, IkeSa& ike, const Datagram& datagram, const Header& header,
                      const OpenedPayload& opened)
{
    auto payloads = decode_payloads(opened.first, opened.bytes);
    ike.last_heard_ns = core.now_ns;
    if (!payloads) {
        core.counts.dropped_malformed++;
        core.log(LogLevel::kWarning, &ike, "%s %s from %s is malformed: %s", to_string(header.exchange).c_str(),
                 header.is_response ? "response" : "request", datagram.remote.to_string().c_str(),
                 payloads.error().what.c_str());
        if (!header.is_response)
            send_notify_response(core, ike, header, payloads.error().answer, payloads.error().data);
        // An authentic message without sense ends the IKE SA (RFC 7296 section 2.21.3); a payload that is only new to
        // us does not.
        if (payloads.error().answer == NotifyType::kInvalidSyntax || header.is_response)
            ike.state == IkeState::kConnecting ? fail_attempt(core, ike, "malformed message")
                                               : close_ike(core, ike, ChildEnd::kByPeer);
        return;
    }
    Message message{header, std::move(*payloads)};
    core.log(LogLevel::kDebug, &ike, "parsed %s", summary(header, message.payloads).c_str());
    if (ike.state == IkeState::kConnecting && ike.role == Role::kResponder) {
        ike.local = datagram.local;  // behind a NAT the peer goes on from port 4500 (RFC 7296 section 2.23)
        ike.remote = datagram.remote;
    }
    follow_endpoint(core, ike, datagram.remote);
    if (header.is_response)
        dispatch_response(core, ike, message);
    else
        dispatch_request(core, ike, message);
}

}  // namespace

Digest digest_of(std::span<const uint8_t> bytes)
{
    std::array<uint8_t, 32> whole;
    crypto::sha2(crypto::Hash::kSha256, bytes, whole);
    Digest digest;
    std::ranges::copy_n(whole.begin(), digest.size(), digest.begin());
    return digest;
}

bool send_request(Core& core, IkeSa& ike, std::unique_ptr<Outstanding> request, std::span<const Payload> payloads)
{
    const Header header = header_of(ike, request->exchange, ike.next_request);
    auto packets = seal(core, ike, header, payloads);
    if (!packets) {
        core.log(LogLevel::kError, &ike, "%s request cannot be sealed: %s", to_string(request->exchange).c_str(),
                 packets.error().what.c_str());
        return false;
    }
    core.log(LogLevel::kDebug, &ike, "generating %s", summary(header, {payloads.begin(), payloads.end()}).c_str());
    ike.next_request++;
    request->message_id = header.message_id;
    request->packets = std::move(*packets);
    send_ready_request(core, ike, std::move(request));
    return true;
}

void send_ready_request(Core& core, IkeSa& ike, std::unique_ptr<Outstanding> request)
{
    ike.outstanding = std::move(request);
    ike.response_fragments.reset();
    ike.retry_timer.cancel();
    transmit(core, ike, ike.outstanding->packets);
    set_retransmit_timer(core, ike);
}

void send_response(Core& core, IkeSa& ike, const Header& request, std::span<const Payload> payloads)
{
    Header header = header_of(ike, request.exchange, request.message_id);
    header.is_response = true;
    ike.expected_request = request.message_id + 1;
    ike.request_fragments.reset();
    auto packets = seal(core, ike, header, payloads);
    if (!packets) {
        core.log(LogLevel::kError, &ike, "%s response cannot be sealed: %s", to_string(request.exchange).c_str(),
                 packets.error().what.c_str());
        return;
    }
    core.log(LogLevel::kDebug, &ike, "generating %s", summary(header, {payloads.begin(), payloads.end()}).c_str());
    ike.answered = std::make_unique<Answered>(Answered{request.message_id, core.request_digest, std::move(*packets)});
    core.timers.set(ike.forget_timer, core.in_seconds(kRememberSeconds));
    transmit(core, ike, ike.answered->packets);
}

void send_notify_response(Core& core, IkeSa& ike, const Header& request, NotifyType type, Bytes data)
{
    NotifyPayload notify;
    notify.type = type;
    notify.data = std::move(data);
    const Payload payload = std::move(notify);
    send_response(core, ike, request, {&payload, 1});
}

void retransmit(Core& core, IkeSa& ike)
{
    if (ike.outstanding == nullptr)
        return;
    if (ike.outstanding->retransmits >= core.options.retransmit_tries) {
        peer_is_gone(core, ike);
        return;
    }
    ike.outstanding->retransmits++;
    core.counts.retransmits++;
    core.log(LogLevel::kInfo, &ike, "retransmit %u of request with message ID %u", ike.outstanding->retransmits,
             ike.outstanding->message_id);
    transmit(core, ike, ike.outstanding->packets);
    set_retransmit_timer(core, ike);
}

void receive_protected(Core& core, IkeSa& ike, const Datagram& datagram, const Header& header)
{
    if (!ike.keys) {
        core.counts.dropped_unauthentic++;
        return;
    }
    const bool is_answer = ike.outstanding != nullptr && header.message_id == ike.outstanding->message_id &&
                           header.exchange == ike.outstanding->exchange;
    if (!header.is_response && ike.answered != nullptr && header.message_id == ike.answered->message_id &&
        header.message_id + 1 == ike.expected_request) {
        repeat_answer(core, ike, datagram, header);
        return;
    }
    // A window of 1: anything but the next request and the response we wait for is old, or not yet due.
    if (header.is_response ? !is_answer : header.message_id != ike.expected_request || !fits_state(ike, header)) {
        core.counts.dropped_replayed++;
        return;
    }
    auto opened = open(core, ike, datagram, header);
    if (!opened)
        return;
    auto whole =
        assemble(core, header.is_response ? ike.response_fragments : ike.request_fragments, std::move(*opened));
    if (!whole)
        return;
    core.request_digest = digest_of(datagram.bytes);
    receive_payloads(core, ike, datagram, header, *whole);
}

}  // namespace ipsecgw::ike
