#include "ike/message_internal.h"

namespace ipsecgw::ike {
namespace {

using base::ByteWriter;
using base::Error;
using base::ErrorCode;
using base::Result;

constexpr uint8_t kVersion = 0x20;  // RFC 7296 section 3.1: major 2, minor 0
constexpr uint8_t kFlagInitiator = 0x08;
constexpr uint8_t kFlagResponse = 0x20;
constexpr uint16_t kKeyLengthAttribute = 0x8000 | 14;  // section 3.3.5
constexpr uint8_t kTsIpv4Range = 7;                    // section 3.13.1
constexpr uint8_t kTsIpv6Range = 8;

void write_transform(ByteWriter& out, const model::Transform& transform, uint8_t last)
{
    const size_t start = out.size();
    out.u8(last);
    out.u8(0);
    const auto length = out.length16(start);
    out.u8(static_cast<uint8_t>(transform.type));
    out.u8(0);
    out.u16(transform.id);
    if (transform.key_bits != 0) {
        out.u16(kKeyLengthAttribute);
        out.u16(transform.key_bits);
    }
}

void write_proposal(ByteWriter& out, const OfferedProposal& offered, uint8_t last)
{
    const size_t start = out.size();
    const auto& transforms = offered.proposal.transforms;
    out.u8(last);
    out.u8(0);
    const auto length = out.length16(start);
    out.u8(offered.number);
    out.u8(static_cast<uint8_t>(offered.proposal.protocol));
    out.u8(static_cast<uint8_t>(offered.spi.size()));
    out.u8(static_cast<uint8_t>(transforms.size()));
    out.bytes(offered.spi);
    for (size_t i = 0; i < transforms.size(); i++)
        write_transform(out, transforms[i], i + 1 == transforms.size() ? 0 : 3);
}

void write_selector(ByteWriter& out, const Selector& selector)
{
    const size_t start = out.size();
    out.u8(selector.first.is_v4() ? kTsIpv4Range : kTsIpv6Range);
    out.u8(selector.protocol);
    const auto length = out.length16(start);
    out.u16(selector.ports.first);
    out.u16(selector.ports.last);
    out.bytes(selector.first.bytes());
    out.bytes(selector.last.bytes());
}

/// Writes bodies; false: a count or a length does not fit its field.
struct BodyWriter {
    ByteWriter& out;

    bool operator()(const SaPayload& sa) const
    {
        for (size_t i = 0; i < sa.proposals.size(); i++) {
            const auto& offered = sa.proposals[i];
            if (offered.spi.size() > 255 || offered.proposal.transforms.size() > 255)
                return false;
            write_proposal(out, offered, i + 1 == sa.proposals.size() ? 0 : 2);
        }
        return !sa.proposals.empty();
    }
    bool operator()(const KePayload& ke) const
    {
        out.u16(ke.group);
        out.u16(0);
        out.bytes(ke.data);
        return true;
    }
    bool operator()(const IdPayload& id) const
    {
        out.bytes(id.body());
        return true;
    }
    bool operator()(const CertPayload& cert) const { return write(cert.certificate); }
    bool operator()(const CertReqPayload& request) const { return write(request.request); }
    bool operator()(const AuthPayload& auth) const
    {
        out.u8(auth.auth.method);
        out.zeros(3);
        out.bytes(auth.auth.data);
        return true;
    }
    bool operator()(const NoncePayload& nonce) const
    {
        out.bytes(nonce.data);
        return true;
    }
    bool operator()(const NotifyPayload& notify) const
    {
        out.u8(static_cast<uint8_t>(notify.spi.empty() ? model::ProtocolId::kNone : notify.protocol));
        out.u8(static_cast<uint8_t>(notify.spi.size()));
        out.u16(static_cast<uint16_t>(notify.type));
        out.bytes(notify.spi);
        out.bytes(notify.data);
        return notify.spi.size() <= 255;
    }
    bool operator()(const DeletePayload& payload) const
    {
        out.u8(static_cast<uint8_t>(payload.protocol));
        out.u8(payload.protocol == model::ProtocolId::kIke ? 0 : 4);
        out.u16(static_cast<uint16_t>(payload.spis.size()));
        for (const uint32_t spi : payload.spis)
            out.u32(spi);
        return payload.spis.size() <= 65535;
    }
    bool operator()(const VendorIdPayload& vendor) const
    {
        out.bytes(vendor.data);
        return true;
    }
    bool operator()(const TsPayload& ts) const
    {
        out.u8(static_cast<uint8_t>(ts.selectors.size()));
        out.zeros(3);
        for (const auto& selector : ts.selectors)
            write_selector(out, selector);
        return !ts.selectors.empty() && ts.selectors.size() <= 255;
    }
    bool operator()(const ConfigurationPayload&) const { return false; }
    bool operator()(const EapPayload&) const { return false; }
    bool operator()(const EncryptedPayload&) const { return false; }

