#include "ike/auth.h"

#include "crypto/certificate.h"
#include "unit/ike/auth_fixture.h"

namespace ipsecgw::ike {
namespace {

using namespace test;

constexpr uint8_t kRsa = 1, kSharedKey = 2, kEcdsa256 = 9, kDigitalSignature = 14;

End moon()
{
    return {"moon.example.org", "sun.example.org", "192.0.2.1"};
}

End sun()
{
    return {"sun.example.org", "moon.example.org", "192.0.2.2"};
}

Issued certificate(const char* name, const Issued* ca, KeyKind kind = KeyKind::kP256)
{
    return Issued::make({.subject = std::string("O=Example/CN=") + name,
                         .extensions = {{"subjectAltName", std::string("DNS:") + name + ".example.org"}},
                         .key = kind},
                        ca);
}

/// Moon with a certificate by a CA that sun trusts.
struct ByCa {
    Issued root = Issued::make_ca("O=Example/CN=root");
    End a = moon(), b = sun();
    Exchange x;

    explicit ByCa(KeyKind kind = KeyKind::kP256)
    {
        a.own(certificate("moon", &root, kind));
        b.trust(root);
    }
};

TEST(Auth, ProvesAPreSharedKey)
{
    auto a = moon(), b = sun();
    a.psk("secret");
    b.psk("secret");
    Exchange x;
    ASSERT_TRUE(x.make(a, b));
    EXPECT_EQ(x.auth.method, kSharedKey);
    EXPECT_TRUE(x.certificates.empty());
    const auto proof = x.verify(a, b);
    ASSERT_TRUE(proof) << proof.error().what;
    EXPECT_EQ(proof->method, "pre-shared key");
}

/// The value by Python's hmac module, from RFC 7296 section 2.15.
TEST(Auth, ComputesThePreSharedKeyMac)
{
    auto a = moon(), b = sun();
    a.psk("secret");
    Exchange x;
    ASSERT_TRUE(x.make(a, b));
    EXPECT_EQ(x.auth.data, hex("00ecff3d1e6f5a55202c97a18601cbe0c6682937c92680453aa03608a4cdb0da"));
}

TEST(Auth, RefusesAnotherPreSharedKeyAndEveryOtherPart)
{
    auto a = moon(), b = sun();
    a.psk("secret");
    b.psk("sacred");
    Exchange x;
    ASSERT_TRUE(x.make(a, b));
    expect_denied(x.verify(a, b), "different pre-shared keys");
    EXPECT_EQ(x.verify(a, b).error().what.find("sacred"), std::string::npos);
    b.psk("secret");
    ASSERT_TRUE(x.verify(a, b)) << "replaced";
    for (auto* part : {&x.message, &x.nonce, &x.sk_p, &x.auth.data}) {
        part->back() ^= 1;
        expect_denied(x.verify(a, b), "the MAC is wrong");
        part->back() ^= 1;
    }
    const auto mac = x.auth.data;
    x.auth.data.pop_back();
    expect_denied(x.verify(a, b), "the MAC is wrong");
    x.auth.data.clear();
    expect_denied(x.verify(a, b), "the MAC is wrong");
    x.auth.data = mac;
    x.identity = id("moon@example.org");
    expect_denied(x.verify(a, b), "the peer is moon@example.org and remote.id is moon.example.org");
}

TEST(Auth, NeedsAPreSharedKey)
{
    auto a = moon(), b = sun();
    a.connection.local.auth.method = model::AuthMethod::kPsk;
    Exchange x;
    const auto made = x.make(a, b);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().what, "there is no pre-shared key for moon.example.org and sun.example.org");
    a.psk("secret");
    b.connection.remote.auth.method = model::AuthMethod::kPsk;
    ASSERT_TRUE(x.make(a, b));
    expect_denied(x.verify(a, b), "there is no pre-shared key for sun.example.org and moon.example.org");
}

TEST(Auth, ProvesACertificateOfEveryKind)
{
    const struct {
        KeyKind kind;
        const char* method;
    } cases[] = {{KeyKind::kRsa2048, "RSA-PSS with SHA2-256"},
                 {KeyKind::kP256, "ECDSA with SHA2-256"},
                 {KeyKind::kP384, "ECDSA with SHA2-384"},
                 {KeyKind::kP521, "ECDSA with SHA2-512"},
                 {KeyKind::kEd25519, "Ed25519"}};
    for (const auto& entry : cases) {
        ByCa f(entry.kind);
        ASSERT_TRUE(f.x.make(f.a, f.b));
        EXPECT_EQ(f.x.auth.method, kDigitalSignature);
        ASSERT_EQ(f.x.certificates.size(), 1u);
        const auto proof = f.x.verify(f.a, f.b);
        ASSERT_TRUE(proof) << proof.error().what;
        EXPECT_EQ(proof->method, entry.method);
        EXPECT_EQ(proof->subject, "O=Example, CN=moon");
        EXPECT_EQ(proof->not_after, kPkiNow + kDay);
        for (auto* part : {&f.x.message, &f.x.nonce, &f.x.sk_p}) {
            part->front() ^= 1;
            expect_denied(f.x.verify(f.a, f.b), "is wrong");
            part->front() ^= 1;
        }
        f.x.auth.data.back() ^= 1;
        expect_denied(f.x.verify(f.a, f.b), "is wrong");
    }
}

TEST(Auth, TakesTheHashThePeerKnowsAndTheRuleWants)
{
    ByCa f(KeyKind::kRsa2048);
    const auto method = [&] {
        const auto made = f.x.make(f.a, f.b);
        if (!made)
            return made.error().what;
        const auto proof = f.x.verify(f.a, f.b);
        return proof ? proof->method : proof.error().what;
    };
    f.x.hashes = {1, 4};  // SHA-1 too: not for us
    EXPECT_EQ(method(), "RSA-PSS with SHA2-512");
    f.x.hashes = {2, 3, 4, 5};
    f.a.connection.local.auth = model::AuthRule::parse("rsa-sha384-sha256").value();
    EXPECT_EQ(method(), "RSA-PSS with SHA2-384");
    f.x.hashes = {2};
    EXPECT_EQ(method(), "RSA-PSS with SHA2-256");
    f.x.hashes = {4, 5};
    EXPECT_EQ(method(), "the peer verifies no hash algorithm that our RSA key may sign with; it announced 4, 5");
    f.x.hashes = {2};
    f.b.connection.remote.auth = model::AuthRule::parse("rsa-sha512").value();
    EXPECT_NE(method().find("the signature is RSA-PSS with SHA2-256"), std::string::npos);
    f.b.connection.remote.auth = model::AuthRule::parse("ecdsa").value();
    EXPECT_NE(method().find("the certificate has an RSA 2048 bits key"), std::string::npos);
    f.a.connection.local.auth = model::AuthRule::parse("ed25519").value();
    EXPECT_EQ(method(), "local.auth wants ed25519 and our key is RSA");
}

/// Peers without RFC 7427 get methods 9 to 11, and method 1 with a hash that is none of SHA-1.
TEST(Auth, SpeaksToPeersWithoutRfc7427)
{
    const struct {
        KeyKind kind;
        uint8_t method;
        size_t bytes;
        const char* name;
    } cases[] = {{KeyKind::kP256, kEcdsa256, 64, "ECDSA with SHA2-256"},
                 {KeyKind::kP384, 10, 96, "ECDSA with SHA2-384"},
                 {KeyKind::kP521, 11, 132, "ECDSA with SHA2-512"},
                 {KeyKind::kRsa2048, kRsa, 256, "RSA PKCS#1 v1.5 with SHA2-256"}};
    for (const auto& entry : cases) {
        ByCa f(entry.kind);
        f.x.hashes.clear();
        ASSERT_TRUE(f.x.make(f.a, f.b));
        EXPECT_EQ(f.x.auth.method, entry.method);
        EXPECT_EQ(f.x.auth.data.size(), entry.bytes);
        const auto proof = f.x.verify(f.a, f.b);
        ASSERT_TRUE(proof) << proof.error().what;
        EXPECT_EQ(proof->method, entry.name);
        f.x.auth.data.back() ^= 1;
        expect_denied(f.x.verify(f.a, f.b), "is wrong");
        f.x.auth.data.pop_back();
        EXPECT_FALSE(f.x.verify(f.a, f.b));
    }
    ByCa f(KeyKind::kEd25519);
    f.x.hashes.clear();
    EXPECT_FALSE(f.x.make(f.a, f.b));
    // A P-384 key does not sign by method 9.
    ByCa g(KeyKind::kP384);
    ASSERT_TRUE(g.x.make(g.a, g.b));
    g.x.auth = {kEcdsa256, std::vector<uint8_t>(64, 1)};
    expect_denied(g.x.verify(g.a, g.b), "needs an ECDSA P-256 key");
}

TEST(Auth, HoldsToTheMethodOfTheConnection)
{
    ByCa f;
    ASSERT_TRUE(f.x.make(f.a, f.b));
    f.b.connection.remote.auth.method = model::AuthMethod::kPsk;
    expect_denied(f.x.verify(f.a, f.b), "the peer authenticates by a digital signature and remote.auth is psk");
    f.b.connection.remote.auth.method = model::AuthMethod::kPubkey;
    f.b.credentials.add_secret({model::SecretType::kIke, {}, base::SecretBytes(bytes_of("secret"))});
    for (const uint8_t method : {kSharedKey, uint8_t{3}, uint8_t{12}, uint8_t{13}, uint8_t{0}, uint8_t{255}}) {
        f.x.auth.method = method;
        expect_denied(f.x.verify(f.a, f.b), "the peer authenticates by");
    }
}

TEST(Auth, RefusesBrokenSignaturePayloads)
{
    ByCa f;
    ASSERT_TRUE(f.x.make(f.a, f.b));
    const auto good = f.x.auth.data;
    for (size_t size = 0; size < good.size(); size++) {
        f.x.auth.data.assign(good.begin(), good.begin() + static_cast<ptrdiff_t>(size));
        EXPECT_FALSE(f.x.verify(f.a, f.b)) << size;
    }
    f.x.auth.data = good;
    f.x.auth.data[0] = 0;
    expect_denied(f.x.verify(f.a, f.b), "no AlgorithmIdentifier");
    f.x.auth.data[0] = 255;
    expect_denied(f.x.verify(f.a, f.b), "no AlgorithmIdentifier");
    f.x.auth.data = hex("0b300906072a8648ce3d0401");  // ecdsa-with-SHA1
    expect_denied(f.x.verify(f.a, f.b), "1.2.840.10045.4.1 is refused");
    f.x.auth.data = hex("0f300d06092a864886f70d01010b0500");
    expect_denied(f.x.verify(f.a, f.b), "the certificate has an ECDSA P-256 key");
}

TEST(Auth, TheCertificateNamesTheIdentity)
{
    ByCa f;
    for (const char* claim : {"moon@example.org", "192.0.2.1", "@moon", "keyid:#6d6f6f6e", "venus.example.org",
                              "*.example.org", "C=CH, O=Example, CN=moon", "CN=moon"}) {
        ASSERT_TRUE(f.x.make(f.a, f.b));
        f.x.identity = id(claim);
        f.b.connection.remote.id = id("%any");
        expect_denied(f.x.verify(f.a, f.b), "does not name");
    }
    for (const char* own : {"moon.example.org", "MOON.example.org", "O=Example, CN=moon", "%any"}) {
        f.a.connection.local.id = id(own);
        ASSERT_TRUE(f.x.make(f.a, f.b)) << own;
        const auto proof = f.x.verify(f.a, f.b);
        EXPECT_TRUE(proof) << own << ": " << proof.error().what;
    }
    EXPECT_EQ(f.x.identity.to_string(), "O=Example, CN=moon") << "without local.id the subject";
    f.a.connection.local.id = id("venus.example.org");
    const auto made = f.x.make(f.a, f.b);
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().hint.find("moon.example.org, O=Example, CN=moon"), std::string::npos) << made.error().hint;
}

