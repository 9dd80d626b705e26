// Proposals in swanctl's strings.
#include <algorithm>
#include <optional>

#include "base/text.h"
#include "model/algorithms_internal.h"
#include "model/proposal.h"

namespace ipsecgw::model {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

struct GroupWord {
    std::string_view word;
    KeyExchangeGroup group;
};
constexpr GroupWord kGroupWords[] = {
    {"x25519", KeyExchangeGroup::kCurve25519}, {"curve25519", KeyExchangeGroup::kCurve25519},
    {"x448", KeyExchangeGroup::kCurve448},     {"curve448", KeyExchangeGroup::kCurve448},
    {"ecp256", KeyExchangeGroup::kEcp256},     {"ecp384", KeyExchangeGroup::kEcp384},
    {"ecp521", KeyExchangeGroup::kEcp521},     {"modp2048", KeyExchangeGroup::kModp2048},
    {"modp3072", KeyExchangeGroup::kModp3072}, {"modp4096", KeyExchangeGroup::kModp4096},
    {"modpnone", KeyExchangeGroup::kNone},
};

constexpr Prf kPrfs[] = {Prf::kHmacSha256, Prf::kHmacSha384, Prf::kHmacSha512};

constexpr const char* kIkeHint = "write it like aes128gcm16-prfsha256-x25519 or aes128-sha256-x25519";
constexpr const char* kEspHint = "write it like aes128gcm16-x25519-esn or aes128-sha256";

std::string quoted(std::string_view word)
{
    return "\"" + std::string(word) + "\"";
}

/// The words of one proposal, sorted by what they are.
struct Words {
    ProtocolId protocol;
    std::vector<EspSuite> ciphers;
    std::vector<Integrity> integrities;
    std::vector<Prf> prfs;
    std::vector<KeyExchangeGroup> groups;
    std::vector<uint16_t> sequence_numbers;

    Result<void> take(const std::string& word);
    [[nodiscard]] Result<Proposal> finish(std::string_view text) const;