    [[nodiscard]] bool write(const CertificateData& certificate) const
    {
        out.u8(certificate.encoding);
        out.bytes(certificate.data);
        return true;
    }
};

struct TypeOf {
    PayloadType operator()(const SaPayload&) const { return PayloadType::kSa; }
    PayloadType operator()(const KePayload&) const { return PayloadType::kKeyExchange; }
    PayloadType operator()(const IdPayload& id) const
    {
        return id.which == Which::kInitiator ? PayloadType::kIdI : PayloadType::kIdR;
    }
    PayloadType operator()(const CertPayload&) const { return PayloadType::kCert; }
    PayloadType operator()(const CertReqPayload&) const { return PayloadType::kCertReq; }
    PayloadType operator()(const AuthPayload&) const { return PayloadType::kAuth; }
    PayloadType operator()(const NoncePayload&) const { return PayloadType::kNonce; }
    PayloadType operator()(const NotifyPayload&) const { return PayloadType::kNotify; }
    PayloadType operator()(const DeletePayload&) const { return PayloadType::kDelete; }
    PayloadType operator()(const VendorIdPayload&) const { return PayloadType::kVendorId; }
    PayloadType operator()(const TsPayload& ts) const
    {
        return ts.which == Which::kInitiator ? PayloadType::kTsI : PayloadType::kTsR;
    }
    PayloadType operator()(const ConfigurationPayload&) const { return PayloadType::kConfiguration; }
    PayloadType operator()(const EapPayload&) const { return PayloadType::kEap; }
    PayloadType operator()(const EncryptedPayload& encrypted) const
    {
        return encrypted.fragments == 0 ? PayloadType::kEncrypted : PayloadType::kEncryptedFragment;
    }
};

PayloadType type_of(std::span<const Payload> payloads, size_t index)
{
    return index < payloads.size() ? std::visit(TypeOf(), payloads[index]) : PayloadType::kNone;
}

bool write_payloads(ByteWriter& out, std::span<const Payload> payloads)
{
    for (size_t i = 0; i < payloads.size(); i++) {
        const size_t start = out.size();
        out.u8(static_cast<uint8_t>(type_of(payloads, i + 1)));
        out.u8(0);
        const auto length = out.length16(start);
        if (!std::visit(BodyWriter{out}, payloads[i]))
            return false;
    }
    return true;
}

Error too_long()
{
    return {ErrorCode::kInvalidArgument, "an IKE payload does not fit its fields"};
}

}  // namespace

void write_header(ByteWriter& out, const Header& header, PayloadType first)
{
    out.u64(header.spi_i);
    out.u64(header.spi_r);
    out.u8(static_cast<uint8_t>(first));
    out.u8(kVersion);
    out.u8(static_cast<uint8_t>(header.exchange));
    out.u8(
        static_cast<uint8_t>((header.from_initiator ? kFlagInitiator : 0) | (header.is_response ? kFlagResponse : 0)));
    out.u32(header.message_id);
    out.u32(0);  // the length, when it is known
}

Result<Bytes> encode_message(const Header& header, std::span<const Payload> payloads)
{
    ByteWriter out;
    out.reserve(512);
    write_header(out, header, type_of(payloads, 0));
    if (!write_payloads(out, payloads) || !out.ok() || out.size() > kMaxMessageBytes)
        return too_long();
    out.set_u32(kLengthOffset, static_cast<uint32_t>(out.size()));
    return out.take();
}

Result<EncodedPayloads> encode_payloads(std::span<const Payload> payloads)
{
    ByteWriter out;
    out.reserve(512);
    if (!write_payloads(out, payloads) || !out.ok() || out.size() > kMaxMessageBytes)
        return too_long();
    return EncodedPayloads{type_of(payloads, 0), out.take()};
}

}  // namespace ipsecgw::ike