/// A star in a certificate is a star, not a pattern: nobody becomes everybody by a certificate.
TEST(Auth, NamesInCertificatesAreNoPatterns)
{
    const auto root = Issued::make_ca("CN=root");
    const auto star =
        Issued::make({.subject = "O=Example/CN=*", .extensions = {{"subjectAltName", "DNS:*.example.org"}}}, &root);
    auto a = moon(), b = sun();
    a.own(star);
    b.trust(root);
    b.connection.remote.id = id("%any");
    a.connection.local.id = id("%any");
    Exchange x;
    ASSERT_TRUE(x.make(a, b));
    EXPECT_TRUE(x.verify(a, b));
    for (const char* claim : {"moon.example.org", "O=Example, CN=moon"}) {
        x.identity = id(claim);
        expect_denied(x.verify(a, b), "does not name");
    }
}

TEST(Auth, RemoteIdIsAPattern)
{
    ByCa f;
    for (const char* pattern : {"%any", "*.example.org", "moon.example.org"}) {
        f.b.connection.remote.id = id(pattern);
        ASSERT_TRUE(f.x.make(f.a, f.b));
        EXPECT_TRUE(f.x.verify(f.a, f.b)) << pattern;
    }
    for (const char* pattern : {"*.example.com", "sun.example.org", "O=Example, CN=*"}) {
        f.b.connection.remote.id = id(pattern);
        ASSERT_TRUE(f.x.make(f.a, f.b));
        expect_denied(f.x.verify(f.a, f.b), "the peer is moon.example.org and remote.id is");
    }
}