  private:
    Result<void> take_cipher(const std::string& word, const EspSuite& cipher);
    [[nodiscard]] Error refuse(const std::string& word) const;
    [[nodiscard]] bool is_ike() const { return protocol == ProtocolId::kIke; }
    [[nodiscard]] bool is_aead() const { return !ciphers.empty() && ciphers[0].is_aead(); }
    [[nodiscard]] std::optional<Error> problem(std::string_view text) const;
    [[nodiscard]] std::vector<Prf> effective_prfs() const;
};

template <class T>
Result<void> add_once(std::vector<T>& to, const T& item, const std::string& word)
{
    if (std::find(to.begin(), to.end(), item) != to.end())
        return Error{ErrorCode::kInvalidArgument, "it names " + quoted(word) + " twice", "remove one"};
    to.push_back(item);
    return {};
}

Result<void> Words::take_cipher(const std::string& word, const EspSuite& cipher)
{
    if (is_ike() && (cipher.encryption == Encryption::kNull || cipher.encryption == Encryption::kAesGmac))
        return Error{ErrorCode::kInvalidArgument,
                     quoted(word) + " does not encrypt, and IKE must (RFC 8247 section 2.1)",
                     "take aes128gcm16 or aes128-sha256"};
    return add_once(ciphers, cipher, word);
}

Result<void> Words::take(const std::string& word)
{
    if (const auto cipher = encryption_of_word(word))
        return take_cipher(word, *cipher);
    if (const auto integrity = integrity_of_word(word))
        return add_once(integrities, *integrity, word);
    for (const Prf prf : kPrfs)
        if (is_ike() && word == to_string(prf))
            return add_once(prfs, prf, word);
    for (const auto& [name, group] : kGroupWords)
        if (word == name && !(is_ike() && group == KeyExchangeGroup::kNone))
            return add_once(groups, group, word);
    if (!is_ike() && (word == "esn" || word == "noesn"))
        return add_once(sequence_numbers, word == "esn" ? kEsn : kNoEsn, word);
    return refuse(word);
}

Error Words::refuse(const std::string& word) const
{
    static constexpr const char* kGroupHint = "take x25519, ecp256 or modp3072";
    if (word == "prfsha1" || word == "prfmd5" || word == "prfaesxcbc" || word == "prfaescmac")
        return {ErrorCode::kUnsupported, "refused: " + quoted(word) + " is too weak or obsolete (RFC 8247)",
                "take prfsha256"};
    if (word.starts_with("prf") && !is_ike())
        return {ErrorCode::kInvalidArgument, quoted(word) + " is a pseudo-random function of IKE, not of ESP",
                "remove the word, or put it into proposals"};
    if (is_ike() && (word == "esn" || word == "noesn"))
        return {ErrorCode::kInvalidArgument, quoted(word) + " is about ESP's sequence numbers",
                "put it into the child's esp_proposals"};
    if (is_ike() && word == "modpnone")
        return {ErrorCode::kInvalidArgument, "IKE needs a key exchange, so " + quoted(word) + " cannot be", kGroupHint};
    if (starts_with_any(word, {"modp768", "modp1024", "modp1536", "modp2048s", "ecp192"}))
        return {ErrorCode::kUnsupported, "refused: group " + quoted(word) + " is too weak (RFC 8247 section 2.4)",
                kGroupHint};
    if (starts_with_any(word, {"modp6144", "modp8192", "ecp224", "mlkem", "ntru", "newhope", "ke1_", "ke2_"}) ||
        (word.starts_with("ecp") && word.ends_with("bp")))
        return {ErrorCode::kUnsupported, "group " + quoted(word) + " is not implemented", kGroupHint};
    if (auto refused = refused_word(word)) {
        if (const size_t at = refused->what.find("for ESP (RFC 8221)"); is_ike() && at != std::string::npos) {
            refused->what = refused->what.substr(0, at) + "for IKE (RFC 8247)";
            refused->hint = "take aes128gcm16-prfsha256, or aes128-sha256 where the peer has no AEAD";
        }
        return *std::move(refused);
    }
    auto words = algorithm_words();
    for (const auto& [name, group] : kGroupWords)
        words.emplace_back(name);
    for (const Prf prf : kPrfs)
        if (is_ike())
            words.emplace_back(to_string(prf));
    if (!is_ike())
        words.insert(words.end(), {"esn", "noesn"});
    const auto near = base::nearest(word, words);
    return {ErrorCode::kInvalidArgument, quoted(word) + " is no known algorithm or group",
            near       ? "did you mean " + *near + "?"
            : is_ike() ? kIkeHint
                       : kEspHint};
}

std::vector<Prf> Words::effective_prfs() const
{
    if (!prfs.empty())
        return prfs;
    std::vector<Prf> out;  // as strongSwan: the hash of the integrity algorithm
    for (const Integrity integrity : integrities)
        out.push_back(integrity == Integrity::kHmacSha256   ? Prf::kHmacSha256
                      : integrity == Integrity::kHmacSha384 ? Prf::kHmacSha384
                                                            : Prf::kHmacSha512);
    return out;
}

std::optional<Error> Words::problem(std::string_view text) const
{
    const auto wrong = [&](const std::string& what, std::string hint) {
        return Error{ErrorCode::kInvalidArgument, quoted(text) + " " + what, std::move(hint)};
    };
    const char* hint = is_ike() ? kIkeHint : kEspHint;
    if (ciphers.empty())
        return wrong("names no cipher", hint);
    if (std::any_of(ciphers.begin(), ciphers.end(), [&](const EspSuite& c) { return c.is_aead() != is_aead(); }))
        return wrong("mixes ciphers that authenticate by themselves with others that do not (RFC 7296 section 3.3)",
                     "make two proposals of it, with a comma between");
    if (!is_aead() && integrities.empty())
        return wrong("names no integrity algorithm, and its cipher needs one",
                     "add sha256, or take an AEAD like aes128gcm16");
    if (!is_ike() && is_aead() && !integrities.empty())
        return wrong("names an integrity algorithm, and its cipher authenticates by itself", "remove it");
    if (!is_ike())
        return std::nullopt;
    if (effective_prfs().empty())
        return wrong("names no pseudo-random function", "add prfsha256");
    if (is_aead() && !prfs.empty() && !integrities.empty())
        return wrong("names an integrity algorithm, and its cipher authenticates by itself", "remove it");
    if (groups.empty())
        return wrong("names no key exchange group", "add one: x25519, ecp256, modp3072");
    return std::nullopt;
}

Result<Proposal> Words::finish(std::string_view text) const
{
    if (auto error = problem(text))
        return *std::move(error);
    Proposal proposal{protocol, {}};
    auto& out = proposal.transforms;
    for (const auto& cipher : ciphers)
        out.push_back(to_transform(cipher.encryption, cipher.key_bits));
    for (const Integrity integrity : integrities)
        if (!is_aead())
            out.push_back(to_transform(integrity));
    if (is_ike())
        for (const Prf prf : effective_prfs())
            out.push_back(to_transform(prf));
    for (const KeyExchangeGroup group : groups)
        out.push_back(to_transform(group));
    for (const uint16_t id : sequence_numbers)
        out.push_back({TransformType::kSequenceNumbers, id, 0});
    if (!is_ike() && sequence_numbers.empty())
        out.push_back({TransformType::kSequenceNumbers, kNoEsn, 0});
    return proposal;
}

Result<std::vector<Proposal>> parse(ProtocolId protocol, std::string_view text)
{
    const auto whole = to_lower(base::trim(text));
    if (whole == "default")
        return protocol == ProtocolId::kIke ? default_ike_proposals() : default_esp_proposals();
    Words words{protocol, {}, {}, {}, {}, {}};
    for (const auto part : base::split(whole, '-')) {
        const std::string word(base::trim(part));
        if (word.empty())
            return Error{ErrorCode::kInvalidArgument, quoted(text) + " has an empty word",
                         protocol == ProtocolId::kIke ? kIkeHint : kEspHint};
        if (auto taken = words.take(word); !taken)
            return std::move(taken).error();
    }
    auto proposal = words.finish(base::trim(text));
    if (!proposal)
        return std::move(proposal).error();
    return std::vector<Proposal>{std::move(*proposal)};
}

std::vector<Proposal> must_parse(ProtocolId protocol, std::initializer_list<std::string_view> texts)
{
    std::vector<Proposal> out;
    for (const auto text : texts)
        out.push_back(parse(protocol, text).value().at(0));
    return out;
}

}  // namespace

