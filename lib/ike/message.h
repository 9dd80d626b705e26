// IKE messages: the header, every payload as plain data, and their form on the wire (RFC 7296 section 3).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "ike/auth.h"
#include "ike/notify.h"
#include "ike/selector.h"
#include "model/identity.h"
#include "model/proposal.h"

namespace ipsecgw::ike {

using Bytes = std::vector<uint8_t>;

enum class ExchangeType : uint8_t { kIkeSaInit = 34, kIkeAuth = 35, kCreateChildSa = 36, kInformational = 37 };

enum class PayloadType : uint8_t {
    kNone = 0,
    kSa = 33,
    kKeyExchange = 34,
    kIdI = 35,
    kIdR = 36,
    kCert = 37,
    kCertReq = 38,
    kAuth = 39,
    kNonce = 40,
    kNotify = 41,
    kDelete = 42,
    kVendorId = 43,
    kTsI = 44,
    kTsR = 45,
    kEncrypted = 46,
    kConfiguration = 47,
    kEap = 48,
    kEncryptedFragment = 53,  // RFC 7383
};

inline constexpr size_t kHeaderBytes = 28;
inline constexpr size_t kPayloadHeaderBytes = 4;
/// A UDP datagram holds no more.
inline constexpr size_t kMaxMessageBytes = 65'535;
/// More payloads in one message are nobody's.
inline constexpr size_t kMaxPayloads = 128;

struct Header {
    uint64_t spi_i = 0;
    uint64_t spi_r = 0;
    ExchangeType exchange = ExchangeType::kIkeSaInit;  // a peer's may be none of the enumerators
    bool from_initiator = false;                       // the sender is the original initiator of this IKE SA
    bool is_response = false;
    uint32_t message_id = 0;
};

/// Which end a payload of a pair is about.
enum class Which : uint8_t { kInitiator, kResponder };

/// One proposal of an SA payload: its number, and the sender's SPI: none, 4 bytes for ESP or 8 for IKE.
struct OfferedProposal {
    uint8_t number = 1;
    Bytes spi;
    model::Proposal proposal;

    bool operator==(const OfferedProposal&) const = default;
};

/// A Key Length of a decoded transform that equals no transform of ours: it has an attribute we do not know, so it must
/// not be chosen (RFC 7296 section 3.3.6).
inline constexpr uint16_t kUnknownAttribute = 0xffff;

struct SaPayload {
    std::vector<OfferedProposal> proposals;
    bool operator==(const SaPayload&) const = default;
};
struct KePayload {
    uint16_t group = 0;
    Bytes data;
    bool operator==(const KePayload&) const = default;
};
struct IdPayload {
    Which which = Which::kInitiator;
    model::Identity identity;           // of a peer: well-formed, unless its type is unknown
    std::array<uint8_t, 3> reserved{};  // signed as it came