TEST(Auth, TrustsOnlyTheCasOfTheConnection)
{
    ByCa f;
    const auto other = Issued::make_ca("CN=other");
    ASSERT_TRUE(f.b.credentials.add_certificates("other.pem", other.pem()));
    ASSERT_TRUE(f.b.credentials.add_certificates("root.pem", f.root.pem()));
    ASSERT_TRUE(f.x.make(f.a, f.b));
    f.b.connection.remote.cacerts = {"other.pem"};
    expect_denied(f.x.verify(f.a, f.b), "no trusted CA");
    f.b.connection.remote.cacerts = {"root.pem"};
    EXPECT_TRUE(f.x.verify(f.a, f.b));
    f.b.connection.remote.cacerts = {"missing.pem"};
    expect_denied(f.x.verify(f.a, f.b), "no trusted CA");
}

/// A CA's certificate that was only loaded, or that the peer sends, is trusted by nobody.
TEST(Auth, LoadedIsNotTrusted)
{
    const auto root = Issued::make_ca("CN=root");
    auto a = moon(), b = sun();
    a.own(certificate("moon", &root), {&root});
    ASSERT_TRUE(b.credentials.add_certificates("some file", root.pem()));
    Exchange x;
    ASSERT_TRUE(x.make(a, b));
    x.certificates.push_back({4, root.der()});
    expect_denied(x.verify(a, b), "which is not trusted");
}

