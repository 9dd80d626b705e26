#include "model/algorithms.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/text.h"
#include "model/algorithms_internal.h"

namespace ipsecgw::model {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

constexpr uint8_t kEspAlignment = 4;    // RFC 4303 section 2.4: pad length and next header end on a 4-byte boundary
constexpr uint8_t kAesBlockBytes = 16;  // RFC 3602 section 2.4: CBC ciphers whole blocks
constexpr uint8_t kCounterSaltBytes =
    4;  // RFC 4106 section 4, RFC 4543 section 3.2, RFC 7634 section 2; RFC 3686 section 4: nonce
constexpr uint8_t kCounterIvBytes =
    8;  // RFC 4106 section 3.1, RFC 4543 section 3.1, RFC 7634 section 2, RFC 3686 section 3.1
constexpr uint8_t kCbcIvBytes = 16;      // RFC 3602 section 3
constexpr uint8_t kChaChaKeyBytes = 32;  // RFC 7634 section 2
constexpr uint8_t kAeadTagBytes = 16;    // RFC 4543 section 3.4 (GMAC), RFC 7634 section 2

struct NamedEncryption {
    std::string_view stem;  // after "aes128", or the whole word
    Encryption encryption;
};

// GCM's number is the ICV in bytes or in bits, as in swanctl.
constexpr NamedEncryption kAesStems[] = {
    {"", Encryption::kAesCbc},        {"ctr", Encryption::kAesCtr},     {"gmac", Encryption::kAesGmac},
    {"gcm", Encryption::kAesGcm16},   {"gcm16", Encryption::kAesGcm16}, {"gcm128", Encryption::kAesGcm16},
    {"gcm12", Encryption::kAesGcm12}, {"gcm96", Encryption::kAesGcm12}, {"gcm8", Encryption::kAesGcm8},
    {"gcm64", Encryption::kAesGcm8},
};

struct NamedIntegrity {
    std::string_view word;
    Integrity integrity;
};
constexpr NamedIntegrity kIntegrityWords[] = {
    {"sha256", Integrity::kHmacSha256},   {"sha2_256", Integrity::kHmacSha256}, {"sha384", Integrity::kHmacSha384},
    {"sha2_384", Integrity::kHmacSha384}, {"sha512", Integrity::kHmacSha512},   {"sha2_512", Integrity::kHmacSha512},
};

Error foreign_word(const std::string& word)
{
    const std::string quoted = "\"" + word + "\"";
    if (starts_with_any(word, {"modp", "ecp", "curve", "x25519", "x448", "ke1_", "mlkem"}))
        return {ErrorCode::kInvalidArgument, quoted + " is a key exchange group, and a manually keyed SA has none",
                "remove the word: its keys come from keymat"};
    if (word.starts_with("prf"))
        return {ErrorCode::kInvalidArgument, quoted + " is a pseudo-random function of IKE, not of ESP",
                "remove the word"};
    if (auto refused = refused_word(word))
        return *std::move(refused);
    auto words = algorithm_words();
    words.insert(words.end(), {"esn", "noesn"});
    const auto near = base::nearest(word, words);
    return {ErrorCode::kInvalidArgument, quoted + " is no known algorithm",
            near ? "did you mean " + *near + "?" : "write it like aes256gcm16 or aes128-sha256"};
}

/// Reads one word into `suite`; which parts are already there is told by the two flags.
struct SuiteReader {
    EspSuite suite{Encryption::kNull, 0, Integrity::kNone};
    std::string encryption_word;
    std::string integrity_word;

    Result<void> take(const std::string& word)
    {
        if (const auto encryption = encryption_of_word(word)) {
            if (!encryption_word.empty())
                return twice("cipher", encryption_word, word);
            encryption_word = word;
            suite.encryption = encryption->encryption;
            suite.key_bits = encryption->key_bits;
            return {};
        }
        if (const auto integrity = integrity_of_word(word)) {
            if (!integrity_word.empty())
                return twice("integrity algorithm", integrity_word, word);
            integrity_word = word;
            suite.integrity = *integrity;
            return {};
        }
        return foreign_word(word);
    }

    [[nodiscard]] Result<EspSuite> finish() const
    {
        if (encryption_word.empty())
            return Error{ErrorCode::kInvalidArgument, "it names no cipher",
                         integrity_word.empty()
                             ? "write it like aes256gcm16 or aes128-sha256"
                             : "put one before it, like aes128-" + integrity_word + " or null-" + integrity_word};
        if (suite.is_aead() && !integrity_word.empty())
            return Error{ErrorCode::kInvalidArgument,
                         "\"" + encryption_word + "\" authenticates by itself and takes no \"" + integrity_word + "\"",
                         "remove " + integrity_word};
        if (!suite.is_aead() && integrity_word.empty())
            return Error{ErrorCode::kInvalidArgument,
                         "\"" + encryption_word + "\" needs an integrity algorithm (RFC 8221 section 4)",
                         "write " + encryption_word + "-sha256, or take an AEAD like aes128gcm16"};
        return suite;
    }

