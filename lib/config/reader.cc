#include <algorithm>
#include <cctype>
#include <span>
#include <utility>

#include "base/text.h"
#include "config/reader_internal.h"

namespace ipsecgw::config {
namespace {

/// Names from swanctl.conf and habit whose setting is spelled otherwise here; too far for edit distance.
struct Synonym {
    std::string_view written;
    std::string_view hint;
};
constexpr Synonym kSynonyms[] = {
    {"esn", "write it in the proposal: aes128gcm16-esn"},
    {"encap", "the setting is udp_encap"},
    {"esp_proposals", "the setting is proposal"},
    {"algorithm", "the setting is proposal"},
    {"cipher", "the setting is proposal"},
    {"local_addrs", "the setting is local"},
    {"remote_addrs", "the setting is remote"},
    {"source", "the setting is local or remote: both SAs of a pair name our own address local"},
    {"destination", "the setting is local or remote: both SAs of a pair name our own address local"},
    {"src", "the setting is local or remote: both SAs of a pair name our own address local"},
    {"dst", "the setting is local or remote: both SAs of a pair name our own address local"},
    {"key", "the setting is keymat: the cipher's key, its salt, then the integrity key"},
    {"salt", "it follows the key in keymat"},
    {"copy_ecn", "the setting is ecn: \"normal\" or \"off\""},
    {"copy_df", "the setting is df: \"copy\", \"set\" or \"clear\""},
    {"ttl", "the setting is hop_limit"},
    {"pad_to", "the setting is tfc_padding"},
    {"rekey_time", "the setting is lifetime.soft_seconds"},
    {"life_time", "the setting is lifetime.hard_seconds"},
    {"rekey_bytes", "the setting is lifetime.soft_bytes"},
    {"life_bytes", "the setting is lifetime.hard_bytes"},
    {"rekey_packets", "the setting is lifetime.soft_packets"},
    {"life_packets", "the setting is lifetime.hard_packets"},
    {"offload", "the setting is hw_offload"},
    {"gateway", "the setting is via"},
    {"nexthop", "the setting is via"},
    {"interface", "the setting is port"},
    {"neighbors", "the setting is neighbours"},
    {"security_associations", "the setting is sas"},
};

/// The same under `connections`, which has swanctl.conf's own names: what else swanctl.conf has there.
constexpr Synonym kConnectionSynonyms[] = {
    {"aggressive", "IKEv2 has no aggressive mode: remove it"},
    {"pull", "there is no mode config: remove it"},
    {"vips", "virtual addresses are not implemented: name addresses in local_ts and remote_ts"},
    {"pools", "virtual addresses are not implemented: name addresses in local_ts and remote_ts"},
    {"dpd_timeout", "it is IKEv1's: IKEv2 gives up when retransmission does"},
    {"ah_proposals", "AH is not implemented: take esp_proposals"},
    {"eap_id", "EAP is not implemented: auth is psk or pubkey"},
    {"xauth_id", "XAuth is IKEv1's: auth is psk or pubkey"},
    {"aaa_id", "EAP is not implemented: auth is psk or pubkey"},
    {"groups", "attribute certificates are not implemented"},
    {"cert_policy", "certificate policies are not checked: name the CAs with cacerts"},
    {"pubkeys", "bare public keys are not implemented: pin a self-signed certificate with certs"},
    {"ca_id", "name the CA's certificate with cacerts"},
    {"updown", "no scripts are run: the gateway makes its own policies"},
    {"hostaccess", "it has no meaning here: remove it"},
    {"ipcomp", "IPComp is not implemented: remove it"},
    {"mark_in", "packets have no marks here: remove it"},
    {"mark_out", "packets have no marks here: remove it"},
    {"if_id_in", "there are no XFRM interfaces here: remove it"},
    {"if_id_out", "there are no XFRM interfaces here: remove it"},
    {"reqid", "it has no meaning here: remove it"},
    {"proposal", "the setting is proposals in a connection, esp_proposals in a child"},
    {"local", "write local_addrs for addresses; local is the group that says who we are"},
    {"psk", "it stands in secrets: { type = \"ike\"; secret = \"...\"; }"},
    {"secret", "it stands in secrets: { type = \"ike\"; secret = \"...\"; }"},
};

const char* type_name(const libconfig::Setting& setting)
{
    switch (setting.getType()) {
        case libconfig::Setting::TypeInt:
        case libconfig::Setting::TypeInt64:
            return "a number";
        case libconfig::Setting::TypeFloat:
            return "a fraction";
        case libconfig::Setting::TypeString:
            return "a string";
        case libconfig::Setting::TypeBoolean:
            return "a boolean";
        case libconfig::Setting::TypeGroup:
            return "a group";
        case libconfig::Setting::TypeArray:
            return "an array";
        case libconfig::Setting::TypeList:
            return "a list";
        case libconfig::Setting::TypeNone:
            break;
    }
    return "nothing";
}

const char* wanted(Kind kind)
{
    switch (kind) {
        case Kind::kText:
        case Kind::kSecret:
        case Kind::kWord:
            return "a string";
        case Kind::kTexts:
            return "a string or a list of strings";
        case Kind::kNumber:
            return "a whole number";
        case Kind::kTime:
            return "seconds, or a string like \"4h\"";
        case Kind::kFlag:
            return "true or false";
        case Kind::kGroup:
            return "a group";
        case Kind::kFlagOrGroup:
            return "true, false or a group";
        case Kind::kGroups:
            return "a list of groups";
    }
    return "";
}

const char* type_hint(Kind kind, const libconfig::Setting& setting)
{
    if (kind == Kind::kGroup)
        return "write it like { name = \"value\"; }";
    if (kind == Kind::kGroups)
        return "write it like ( { ... }, { ... } )";
    if (setting.isScalar() && kind != Kind::kNumber && kind != Kind::kTime && kind != Kind::kFlag && kind != Kind::kFlagOrGroup)
        return "put it in quotes";
    return "";
}

/// "90", "90s", "10m", "4h", "1d" as seconds.
std::optional<uint64_t> parse_time(std::string_view text)
{
    text = base::trim(text);
    uint64_t unit = 1;
    static constexpr std::pair<char, uint64_t> kUnits[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    for (const auto& [letter, seconds] : kUnits) {
        if (text.ends_with(letter)) {
            unit = seconds;
            text = base::trim(text.substr(0, text.size() - 1));
            break;
        }
    }
    const auto number = base::parse_unsigned(text);
    if (!number || *number > UINT32_MAX)
        return number && unit == 1 ? number : std::nullopt;
    return *number * unit;
}

bool is_hex(char c)
{
    return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}

/// Hex digits from `at` on; between bytes one of ": _-" may stand.
size_t hex_run(const std::string& text, size_t at, size_t& digits)
{
    size_t end = at;
    digits = 0;
    while (end < text.size()) {
        if (is_hex(text[end])) {
            digits++;
            end++;
        } else if (digits % 2 == 0 && digits != 0 && end + 2 < text.size() &&
                   std::string_view(": _-").find(text[end]) != std::string_view::npos && is_hex(text[end + 1]) &&
                   is_hex(text[end + 2])) {
            end++;
        } else {
            break;
        }
    }
    return end;
}

/// The length of what looks like a secret in swanctl's base64 spelling ("0s..."); 0: nothing does.
size_t secret_run(const std::string& text, size_t at)
{
    static constexpr size_t kMaxBase64Shown = 12;
    if (text.compare(at, 2, "0s") != 0 || (at != 0 && std::isalnum(static_cast<unsigned char>(text[at - 1])) != 0))
        return 0;
    size_t end = at + 2;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '+' ||
                                 text[end] == '/' || text[end] == '='))
        end++;
    return end - at - 2 > kMaxBase64Shown ? end - at : 0;
}

}  // namespace