Result<std::vector<Proposal>> parse_ike_proposals(std::string_view text)
{
    return parse(ProtocolId::kIke, text);
}

Result<std::vector<Proposal>> parse_esp_proposals(std::string_view text)
{
    return parse(ProtocolId::kEsp, text);
}

const std::vector<Proposal>& default_ike_proposals()
{
    static const std::vector<Proposal> proposals = must_parse(
        ProtocolId::kIke, {"aes128gcm16-aes192gcm16-aes256gcm16-chacha20poly1305-aes128gcm12-aes192gcm12-aes256gcm12-"
                           "prfsha256-prfsha384-prfsha512-x25519-ecp256-ecp384-ecp521-x448-modp3072-modp4096-modp2048",
                           "aes128-aes192-aes256-aes128ctr-aes192ctr-aes256ctr-sha256-sha384-sha512-"
                           "x25519-ecp256-ecp384-ecp521-x448-modp3072-modp4096-modp2048"});
    return proposals;
}

const std::vector<Proposal>& default_esp_proposals()
{
    static const std::vector<Proposal> proposals =
        must_parse(ProtocolId::kEsp, {"aes128gcm16-aes192gcm16-aes256gcm16-chacha20poly1305-esn-noesn",
                                      "aes128-aes192-aes256-sha256-sha384-sha512-esn-noesn"});
    return proposals;
}

}  // namespace ipsecgw::model