    static Error twice(std::string_view kind, const std::string& first, const std::string& second)
    {
        return {ErrorCode::kInvalidArgument,
                "it names two " + std::string(kind) + "s, \"" + first + "\" and \"" + second + "\"",
                "an SA has one: keep the one its peer uses"};
    }
};

constexpr uint8_t hmac_key_bytes(Integrity integrity)  // RFC 4868 section 2.1.1: as long as the hash
{
    switch (integrity) {
        case Integrity::kNone:
            return 0;
        case Integrity::kHmacSha256:
            return 32;
        case Integrity::kHmacSha384:
            return 48;
        case Integrity::kHmacSha512:
            return 64;
    }
    return 0;
}

std::vector<EspSuite> make_suites()
{
    std::vector<EspSuite> suites;
    for (const auto gcm : {Encryption::kAesGcm16, Encryption::kAesGcm12, Encryption::kAesGcm8, Encryption::kAesGmac})
        for (const uint16_t bits : kAesKeyBits)
            suites.push_back({gcm, bits, Integrity::kNone});
    suites.push_back({Encryption::kChaCha20Poly1305, 256, Integrity::kNone});
    for (const auto integrity : {Integrity::kHmacSha256, Integrity::kHmacSha384, Integrity::kHmacSha512}) {
        for (const auto cipher : {Encryption::kAesCbc, Encryption::kAesCtr})
            for (const uint16_t bits : kAesKeyBits)
                suites.push_back({cipher, bits, integrity});
        suites.push_back({Encryption::kNull, 0, integrity});
    }
    return suites;
}

}  // namespace