std::string redact(std::string text)
{
    // A MAC address has 12 digits and an SPI 8. An IPv6 address may have 32, but never 16 in a row, and then four
    // between colons. The largest 64-bit number has 20 decimal digits.
    static constexpr size_t kMaxShown = 20;
    std::string out;
    for (size_t at = 0; at < text.size();) {
        if (const size_t secret = secret_run(text, at); secret != 0) {
            out += "(secret not shown)";
            at += secret;
            continue;
        }
        size_t digits = 0;
        const size_t end = is_hex(text[at]) ? hex_run(text, at, digits) : at;
        size_t longest = 0;
        size_t separators = 0;
        for (size_t i = at, run = 0; i < end; i++) {
            run = is_hex(text[i]) ? run + 1 : 0;
            separators += is_hex(text[i]) ? 0 : 1;
            longest = std::max(longest, run);
        }
        const bool address_like = longest <= 4 && separators <= 7;
        if (digits > kMaxShown && !address_like)
            out += "(hex digits not shown)";
        else
            for (const char c : std::string_view(text).substr(at, std::max<size_t>(end - at, 1)))
                out += static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? '?' : c;
        at = std::max(end, at + 1);
    }
    return out;
}

std::string Reader::place_text(unsigned line) const
{
    const auto place = source_.place(line);
    return source_.files()[place.file].name + ":" + std::to_string(place.line);
}