TEST(Auth, SendsTheChainWithoutTheRoot)
{
    const auto root = Issued::make_ca("CN=root");
    const auto upper = Issued::make_ca("CN=upper", &root), lower = Issued::make_ca("CN=lower", &upper);
    auto a = moon(), b = sun();
    a.own(certificate("moon", &lower), {&root, &upper, &lower});
    b.trust(root);
    Exchange x;
    ASSERT_TRUE(x.make(a, b));
    ASSERT_EQ(x.certificates.size(), 3u);
    EXPECT_EQ(x.certificates[1].data, lower.der());
    EXPECT_EQ(x.certificates[2].data, upper.der());
    EXPECT_TRUE(x.verify(a, b));
    std::swap(x.certificates[1], x.certificates[2]);
    EXPECT_TRUE(x.verify(a, b)) << "the order of the others does not matter";
    x.certificates.pop_back();
    expect_denied(x.verify(a, b), "its issuer");
}

TEST(Auth, SendsCertificatesAsTheConnectionSays)
{
    ByCa f;
    const auto sent = [&](model::SendCert send, Asked asked) {
        f.a.connection.send_cert = send;
        return certificates_to_send(f.a.credentials, f.a.connection, asked).size();
    };
    EXPECT_EQ(sent(model::SendCert::kIfAsked, Asked::kYes), 1u);
    EXPECT_EQ(sent(model::SendCert::kIfAsked, Asked::kNo), 0u);
    EXPECT_EQ(sent(model::SendCert::kAlways, Asked::kNo), 1u);
    EXPECT_EQ(sent(model::SendCert::kNever, Asked::kYes), 0u);
}

TEST(Auth, AsksForCertificatesByTheKeysOfCas)
{
    ByCa f;
    const auto requests = certificate_requests(f.b.credentials, f.b.connection);
    ASSERT_EQ(requests.size(), 1u);
    EXPECT_EQ(requests[0].encoding, 4);
    const auto key_id = crypto::Certificate::from_der(f.root.der()).value().public_key().key_id();
    EXPECT_EQ(requests[0].data, std::vector<uint8_t>(key_id.begin(), key_id.end()));
    EXPECT_TRUE(certificate_requests(f.a.credentials, f.a.connection).empty()) << "no CA";
    f.b.connection.send_certreq = false;
    EXPECT_TRUE(certificate_requests(f.b.credentials, f.b.connection).empty());
}

