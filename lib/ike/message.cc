#include "ike/message.h"

#include "base/text.h"

namespace ipsecgw::ike {
namespace {

struct NameOf {
    std::string operator()(const SaPayload&) const { return "SA"; }
    std::string operator()(const KePayload&) const { return "KE"; }
    std::string operator()(const IdPayload& id) const { return id.which == Which::kInitiator ? "IDi" : "IDr"; }
    std::string operator()(const CertPayload&) const { return "CERT"; }
    std::string operator()(const CertReqPayload&) const { return "CERTREQ"; }
    std::string operator()(const AuthPayload&) const { return "AUTH"; }
    std::string operator()(const NoncePayload&) const { return "No"; }
    std::string operator()(const NotifyPayload& notify) const { return "N(" + to_string(notify.type) + ")"; }
    std::string operator()(const DeletePayload&) const { return "D"; }
    std::string operator()(const VendorIdPayload&) const { return "V"; }
    std::string operator()(const TsPayload& ts) const { return ts.which == Which::kInitiator ? "TSi" : "TSr"; }
    std::string operator()(const ConfigurationPayload&) const { return "CP"; }
    std::string operator()(const EapPayload&) const { return "EAP"; }
    std::string operator()(const EncryptedPayload& encrypted) const
    {
        return encrypted.fragments == 0 ? "SK" : base::format("EF(%u/%u)", encrypted.fragment, encrypted.fragments);
    }
};

}  // namespace

Bytes IdPayload::body() const
{
    Bytes out;
    out.reserve(1 + reserved.size() + identity.data.size());
    out.push_back(static_cast<uint8_t>(identity.type));
    out.insert(out.end(), reserved.begin(), reserved.end());
    out.insert(out.end(), identity.data.begin(), identity.data.end());
    return out;
}

const NotifyPayload* find_notify(const std::vector<Payload>& payloads, NotifyType type) noexcept
{
    for (const Payload& payload : payloads)
        if (const auto* notify = std::get_if<NotifyPayload>(&payload); notify != nullptr && notify->type == type)
            return notify;
    return nullptr;
}

const TsPayload* find_selectors(const std::vector<Payload>& payloads, Which which) noexcept
{
    for (const Payload& payload : payloads)
        if (const auto* ts = std::get_if<TsPayload>(&payload); ts != nullptr && ts->which == which)
            return ts;
    return nullptr;
}

const IdPayload* find_identity(const std::vector<Payload>& payloads, Which which) noexcept
{
    for (const Payload& payload : payloads)
        if (const auto* id = std::get_if<IdPayload>(&payload); id != nullptr && id->which == which)
            return id;
    return nullptr;
}

std::string to_string(ExchangeType exchange)
{
    switch (exchange) {
        case ExchangeType::kIkeSaInit:
            return "IKE_SA_INIT";
        case ExchangeType::kIkeAuth:
            return "IKE_AUTH";
        case ExchangeType::kCreateChildSa:
            return "CREATE_CHILD_SA";
        case ExchangeType::kInformational:
            return "INFORMATIONAL";
    }
    return "exchange " + std::to_string(static_cast<unsigned>(exchange));
}

std::string summary(const Header& header, const std::vector<Payload>& payloads)
{
    std::string out = to_string(header.exchange) + (header.is_response ? " response " : " request ") +
                      std::to_string(header.message_id) + " [ ";
    for (const Payload& payload : payloads)
        out += std::visit(NameOf(), payload) + " ";
    return out + "]";
}

}  // namespace ipsecgw::ike