Problem Reader::problem(unsigned line, const std::string& setting, const std::string& what,
                        const std::string& hint) const
{
    const auto place = source_.place(line);
    return {source_.files()[place.file].name, place.line, setting, redact(what), redact(hint)};
}

void Reader::error(unsigned line, const std::string& setting, const std::string& what, const std::string& hint)
{
    errors_.push_back({line, problem(line, setting, what, hint)});
}

void Reader::warning(unsigned line, const std::string& setting, const std::string& what, const std::string& hint)
{
    warnings_.push_back({line, problem(line, setting, what, hint)});
}

void Reader::file_warning(size_t file, const std::string& what, const std::string& hint)
{
    warnings_.push_back({0, {source_.files()[file].name, 0, "", what, hint}});
}

std::pair<std::string, unsigned> Reader::locate(const Origin& origin, std::string_view name)
{
    const std::string dot = origin.path.empty() ? "" : ".";
    for (std::string_view part = name;;) {
        if (const auto found = origin.lines.find(part); found != origin.lines.end())
            return {origin.path + dot + std::string(part), found->second};
        const size_t at = part.rfind('.');
        if (at == std::string_view::npos)
            return {origin.path + dot + std::string(name), origin.line};
        part = part.substr(0, at);
    }
}

void Reader::error(const Origin& origin, std::string_view name, const std::string& what, const std::string& hint)
{
    const auto [path, line] = locate(origin, name);
    error(line, path, what, hint);
}

void Reader::warning(const Origin& origin, std::string_view name, const std::string& what, const std::string& hint)
{
    const auto [path, line] = locate(origin, name);
    warning(line, path, what, hint);
}

std::vector<Problem> Reader::sorted(std::vector<Found>& found)
{
    std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.line < b.line; });
    std::vector<Problem> out;
    for (auto& item : found)
        out.push_back(std::move(item.problem));
    return out;
}

void Reader::unknown(const Setting& setting, const std::vector<Spec>& specs)
{
    std::vector<std::string> names;
    for (const auto& spec : specs)
        names.emplace_back(spec.name);
    const std::string_view written = setting.getName();
    std::string hint = "there are " + base::join(names);
    if (const auto near = base::nearest(written, names))
        hint = "did you mean " + *near + "?";
    const std::string path = setting.getPath();
    const std::span<const Synonym> synonyms =
        path.starts_with("connections") ? std::span<const Synonym>(kConnectionSynonyms) : kSynonyms;
    for (const auto& synonym : synonyms)
        if (synonym.written == written)
            hint = synonym.hint;
    error(setting.getSourceLine(), setting.getPath(), "no such setting", hint);
}

void Reader::missing(const Setting& group, const Spec& spec, Origin& origin, const std::string& prefix)
{
    const std::string name(spec.name);
    origin.bad.insert(prefix + name);
    const std::string path = group.isRoot() ? name : group.getPath() + "." + name;
    std::string hint = "it is a " + spec.type_text();
    if (const std::string range = spec.range_text(); !range.empty())
        hint += ": " + range;
    error(group.isRoot() ? 0 : group.getSourceLine(), path, "it is missing", hint);
}

std::nullopt_t Reader::wrong_type(const Setting& setting, const Spec& spec)
{
    error(setting.getSourceLine(), setting.getPath(),
          std::string("wants ") + wanted(spec.kind) + ", got " + type_name(setting), type_hint(spec.kind, setting));
    return std::nullopt;
}

bool Reader::is_group(const Setting& setting, const Spec& spec)
{
    if (setting.isGroup())
        return true;
    wrong_type(setting, spec);
    return false;
}

