#include <algorithm>

#include "base/text.h"
#include "ike/decode_internal.h"

namespace ipsecgw::ike {
namespace {

using base::ByteReader;
using model::Identity;
using model::IdentityType;
using model::ProtocolId;
using model::Transform;
using model::TransformType;

// RFC 7296 section 3.3: "last substructure".
constexpr uint8_t kLast = 0;
constexpr uint8_t kMoreProposals = 2;
constexpr uint8_t kMoreTransforms = 3;
// Section 3.3.5: attributes.
constexpr uint16_t kAttributeFormatTv = 0x8000;
constexpr uint16_t kKeyLengthAttribute = 14;
// Section 3.13.1: traffic selector types.
constexpr uint8_t kTsIpv4Range = 7;
constexpr uint8_t kTsIpv6Range = 8;
constexpr size_t kTsFixedBytes = 8;

constexpr size_t kIkeSpiBytes = 8;
constexpr size_t kEspSpiBytes = 4;

/// Reads the attributes of a transform. One that we do not know spoils it (section 3.3.6), wherever it stands.
void decode_attributes(ByteReader& attributes, Transform& transform)
{
    bool is_unknown = false;
    while (attributes.remaining() != 0) {
        const uint16_t type = attributes.u16();
        const uint16_t value = attributes.u16();  // TLV: the length of what follows
        if ((type & kAttributeFormatTv) == 0) {
            attributes.skip(value);
            is_unknown = true;
        } else if (type == (kAttributeFormatTv | kKeyLengthAttribute) && transform.key_bits == 0 && value != 0) {
            transform.key_bits = value;
        } else {
            is_unknown = true;
        }
    }
    if (is_unknown)
        transform.key_bits = kUnknownAttribute;
}

Defect decode_transforms(ByteReader& body, uint8_t count, model::Proposal& out)
{
    for (uint8_t i = 0; i < count; i++) {
        const uint8_t last = body.u8();
        body.skip(1);
        const uint16_t length = body.u16();
        if (!body.ok() || length < 8)
            return "a transform is cut off";
        ByteReader fields = body.take(length - 4U);
        Transform transform;
        transform.type = static_cast<TransformType>(fields.u8());
        fields.skip(1);
        transform.id = fields.u16();
        decode_attributes(fields, transform);
        if (!fields.is_at_end())
            return "a transform's attributes do not fit its length";
        if (last != (i + 1 == count ? kLast : kMoreTransforms))
            return "its transforms are not as many as it says";
        out.transforms.push_back(transform);
    }
    return {};
}

bool is_spi_size(ProtocolId protocol, size_t size)
{
    switch (protocol) {
        case ProtocolId::kIke:  // none in IKE_SA_INIT, eight bytes when rekeying
            return size == 0 || size == kIkeSpiBytes;
        case ProtocolId::kAh:
        case ProtocolId::kEsp:
            return size == kEspSpiBytes;
        case ProtocolId::kNone:
            break;
    }
    return true;  // a protocol we do not know will not be chosen
}

Defect decode_proposal(ByteReader& fields, OfferedProposal& out)
{
    out.number = fields.u8();
    out.proposal.protocol = static_cast<ProtocolId>(fields.u8());
    const uint8_t spi_size = fields.u8();
    const uint8_t transforms = fields.u8();
    out.spi = to_bytes(fields.bytes(spi_size));
    if (!fields.ok())
        return "a proposal is cut off";
    if (!is_spi_size(out.proposal.protocol, spi_size))
        return base::format("the SPI of a proposal has %u bytes", spi_size);
    if (auto defect = decode_transforms(fields, transforms, out.proposal))
        return defect;
    if (!fields.is_at_end())
        return "a proposal's transforms do not fit its length";
    return {};
}

net::IpAddress read_address(ByteReader& reader, net::Family family)
{
    const auto bytes = reader.bytes(net::address_bytes(family));
    if (bytes.empty())
        return {};
    return family == net::Family::kIpv4 ? net::IpAddress::v4(bytes.data()) : net::IpAddress::v6(bytes.data());
}

Defect decode_selector(uint8_t type, ByteReader& fields, Selectors& out)
{
    if (type != kTsIpv4Range && type != kTsIpv6Range) {
        fields.skip(fields.remaining());
        return {};
    }
    const auto family = type == kTsIpv4Range ? net::Family::kIpv4 : net::Family::kIpv6;
    Selector selector;
    selector.protocol = fields.u8();
    fields.skip(2);  // the length
    selector.ports.first = fields.u16();
    selector.ports.last = fields.u16();
    selector.first = read_address(fields, family);
    selector.last = read_address(fields, family);
    if (!fields.is_at_end())
        return "a selector's length is not that of its type";
    if (selector.last < selector.first)
        return "a selector's range of addresses is empty";
    const bool is_opaque = selector.ports.first == 65535 && selector.ports.last == 0;
    if (selector.ports.last < selector.ports.first && !is_opaque)
        return "a selector's range of ports is empty";
    if (!is_opaque)
        out.push_back(selector);
    return {};
}

bool is_known(IdentityType type)
{
    switch (type) {
        case IdentityType::kAny:
            return false;
        case IdentityType::kIpv4Address:
        case IdentityType::kFqdn:
        case IdentityType::kRfc822Address:
        case IdentityType::kIpv6Address:
        case IdentityType::kDistinguishedName:
        case IdentityType::kGeneralName:
        case IdentityType::kKeyId:
            return true;
    }
    return false;
}

}  // namespace

Defect decode_sa(ByteReader& body, SaPayload& out)
{
    uint8_t last = kMoreProposals;
    while (last == kMoreProposals) {
        last = body.u8();
        body.skip(1);
        const uint16_t length = body.u16();
        if (!body.ok() || length < 8)
            return "a proposal is cut off";
        ByteReader fields = body.take(length - 4U);
        OfferedProposal proposal;
        if (auto defect = decode_proposal(fields, proposal))
            return defect;
        // Section 3.3.1: the first is 1 and each is one more. An answer has one, with the number of what it takes.
        if (!out.proposals.empty() && proposal.number != out.proposals.back().number + 1)
            return "its proposals are not numbered one after another";
        out.proposals.push_back(std::move(proposal));
    }
    if (last != kLast)
        return "a proposal is neither the last nor followed by one";
    if (out.proposals.size() > 1 && out.proposals.front().number != 1)
        return "its first proposal is not number 1";
    return {};
}

Defect decode_selectors(ByteReader& body, TsPayload& out)
{
    const uint8_t count = body.u8();
    body.skip(3);
    if (body.ok() && count == 0)
        return "it has no selector";
    for (uint8_t i = 0; i < count; i++) {
        ByteReader ahead = body;
        const uint8_t type = ahead.u8();
        ahead.skip(1);
        const uint16_t length = ahead.u16();
        if (!ahead.ok() || length < kTsFixedBytes)
            return "a selector is cut off";
        ByteReader fields = body.take(length);
        fields.skip(1);  // the type
        if (!fields.ok())
            return "a selector is cut off";
        if (auto defect = decode_selector(type, fields, out.selectors))
            return defect;
    }
    return {};
}

Defect decode_configuration(ByteReader& body)
{
    body.skip(4);  // type and reserved
    while (body.remaining() != 0) {
        body.skip(2);
        body.skip(body.u16());
    }
    return {};
}

Defect decode_notify(ByteReader& body, NotifyPayload& out)
{
    out.protocol = static_cast<ProtocolId>(body.u8());
    const uint8_t spi_size = body.u8();
    out.type = static_cast<NotifyType>(body.u16());
    out.spi = to_bytes(body.bytes(spi_size));
    out.data = to_bytes(body.rest());
    // Section 3.10: without an SPI the protocol says nothing, and is ignored.
    if (out.spi.empty())
        out.protocol = ProtocolId::kNone;
    return {};
}

Defect decode_delete(ByteReader& body, DeletePayload& out)
{
    out.protocol = static_cast<ProtocolId>(body.u8());
    const uint8_t spi_size = body.u8();
    const uint16_t count = body.u16();
    if (!body.ok())
        return {};
    const size_t expected = out.protocol == ProtocolId::kIke ? 0 : kEspSpiBytes;
    if (spi_size != expected || (out.protocol == ProtocolId::kIke && count != 0))
        return base::format("it has %u SPIs of %u bytes", count, spi_size);
    if (body.remaining() != size_t{count} * kEspSpiBytes)
        return "its SPIs are not as many as it says";
    for (uint16_t i = 0; i < count; i++)
        out.spis.push_back(body.u32());
    return {};
}

Defect decode_identity(ByteReader& body, IdPayload& out)
{
    out.identity.type = static_cast<IdentityType>(body.u8());
    const auto reserved = body.bytes(out.reserved.size());
    std::copy(reserved.begin(), reserved.end(), out.reserved.begin());
    out.identity.data = to_bytes(body.rest());
    if (body.ok() && is_known(out.identity.type) && !model::is_well_formed(out.identity))
        return "its data are not of the form their type asks for";
    return {};
}

}  // namespace ipsecgw::ike
