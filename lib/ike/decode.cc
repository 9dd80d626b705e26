#include <algorithm>
#include <bitset>

#include "base/text.h"
#include "ike/decode_internal.h"

namespace ipsecgw::ike {
namespace {

using base::ByteReader;

constexpr uint8_t kMajorVersion = 2;
constexpr uint8_t kFlagInitiator = 0x08;  // RFC 7296 section 3.1
constexpr uint8_t kFlagResponse = 0x20;
constexpr uint8_t kCritical = 0x80;    // section 3.2
constexpr size_t kMinNonceBytes = 16;  // section 3.9
constexpr size_t kMaxNonceBytes = 256;

Malformed bad_syntax(std::string what)
{
    return {NotifyType::kInvalidSyntax, {}, std::move(what)};
}

const char* name_of(PayloadType type)
{
    switch (type) {
        case PayloadType::kNone:
            break;
        case PayloadType::kSa:
            return "SA";
        case PayloadType::kKeyExchange:
            return "KE";
        case PayloadType::kIdI:
            return "IDi";
        case PayloadType::kIdR:
            return "IDr";
        case PayloadType::kCert:
            return "CERT";
        case PayloadType::kCertReq:
            return "CERTREQ";
        case PayloadType::kAuth:
            return "AUTH";
        case PayloadType::kNonce:
            return "Nonce";
        case PayloadType::kNotify:
            return "N";
        case PayloadType::kDelete:
            return "D";
        case PayloadType::kVendorId:
            return "V";
        case PayloadType::kTsI:
            return "TSi";
        case PayloadType::kTsR:
            return "TSr";
        case PayloadType::kEncrypted:
            return "SK";
        case PayloadType::kConfiguration:
            return "CP";
        case PayloadType::kEap:
            return "EAP";
        case PayloadType::kEncryptedFragment:
            return "SKF";
    }
    return nullptr;
}

/// A message has at most one of each (sections 1.2 to 1.4).
bool is_single(PayloadType type)
{
    switch (type) {
        case PayloadType::kSa:
        case PayloadType::kKeyExchange:
        case PayloadType::kIdI:
        case PayloadType::kIdR:
        case PayloadType::kAuth:
        case PayloadType::kNonce:
        case PayloadType::kTsI:
        case PayloadType::kTsR:
            return true;
        case PayloadType::kNone:
        case PayloadType::kCert:
        case PayloadType::kCertReq:
        case PayloadType::kNotify:
        case PayloadType::kDelete:
        case PayloadType::kVendorId:
        case PayloadType::kEncrypted:
        case PayloadType::kConfiguration:
        case PayloadType::kEap:
        case PayloadType::kEncryptedFragment:
            return false;
    }
    return false;
}

Which which_of(PayloadType type)
{
    return type == PayloadType::kIdI || type == PayloadType::kTsI ? Which::kInitiator : Which::kResponder;
}

/// Encoding and data of CERT and CERTREQ.
Defect decode_certificate(ByteReader& body, CertificateData& out)
{
    out.encoding = body.u8();
    out.data = to_bytes(body.rest());
    return {};
}

Defect decode_authentication(ByteReader& body, AuthData& out)
{
    out.method = body.u8();
    body.skip(3);
    out.data = to_bytes(body.rest());
    return {};
}

Defect decode_key_exchange(ByteReader& body, KePayload& out)
{
    out.group = body.u16();
    body.skip(2);
    out.data = to_bytes(body.rest());
    return {};
}

Defect decode_nonce(ByteReader& body, NoncePayload& out)
{
    const auto nonce = body.rest();
    if (nonce.size() < kMinNonceBytes || nonce.size() > kMaxNonceBytes)
        return base::format("it has %zu bytes, not 16 to 256", nonce.size());
    out.data = to_bytes(nonce);
    return {};
}

Defect decode_body(PayloadType type, ByteReader& body, Payload& out)
{
    switch (type) {
        case PayloadType::kSa:
            return decode_sa(body, out.emplace<SaPayload>());
        case PayloadType::kKeyExchange:
            return decode_key_exchange(body, out.emplace<KePayload>());
        case PayloadType::kIdI:
        case PayloadType::kIdR:
            return decode_identity(body, out.emplace<IdPayload>(IdPayload{which_of(type), {}, {}}));
        case PayloadType::kCert:
            return decode_certificate(body, out.emplace<CertPayload>().certificate);
        case PayloadType::kCertReq:
            return decode_certificate(body, out.emplace<CertReqPayload>().request);
        case PayloadType::kAuth:
            return decode_authentication(body, out.emplace<AuthPayload>().auth);
        case PayloadType::kNonce:
            return decode_nonce(body, out.emplace<NoncePayload>());
        case PayloadType::kNotify:
            return decode_notify(body, out.emplace<NotifyPayload>());
        case PayloadType::kDelete:
            return decode_delete(body, out.emplace<DeletePayload>());
        case PayloadType::kVendorId:
            out.emplace<VendorIdPayload>().data = to_bytes(body.rest());
            return {};
        case PayloadType::kTsI:
        case PayloadType::kTsR:
            return decode_selectors(body, out.emplace<TsPayload>(TsPayload{which_of(type), {}}));
        case PayloadType::kConfiguration:
            out.emplace<ConfigurationPayload>();
            return decode_configuration(body);
        case PayloadType::kEap:
            out.emplace<EapPayload>();
            body.skip(body.remaining());
            return {};
        case PayloadType::kNone:
        case PayloadType::kEncrypted:
        case PayloadType::kEncryptedFragment:
            break;
    }
    return "it is not here";
}

/// Walks a chain of payloads.
class Chain {
  public:
    /// Whether the chain may end with SK or SKF.
    enum class Ends : uint8_t { kInClear, kMayBeEncrypted };

