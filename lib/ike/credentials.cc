#include "ike/credentials.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "ike/credentials_internal.h"

namespace ipsecgw::ike {

using base::Error;
using base::ErrorCode;
using crypto::Certificate;
using model::Identity;
using model::IdentityType;

namespace {

Error in_file(const std::string& name, Error error)
{
    error.what = name + ": " + error.what;
    return error;
}

/// How well `pattern` describes `id`: 0 not, 1 as anybody, 2 by a pattern, 3 exactly.
int fit(const Identity& pattern, const Identity& id)
{
    if (pattern.is_any())
        return 1;
    if (id.is_any())
        return 0;
    if (pattern.equals(id))
        return 3;
    return pattern.matches(id) ? 2 : 0;
}

int best_fit(const std::vector<Identity>& patterns, const Identity& id)
{
    int best = 0;
    for (const auto& pattern : patterns)
        best = std::max(best, fit(pattern, id));
    return best;
}

/// How well a secret suits the two: the peer's part first. Nothing when it is meant for others. One that names the two
/// ends of a pair is not for a third who knows one of them.
std::optional<std::pair<int, int>> suits(const model::SharedSecret& secret, const Identity& own, const Identity& peer)
{
    if (secret.ids.empty())
        return std::pair(0, 0);
    const int for_peer = best_fit(secret.ids, peer), for_own = best_fit(secret.ids, own);
    const bool only_own =
        std::all_of(secret.ids.begin(), secret.ids.end(), [&](const Identity& id) { return fit(id, own) != 0; });
    if (for_peer == 0 && !only_own)
        return std::nullopt;
    return std::pair(for_peer, for_own);
}

bool same_data(const std::vector<uint8_t>& a, std::span<const uint8_t> b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

Credentials::Credentials() : store_(std::make_unique<Store>()) {}
Credentials::~Credentials() = default;
Credentials::Credentials(Credentials&&) noexcept = default;
Credentials& Credentials::operator=(Credentials&&) noexcept = default;

void Credentials::add_secret(model::SharedSecret secret)
{
    for (auto& old : store_->secrets)
        if (old.type == secret.type && old.ids == secret.ids) {
            old = std::move(secret);
            return;
        }
    store_->secrets.push_back(std::move(secret));
}

base::Result<void> Credentials::add_private_key(const std::string& name, std::span<const uint8_t> bytes,
                                                std::span<const uint8_t> passphrase)
{
    auto key = crypto::PrivateKey::parse(bytes, passphrase);
    if (!key)
        return in_file(name, std::move(key).error());
    const bool known = std::any_of(store_->keys.begin(), store_->keys.end(),
                                   [&](const auto& old) { return old.public_key() == key->public_key(); });
    if (!known)
        store_->keys.push_back(std::move(key).value());
    return {};
}

base::Result<void> Credentials::add_certificates(const std::string& name, std::span<const uint8_t> bytes)
{
    auto certificates = Certificate::parse_all(bytes);
    if (!certificates)
        return in_file(name, std::move(certificates).error());
    store_->files.insert_or_assign(name, std::move(certificates).value());
    return {};
}

base::Result<void> Credentials::add_authority(const std::string& name, std::span<const uint8_t> bytes)
{
    auto certificates = Certificate::parse_all(bytes);
    if (!certificates)
        return in_file(name, std::move(certificates).error());
    for (const auto& certificate : *certificates)
        if (!certificate.is_ca())
            return Error{
                ErrorCode::kInvalidArgument,
                base::format("%s: \"%s\" is not a CA's certificate", name.c_str(), certificate.subject().c_str()),
                "a CA has basicConstraints CA:TRUE, and keyCertSign where it has keyUsage"};
    for (auto& certificate : *certificates)
        if (std::find(store_->authorities.begin(), store_->authorities.end(), certificate) == store_->authorities.end())
            store_->authorities.push_back(std::move(certificate));
    return {};
}

base::Result<void> Credentials::add_crl(const std::string& name, std::span<const uint8_t> bytes)
{
    auto list = crypto::RevocationList::parse(bytes);
    if (!list)
        return in_file(name, std::move(list).error());
    store_->revoked.insert_or_assign(name, std::move(list).value());
    return {};
}

const base::SecretBytes* Credentials::find_ppk(const Identity& id) const
{
    const model::SharedSecret* best = nullptr;
    int best_score = 0;
    for (const auto& secret : store_->secrets) {
        const int score = secret.type == model::SecretType::kPpk ? best_fit(secret.ids, id) : 0;
        if (score > best_score) {
            best = &secret;
            best_score = score;
        }
    }
    return best == nullptr ? nullptr : &best->secret;
}

const base::SecretBytes* Credentials::find_psk(const Identity& own, const Identity& peer,
                                               const net::IpAddress& peer_address) const
{
    const Identity known_peer = peer.is_any() ? identity_of(peer_address) : peer;
    const model::SharedSecret* best = nullptr;
    std::pair<int, int> best_score;
    for (const auto& secret : store_->secrets) {
        if (secret.type != model::SecretType::kIke)
            continue;
        const auto score = suits(secret, own, known_peer);
        if (score && (best == nullptr || *score > best_score)) {
            best = &secret;
            best_score = *score;
        }
    }
    return best == nullptr ? nullptr : &best->secret;
}

const crypto::PrivateKey* Credentials::Store::key_of(const Certificate& certificate) const
{
    const auto found = std::find_if(keys.begin(), keys.end(),
                                    [&](const auto& key) { return key.public_key() == certificate.public_key(); });
    return found == keys.end() ? nullptr : &*found;
}

std::vector<Certificate> Credentials::Store::of(const std::vector<std::string>& file_names) const
{
    std::vector<Certificate> all;
    for (const auto& name : file_names)
        if (const auto file = files.find(name); file != files.end())
            all.insert(all.end(), file->second.begin(), file->second.end());
    return all;
}

std::vector<Certificate> Credentials::Store::anchors(const model::IkeConnection& connection) const
{
    return connection.remote.cacerts.empty() ? authorities : of(connection.remote.cacerts);
}

std::vector<Certificate> Credentials::Store::known() const
{
    auto all = authorities;
    for (const auto& [name, certificates] : files)
        all.insert(all.end(), certificates.begin(), certificates.end());
    return all;
}

std::optional<Certificate> Credentials::Store::own_certificate(const model::IkeConnection& connection) const
{
    const auto& local = connection.local;
    const auto mine = [this](const Certificate& certificate) { return key_of(certificate) != nullptr; };
    const auto candidates = local.certs.empty() ? known() : of(local.certs);
    for (const auto& certificate : candidates)
        if (mine(certificate) && (!local.certs.empty() || (!local.id.is_any() && names(certificate, local.id))))
            return certificate;
    return std::nullopt;
}

bool names(const Certificate& certificate, const Identity& id)
{
    const auto is = [&](IdentityType type, const crypto::AlternativeName& name) {
        return Identity{type, name.data}.equals(id);
    };
    if (id.type == IdentityType::kDistinguishedName)
        return certificate.has_subject(id.data);
    return std::any_of(certificate.names().begin(), certificate.names().end(), [&](const auto& name) {
        switch (name.type) {
            case crypto::NameType::kDns:
                return is(IdentityType::kFqdn, name);
            case crypto::NameType::kEmail:
                return is(IdentityType::kRfc822Address, name);
            case crypto::NameType::kIp:
                break;
        }
        const bool address = id.type == IdentityType::kIpv4Address || id.type == IdentityType::kIpv6Address;
        return address && same_data(name.data, id.data);
    });
}

std::string names_text(const Certificate& certificate)
{
    std::vector<std::string> all;
    for (const auto& name : certificate.names()) {
        if (name.type == crypto::NameType::kIp)
            all.push_back(
                (name.data.size() == 4 ? net::IpAddress::v4(name.data.data()) : net::IpAddress::v6(name.data.data()))
                    .to_string());
        else
            all.emplace_back(name.data.begin(), name.data.end());
    }
    all.push_back(certificate.subject());
    return base::join(all);
}

Identity identity_of(const net::IpAddress& address)
{
    const auto bytes = address.bytes();
    return {address.is_v4() ? IdentityType::kIpv4Address : IdentityType::kIpv6Address, {bytes.begin(), bytes.end()}};
}

Identity subject_identity(const Certificate& certificate)
{
    const auto der = certificate.subject_der();
    return {IdentityType::kDistinguishedName, {der.begin(), der.end()}};
}

}  // namespace ipsecgw::ike
