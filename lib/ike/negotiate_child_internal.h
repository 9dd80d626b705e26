// The child's part of IKE_AUTH and CREATE_CHILD_SA, from both ends.
#pragma once

#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "ike/children_internal.h"
#include "ike/message.h"

namespace ipsecgw::ike {

/// What a message says about a child. Pointers are into the message.
struct ChildPayloads {
    const SaPayload* sa = nullptr;
    const KePayload* ke = nullptr;
    const NoncePayload* nonce = nullptr;
    const TsPayload* ts_i = nullptr;
    const TsPayload* ts_r = nullptr;
    bool transport = false;        // USE_TRANSPORT_MODE
    bool takes_tfc = true;         // no ESP_TFC_PADDING_NOT_SUPPORTED
    bool takes_fragments = false;  // NON_FIRST_FRAGMENTS_ALSO
};
[[nodiscard]] ChildPayloads read_child(const std::vector<Payload>& payloads);

/// Behind a NAT the addresses of a host-to-host child are those the packets have here (RFC 7296 section 2.23.1).
[[nodiscard]] Selectors translate(const Selectors& selectors, const net::IpAddress& address);

/// A refusal of the child alone: the error notify to answer with.
struct Refusal {
    NotifyType type = NotifyType::kNoProposalChosen;
    Bytes data;
};

/// Whether the exchange has a key exchange of its own to offer.
enum class Groups : uint8_t { kNone, kAsProposed };

/// A request's child, agreed: the receive side is not installed yet.
struct AcceptedChild {
    AgreedChild agreed;
    uint8_t proposal_number = 1;
    model::Proposal proposal;  // for the answer
    model::KeyExchangeGroup group = model::KeyExchangeGroup::kNone;
    bool takes_fragments = false;   // NON_FIRST_FRAGMENTS_ALSO, which only answers the peer's
    bool is_more_possible = false;  // ADDITIONAL_TS_POSSIBLE
};
/// Finds the configured child a request is about, or that of `rekeyed`, chooses a proposal, narrows the selectors,
/// reserves an SPI.
std::variant<AcceptedChild, Refusal> accept_child(Core& core, IkeSa& ike, const ChildPayloads& request, Groups groups,
                                                  const ChildSa* rekeyed);
/// What a CREATE_CHILD_SA answer has beside the child; IKE_AUTH's has nothing.
struct AnswerKeys {
    Bytes nonce;
    std::optional<KePayload> ke;
};
/// SA, Nr, KEr, TSi, TSr and the notifies of an accepted child's answer.
void append_answer(std::vector<Payload>& payloads, const AcceptedChild& accepted, const AnswerKeys& keys);

/// Starts a child of our own: reserves an SPI and fills in what we offer. With PFS it makes a key pair of `group`;
/// kNone: the first proposed.
/// `packet` asked for it, and stands first; null: none did.
base::Result<ChildExchange> offer_child(Core& core, IkeSa& ike, const ChildConfigPtr& config, Groups groups,
                                        const PacketSelectors* packet = nullptr);
/// SA, Ni and KEi (CREATE_CHILD_SA only), TSi, TSr and the notifies of an offer.
void append_offer(std::vector<Payload>& payloads, const ChildExchange& exchange);
/// The child of a response to our offer. The error says why it is none we may have.
base::Result<AgreedChild> conclude_child(IkeSa& ike, ChildExchange& exchange, const ChildPayloads& response,
                                         Groups groups);

/// The error notify in a response that refuses a child; null: none.
[[nodiscard]] const NotifyPayload* find_refusal(const std::vector<Payload>& payloads);

[[nodiscard]] std::span<const model::Proposal> esp_proposals_of(const model::ChildConfig& config);
[[nodiscard]] std::span<const model::Proposal> ike_proposals_of(const model::IkeConnection& connection);

/// A new child, of ours or of the peer, carries traffic; who asked for it hears so.
void new_child_is_up(Core& core, IkeSa& ike, ChildSa& child);
/// A new child of ours did not come about.
void new_child_failed(Core& core, IkeSa& ike, const ChildConfigPtr& config, const std::string& reason);

/// A notify of status or error.
[[nodiscard]] NotifyPayload make_notify(NotifyType type, Bytes data = {});
[[nodiscard]] Bytes be16(uint16_t value);

/// Fresh random bytes for Ni or Nr; empty: there are none.
[[nodiscard]] Bytes make_nonce(Core& core);

}  // namespace ipsecgw::ike