    Chain(PayloadType first, std::span<const uint8_t> bytes, Ends ends) : next_(first), reader_(bytes), ends_(ends) {}

    Decoded<std::vector<Payload>> decode(size_t chain_offset)
    {
        const size_t size = reader_.remaining();
        while (next_ != PayloadType::kNone) {
            const auto type = next_;
            if (++count_ > kMaxPayloads)
                return bad_syntax("it has too many payloads");
            next_ = static_cast<PayloadType>(reader_.u8());
            const bool is_critical = (reader_.u8() & kCritical) != 0;
            const size_t length = reader_.u16();
            if (length < kPayloadHeaderBytes)
                reader_.fail();
            ByteReader body = reader_.take(length - kPayloadHeaderBytes);
            if (!reader_.ok())
                return bad_syntax(base::format("payload %u is cut off", static_cast<unsigned>(type)));
            if (type == PayloadType::kEncrypted || type == PayloadType::kEncryptedFragment)
                return finish_encrypted(type, body, chain_offset + size);
            if (auto defect = take(type, is_critical, body))
                return *std::move(defect);
        }
        if (!reader_.is_at_end())
            return bad_syntax(base::format("%zu bytes follow its last payload", reader_.remaining()));
        return std::move(payloads_);
    }

  private:
    std::optional<Malformed> take(PayloadType type, bool is_critical, ByteReader& body)
    {
        const char* name = name_of(type);
        if (name == nullptr && !is_critical)
            return {};
        if (name == nullptr)
            return Malformed{NotifyType::kUnsupportedCriticalPayload,
                             {static_cast<uint8_t>(type)},
                             base::format("payload %u is critical and unknown", static_cast<unsigned>(type))};
        const auto number = static_cast<uint8_t>(type);
        if (is_single(type) && seen_.test(number))
            return bad_syntax(base::format("it has two %s payloads", name));
        seen_.set(number);
        Payload& payload = payloads_.emplace_back();
        Defect defect = decode_body(type, body, payload);
        if (!defect && !body.is_at_end())
            defect = body.ok() ? base::format("%zu bytes follow its content", body.remaining()) : "it is cut off";
        if (defect)
            return bad_syntax(base::format("%s payload: %s", name, defect->c_str()));
        return {};
    }

    /// SK and SKF are last: their next payload field is of what they hold (sections 3.14 and RFC 7383 section 2.5).
    Decoded<std::vector<Payload>> finish_encrypted(PayloadType type, ByteReader& body, size_t message_size)
    {
        if (ends_ == Ends::kInClear)
            return bad_syntax("it has an encrypted payload inside the encrypted one");
        EncryptedPayload encrypted;
        encrypted.first = next_;
        if (type == PayloadType::kEncryptedFragment) {
            encrypted.fragment = body.u16();
            encrypted.fragments = body.u16();
            if (!body.ok() || encrypted.fragment == 0 || encrypted.fragment > encrypted.fragments)
                return bad_syntax("SKF payload: its fragment number is not 1 to their total");
            if ((encrypted.fragment == 1) != (encrypted.first != PayloadType::kNone))
                return bad_syntax("SKF payload: the first fragment alone names the type of the first payload");
        }
        if (reader_.remaining() != 0)
            return bad_syntax(base::format("%zu bytes follow its encrypted payload", reader_.remaining()));
        encrypted.offset = message_size - body.remaining();
        payloads_.emplace_back(encrypted);
        return std::move(payloads_);
    }

    PayloadType next_;
    ByteReader reader_;
    Ends ends_;
    size_t count_ = 0;
    std::bitset<256> seen_;
    std::vector<Payload> payloads_;
};

struct WireHeader {
    Header header;
    PayloadType first = PayloadType::kNone;
};

Decoded<WireHeader> read_header(std::span<const uint8_t> bytes)
{
    ByteReader reader(bytes);
    WireHeader out;
    out.header.spi_i = reader.u64();
    out.header.spi_r = reader.u64();
    out.first = static_cast<PayloadType>(reader.u8());
    const uint8_t version = reader.u8();
    out.header.exchange = static_cast<ExchangeType>(reader.u8());
    const uint8_t flags = reader.u8();
    out.header.from_initiator = (flags & kFlagInitiator) != 0;
    out.header.is_response = (flags & kFlagResponse) != 0;
    out.header.message_id = reader.u32();
    const uint32_t length = reader.u32();
    if (!reader.ok())
        return bad_syntax("its header is cut off");
    if (version >> 4 != kMajorVersion)
        return Malformed{NotifyType::kInvalidMajorVersion, {}, base::format("it is of IKE version %u", version >> 4U)};
    if (length != bytes.size())
        return bad_syntax(base::format("its length says %u bytes, it has %zu", length, bytes.size()));
    return out;
}

}  // namespace

Decoded<Header> decode_header(std::span<const uint8_t> bytes)
{
    auto read = read_header(bytes);
    if (!read)
        return std::move(read).error();
    return read->header;
}

Decoded<Message> decode_message(std::span<const uint8_t> bytes)
{
    auto read = read_header(bytes);
    if (!read)
        return std::move(read).error();
    auto payloads = Chain(read->first, bytes.subspan(kHeaderBytes), Chain::Ends::kMayBeEncrypted).decode(kHeaderBytes);
    if (!payloads)
        return std::move(payloads).error();
    return Message{read->header, *std::move(payloads)};
}

Decoded<std::vector<Payload>> decode_payloads(PayloadType first, std::span<const uint8_t> bytes)
{
    return Chain(first, bytes, Chain::Ends::kInClear).decode(0);
}

}  // namespace ipsecgw::ike
