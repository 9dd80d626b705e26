#include "model/identity.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/text.h"
#include "model/distinguished_name_internal.h"
#include "net/address.h"

namespace ipsecgw::model {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

struct TypePrefix {
    std::string_view word;
    IdentityType type;
};
// The first word of a type is the one we print.
constexpr TypePrefix kTypePrefixes[] = {
    {"ipv4:", IdentityType::kIpv4Address},
    {"ipv6:", IdentityType::kIpv6Address},
    {"fqdn:", IdentityType::kFqdn},
    {"dns:", IdentityType::kFqdn},
    {"email:", IdentityType::kRfc822Address},
    {"rfc822:", IdentityType::kRfc822Address},
    {"userfqdn:", IdentityType::kRfc822Address},
    {"asn1dn:", IdentityType::kDistinguishedName},
    {"dn:", IdentityType::kDistinguishedName},
    {"asn1gn:", IdentityType::kGeneralName},
    {"keyid:", IdentityType::kKeyId},
};

constexpr const char* kHint =
    "write it like moon.example.org, carol@example.org, 192.0.2.1 or \"C=CH, O=Example, CN=moon\"";

Error wrong(std::string_view text, const std::string& what, const char* hint = kHint)
{
    return {ErrorCode::kInvalidArgument, "\"" + std::string(text) + "\" " + what, hint};
}

std::vector<uint8_t> bytes_of(std::string_view text)
{
    return {text.begin(), text.end()};
}

std::string_view text_of(std::span<const uint8_t> data)
{
    return {reinterpret_cast<const char*>(data.data()), data.size()};
}

bool is_printable(std::span<const uint8_t> data)
{
    return !data.empty() && std::all_of(data.begin(), data.end(), [](uint8_t c) { return c > ' ' && c < 0x7f; });
}

bool same_without_case(std::string_view a, std::string_view b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::optional<Identity> address_identity(std::string_view text)
{
    const auto address = net::IpAddress::parse(text);
    if (!address)
        return std::nullopt;
    const auto bytes = address->bytes();
    return Identity{address->is_v4() ? IdentityType::kIpv4Address : IdentityType::kIpv6Address,
                    {bytes.begin(), bytes.end()}};
}

/// "#" and hex digits.
Result<Identity> hex_identity(IdentityType type, std::string_view text, std::string_view digits)
{
    const auto bytes = base::decode_hex(digits);
    if (!bytes || bytes->empty())
        return wrong(text, "has no hex digits in pairs after #");
    Identity identity{type, {bytes->view().begin(), bytes->view().end()}};
    if (!is_well_formed(identity))
        return wrong(text, "is not of the form its type asks for");
    return identity;
}

Result<Identity> typed_identity(IdentityType type, std::string_view text, std::string_view value)
{
    if (value.starts_with('#'))
        return hex_identity(type, text, value.substr(1));
    switch (type) {
        case IdentityType::kIpv4Address:
        case IdentityType::kIpv6Address: {
            auto identity = address_identity(value);
            if (!identity || identity->type != type)
                return wrong(text, "has no address of its kind");
            return *std::move(identity);
        }
        case IdentityType::kDistinguishedName: {
            auto der = encode_distinguished_name(value);
            if (!der)
                return std::move(der).error();
            return Identity{type, std::move(*der)};
        }
        case IdentityType::kGeneralName:
            return wrong(text, "is no text", "give the DER of a GeneralName in hex: asn1gn:#...");
        case IdentityType::kAny:
        case IdentityType::kFqdn:
        case IdentityType::kRfc822Address:
        case IdentityType::kKeyId:
            break;
    }
    Identity identity{type, bytes_of(value)};
    if (!is_printable(identity.data) || !is_well_formed(identity))
        return wrong(text, "has a space or a character that is not ASCII, or nothing after its type");
    return identity;
}

/// "*" at the front stands for anything, but not for nothing.
bool domain_matches(std::string_view pattern, std::string_view name, Wildcards wildcards)
{
    if (wildcards == Wildcards::kLiteral || !pattern.starts_with('*'))
        return same_without_case(pattern, name);
    pattern.remove_prefix(1);
    return name.size() > pattern.size() && same_without_case(pattern, name.substr(name.size() - pattern.size()));
}

bool address_matches(std::string_view pattern, std::string_view candidate, Wildcards wildcards)
{
    const size_t at = pattern.rfind('@');
    const size_t candidate_at = candidate.rfind('@');
    if (at == std::string_view::npos || candidate_at == std::string_view::npos)
        return false;
    const auto user = pattern.substr(0, at);
    return ((wildcards == Wildcards::kMatch && user == "*") || user == candidate.substr(0, candidate_at)) &&
           domain_matches(pattern.substr(at + 1), candidate.substr(candidate_at + 1), wildcards);
}

std::string hex_of(std::span<const uint8_t> data)
{
    std::string out;
    for (const uint8_t byte : data)
        out += base::format("%02x", byte);
    return out;
}

std::string with_prefix(IdentityType type, const std::string& value)
{
    const auto found = std::find_if(std::begin(kTypePrefixes), std::end(kTypePrefixes),
                                    [type](const TypePrefix& p) { return p.type == type; });
    return (found != std::end(kTypePrefixes) ? std::string(found->word) : "") + value;
}

bool same(const Identity& pattern, const Identity& candidate, Wildcards wildcards)
{
    if (pattern.type != candidate.type)
        return false;
    switch (pattern.type) {
        case IdentityType::kFqdn:
            return domain_matches(text_of(pattern.data), text_of(candidate.data), wildcards);
        case IdentityType::kRfc822Address:
            return address_matches(text_of(pattern.data), text_of(candidate.data), wildcards);
        case IdentityType::kDistinguishedName:
            return distinguished_name_matches(pattern.data, candidate.data, wildcards);
        case IdentityType::kAny:
        case IdentityType::kIpv4Address:
        case IdentityType::kIpv6Address:
        case IdentityType::kGeneralName:
        case IdentityType::kKeyId:
            break;
    }
    return pattern.data == candidate.data;
}

/// Whether `text` read without a prefix is `identity` again. A distinguished name may come back with other string
/// types: certificates have UTF8String where we write PrintableString, and they are the same name.
bool reads_back(const Identity& identity, const std::string& text)
{
    const auto again = Identity::parse(text);
    return again && again->equals(identity);
}

}  // namespace

Result<Identity> Identity::parse(std::string_view text)
{
    const std::string_view whole = base::trim(text);
    if (whole.empty())
        return wrong(text, "is no identity");
    if (whole.size() > kMaxIdentityBytes)
        return Error{ErrorCode::kInvalidArgument, "it is longer than 1024 bytes", kHint};
    if (whole == "%any" || whole == "%any6")
        return Identity{};
    for (const auto& [word, type] : kTypePrefixes)
        if (whole.starts_with(word))
            return typed_identity(type, text, whole.substr(word.size()));
    if (whole.starts_with("@#"))
        return hex_identity(IdentityType::kKeyId, text, whole.substr(2));
    if (whole.starts_with("@@"))
        return typed_identity(IdentityType::kRfc822Address, text, whole.substr(2));
    if (whole.starts_with('@'))
        return typed_identity(IdentityType::kFqdn, text, whole.substr(1));
    if (auto address = address_identity(whole))
        return *std::move(address);
    if (whole.find('=') != std::string_view::npos)
        return typed_identity(IdentityType::kDistinguishedName, text, whole);
    if (whole.find('@') != std::string_view::npos)
        return typed_identity(IdentityType::kRfc822Address, text, whole);
    return typed_identity(IdentityType::kFqdn, text, whole);
}

std::string Identity::to_string() const
{
    switch (type) {
        case IdentityType::kAny:
            return "%any";
        case IdentityType::kIpv4Address:
            if (data.size() == 4)
                return net::IpAddress::v4(data.data()).to_string();
            break;
        case IdentityType::kIpv6Address:
            if (data.size() == 16)
                return net::IpAddress::v6(data.data()).to_string();
            break;
        case IdentityType::kFqdn:
        case IdentityType::kRfc822Address: {
            if (!is_printable(data) || data[0] == '#')
                break;
            std::string plain(text_of(data));
            return reads_back(*this, plain) ? plain : with_prefix(type, plain);
        }
        case IdentityType::kDistinguishedName:
            if (auto name = print_distinguished_name(data); name && reads_back(*this, *name))
                return *name;
            break;
        case IdentityType::kGeneralName:
        case IdentityType::kKeyId:
            if (type == IdentityType::kKeyId && is_printable(data) && data[0] != '#')
                return with_prefix(type, std::string(text_of(data)));
            break;
    }
    return with_prefix(type, "#" + hex_of(data));
}

bool Identity::is_pattern() const
{
    if (type == IdentityType::kDistinguishedName)
        return to_string().find("=*") != std::string::npos;
    const bool is_name = type == IdentityType::kFqdn || type == IdentityType::kRfc822Address;
    return is_any() || (is_name && std::find(data.begin(), data.end(), '*') != data.end());
}

bool Identity::matches(const Identity& candidate) const
{
    return is_any() || same(*this, candidate, Wildcards::kMatch);
}

bool Identity::equals(const Identity& other) const
{
    return same(*this, other, Wildcards::kLiteral);
}

bool is_well_formed(const Identity& identity) noexcept
{
    const auto& data = identity.data;
    if (identity.type == IdentityType::kAny)
        return data.empty();
    if (data.empty() || data.size() > kMaxIdentityBytes)
        return false;
    const auto has_nul = [&] { return std::find(data.begin(), data.end(), 0) != data.end(); };
    switch (identity.type) {
        case IdentityType::kAny:
            break;
        case IdentityType::kIpv4Address:
            return data.size() == 4;
        case IdentityType::kIpv6Address:
            return data.size() == 16;
        case IdentityType::kFqdn:
            return !has_nul();
        case IdentityType::kRfc822Address:
            return !has_nul() && std::find(data.begin(), data.end(), '@') != data.end();
        case IdentityType::kDistinguishedName:
            return is_distinguished_name(data);
        case IdentityType::kGeneralName:
        case IdentityType::kKeyId:
            return true;
    }
    return false;
}

}  // namespace ipsecgw::model
