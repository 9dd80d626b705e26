#include "ike/credentials.h"

#include <algorithm>
#include <iterator>
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
    store_->secrets.add(std::move(secret));
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
    auto& file = store_->files[name];
    for (const auto& old : file) {
        const auto [first, last] = store_->by_key.equal_range(old.public_key().key_id());
        if (const auto same = std::find_if(first, last, [&](const auto& entry) { return entry.second == old; });
            same != last)
            store_->by_key.erase(same);
    }
    file = std::move(certificates).value();
    for (const auto& certificate : file)
        store_->by_key.emplace(certificate.public_key().key_id(), certificate);
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
    return store_->secrets.find_ppk(id);
}

const base::SecretBytes* Credentials::find_psk(const Identity& own, const Identity& peer,
                                               const net::IpAddress& peer_address) const
{
    return store_->secrets.find_psk(own, peer.is_any() ? identity_of(peer_address) : peer);
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

std::vector<Certificate> Credentials::Store::known_cas() const
{
    auto all = authorities;
    for (const auto& [name, certificates] : files)
        std::copy_if(certificates.begin(), certificates.end(), std::back_inserter(all),
                     [](const Certificate& certificate) { return certificate.is_ca(); });
    return all;
}

std::optional<Certificate> Credentials::Store::own_certificate(const model::IkeConnection& connection) const
{
    const auto& local = connection.local;
    if (!local.certs.empty()) {
        for (const auto& certificate : of(local.certs))
            if (key_of(certificate) != nullptr)
                return certificate;
        return std::nullopt;
    }
    for (const auto& key : keys) {
        const auto [first, last] = by_key.equal_range(key.public_key().key_id());
        const auto found = std::find_if(
            first, last, [&](const auto& entry) { return !local.id.is_any() && names(entry.second, local.id); });
        if (found != last)
            return found->second;
    }
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