std::string to_lower(std::string_view text)
{
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

bool starts_with_any(std::string_view word, std::initializer_list<std::string_view> prefixes)
{
    return std::any_of(prefixes.begin(), prefixes.end(), [word](std::string_view p) { return word.starts_with(p); });
}

std::optional<EspSuite> encryption_of_word(std::string_view word)
{
    if (word == "null")
        return EspSuite{Encryption::kNull, 0, Integrity::kNone};
    if (word == "chacha20poly1305")
        return EspSuite{Encryption::kChaCha20Poly1305, 256, Integrity::kNone};
    if (!word.starts_with("aes"))
        return std::nullopt;
    word.remove_prefix(3);
    EspSuite suite{Encryption::kAesCbc, 128, Integrity::kNone};
    for (const uint16_t bits : kAesKeyBits) {
        if (word.starts_with(std::to_string(bits))) {
            suite.key_bits = bits;
            word.remove_prefix(3);
            break;
        }
    }
    for (const auto& [stem, encryption] : kAesStems) {
        if (word == stem) {
            suite.encryption = encryption;
            return suite;
        }
    }
    return std::nullopt;
}

std::optional<Integrity> integrity_of_word(std::string_view word)
{
    for (const auto& [name, integrity] : kIntegrityWords)
        if (word == name)
            return integrity;
    return std::nullopt;
}

std::vector<std::string> algorithm_words()
{
    std::vector<std::string> words = {"null", "chacha20poly1305"};
    for (const auto& [stem, encryption] : kAesStems)
        for (const char* cipher : {"aes128", "aes192", "aes256"})
            words.push_back(cipher + std::string(stem));
    for (const auto& [word, integrity] : kIntegrityWords)
        words.emplace_back(word);
    return words;
}

std::optional<Error> refused_word(const std::string& word)
{
    const std::string quoted = "\"" + word + "\"";
    if (starts_with_any(word,
                        {"des", "3des", "md5", "sha1", "blowfish", "cast", "rc5", "idea", "twofish", "aesxcbc"}) ||
        word == "sha" || word == "sha256_96" || word == "sha2_256_96")
        return Error{ErrorCode::kUnsupported, "refused: " + quoted + " is too weak or obsolete for ESP (RFC 8221)",
                     "take aes128gcm16, or aes128-sha256 where the peer has no AEAD"};
    if (word.find("ccm") != std::string::npos || starts_with_any(word, {"camellia", "serpent", "aescmac"}))
        return Error{ErrorCode::kUnsupported, quoted + " is not implemented",
                     "take aes128gcm16, aes256gcm16 or chacha20poly1305"};
    if (word == "chacha20" || word == "poly1305")
        return Error{ErrorCode::kInvalidArgument, quoted + " does not stand alone", "write chacha20poly1305, one word"};
    return std::nullopt;
}

bool EspSuite::is_aead() const noexcept
{
    switch (encryption) {
        case Encryption::kNull:
        case Encryption::kAesCbc:
        case Encryption::kAesCtr:
            return false;
        case Encryption::kAesGcm8:
        case Encryption::kAesGcm12:
        case Encryption::kAesGcm16:
        case Encryption::kAesGmac:
        case Encryption::kChaCha20Poly1305:
            return true;
    }
    return false;
}

SuiteLayout EspSuite::layout() const noexcept
{
    const auto key = static_cast<uint8_t>(key_bits / 8);
    const uint8_t hmac_key = hmac_key_bytes(integrity);
    const auto hmac_icv = static_cast<uint8_t>(hmac_key / 2);  // RFC 4868 section 2.3: half of the hash
    switch (encryption) {
        case Encryption::kNull:  // RFC 2410 section 2: no IV, block size 1
            return {0, 0, hmac_key, 0, hmac_icv, kEspAlignment};
        case Encryption::kAesCbc:
            return {key, 0, hmac_key, kCbcIvBytes, hmac_icv, kAesBlockBytes};
        case Encryption::kAesCtr:  // RFC 3686 section 5.1: the nonce is the last 4 bytes of the key
            return {key, kCounterSaltBytes, hmac_key, kCounterIvBytes, hmac_icv, kEspAlignment};
        case Encryption::kAesGcm8:  // RFC 4106 section 6: 8, 12 or 16; section 8.1: the salt is the last 4 bytes of the
                                    // key
            return {key, kCounterSaltBytes, 0, kCounterIvBytes, 8, kEspAlignment};
        case Encryption::kAesGcm12:
            return {key, kCounterSaltBytes, 0, kCounterIvBytes, 12, kEspAlignment};
        case Encryption::kAesGcm16:
        case Encryption::kAesGmac:
            return {key, kCounterSaltBytes, 0, kCounterIvBytes, kAeadTagBytes, kEspAlignment};
        case Encryption::kChaCha20Poly1305:
            return {kChaChaKeyBytes, kCounterSaltBytes, 0, kCounterIvBytes, kAeadTagBytes, kEspAlignment};
    }
    return {};
}

std::string EspSuite::name() const
{
    const std::string aes = "aes" + std::to_string(key_bits);
    std::string out;
    switch (encryption) {
        case Encryption::kNull:
            out = "null";
            break;
        case Encryption::kAesCbc:
            out = aes;
            break;
        case Encryption::kAesCtr:
            out = aes + "ctr";
            break;
        case Encryption::kAesGcm8:
            out = aes + "gcm8";
            break;
        case Encryption::kAesGcm12:
            out = aes + "gcm12";
            break;
        case Encryption::kAesGcm16:
            out = aes + "gcm16";
            break;
        case Encryption::kAesGmac:
            out = aes + "gmac";
            break;
        case Encryption::kChaCha20Poly1305:
            out = "chacha20poly1305";
            break;
    }
    switch (integrity) {
        case Integrity::kNone:
            return out;
        case Integrity::kHmacSha256:
            return out + "-sha256";
        case Integrity::kHmacSha384:
            return out + "-sha384";
        case Integrity::kHmacSha512:
            return out + "-sha512";
    }
    return out;
}

Result<EspProposal> parse_esp_proposal(std::string_view text)
{
    SuiteReader reader;
    std::optional<bool> esn;
    for (const auto part : base::split(text, '-')) {
        const std::string word = to_lower(base::trim(part));
        if (word.empty())
            return Error{ErrorCode::kInvalidArgument, "\"" + std::string(text) + "\" has an empty word",
                         "write it like aes256gcm16 or aes128-sha256"};
        if (word == "esn" || word == "noesn") {
            if (esn && *esn != (word == "esn"))
                return Error{ErrorCode::kInvalidArgument, "it names both esn and noesn",
                             "nothing is negotiated for a manually keyed SA: keep the one its peer uses"};
            esn = word == "esn";
            continue;
        }
        if (auto taken = reader.take(word); !taken)
            return std::move(taken).error();
    }
    auto suite = reader.finish();
    if (!suite)
        return std::move(suite).error();
    return EspProposal{*suite, esn.value_or(false)};
}

Result<EspSuite> parse_esp_suite(std::string_view text)
{
    for (const auto part : base::split(text, '-'))
        if (const std::string word = to_lower(base::trim(part)); word == "esn" || word == "noesn")
            return Error{ErrorCode::kInvalidArgument, "\"" + word + "\" is a property of the SA, not an algorithm",
                         "remove the word"};
    auto proposal = parse_esp_proposal(text);
    if (!proposal)
        return std::move(proposal).error();
    return proposal->suite;
}

const std::vector<EspSuite>& all_esp_suites()
{
    static const std::vector<EspSuite> suites = make_suites();
    return suites;
}

}  // namespace ipsecgw::model