std::optional<Value> Reader::scalar(const Setting& setting, const Spec& spec)
{
    switch (spec.kind) {
        case Kind::kText:
        case Kind::kTexts:
        case Kind::kSecret:
            return text_value(setting, spec);
        case Kind::kNumber:
        case Kind::kTime:
            return number_value(setting, spec);
        case Kind::kFlag:
        case Kind::kFlagOrGroup:
            return flag_value(setting, spec);
        case Kind::kWord:
            return word_value(setting, spec);
        case Kind::kGroup:
        case Kind::kGroups:
            break;
    }
    return std::nullopt;
}

std::optional<Value> Reader::text_value(const Setting& setting, const Spec& spec)
{
    if (setting.getType() != Setting::TypeString)
        return wrong_type(setting, spec);
    Value value;
    value.text = setting.c_str();
    if (spec.kind == Kind::kSecret) {
        const auto secret = source_.secret(value.text);
        if (!secret)
            return wrong_type(setting, spec);
        value.text = *secret;
        note_key(setting.getSourceLine());
    }
    return value;
}

std::optional<Value> Reader::number_value(const Setting& setting, const Spec& spec)
{
    Value value;
    bool negative = false;
    if (setting.getType() == Setting::TypeInt || setting.getType() == Setting::TypeInt64) {
        const auto number = static_cast<int64_t>(
            setting.getType() == Setting::TypeInt ? static_cast<int>(setting) : static_cast<long long>(setting));
        if (number == Source::kOversized && source_.has_oversized(setting.getSourceLine())) {
            error(setting.getSourceLine(), setting.getPath(), "does not fit 64 bits", "it is " + spec.range_text());
            return std::nullopt;
        }
        negative = number < 0;
        value.number = static_cast<uint64_t>(number);
    } else if (setting.getType() == Setting::TypeString) {
        const auto number =
            spec.kind == Kind::kTime ? parse_time(setting.c_str()) : base::parse_unsigned(base::trim(setting.c_str()));
        if (!number) {
            error(setting.getSourceLine(), setting.getPath(),
                  "\"" + std::string(setting.c_str()) + "\" is no " +
                      (spec.kind == Kind::kTime ? "time" : "whole number"),
                  spec.kind == Kind::kTime ? "write seconds, or a unit after them: 90s, 10m, 4h, 1d"
                                           : "it is " + spec.range_text());
            return std::nullopt;
        }
        value.number = *number;
    } else {
        return wrong_type(setting, spec);
    }
    if (!negative && value.number >= spec.min && value.number <= spec.max)
        return value;
    const std::string shown =
        negative ? std::to_string(static_cast<int64_t>(value.number)) : std::to_string(value.number);
    error(setting.getSourceLine(), setting.getPath(), shown + " is out of range", "it is " + spec.range_text());
    return std::nullopt;
}

base::Result<std::string> Reader::readable_file(unsigned line, std::string_view name) const
{
    static constexpr size_t kMaxBytes = 1 << 20;
    const std::string path = beside(source_.files()[source_.place(line).file].name, std::string(name));
    const FileContent content = read_file(path, kMaxBytes);
    if (!content.error.empty())
        return base::Error{base::ErrorCode::kNotFound, "\"" + path + "\" " + content.error,
                           "the name is relative to the folder of this file"};
    return path;
}

std::optional<Value> Reader::flag_value(const Setting& setting, const Spec& spec)
{
    Value value;
    if (setting.getType() == Setting::TypeBoolean) {
        value.flag = setting;
        return value;
    }
    const std::string_view text = setting.getType() == Setting::TypeString ? setting.c_str() : "";
    if (text != "yes" && text != "no")
        return wrong_type(setting, spec);
    value.flag = text == "yes";
    return value;
}

std::optional<Value> Reader::word_value(const Setting& setting, const Spec& spec)
{
    const auto words = spec.words();
    std::string written;
    if (setting.getType() == Setting::TypeString)
        written = setting.c_str();
    else if (setting.getType() == Setting::TypeBoolean && base::nearest("yes", words) == "yes")
        written = static_cast<bool>(setting) ? "yes" : "no";  // where swanctl's words include yes and no
    else
        return wrong_type(setting, spec);
    const auto found = std::find(words.begin(), words.end(), written);
    if (found == words.end()) {
        const auto near = base::nearest(written, words);
        error(setting.getSourceLine(), setting.getPath(), "\"" + written + "\" is none of " + base::join(words),
              near ? "did you mean " + *near + "?" : "");
        return std::nullopt;
    }
    Value value;
    value.number = static_cast<uint64_t>(found - words.begin());
    return value;
}

}  // namespace ipsecgw::config
