#include <algorithm>
#include <cctype>

#include "base/byte_reader.h"
#include "base/text.h"
#include "model/distinguished_name_internal.h"

namespace ipsecgw::model {
namespace {

using base::ByteReader;
using base::Error;
using base::ErrorCode;
using base::Result;
using Bytes = std::vector<uint8_t>;
using View = std::span<const uint8_t>;

// X.690: identifier octets.
constexpr uint8_t kOid = 0x06;
constexpr uint8_t kUtf8String = 0x0c;
constexpr uint8_t kPrintableString = 0x13;
constexpr uint8_t kTeletexString = 0x14;
constexpr uint8_t kIa5String = 0x16;
constexpr uint8_t kSequence = 0x30;
constexpr uint8_t kSet = 0x31;

constexpr size_t kMaxAttributes = 64;
constexpr size_t kMaxNameBytes = 4096;

struct AttributeName {
    std::string_view name;
    std::string_view oid;
    uint8_t string_type;  // 0: PrintableString where the value can be, else UTF8String
};
// RFC 4519, RFC 5280 appendix A, RFC 2985. The first name of an OID is the one we print.
constexpr AttributeName kAttributes[] = {
    {"C", "2.5.4.6", 0},
    {"ST", "2.5.4.8", 0},
    {"S", "2.5.4.8", 0},
    {"L", "2.5.4.7", 0},
    {"STREET", "2.5.4.9", 0},
    {"O", "2.5.4.10", 0},
    {"OU", "2.5.4.11", 0},
    {"CN", "2.5.4.3", 0},
    {"SN", "2.5.4.4", 0},
    {"serialNumber", "2.5.4.5", 0},
    {"T", "2.5.4.12", 0},
    {"D", "2.5.4.13", 0},
    {"N", "2.5.4.41", 0},
    {"G", "2.5.4.42", 0},
    {"I", "2.5.4.43", 0},
    {"dnQualifier", "2.5.4.46", 0},
    {"E", "1.2.840.113549.1.9.1", kIa5String},
    {"emailAddress", "1.2.840.113549.1.9.1", kIa5String},
    {"email", "1.2.840.113549.1.9.1", kIa5String},
    {"UN", "1.2.840.113549.1.9.2", 0},
    {"UID", "0.9.2342.19200300.100.1.1", 0},
    {"DC", "0.9.2342.19200300.100.1.25", kIa5String},
};

struct Attribute {
    View oid;
    uint8_t string_type;
    View value;
    bool begins_rdn;  // not one more attribute of a multi-valued RDN
};

bool same_word(std::string_view a, std::string_view b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

void append_tlv(Bytes& out, uint8_t tag, View content)
{
    out.push_back(tag);
    if (content.size() >= 256) {
        out.insert(out.end(), {0x82, static_cast<uint8_t>(content.size() >> 8)});
    } else if (content.size() >= 128) {
        out.push_back(0x81);
    }
    out.push_back(static_cast<uint8_t>(content.size()));
    out.insert(out.end(), content.begin(), content.end());
}

/// The content of the next element, which has this tag and a DER length; fails the reader otherwise.
ByteReader element(ByteReader& reader, uint8_t tag)
{
    if (reader.u8() != tag)
        reader.fail();
    size_t length = reader.u8();
    if (length == 0x81) {
        length = reader.u8();
        if (length < 128)
            reader.fail();
    } else if (length == 0x82) {
        length = reader.u16();
        if (length < 256)
            reader.fail();
    } else if (length >= 128) {
        reader.fail();
    }
    return reader.take(length);
}

/// One byte ahead, without taking it.
uint8_t peek(ByteReader reader)
{
    return reader.u8();
}

std::optional<std::vector<Attribute>> decode(View der)
{
    if (der.size() > kMaxNameBytes)
        return std::nullopt;
    ByteReader whole(der);
    ByteReader names = element(whole, kSequence);
    if (!whole.is_at_end())
        return std::nullopt;
    std::vector<Attribute> out;
    while (names.remaining() != 0) {
        ByteReader set = element(names, kSet);
        bool begins = true;
        do {
            ByteReader pair = element(set, kSequence);
            const View oid = element(pair, kOid).rest();
            const uint8_t type = peek(pair);
            const View value = element(pair, type).rest();
            if (!pair.is_at_end() || oid.empty() || out.size() == kMaxAttributes)
                return std::nullopt;
            out.push_back({oid, type, value, begins});
            begins = false;
        } while (set.remaining() != 0);
        if (!set.ok())
            return std::nullopt;
    }
    if (!names.ok())
        return std::nullopt;
    return out;
}

std::optional<Bytes> encode_oid(std::string_view dotted)
{
    const auto parts = base::split(dotted, '.');
    Bytes out;
    uint64_t first = 0;
    if (parts.size() < 2 || parts.size() > 32)
        return std::nullopt;
    for (size_t i = 0; i < parts.size(); i++) {
        auto arc = base::parse_unsigned(parts[i]);
        if (!arc || *arc > UINT32_MAX || parts[i].starts_with("0x") || (i == 0 && *arc > 2) ||
            (i == 1 && first < 2 && *arc > 39))
            return std::nullopt;
        if (i == 0) {
            first = *arc;
            continue;
        }
        const uint64_t value = i == 1 ? first * 40 + *arc : *arc;
        for (int shift = 35; shift > 0; shift -= 7)
            if (value >> shift != 0)
                out.push_back(static_cast<uint8_t>(0x80 | (value >> shift & 0x7f)));
        out.push_back(static_cast<uint8_t>(value & 0x7f));
    }
    return out;
}

std::string print_oid(View oid)
{
    for (const auto& known : kAttributes)
        if (const auto encoded = encode_oid(known.oid); encoded && std::ranges::equal(*encoded, oid))
            return std::string(known.name);
    std::string out;
    uint64_t value = 0;
    for (const uint8_t byte : oid) {
        if (value >> 32 != 0)
            return {};
        value = value << 7 | (byte & 0x7f);
        if ((byte & 0x80) != 0)
            continue;
        if (out.empty()) {
            const uint64_t first = std::min<uint64_t>(value / 40, 2);
            out = std::to_string(first) + ".";
            value -= first * 40;
        } else {
            out += ".";
        }
        out += std::to_string(value);
        value = 0;
    }
    return out;
}

bool is_printable_string(std::string_view value)  // X.680
{
    return std::all_of(value.begin(), value.end(), [](unsigned char c) {
        return c < 0x80 && (std::isalnum(c) != 0 ||
                            std::string_view(" '()+,-./:=?").find(static_cast<char>(c)) != std::string_view::npos);
    });
}

/// "name=value" of the text, its value without quotes and backslashes; moves `text` past the separator.
Result<std::pair<std::string, std::string>> next_pair(std::string_view& text, char separator)
{
    const auto wrong = [&](const char* what) {
        return Error{ErrorCode::kInvalidArgument, std::string("the distinguished name ") + what,
                     "write it like \"C=CH, O=Example, CN=moon\""};
    };
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos)
        return wrong("has a part without \"=\"");
    const std::string name(base::trim(text.substr(0, equals)));
    text = text.substr(equals + 1);
    std::string value;
    bool is_quoted = false;
    size_t kept = 0;  // spaces that were quoted or escaped stay
    size_t i = 0;
    for (; i < text.size() && (is_quoted || text[i] != separator); i++) {
        if (text[i] == '"') {
            is_quoted = !is_quoted;
            continue;
        }
        const bool is_escaped = text[i] == '\\';
        if (is_escaped && ++i == text.size())
            return wrong("ends with a backslash");
        if (!is_escaped && !is_quoted && text[i] == '+')
            return wrong("has several attributes in one part (\"+\")");
        if (value.empty() && text[i] == ' ' && !is_escaped && !is_quoted)
            continue;
        value += text[i];
        if (text[i] != ' ' || is_escaped || is_quoted)
            kept = value.size();
    }
    if (is_quoted)
        return wrong("has a quote that is not closed");
    value.resize(kept);
    if (value.empty())
        return wrong("has a part without value");
    text = i < text.size() ? text.substr(i + 1) : std::string_view();
    return std::pair(name, value);
}

Result<Bytes> encode_pair(const std::string& name, const std::string& value)
{
    std::optional<Bytes> oid;
    uint8_t type = 0;
    std::vector<std::string> names;
    for (const auto& known : kAttributes) {
        names.emplace_back(known.name);
        if (!same_word(name, known.name))
            continue;
        oid = encode_oid(known.oid);
        type = known.string_type;
        break;
    }
    if (!oid)
        oid = encode_oid(name);
    if (!oid) {
        const auto near = base::nearest(name, names);
        return Error{ErrorCode::kInvalidArgument, "the distinguished name has an unknown attribute \"" + name + "\"",
                     near ? "did you mean " + *near + "?" : "write it as a dotted OID"};
    }
    if (type == 0 || !std::all_of(value.begin(), value.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
        type = is_printable_string(value) ? kPrintableString : kUtf8String;
    Bytes pair, sequence, set;
    append_tlv(pair, kOid, *oid);
    append_tlv(pair, type, View(reinterpret_cast<const uint8_t*>(value.data()), value.size()));
    append_tlv(sequence, kSequence, pair);
    append_tlv(set, kSet, sequence);
    return set;
}

bool is_text(uint8_t type)
{
    return type == kUtf8String || type == kPrintableString || type == kTeletexString || type == kIa5String;
}

/// Lower case, no spaces around, single ones inside (RFC 4518 in what matters here).
std::string normal_form(View value)
{
    std::string out;
    for (const uint8_t byte : value) {
        if (byte == ' ' && (out.empty() || out.back() == ' '))
            continue;
        out += static_cast<char>(byte < 0x80 ? std::tolower(byte) : byte);
    }
    if (out.ends_with(' '))
        out.pop_back();
    return out;
}

bool same_value(const Attribute& pattern, const Attribute& candidate, Wildcards wildcards)
{
    if (wildcards == Wildcards::kMatch && pattern.value.size() == 1 && pattern.value[0] == '*' &&
        is_text(pattern.string_type))
        return true;
    if (!is_text(pattern.string_type) || !is_text(candidate.string_type))
        return pattern.string_type == candidate.string_type && std::ranges::equal(pattern.value, candidate.value);
    return normal_form(pattern.value) == normal_form(candidate.value);
}

}  // namespace

Result<Bytes> encode_distinguished_name(std::string_view text)
{
    text = base::trim(text);
    const char separator = text.starts_with('/') ? '/' : ',';
    if (separator == '/')
        text.remove_prefix(1);
    Bytes names;
    size_t count = 0;
    do {
        auto pair = next_pair(text, separator);
        if (!pair)
            return std::move(pair).error();
        auto set = encode_pair(pair->first, pair->second);
        if (!set)
            return std::move(set).error();
        names.insert(names.end(), set->begin(), set->end());
        count++;
    } while (!base::trim(text).empty());
    if (count > kMaxAttributes || names.size() > kMaxNameBytes - 4)
        return Error{ErrorCode::kInvalidArgument, "the distinguished name is too long", {}};
    Bytes out;
    append_tlv(out, kSequence, names);
    return out;
}

std::optional<std::string> print_distinguished_name(View der)
{
    const auto attributes = decode(der);
    if (!attributes || attributes->empty())
        return std::nullopt;
    std::string out;
    for (const auto& attribute : *attributes) {
        if (!attribute.begins_rdn || !is_text(attribute.string_type))
            return std::nullopt;
        if (!out.empty())
            out += ", ";
        out += print_oid(attribute.oid) + "=";
        for (const uint8_t byte : attribute.value) {
            if (byte < ' ' || byte == 0x7f)
                return std::nullopt;
            if (byte == ',' || byte == '"' || byte == '\\' || byte == '+')
                out += '\\';
            out += static_cast<char>(byte);
        }
    }
    return out;
}

bool is_distinguished_name(View der) noexcept
{
    const auto attributes = decode(der);
    return attributes && !attributes->empty();
}

bool distinguished_name_matches(View pattern, View candidate, Wildcards wildcards)
{
    const auto a = decode(pattern);
    const auto b = decode(candidate);
    return a && b &&
           std::equal(a->begin(), a->end(), b->begin(), b->end(), [wildcards](const Attribute& x, const Attribute& y) {
               return x.begins_rdn == y.begins_rdn && std::ranges::equal(x.oid, y.oid) && same_value(x, y, wildcards);
           });
}

}  // namespace ipsecgw::model
