// The fields of an SA.
#include <algorithm>

#include "base/text.h"
#include "config/fields_internal.h"
#include "config/reader_internal.h"
#include "model/name.h"

namespace ipsecgw::config {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

constexpr size_t kMaxKeyFileBytes = 4096;
constexpr uint16_t kMaxTfcPadding = 9700;

/// The bytes of hex text, or what is wrong with it, without showing it.
Result<base::SecretBytes> decode_key(std::string_view text)
{
    static constexpr const char* kHint = "write hex digits like 0x00112233, or make a key with: openssl rand -hex 20";
    if (auto bytes = base::decode_hex(base::trim(text)))
        return std::move(*bytes);
    std::string_view digits = base::trim(text);
    if (digits.starts_with("0x") || digits.starts_with("0X"))
        digits.remove_prefix(2);
    const size_t foreign = digits.find_first_not_of("0123456789abcdefABCDEF:_ ");
    if (foreign != std::string_view::npos)
        return Error{ErrorCode::kInvalidArgument,
                     "its character " + std::to_string(foreign + 1 + (digits.data() - base::trim(text).data())) +
                         " is no hex digit",
                     kHint};
    return Error{ErrorCode::kInvalidArgument, "its hex digits do not come in pairs", kHint};
}

Result<void> set_keymat(Reader&, SaDraft& draft, const Value& value)
{
    auto bytes = decode_key(value.text);
    if (!bytes)
        return std::move(bytes).error();
    draft.sa.keymat = std::move(bytes).value();
    return {};
}

Result<void> set_keymat_file(Reader& reader, SaDraft& draft, const Value& value)
{
    const auto& files = reader.source().files();
    const std::string path = beside(files[reader.source().place(value.line).file].name, std::string(value.text));
    FileContent content = read_file(path, kMaxKeyFileBytes);
    if (!content.error.empty())
        return Error{ErrorCode::kInvalidArgument, "\"" + path + "\" " + content.error,
                     "it is a text file with the key in hex; its name is relative to the folder of this file"};
    if (content.open_to_others)
        reader.warning(
            value.line, std::string(value.path),
            base::format("\"%s\" holds a key and is open to group or others (mode %04o)", path.c_str(), content.mode),
            "chmod 600 " + path);
    std::replace(content.text.begin(), content.text.end(), '\n', ' ');
    std::replace(content.text.begin(), content.text.end(), '\r', ' ');
    auto bytes = decode_key(content.text);
    if (!bytes)
        return Error{ErrorCode::kInvalidArgument, "\"" + path + "\": " + bytes.error().what, bytes.error().hint};
    draft.sa.keymat = std::move(bytes).value();
    return {};
}

Result<void> set_proposal(Reader&, SaDraft& draft, const Value& value)
{
    auto proposal = model::parse_esp_proposal(value.text);
    if (!proposal)
        return std::move(proposal).error();
    draft.sa.suite = proposal->suite;
    draft.sa.esn = proposal->esn;
    return {};
}

template <net::IpAddress model::SaParams::*kMember>
Result<void> set_address(Reader&, SaDraft& draft, const Value& value)
{
    auto address = net::IpAddress::parse(value.text);
    if (!address)
        return std::move(address).error();
    draft.sa.*kMember = *address;
    return {};
}

constexpr Field<model::UdpEncapsulation> kUdpFields[] = {
    {{"local_port", Kind::kNumber, false, "4500", "", 1, 65535},
     [](Reader&, model::UdpEncapsulation& udp, const Value& value) -> Result<void> {
         udp.local_port = static_cast<uint16_t>(value.number);
         return {};
     }},
    {{"remote_port", Kind::kNumber, false, "4500", "", 1, 65535},
     [](Reader&, model::UdpEncapsulation& udp, const Value& value) -> Result<void> {
         udp.remote_port = static_cast<uint16_t>(value.number);
         return {};
     }},
};

template <auto kMember>
Result<void> set_limit(Reader&, model::Lifetime& lifetime, const Value& value)
{
    using Limit = std::remove_reference_t<decltype(lifetime.*kMember)>;
    lifetime.*kMember = static_cast<Limit>(value.number);
    return {};
}

constexpr Field<model::Lifetime> kLifetimeFields[] = {
    {{"soft_packets", Kind::kNumber, false, "0", "", 0, UINT64_MAX}, set_limit<&model::Lifetime::soft_packets>},
    {{"hard_packets", Kind::kNumber, false, "0", "", 0, UINT64_MAX}, set_limit<&model::Lifetime::hard_packets>},
    {{"soft_bytes", Kind::kNumber, false, "0", "", 0, UINT64_MAX}, set_limit<&model::Lifetime::soft_bytes>},
    {{"hard_bytes", Kind::kNumber, false, "0", "", 0, UINT64_MAX}, set_limit<&model::Lifetime::hard_bytes>},
    {{"soft_seconds", Kind::kNumber, false, "0", "", 0, UINT32_MAX}, set_limit<&model::Lifetime::soft_seconds>},
    {{"hard_seconds", Kind::kNumber, false, "0", "", 0, UINT32_MAX}, set_limit<&model::Lifetime::hard_seconds>},
};

constexpr Field<SaDraft> kSaFields[] = {
    {{"name", Kind::kText, true, "", "1 to 63 characters"},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         draft.sa.name = value.text;
         return model::check_name(value.text);
     }},
    {{"tunnel", Kind::kText, false, "the SA's own name", "1 to 63 characters"},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         draft.sa.tunnel_name = value.text;
         return model::check_name(value.text);
     }},
    {{"direction", Kind::kWord, true, "", "in|out"},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         draft.sa.direction = static_cast<model::Direction>(value.number);
         return {};
     }},
    {{"spi", Kind::kNumber, true, "", "0x100 to 0xffffffff", 256, UINT32_MAX},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         draft.sa.spi = static_cast<uint32_t>(value.number);
         return {};
     }},
    {{"mode", Kind::kWord, false, "tunnel", "tunnel|transport"},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         draft.sa.mode = static_cast<model::Mode>(value.number);
         return {};
     }},
    {{"local", Kind::kText, true, "", "address"}, set_address<&model::SaParams::local>},
    {{"remote", Kind::kText, true, "", "address"}, set_address<&model::SaParams::remote>},
    {{"proposal", Kind::kText, true, "", "see algorithms"}, set_proposal},
    {{"keymat", Kind::kSecret, false, "this or keymat_file", "hex digits"}, set_keymat},
    {{"keymat_file", Kind::kText, false, "this or keymat", "path of a file with hex digits"}, set_keymat_file},
    {{"replay_window", Kind::kNumber, false, "64", "0 (off) or 32 to 4096", 0, UINT16_MAX},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         draft.sa.replay_window = static_cast<uint16_t>(value.number);
         return {};
     }},
    {{"udp_encap", Kind::kFlagOrGroup, false, "false", "true, false or see sas.udp_encap"},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         if (value.flag)
             draft.sa.udp.emplace();
         return {};
     },
     [](Reader& reader, SaDraft& draft, const libconfig::Setting& group, Origin& origin) {
         reader.read_group(group, udp_fields(), draft.sa.udp.emplace(), origin, "udp_encap.");
     }},
    {{"dscp", Kind::kNumber, false, "copied from the inner header", "", 0, 63},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         draft.sa.tunnel.dscp = static_cast<uint8_t>(value.number);
         return {};
     }},
    {{"copy_dscp", Kind::kWord, false, "out", "out|in|yes|no"},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         draft.copies_outward = value.number == 0 || value.number == 2;
         draft.copies_inward = value.number == 1 || value.number == 2;
         return {};
     }},
    {{"ecn", Kind::kWord, false, "normal", "normal|off"},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         draft.sa.tunnel.ecn = static_cast<model::EcnPolicy>(value.number);
         return {};
     }},
    {{"df", Kind::kWord, false, "copy", "copy|set|clear"},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         draft.sa.tunnel.df = static_cast<model::DfPolicy>(value.number);
         return {};
     }},
    {{"copy_flow_label", Kind::kFlag, false, "false", "true, false"},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         draft.sa.tunnel.copy_flow_label = value.flag;
         return {};
     }},
    {{"hop_limit", Kind::kNumber, false, "64", "", 1, 255},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         draft.sa.tunnel.hop_limit = static_cast<uint8_t>(value.number);
         return {};
     }},
    {{"tfc_padding", Kind::kNumber, false, "0", "", 0, kMaxTfcPadding},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         draft.sa.tfc_pad_to = static_cast<uint16_t>(value.number);
         return {};
     }},
    {{"lifetime", Kind::kGroup, false, "no limits", "see sas.lifetime"},
     nullptr,
     [](Reader& reader, SaDraft& draft, const libconfig::Setting& group, Origin& origin) {
         reader.read_group(group, lifetime_fields(), draft.sa.lifetime, origin, "lifetime.");
     }},
    {{"engine", Kind::kWord, false, "gateway.engine", "auto|cpu-crypto|openssl|lookaside"},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         draft.sa.engine = static_cast<model::EngineChoice>(value.number);
         draft.has_engine = true;
         return {};
     }},
    {{"hw_offload", Kind::kWord, false, "no", "no|yes|crypto|full|packet|auto"},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         using model::HwOffload;
         constexpr HwOffload kMeaning[] = {HwOffload::kNo,   HwOffload::kCrypto, HwOffload::kCrypto,
                                           HwOffload::kFull, HwOffload::kFull,   HwOffload::kAuto};
         draft.sa.hw_offload = kMeaning[value.number];
         return {};
     }},
    {{"worker", Kind::kNumber, false, "the least loaded", "", 0, 255},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         draft.sa.worker = static_cast<uint16_t>(value.number);
         return {};
     }},
    {{"first_sequence", Kind::kNumber, false, "1", "", 1, UINT64_MAX},
     [](Reader&, SaDraft& draft, const Value& value) -> Result<void> {
         draft.sa.first_sequence = value.number;
         return {};
     }},
};

}  // namespace

std::span<const Field<SaDraft>> sa_fields()
{
    return kSaFields;
}
std::span<const Field<model::UdpEncapsulation>> udp_fields()
{
    return kUdpFields;
}
std::span<const Field<model::Lifetime>> lifetime_fields()
{
    return kLifetimeFields;
}

}  // namespace ipsecgw::config
