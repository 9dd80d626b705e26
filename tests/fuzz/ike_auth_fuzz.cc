// AUTH, ID and CERT payloads of somebody who has no key: whatever they hold, nobody is believed.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "ike/auth.h"
#include "ike/credentials.h"
#include "model/ike_connection.h"
#include "support/pki.h"

namespace {

using namespace ipsecgw;

void require(bool claim)
{
    if (!claim)
        std::abort();
}

struct Gateway {
    ike::Credentials credentials;
    model::IkeConnection psk, pubkey, pinned;

    Gateway()
    {
        const auto ca = test::Issued::make_ca("CN=root");
        const auto own =
            test::Issued::make({.subject = "CN=moon", .extensions = {{"subjectAltName", "DNS:moon.example.org"}}});
        const std::vector<uint8_t> secret(32, 7);
        psk.local.auth.method = psk.remote.auth.method = model::AuthMethod::kPsk;
        pinned.remote.certs = {"moon.pem"};
        credentials.add_secret({model::SecretType::kIke, {}, base::SecretBytes(secret)});
        require(credentials.add_authority("ca.pem", ca.der()).has_value() &&
                credentials.add_certificates("moon.pem", own.der()).has_value());
    }
};

/// The next bytes of the input: a length of one or two bytes, then so many.
std::span<const uint8_t> take(std::span<const uint8_t>& rest, size_t length_bytes)
{
    size_t length = 0;
    for (; length_bytes > 0 && !rest.empty(); length_bytes--) {
        length = length << 8 | rest.front();
        rest = rest.subspan(1);
    }
    const auto part = rest.first(std::min(length, rest.size()));
    rest = rest.subspan(part.size());
    return part;
}

std::vector<uint8_t> copy(std::span<const uint8_t> bytes)
{
    return {bytes.begin(), bytes.end()};
}

}  // namespace

/// Method, ID type, ID, AUTH data, then certificates, each with its encoding.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    static const Gateway gateway;
    static const std::vector<uint8_t> octets(64, 1);
    if (size < 2)
        return 0;
    std::span<const uint8_t> rest(data + 2, size - 2);
    const model::Identity id{static_cast<model::IdentityType>(data[1]), copy(take(rest, 1))};
    const ike::AuthData auth{data[0], copy(take(rest, 2))};
    std::vector<ike::CertificateData> certificates;
    while (!rest.empty()) {
        const uint8_t encoding = rest.front();
        rest = rest.subspan(1);
        certificates.push_back({encoding, copy(take(rest, 2))});
    }
    const model::Identity own = model::Identity::parse("sun.example.org").value();
    for (const auto* connection : {&gateway.psk, &gateway.pubkey, &gateway.pinned}) {
        const auto proof =
            ike::verify_auth(gateway.credentials, {*connection,
                                                   own,
                                                   id,
                                                   {},
                                                   auth,
                                                   certificates,
                                                   {octets, octets, octets, octets, crypto::Hash::kSha256},
                                                   test::kPkiNow});
        require(!proof && proof.error().code == base::ErrorCode::kPermissionDenied && proof.error().what.size() < 4096);
    }
    return 0;
}
