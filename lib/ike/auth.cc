#include "ike/auth.h"

#include <algorithm>

#include "base/text.h"
#include "crypto/prf.h"
#include "ike/auth_internal.h"
#include "ike/credentials_internal.h"

namespace ipsecgw::ike {

using base::Error;
using base::ErrorCode;
using crypto::Certificate;
using crypto::Hash;
using crypto::KeyType;
using crypto::SignatureAlgorithm;
using crypto::SignatureScheme;
using model::AuthMethod;

namespace {

constexpr size_t kMaxChain = 8;

constexpr LegacyEcdsa kLegacy[] = {
    {kAuthEcdsa256, KeyType::kEcdsaP256, Hash::kSha256},
    {kAuthEcdsa384, KeyType::kEcdsaP384, Hash::kSha384},
    {kAuthEcdsa521, KeyType::kEcdsaP521, Hash::kSha512},
};

Hash to_hash(model::SignatureHash hash) noexcept
{
    switch (hash) {
        case model::SignatureHash::kSha256:
            return Hash::kSha256;
        case model::SignatureHash::kSha384:
            return Hash::kSha384;
        case model::SignatureHash::kSha512:
            break;
    }
    return Hash::kSha512;
}

/// The hashes to try, best first: as `auth` says, else what is as strong as the key, then the others.
std::vector<Hash> preferred_hashes(const model::AuthRule& rule, KeyType key)
{
    std::vector<Hash> hashes;
    for (const auto hash : rule.hashes)
        hashes.push_back(to_hash(hash));
    if (!hashes.empty())
        return hashes;
    if (key == KeyType::kEcdsaP384)
        return {Hash::kSha384, Hash::kSha512, Hash::kSha256};
    if (key == KeyType::kEcdsaP521)
        return {Hash::kSha512, Hash::kSha384, Hash::kSha256};
    return {Hash::kSha256, Hash::kSha384, Hash::kSha512};
}

SignatureAlgorithm algorithm_of(KeyType key) noexcept
{
    if (key == KeyType::kRsa)
        return SignatureAlgorithm::kRsaPss;  // RFC 8247 section 3.2 wants it, and every peer with RFC 7427 has it
    return crypto::is_ecdsa(key) ? SignatureAlgorithm::kEcdsa : SignatureAlgorithm::kEd25519;
}

/// RFC 7427 section 3: the length of the AlgorithmIdentifier in one octet, then it, then the signature.
base::Result<AuthData> sign_digitally(const crypto::PrivateKey& key, const SignatureScheme& scheme,
                                      std::span<const uint8_t> octets)
{
    const auto signature = GW_TRY(key.sign(scheme, octets));
    const auto identifier = crypto::encode_algorithm_identifier(scheme);
    AuthData auth{kAuthDigitalSignature, {static_cast<uint8_t>(identifier.size())}};
    auth.data.insert(auth.data.end(), identifier.begin(), identifier.end());
    auth.data.insert(auth.data.end(), signature.begin(), signature.end());
    return auth;
}

/// For a peer without RFC 7427.
base::Result<AuthData> sign_legacy(const crypto::PrivateKey& key, const model::AuthRule& rule,
                                   std::span<const uint8_t> octets)
{
    if (const auto legacy = legacy_ecdsa(key.type())) {
        const auto scheme = SignatureScheme::of(SignatureAlgorithm::kEcdsa, legacy->hash);
        if (!admits(rule, scheme))
            return Error{ErrorCode::kUnsupported,
                         base::format("the peer does not know RFC 7427, and without it %s means %s, which "
                                      "local.auth does not admit",
                                      std::string(to_string(key.type())).c_str(), to_string(scheme).c_str())};
        const auto der = GW_TRY(key.sign(scheme, octets));
        return AuthData{legacy->method, GW_TRY(crypto::ecdsa_to_raw(key.type(), der))};
    }
    if (key.type() == KeyType::kEd25519)
        return Error{ErrorCode::kUnsupported, "the peer does not know RFC 7427, which Ed25519 needs (RFC 8420)"};
    // The receiver finds the hash in the signature (RFC 7296 section 3.8); SHA-1 is out of the question.
    const auto scheme = SignatureScheme::of(SignatureAlgorithm::kRsaPkcs1, preferred_hashes(rule, key.type()).front());
    return AuthData{kAuthRsa, GW_TRY(key.sign(scheme, octets))};
}

base::Result<AuthData> make_signature(const Credentials& credentials, const OwnAuthInput& input)
{
    const auto& rule = input.connection.local.auth;
    const auto certificate = credentials.store().own_certificate(input.connection);
    if (!certificate)
        return Error{ErrorCode::kNotFound, "there is no certificate with a private key for this connection"};
    if (!names(*certificate, input.id))
        return Error{ErrorCode::kNotFound,
                     base::format("our certificate \"%s\" does not name %s", certificate->subject().c_str(),
                                  input.id.to_string().c_str()),
                     "its names are " + names_text(*certificate)};
    const auto& key = *credentials.store().key_of(*certificate);
    if (!admits(rule, key.type()))
        return Error{ErrorCode::kNotFound,
                     base::format("local.auth wants %s and our key is %s", rule.to_string().c_str(),
                                  std::string(to_string(key.type())).c_str())};
    const auto octets = signed_octets(input.octets);
    if (input.peer_hashes.empty())
        return sign_legacy(key, rule, octets);
    for (const auto hash : preferred_hashes(rule, key.type())) {
        const auto scheme = SignatureScheme::of(algorithm_of(key.type()), hash);
        if (std::find(input.peer_hashes.begin(), input.peer_hashes.end(), hash_algorithm(scheme)) !=
            input.peer_hashes.end())
            return sign_digitally(key, scheme, octets);
    }
    std::vector<std::string> numbers;
    for (const auto hash : input.peer_hashes)
        numbers.push_back(std::to_string(hash));
    return Error{ErrorCode::kUnsupported,
                 base::format("the peer verifies no hash algorithm that our %s key may sign with; it announced %s",
                              std::string(to_string(key.type())).c_str(), base::join(numbers).c_str())};
}

}  // namespace

std::vector<uint8_t> signed_octets(const SignedOctets& parts)
{
    const auto id = crypto::Prf(parts.prf, parts.sk_p).compute(parts.id);
    std::vector<uint8_t> octets(parts.message.begin(), parts.message.end());
    octets.insert(octets.end(), parts.nonce.begin(), parts.nonce.end());
    octets.insert(octets.end(), id.view().begin(), id.view().end());
    return octets;
}

base::SecretBytes shared_key_mac(const base::SecretBytes& secret, const SignedOctets& parts)
{
    constexpr std::string_view kPad = "Key Pad for IKEv2";
    const std::vector<uint8_t> pad(kPad.begin(), kPad.end());
    const auto key = crypto::Prf(parts.prf, secret.view()).compute(pad);
    return crypto::Prf(parts.prf, key.view()).compute(signed_octets(parts));
}

std::optional<LegacyEcdsa> legacy_ecdsa(uint8_t method) noexcept
{
    for (const auto& legacy : kLegacy)
        if (legacy.method == method)
            return legacy;
    return std::nullopt;
}

std::optional<LegacyEcdsa> legacy_ecdsa(KeyType key) noexcept
{
    for (const auto& legacy : kLegacy)
        if (legacy.key == key)
            return legacy;
    return std::nullopt;
}

bool admits(const model::AuthRule& rule, KeyType key) noexcept
{
    const auto kind = key == KeyType::kRsa       ? model::SignatureKey::kRsa
                      : key == KeyType::kEd25519 ? model::SignatureKey::kEd25519
                                                 : model::SignatureKey::kEcdsa;
    return rule.keys.empty() || std::find(rule.keys.begin(), rule.keys.end(), kind) != rule.keys.end();
}

bool admits(const model::AuthRule& rule, const SignatureScheme& scheme) noexcept
{
    return rule.hashes.empty() || scheme.algorithm == SignatureAlgorithm::kEd25519 ||
           std::any_of(rule.hashes.begin(), rule.hashes.end(), [&](auto hash) { return to_hash(hash) == scheme.hash; });
}

base::Result<AuthData> make_auth(const Credentials& credentials, const OwnAuthInput& input)
{
    if (input.connection.local.auth.method == AuthMethod::kPubkey)
        return make_signature(credentials, input);
    const auto* secret = credentials.find_psk(input.id, input.peer, input.peer_address);
    if (secret == nullptr)
        return Error{ErrorCode::kNotFound,
                     base::format("there is no pre-shared key for %s and %s", input.id.to_string().c_str(),
                                  input.peer.is_any() ? input.peer_address.to_string().c_str()
                                                      : input.peer.to_string().c_str())};
    const auto mac = shared_key_mac(*secret, input.octets);
    return AuthData{kAuthSharedKey, {mac.view().begin(), mac.view().end()}};
}

base::Result<model::Identity> own_identity(const Credentials& credentials, const model::IkeConnection& connection,
                                           const net::IpAddress& local_address)
{
    if (!connection.local.id.is_any())
        return connection.local.id;
    if (connection.local.auth.method == AuthMethod::kPsk)
        return identity_of(local_address);
    const auto certificate = credentials.store().own_certificate(connection);
    if (!certificate)
        return Error{ErrorCode::kNotFound, "there is no certificate with a private key for this connection"};
    return subject_identity(*certificate);
}

std::vector<CertificateData> certificates_to_send(const Credentials& credentials,
                                                  const model::IkeConnection& connection, Asked asked)
{
    const bool wanted = connection.send_cert == model::SendCert::kAlways ||
                        (connection.send_cert == model::SendCert::kIfAsked && asked == Asked::kYes);
    if (connection.local.auth.method == AuthMethod::kPsk || !wanted)
        return {};
    std::vector<CertificateData> chain;
    auto next = credentials.store().own_certificate(connection);
    auto pool = credentials.store().of(connection.local.certs);
    const auto known = credentials.store().known_cas();
    pool.insert(pool.end(), known.begin(), known.end());
    while (next && chain.size() < kMaxChain) {
        chain.push_back({kX509Signature, {next->der().begin(), next->der().end()}});
        // The root stays at home: who does not have it would not trust it (RFC 7296 section 3.6).
        const auto issuer = std::find_if(pool.begin(), pool.end(), [&](const Certificate& ca) {
            return ca.is_ca() && !ca.is_self_issued() && next->is_issued_by(ca);
        });
        next = next->is_self_issued() || issuer == pool.end() ? std::nullopt : std::optional(*issuer);
    }
    return chain;
}

std::vector<CertificateData> certificate_requests(const Credentials& credentials,
                                                  const model::IkeConnection& connection)
{
    const auto& remote = connection.remote;
    const bool only_pinned = !remote.certs.empty() && remote.cacerts.empty();
    if (!connection.send_certreq || remote.auth.method == AuthMethod::kPsk || only_pinned)
        return {};
    CertificateData request{kX509Signature, {}};
    for (const auto& ca : credentials.store().anchors(connection)) {
        const auto id = ca.public_key().key_id();
        request.data.insert(request.data.end(), id.begin(), id.end());
    }
    if (request.data.empty())
        return {};
    return {request};
}

}  // namespace ipsecgw::ike
