// What credentials hold, for those who authenticate with them.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crypto/certificate.h"
#include "crypto/private_key.h"
#include "ike/credentials.h"
#include "ike/shared_secrets_internal.h"
#include "model/ike_connection.h"

namespace ipsecgw::ike {

struct Credentials::Store {
    using KeyId = std::array<uint8_t, crypto::kSha1Bytes>;

    SharedSecrets secrets;
    std::vector<crypto::PrivateKey> keys;
    std::map<std::string, std::vector<crypto::Certificate>> files;  // by the name connections know
    std::multimap<KeyId, crypto::Certificate> by_key;               // the same, by their public keys
    std::vector<crypto::Certificate> authorities;
    std::map<std::string, crypto::RevocationList> revoked;  // by file

    [[nodiscard]] const crypto::PrivateKey* key_of(const crypto::Certificate& certificate) const;

    /// The certificates of these files; files that are not here are left out.
    [[nodiscard]] std::vector<crypto::Certificate> of(const std::vector<std::string>& names) const;

    /// The CAs that may vouch for the peer of `connection`.
    [[nodiscard]] std::vector<crypto::Certificate> anchors(const model::IkeConnection& connection) const;

    /// Every CA's certificate here: to complete chains, not to trust.
    [[nodiscard]] std::vector<crypto::Certificate> known_cas() const;

    /// Our certificate on `connection`: of `local.certs` the first whose key we have; without `local.certs` any that we
    /// have the key of and that names `local.id`.
    [[nodiscard]] std::optional<crypto::Certificate> own_certificate(const model::IkeConnection& connection) const;
};

/// `certificate` names `id`: by subjectAltName, or its subject for a distinguished name (RFC 4945 section 3.1). Nothing
/// in either is a pattern.
bool names(const crypto::Certificate& certificate, const model::Identity& id);

/// All names of a certificate, for errors: "moon.example.org, 192.0.2.1, C=CH, O=Example, CN=moon".
std::string names_text(const crypto::Certificate& certificate);

model::Identity identity_of(const net::IpAddress& address);
model::Identity subject_identity(const crypto::Certificate& certificate);

}  // namespace ipsecgw::ike