    /// The body, for SignedOctets::id.
    [[nodiscard]] Bytes body() const;
    bool operator==(const IdPayload&) const = default;
};
struct CertPayload {
    CertificateData certificate;
};
struct CertReqPayload {
    CertificateData request;
};
struct AuthPayload {
    AuthData auth;
};
struct NoncePayload {
    Bytes data;  // 16 to 256 bytes
    bool operator==(const NoncePayload&) const = default;
};
struct NotifyPayload {
    NotifyType type = NotifyType::kInvalidSyntax;
    Bytes data;
    model::ProtocolId protocol = model::ProtocolId::kNone;  // of `spi`
    Bytes spi;
    bool operator==(const NotifyPayload&) const = default;
};
struct DeletePayload {
    model::ProtocolId protocol = model::ProtocolId::kIke;
    std::vector<uint32_t> spis;  // of ESP or AH: the SPIs the sender receives with; none for IKE
    bool operator==(const DeletePayload&) const = default;
};
struct VendorIdPayload {
    Bytes data;
    bool operator==(const VendorIdPayload&) const = default;
};
/// Selectors of types we do not know, and OPAQUE ports (section 3.13.1), are left out: `selectors` of a peer may be
/// empty.
struct TsPayload {
    Which which = Which::kInitiator;
    Selectors selectors;
    bool operator==(const TsPayload&) const = default;
};
/// A Configuration payload came: its form is right, its content is ignored.
struct ConfigurationPayload {};
/// An EAP payload came: we do not do EAP.
struct EapPayload {};

/// SK or SKF, still closed; always the last of a message. See open_encrypted().
struct EncryptedPayload {
    PayloadType first = PayloadType::kNone;  // type of the first payload inside; kNone in later fragments
    uint16_t fragment = 0;                   // 1 to `fragments` in SKF; both 0 in SK
    uint16_t fragments = 0;
    size_t offset = 0;  // of the IV in the message; what stands before is authenticated
};

using Payload =
    std::variant<SaPayload, KePayload, IdPayload, CertPayload, CertReqPayload, AuthPayload, NoncePayload, NotifyPayload,
                 DeletePayload, VendorIdPayload, TsPayload, ConfigurationPayload, EapPayload, EncryptedPayload>;

struct Message {
    Header header;
    std::vector<Payload> payloads;
};

/// The first payload of a kind; null: there is none.
template <class T>
const T* find_payload(const std::vector<Payload>& payloads) noexcept
{
    for (const Payload& payload : payloads)
        if (const T* found = std::get_if<T>(&payload))
            return found;
    return nullptr;
}
/// The first notify of a type.
[[nodiscard]] const NotifyPayload* find_notify(const std::vector<Payload>& payloads, NotifyType type) noexcept;
/// The TSi, TSr, IDi or IDr payload.
[[nodiscard]] const TsPayload* find_selectors(const std::vector<Payload>& payloads, Which which) noexcept;
[[nodiscard]] const IdPayload* find_identity(const std::vector<Payload>& payloads, Which which) noexcept;

/// Why bytes are no message we can use, and what the RFC answers when they are from somebody who may be answered
/// (sections 2.5 and 2.21).
struct Malformed {
    NotifyType answer = NotifyType::kInvalidSyntax;
    Bytes data;        // of the notify
    std::string what;  // for the log: the payload and its defect, no content
};

/// A T or why not, with std::expected's member names.
template <class T>
class [[nodiscard]] Decoded {
  public:
    Decoded(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
    Decoded(Malformed error)
        : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }
    T& operator*() & { return std::get<0>(state_); }
    const T& operator*() const& { return std::get<0>(state_); }
    T&& operator*() && { return std::get<0>(std::move(state_)); }
    T* operator->() { return &std::get<0>(state_); }
    const T* operator->() const { return &std::get<0>(state_); }
    const Malformed& error() const& { return std::get<1>(state_); }
    Malformed&& error() && { return std::get<1>(std::move(state_)); }

  private:
    std::variant<T, Malformed> state_;
};

/// The header alone. INVALID_MAJOR_VERSION: it is another version's (a minor version is not looked at). INVALID_SYNTAX:
/// it is cut off, or its length is not that of the bytes.
[[nodiscard]] Decoded<Header> decode_header(std::span<const uint8_t> bytes);

/// A whole message, whose payloads are in clear or end with an EncryptedPayload. `offset` there is of `bytes`.
///
/// Reserved bits and fields, the critical bit of known payloads, and unknown payloads without it are ignored; payloads
/// may come in any order; lengths must be exact. Errors: those of decode_header; UNSUPPORTED_CRITICAL_PAYLOAD with the
/// payload's type; INVALID_SYNTAX, also for a second SA, KE, Ni, IDi, IDr, AUTH, TSi or TSr payload, and for more than
/// kMaxPayloads. Work is linear in the bytes.
[[nodiscard]] Decoded<Message> decode_message(std::span<const uint8_t> bytes);

/// The payloads inside an SK payload. Errors as above; an SK inside SK is INVALID_SYNTAX.
[[nodiscard]] Decoded<std::vector<Payload>> decode_payloads(PayloadType first, std::span<const uint8_t> bytes);

/// Payloads in clear behind a header, in the order given. kInvalidArgument: something is longer than its length field
/// counts.
[[nodiscard]] base::Result<Bytes> encode_message(const Header& header, std::span<const Payload> payloads);

/// The chain of payloads alone, for the inside of SK, and the type of its first. EncryptedPayload is none that can be
/// encoded.
struct EncodedPayloads {
    PayloadType first = PayloadType::kNone;
    Bytes bytes;
};
[[nodiscard]] base::Result<EncodedPayloads> encode_payloads(std::span<const Payload> payloads);

/// "IKE_SA_INIT", "CREATE_CHILD_SA"; "exchange 99"
[[nodiscard]] std::string to_string(ExchangeType exchange);
/// "IKE_AUTH request 1 [ IDi N(INIT_CONTACT) AUTH SA TSi TSr ]", as charon logs it.
[[nodiscard]] std::string summary(const Header& header, const std::vector<Payload>& payloads);

}  // namespace ipsecgw::ike
