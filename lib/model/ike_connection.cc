#include "model/ike_connection.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "base/text.h"
#include "model/algorithms_internal.h"
#include "net/headers.h"

namespace ipsecgw::model {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

constexpr uint64_t kDefaultLifePercent = 110;  // as swanctl: life is 10 % beyond rekey
constexpr uint32_t kDefaultOverPercent = 10;

template <class T>
struct NamedValue {
    std::string_view word;
    T value;
};
constexpr NamedValue<SignatureKey> kKeyWords[] = {
    {"rsa", SignatureKey::kRsa}, {"ecdsa", SignatureKey::kEcdsa}, {"ed25519", SignatureKey::kEd25519}};
constexpr NamedValue<SignatureHash> kHashWords[] = {
    {"sha256", SignatureHash::kSha256}, {"sha384", SignatureHash::kSha384}, {"sha512", SignatureHash::kSha512}};

template <class T, size_t N>
std::optional<T> value_of(const NamedValue<T> (&words)[N], std::string_view word)
{
    for (const auto& [name, value] : words)
        if (name == word)
            return value;
    return std::nullopt;
}

Error refuse_auth(const std::string& word)
{
    const std::string quoted = "\"" + word + "\"";
    if (starts_with_any(word, {"eap", "xauth", "pass"}))
        return {ErrorCode::kUnsupported, quoted + " is not implemented", "use psk or pubkey"};
    if (word == "sha1" || word == "md5" || word == "sha")
        return {ErrorCode::kUnsupported, "refused: " + quoted + " is too weak for a signature (RFC 8247 section 3.2)",
                "use sha256"};
    if (word == "ed448" || word == "bliss")
        return {ErrorCode::kUnsupported, quoted + " is not implemented", "use ed25519 or ecdsa"};
    const auto near = base::nearest(word, {"psk", "pubkey", "rsa", "ecdsa", "ed25519", "sha256", "sha384", "sha512"});
    return {ErrorCode::kInvalidArgument, quoted + " is no known way to authenticate",
            near ? "did you mean " + *near + "?" : "use psk or pubkey, or one like ecdsa-sha256"};
}

}  // namespace

Result<AuthRule> AuthRule::parse(std::string_view text)
{
    AuthRule rule;
    std::string whole = to_lower(base::trim(text));
    if (whole.starts_with("ike:"))  // strongSwan: a constraint on the signature only, which is all there is here
        whole = whole.substr(4);
    if (whole == "psk") {
        rule.method = AuthMethod::kPsk;
        return rule;
    }
    bool is_first = true;
    for (const auto part : base::split(whole, '-')) {
        std::string word(part);
        if (word == "rsa/pss" || word == "rsa/pkcs1")
            word = "rsa";
        const auto key = value_of(kKeyWords, word);
        const auto hash = value_of(kHashWords, word);
        if (word == "pubkey" && is_first)
            is_first = false;
        else if (key && is_first) {
            rule.keys.push_back(*key);
            is_first = false;
        } else if (hash && !is_first)
            rule.hashes.push_back(*hash);
        else
            return refuse_auth(word);
    }
    return rule;
}

std::string AuthRule::to_string() const
{
    if (method == AuthMethod::kPsk)
        return "psk";
    std::string out = keys.empty() ? "pubkey" : "";
    for (const auto& [word, value] : kKeyWords)
        if (std::find(keys.begin(), keys.end(), value) != keys.end())
            out += (out.empty() ? "" : "-") + std::string(word);
    for (const SignatureHash hash : hashes)
        for (const auto& [word, value] : kHashWords)
            if (value == hash)
                out += "-" + std::string(word);
    return out;
}

Result<ChildSelector> ChildSelector::parse(std::string_view text)
{
    static constexpr std::string_view kDynamic = "dynamic";
    const std::string_view whole = base::trim(text);
    ChildSelector out;
    if (!whole.starts_with(kDynamic)) {
        auto selector = TrafficSelector::parse(text);
        if (!selector)
            return std::move(selector).error();
        out.is_dynamic = false;
        out.selector = *selector;
        return out;
    }
    const std::string rest(base::trim(whole.substr(kDynamic.size())));
    if (rest.empty())
        return out;
    auto selector = TrafficSelector::parse("0.0.0.0/0" + rest);
    if (!selector || !rest.starts_with('['))  // icmp of IPv6 goes with the other family
        selector = rest.starts_with('[') ? TrafficSelector::parse("::/0" + rest) : selector;
    if (!selector)
        return Error{ErrorCode::kInvalidArgument, "\"" + std::string(text) + "\" is no selector",
                     "write it like dynamic, dynamic[udp/4789] or 10.1.0.0/16"};
    out.selector = *selector;
    return out;
}