TEST(Auth, ProvesAPinnedSelfSignedCertificate)
{
    const auto own = certificate("moon", nullptr), other = certificate("moon", nullptr);
    auto a = moon(), b = sun();
    a.own(own);
    b.pin(own);
    Exchange x;
    ASSERT_TRUE(x.make(a, b));
    EXPECT_TRUE(certificate_requests(b.credentials, b.connection).empty());
    const auto proof = x.verify(a, b);
    ASSERT_TRUE(proof) << proof.error().what;
    x.certificates.clear();
    EXPECT_TRUE(x.verify(a, b)) << "a pinned certificate need not be sent";
    x.identity = id("O=Example, CN=venus");
    b.connection.remote.id = id("%any");
    expect_denied(x.verify(a, b), "none of remote.certs names");
    // Same names, another key.
    auto c = moon();
    c.own(other);
    ASSERT_TRUE(x.make(c, b));
    expect_denied(x.verify(c, b), "is none of remote.certs");
    x.certificates.clear();
    expect_denied(x.verify(c, b), "is wrong: the key of \"O=Example, CN=moon\" in remote.certs is not the peer's");
    x.unix_seconds = kPkiNow + 2 * kDay;
    ASSERT_TRUE(x.make(a, b));
    expect_denied(x.verify(a, b), "expired on");
    x.unix_seconds = kPkiNow - 2 * kDay;
    expect_denied(x.verify(a, b), "is not valid before");
}

TEST(Auth, APinBesidesCasAdmitsBoth)
{
    ByCa f;
    const auto pinned = certificate("moon", nullptr);
    f.b.pin(pinned);
    ASSERT_TRUE(f.x.make(f.a, f.b));
    expect_denied(f.x.verify(f.a, f.b), "is none of remote.certs");
    ASSERT_TRUE(f.b.credentials.add_certificates("root.pem", f.root.pem()));
    f.b.connection.remote.cacerts = {"root.pem"};
    EXPECT_TRUE(f.x.verify(f.a, f.b));
    auto c = moon();
    c.own(pinned);
    ASSERT_TRUE(f.x.make(c, f.b));
    EXPECT_TRUE(f.x.verify(c, f.b));
}

TEST(Auth, HoldsToDatesAndRevocation)
{
    ByCa f;
    const auto own = certificate("moon", &f.root);
    f.a.own(own);
    ASSERT_TRUE(f.x.make(f.a, f.b));
    f.x.unix_seconds = kPkiNow + 2 * kDay;
    expect_denied(f.x.verify(f.a, f.b), "expired on 2026-06-16");
    f.x.unix_seconds = kPkiNow;
    f.b.connection.remote.revocation = model::Revocation::kStrict;
    expect_denied(f.x.verify(f.a, f.b), "no revocation list");
    ASSERT_TRUE(f.b.credentials.add_crl("crl", f.root.revoke({})));
    EXPECT_TRUE(f.x.verify(f.a, f.b));
    ASSERT_TRUE(f.b.credentials.add_crl("crl", f.root.revoke({&own}))) << "takes the place of the other";
    f.b.connection.remote.revocation = model::Revocation::kRelaxed;
    expect_denied(f.x.verify(f.a, f.b), "is revoked by");
}

TEST(Auth, ReadsCertPayloadsWithCare)
{
    ByCa f;
    ASSERT_TRUE(f.x.make(f.a, f.b));
    const auto good = f.x.certificates;
    f.x.certificates.push_back({4, bytes_of("no certificate")});
    f.x.certificates.push_back({7, bytes_of("a CRL, perhaps")});
    f.x.certificates.insert(f.x.certificates.begin(), {13, bytes_of("hash and URL")});
    EXPECT_TRUE(f.x.verify(f.a, f.b)) << "what is not understood beside the peer's own is left out";
    f.x.certificates = {{4, bytes_of("no certificate")}, good[0]};
    expect_denied(f.x.verify(f.a, f.b), "the peer's certificate: the certificate is broken");
    f.x.certificates.clear();
    expect_denied(f.x.verify(f.a, f.b), "the peer sent no certificate");
    // The peer's own is the first: one further on proves nothing.
    f.x.certificates = {{4, certificate("venus", &f.root).der()}, good[0]};
    expect_denied(f.x.verify(f.a, f.b), "does not name moon.example.org");
    f.x.certificates.assign(1000, good[0]);
    EXPECT_TRUE(f.x.verify(f.a, f.b));
}

/// RFC 8784 section 3: the keys mixed with the PPK make another AUTH, and one without the PPK is NO_PPK_AUTH.
TEST(Auth, APpkChangesAuthThroughItsKeys)
{
    ByCa f;
    ASSERT_TRUE(f.x.make(f.a, f.b));
    Exchange mixed;
    mixed.sk_p = counting(32, 3);
    ASSERT_TRUE(mixed.make(f.a, f.b));
    EXPECT_TRUE(mixed.verify(f.a, f.b));
    mixed.auth = f.x.auth;
    expect_denied(mixed.verify(f.a, f.b), "is wrong");
    mixed.sk_p = f.x.sk_p;
    EXPECT_TRUE(mixed.verify(f.a, f.b));
}

}  // namespace
}  // namespace ipsecgw::ike
