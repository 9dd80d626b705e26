// Whether a peer is who it says.
#include <algorithm>

#include "base/text.h"
#include "crypto/certificate_chain.h"
#include "ike/auth_internal.h"
#include "ike/credentials_internal.h"

namespace ipsecgw::ike {

using base::Error;
using base::ErrorCode;
using crypto::Certificate;
using crypto::Hash;
using crypto::SignatureAlgorithm;
using crypto::SignatureScheme;
using model::AuthMethod;

namespace {

constexpr size_t kMaxCertificates = 16;  // that a peer may send

Error denied(std::string what, std::string hint = {})
{
    return Error{ErrorCode::kPermissionDenied, std::move(what), std::move(hint)};
}

std::string method_name(uint8_t method)
{
    switch (method) {
        case kAuthRsa:
            return "an RSA signature";
        case kAuthSharedKey:
            return "a pre-shared key";
        case kAuthEcdsa256:
        case kAuthEcdsa384:
        case kAuthEcdsa521:
            return "an ECDSA signature";
        case kAuthNull:
            return "NULL authentication";
        case kAuthDigitalSignature:
            return "a digital signature";
        default:
            return base::format("authentication method %u", method);
    }
}

bool is_signature(uint8_t method) noexcept
{
    return method == kAuthRsa || method == kAuthDigitalSignature || legacy_ecdsa(method).has_value();
}

base::Result<void> check_method(const model::AuthRule& rule, uint8_t method)
{
    const bool fits = rule.method == AuthMethod::kPsk ? method == kAuthSharedKey : is_signature(method);
    if (fits)
        return {};
    return denied(base::format("the peer authenticates by %s and remote.auth is %s", method_name(method).c_str(),
                               rule.to_string().c_str()));
}

base::Result<PeerProof> verify_shared_key(const Credentials& credentials, const PeerAuthInput& input)
{
    const auto* secret = credentials.find_psk(input.own, input.id, input.peer_address);
    if (secret == nullptr)
        return denied(base::format("there is no pre-shared key for %s and %s", input.own.to_string().c_str(),
                                   input.id.to_string().c_str()));
    if (!base::equal_constant_time(shared_key_mac(*secret, input.octets).view(), input.auth.data))
        return denied(base::format("the MAC is wrong: %s and %s have different pre-shared keys",
                                   input.own.to_string().c_str(), input.id.to_string().c_str()));
    return PeerProof{"pre-shared key", {}, 0};
}

/// The certificates a peer sent; those we cannot read are left out, but for its own.
struct Sent {
    std::optional<Certificate> own;
    std::vector<Certificate> others;
};

base::Result<Sent> read_certificates(std::span<const CertificateData> payloads)
{
    Sent sent;
    bool first = true;
    for (const auto& payload : payloads.first(std::min(payloads.size(), kMaxCertificates))) {
        if (payload.encoding != kX509Signature)
            continue;  // revocation lists, bundles: nothing we asked for
        auto certificate = Certificate::from_der(payload.data);
        if (first && !certificate)
            return denied("the peer's certificate: " + certificate.error().what);
        if (first)
            sent.own = std::move(certificate).value();
        else if (certificate)
            sent.others.push_back(std::move(certificate).value());
        first = false;
    }
    return sent;
}

crypto::RevocationCheck to_check(model::Revocation revocation) noexcept
{
    switch (revocation) {
        case model::Revocation::kStrict:
            return crypto::RevocationCheck::kStrict;
        case model::Revocation::kIfUri:
            return crypto::RevocationCheck::kIfUri;
        case model::Revocation::kRelaxed:
            break;
    }
    return crypto::RevocationCheck::kRelaxed;
}

base::Result<void> check_dates(const Certificate& certificate, int64_t unix_seconds)
{
    if (unix_seconds < certificate.not_before())
        return denied(base::format("\"%s\" is not valid before %s", certificate.subject().c_str(),
                                   crypto::utc_text(certificate.not_before()).c_str()));
    if (unix_seconds > certificate.not_after())
        return denied(base::format("\"%s\" expired on %s", certificate.subject().c_str(),
                                   crypto::utc_text(certificate.not_after()).c_str()));
    return {};
}

/// The end of the first certificate of the chain to end, if it is to be trusted at all.
base::Result<int64_t> trust(const Credentials& credentials, const PeerAuthInput& input, const Certificate& certificate,
                            const std::vector<Certificate>& sent)
{
    const auto& store = credentials.store();
    const auto& remote = input.connection.remote;
    const auto pinned = store.of(remote.certs);
    if (std::find(pinned.begin(), pinned.end(), certificate) != pinned.end()) {
        GW_TRY(check_dates(certificate, input.unix_seconds));
        return certificate.not_after();
    }
    if (!remote.certs.empty() && remote.cacerts.empty())
        return denied(
            base::format("the peer's certificate \"%s\" is none of remote.certs", certificate.subject().c_str()));
    auto others = sent;
    const auto known = store.known_cas();
    others.insert(others.end(), known.begin(), known.end());
    std::vector<crypto::RevocationList> revoked;
    for (const auto& [name, list] : store.revoked)
        revoked.push_back(list);
    const auto anchors = store.anchors(input.connection);
    const auto chain = GW_TRY(
        crypto::verify_chain({certificate, others, anchors, revoked, input.unix_seconds, to_check(remote.revocation)}));
    int64_t ends = certificate.not_after();
    for (const auto& link : chain)
        ends = std::min(ends, link.not_after());
    return ends;
}

/// The scheme of an AUTH payload, with the signature as PublicKey::verify takes it.
struct Claim {
    SignatureScheme scheme;
    std::vector<uint8_t> signature;
};

base::Result<Claim> read_digital_signature(const std::vector<uint8_t>& data)
{
    const size_t length = data.empty() ? 0 : data.front();
    if (length == 0 || data.size() < 1 + length)
        return denied("the digital signature has no AlgorithmIdentifier (RFC 7427 section 3)");
    const std::span<const uint8_t> all(data);
    auto scheme = crypto::decode_algorithm_identifier(all.subspan(1, length));
    if (!scheme)
        return denied(scheme.error().what, scheme.error().hint);
    const auto signature = all.subspan(1 + length);
    return Claim{*scheme, {signature.begin(), signature.end()}};
}

/// What an AUTH payload may mean for this key: one claim, but for method 1, whose hash stands inside the signature.
base::Result<std::vector<Claim>> read_claims(const AuthData& auth, const crypto::PublicKey& key)
{
    if (auth.method == kAuthDigitalSignature)
        return std::vector<Claim>{GW_TRY(read_digital_signature(auth.data))};
    if (auth.method == kAuthRsa) {
        std::vector<Claim> claims;
        for (const auto hash : {Hash::kSha256, Hash::kSha384, Hash::kSha512})
            claims.push_back({SignatureScheme::of(SignatureAlgorithm::kRsaPkcs1, hash), auth.data});
        return claims;
    }
    const auto legacy = *legacy_ecdsa(auth.method);
    if (key.type() != legacy.key)
        return denied(base::format("authentication method %u needs an %s key and the certificate has %s", auth.method,
                                   std::string(to_string(legacy.key)).c_str(), key.to_string().c_str()));
    auto der = crypto::ecdsa_from_raw(legacy.key, auth.data);
    if (!der)
        return denied(der.error().what);
    return std::vector<Claim>{{SignatureScheme::of(SignatureAlgorithm::kEcdsa, legacy.hash), std::move(der).value()}};
}

/// The scheme by which the signature is right.
base::Result<SignatureScheme> verify_signature(const PeerAuthInput& input, const crypto::PublicKey& key)
{
    const auto& rule = input.connection.remote.auth;
    if (!admits(rule, key.type()))
        return denied(base::format("remote.auth is %s and the certificate has an %s key", rule.to_string().c_str(),
                                   key.to_string().c_str()));
    const auto claims = GW_TRY(read_claims(input.auth, key));
    const auto octets = signed_octets(input.octets);
    for (const auto& claim : claims) {
        if (!admits(rule, claim.scheme)) {
            if (claims.size() == 1)
                return denied(base::format("remote.auth is %s and the signature is %s", rule.to_string().c_str(),
                                           to_string(claim.scheme).c_str()));
            continue;
        }
        if (!fits(claim.scheme, key.type()))
            return denied(base::format("the signature is %s and the certificate has an %s key",
                                       to_string(claim.scheme).c_str(), key.to_string().c_str()));
        if (key.verify(claim.scheme, octets, claim.signature))
            return claim.scheme;
    }
    if (input.auth.method == kAuthRsa)
        return denied("the RSA signature is wrong, or made with SHA-1, which is refused (RFC 8247)",
                      "the peer should support RFC 7427 signatures");
    return denied(base::format("the signature (%s) is wrong", to_string(claims.front().scheme).c_str()));
}

/// The certificates that may be the peer's: the one it sent, else those pinned for it.
std::vector<Certificate> candidates(const Credentials& credentials, const PeerAuthInput& input, const Sent& sent)
{
    if (sent.own)
        return {*sent.own};
    auto pinned = credentials.store().of(input.connection.remote.certs);
    std::erase_if(pinned, [&](const Certificate& certificate) { return !names(certificate, input.id); });
    return pinned;
}

base::Result<PeerProof> verify_certificate(const Credentials& credentials, const PeerAuthInput& input)
{
    const auto sent = GW_TRY(read_certificates(input.certificates));
    const auto all = candidates(credentials, input, sent);
    if (all.empty())
        return denied(base::format("the peer sent no certificate, and none of remote.certs names %s",
                                   input.id.to_string().c_str()),
                      "send_cert = always at the peer, or its certificate in remote.certs here");
    Error last;
    for (const auto& certificate : all) {
        if (!names(certificate, input.id))
            return denied(base::format("the certificate does not name %s; its names are %s",
                                       input.id.to_string().c_str(), names_text(certificate).c_str()));
        const auto ends = GW_TRY(trust(credentials, input, certificate, sent.others));
        const auto scheme = verify_signature(input, certificate.public_key());
        if (scheme)
            return PeerProof{to_string(*scheme), certificate.subject(), ends};
        last = scheme.error();
    }
    if (!sent.own)
        last.what +=
            base::format(": the key of \"%s\" in remote.certs is not the peer's", all.back().subject().c_str());
    return last;
}

}  // namespace

base::Result<PeerProof> verify_auth(const Credentials& credentials, const PeerAuthInput& input)
{
    const auto& remote = input.connection.remote;
    if (!remote.id.matches(input.id))
        return denied(base::format("the peer is %s and remote.id is %s", input.id.to_string().c_str(),
                                   remote.id.to_string().c_str()));
    GW_TRY(check_method(remote.auth, input.auth.method));
    return input.auth.method == kAuthSharedKey ? verify_shared_key(credentials, input)
                                               : verify_certificate(credentials, input);
}

}  // namespace ipsecgw::ike