std::string ChildSelector::to_string() const
{
    const std::string text = selector.to_string();
    if (!is_dynamic)
        return text;
    const size_t bracket = text.find('[');
    return "dynamic" + (bracket == std::string::npos ? "" : text.substr(bracket));
}

uint64_t RekeyLimit::effective_life() const noexcept
{
    if (life)
        return *life;
    return rekey > std::numeric_limits<uint64_t>::max() / kDefaultLifePercent ? std::numeric_limits<uint64_t>::max()
                                                                              : rekey * kDefaultLifePercent / 100;
}

uint64_t RekeyLimit::effective_rand() const noexcept
{
    if (rand)
        return *rand;
    const uint64_t end = effective_life();
    return rekey == 0 || end <= rekey ? 0 : end - rekey;
}

uint32_t IkeConnection::effective_over_time_s() const noexcept
{
    return over_time_s.value_or(static_cast<uint32_t>(uint64_t{rekey_time_s} * kDefaultOverPercent / 100));
}

uint32_t IkeConnection::effective_rand_time_s() const noexcept
{
    return rand_time_s.value_or(effective_over_time_s());
}

std::optional<net::IpAddress> IkeConnection::remote_address() const
{
    for (const auto& prefix : remote_addrs)
        if (prefix.length == net::address_bits(prefix.family()) && !prefix.address.is_unspecified())
            return prefix.address;
    return std::nullopt;
}

bool IkeConnection::accepts(const net::IpAddress& local_address, const net::IpAddress& peer_address) const noexcept
{
    const auto covers = [](const std::vector<net::Prefix>& prefixes, const net::IpAddress& address) {
        return prefixes.empty() ||
               std::any_of(prefixes.begin(), prefixes.end(), [&](const net::Prefix& p) { return p.contains(address); });
    };
    return covers(local_addrs, local_address) && covers(remote_addrs, peer_address);
}

SharedSecret SharedSecret::clone() const
{
    return {type, ids, secret.clone()};
}

PrivateKeyFile PrivateKeyFile::clone() const
{
    return {path, passphrase.clone()};
}

Result<base::SecretBytes> parse_secret(std::string_view text)
{
    const auto wrong = [](const char* what, const char* hint) {
        return Error{ErrorCode::kInvalidArgument, what, hint};
    };
    if (text.empty())
        return wrong("it is empty", "make one with: openssl rand -base64 32, and write 0s before it");
    std::optional<base::SecretBytes> out;
    if (text.starts_with("0s") || text.starts_with("0S")) {
        out = base::decode_base64(text.substr(2));
        if (!out || out->empty())
            return wrong("what follows 0s is no base64", "letters, digits, + and /, in fours, = at the end");
    } else if (text.starts_with("0x") || text.starts_with("0X")) {
        out = base::decode_hex(text);
        if (!out || out->empty())
            return wrong("what follows 0x are no hex digits in pairs", "two digits for each byte");
    } else {
        out.emplace(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
    }
    return *std::move(out);
}

std::string_view to_string(Revocation value) noexcept
{
    static constexpr std::array<std::string_view, 3> kWords = {"relaxed", "ifuri", "strict"};
    return kWords.at(static_cast<size_t>(value));
}

std::string_view to_string(UniquePolicy value) noexcept
{
    static constexpr std::array<std::string_view, 4> kWords = {"no", "never", "keep", "replace"};
    return kWords.at(static_cast<size_t>(value));
}

std::string_view to_string(Fragmentation value) noexcept
{
    static constexpr std::array<std::string_view, 4> kWords = {"yes", "accept", "force", "no"};
    return kWords.at(static_cast<size_t>(value));
}

std::string_view to_string(Childless value) noexcept
{
    static constexpr std::array<std::string_view, 4> kWords = {"allow", "prefer", "force", "never"};
    return kWords.at(static_cast<size_t>(value));
}

std::string_view to_string(SendCert value) noexcept
{
    static constexpr std::array<std::string_view, 3> kWords = {"ifasked", "always", "never"};
    return kWords.at(static_cast<size_t>(value));
}

std::string_view to_string(StartAction value) noexcept
{
    static constexpr std::array<std::string_view, 4> kWords = {"none", "trap", "start", "trap|start"};
    return kWords.at(static_cast<size_t>(value));
}

std::string_view to_string(DpdAction value) noexcept
{
    static constexpr std::array<std::string_view, 3> kWords = {"clear", "trap", "restart"};
    return kWords.at(static_cast<size_t>(value));
}

std::string_view to_string(SecretType value) noexcept
{
    static constexpr std::array<std::string_view, 2> kWords = {"ike", "ppk"};
    return kWords.at(static_cast<size_t>(value));
}

}  // namespace ipsecgw::model
