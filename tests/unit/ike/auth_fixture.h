// Two ends that authenticate each other, without the exchange around it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "ike/auth.h"
#include "ike/credentials.h"
#include "model/ike_connection.h"
#include "support/hex.h"
#include "support/pki.h"

namespace ipsecgw::ike::test {

using namespace ipsecgw::test;

inline model::Identity id(const char* text)
{
    return model::Identity::parse(text).value();
}

/// One end: its credentials and its connection to the other.
struct End {
    Credentials credentials;
    model::IkeConnection connection;
    net::IpAddress address;

    End(const char* own, const char* peer, const char* own_address)
        : address(net::IpAddress::parse(own_address).value())
    {
        connection.name = own;
        connection.local.id = id(own);
        connection.remote.id = id(peer);
    }

    void psk(const char* secret, std::vector<model::Identity> ids = {})
    {
        connection.local.auth.method = connection.remote.auth.method = model::AuthMethod::kPsk;
        credentials.add_secret({model::SecretType::kIke, std::move(ids), base::SecretBytes(bytes_of(secret))});
    }
    /// A certificate with its key in file "own", and whatever completes its chain.
    void own(const Issued& issued, const std::vector<const Issued*>& chain = {})
    {
        auto bytes = issued.pem();
        for (const auto* ca : chain) {
            const auto more = ca->pem();
            bytes.insert(bytes.end(), more.begin(), more.end());
        }
        EXPECT_TRUE(credentials.add_certificates("own", bytes));
        EXPECT_TRUE(credentials.add_private_key("key", issued.key_pem(), {}));
        connection.local.certs = {"own"};
    }
    void trust(const Issued& ca) { EXPECT_TRUE(credentials.add_authority("ca", ca.der())); }
    void pin(const Issued& issued)
    {
        EXPECT_TRUE(credentials.add_certificates("pinned", issued.der()));
        connection.remote.certs = {"pinned"};
    }
};

/// What one end sends the other, and what both know of the exchange.
struct Exchange {
    std::vector<uint8_t> message = counting(200, 7);
    std::vector<uint8_t> nonce = counting(32, 90);
    std::vector<uint8_t> sk_p = counting(32, 150);
    std::vector<uint16_t> hashes{kSignatureHashes.begin(), kSignatureHashes.end()};
    int64_t unix_seconds = kPkiNow;
    Asked asked = Asked::kYes;

    AuthData auth;  // as made last; a test may change them before verify()
    std::vector<CertificateData> certificates;
    model::Identity identity;

    [[nodiscard]] std::vector<uint8_t> id_body() const
    {
        std::vector<uint8_t> body = {static_cast<uint8_t>(identity.type), 0, 0, 0};
        body.insert(body.end(), identity.data.begin(), identity.data.end());
        return body;
    }
    [[nodiscard]] base::Result<void> make(const End& from, const End& to)
    {
        identity = GW_TRY(own_identity(from.credentials, from.connection, from.address));
        const auto body = id_body();
        auth = GW_TRY(make_auth(from.credentials, {from.connection,
                                                   identity,
                                                   from.connection.remote.id,
                                                   to.address,
                                                   hashes,
                                                   {message, nonce, body, sk_p, crypto::Hash::kSha256}}));
        certificates = certificates_to_send(from.credentials, from.connection, asked);
        return {};
    }
    [[nodiscard]] base::Result<PeerProof> verify(const End& from, const End& at) const
    {
        const auto body = id_body();
        return verify_auth(at.credentials, {at.connection,
                                            at.connection.local.id,
                                            identity,
                                            from.address,
                                            auth,
                                            certificates,
                                            {message, nonce, body, sk_p, crypto::Hash::kSha256},
                                            unix_seconds});
    }
};

inline void expect_denied(const base::Result<PeerProof>& proof, const char* what)
{
    ASSERT_FALSE(proof) << what;
    EXPECT_EQ(proof.error().code, base::ErrorCode::kPermissionDenied);
    EXPECT_NE(proof.error().what.find(what), std::string::npos) << proof.error().what;
}

}  // namespace ipsecgw::ike::test
