// Authentication inside the exchange: certificates and PPKs, what goes on the wire of them, and what is said when they
// fail.
#include <algorithm>

#include "support/hex.h"
#include "support/pki.h"
#include "unit/ike/ladder.h"

namespace ipsecgw::ike {
namespace {

using test::Issued;
using test::KeyKind;

constexpr int64_t kNow = 1'800'000'000;  // FakeHost's

Issued authority(const char* name, const Issued* issuer = nullptr, KeyKind kind = KeyKind::kP256)
{
    return Issued::make_ca(name, issuer,
                           {.key = kind, .not_before = kNow - test::kDay, .not_after = kNow + test::kDay});
}

Issued gateway(const Side& side, const Issued* issuer, KeyKind kind = KeyKind::kP256,
               int64_t not_after = kNow + test::kDay)
{
    return Issued::make({.subject = "O=Example/CN=" + side.name,
                         .extensions = {{"subjectAltName", "DNS:" + side.name}},
                         .key = kind,
                         .not_before = kNow - 2 * test::kDay,
                         .not_after = not_after},
                        issuer);
}

class Authentication : public Ladder {
  protected:
    /// Certificates on both ends, each with the CAs of its chain in the same file.
    void own(Side& side, const Issued& issued, const std::vector<const Issued*>& chain = {})
    {
        auto bytes = issued.pem();
        for (const auto* ca : chain) {
            const auto more = ca->pem();
            bytes.insert(bytes.end(), more.begin(), more.end());
        }
        ASSERT_TRUE(side.credentials.add_certificates("own", bytes));
        ASSERT_TRUE(side.credentials.add_private_key("key", issued.key_der(), {}));
    }
    void trust(const Issued& ca)
    {
        for (Side* side : {&moon, &sun})
            ASSERT_TRUE(side->credentials.add_authority("ca", ca.der()));
    }
    static void by_certificate(model::IkeConnection& connection)
    {
        connection.local.auth.method = connection.remote.auth.method = model::AuthMethod::kPubkey;
        connection.local.certs = {"own"};
    }
    /// `starter` begins; no SA comes of it, and `judge` said why. A responder that is refused in the last message has
    /// its SA up until the Delete that follows (RFC 7296 section 2.21.2).
    void expect_refused(Side& starter, Side& judge, const char* why)
    {
        initiate(starter);
        pass(60);
        EXPECT_TRUE(judge.logged(why)) << why;
        for (Side* side : {&moon, &sun}) {
            EXPECT_EQ(side->child_ups, side->child_downs) << side->name;
            EXPECT_TRUE(side->sas.empty()) << side->name;
            EXPECT_EQ(side->engine->stats().ike_sas, 0u) << side->name;
        }
        ASSERT_FALSE(starter.done.empty());
        EXPECT_FALSE(starter.done.back().failure.empty());
    }
};

TEST_F(Authentication, ByCertificatesOfEveryKind)
{
    const struct {
        KeyKind kind;
        const char* method;
    } cases[] = {{KeyKind::kRsa2048, "RSA-PSS with SHA2-256"},
                 {KeyKind::kP256, "ECDSA with SHA2-256"},
                 {KeyKind::kP384, "ECDSA with SHA2-384"},
                 {KeyKind::kP521, "ECDSA with SHA2-512"},
                 {KeyKind::kEd25519, "Ed25519"}};
    const auto root = authority("CN=root");
    trust(root);
    load(by_certificate);
    int ups = 0;
    for (const auto& entry : cases) {
        for (Side* side : {&moon, &sun})
            own(*side, gateway(*side, &root, entry.kind));
        initiate(ups % 2 == 0 ? moon : sun);
        run();
        EXPECT_EQ(moon.child_ups, ++ups) << entry.method;
        expect_traffic();
        for (Side* side : {&moon, &sun})
            EXPECT_TRUE(side->logged(std::string("with ") + entry.method + " successful")) << entry.method;
        terminate_ike(moon);
        pass(10);
    }
}

TEST_F(Authentication, BySecretOneWayAndCertificateTheOther)
{
    const auto root = authority("CN=root");
    trust(root);
    own(moon, gateway(moon, &root));
    auto ours = connection(moon, sun), theirs = connection(sun, moon);
    ours.local.auth.method = theirs.remote.auth.method = model::AuthMethod::kPubkey;
    ours.local.certs = {"own"};
    load_on(sun, theirs);
    load_on(moon, ours);
    initiate(moon);
    run();
    expect_settled();
}

TEST_F(Authentication, ByPinnedSelfSignedCertificates)
{
    const auto ours = gateway(moon, nullptr), theirs = gateway(sun, nullptr, KeyKind::kEd25519);
    own(moon, ours);
    own(sun, theirs);
    ASSERT_TRUE(moon.credentials.add_certificates("peer", theirs.der()));
    ASSERT_TRUE(sun.credentials.add_certificates("peer", ours.der()));
    load([](model::IkeConnection& connection) {
        by_certificate(connection);
        connection.remote.certs = {"peer"};
    });
    initiate(moon);
    run();
    expect_settled();
}

/// RFC 7383: IKE_AUTH with a long chain goes in fragments, in any order, and a lost one is sent again with the others.
TEST_F(Authentication, LongChainsGoInFragments)
{
    const auto root = authority("CN=root", nullptr, KeyKind::kRsa2048);
    const auto upper = authority("CN=upper", &root, KeyKind::kRsa2048),
               lower = authority("CN=lower", &upper, KeyKind::kRsa2048);
    trust(root);
    for (Side* side : {&moon, &sun})
        own(*side, gateway(*side, &lower, KeyKind::kRsa2048), {&lower, &upper});
    load(by_certificate);
    initiate(moon);
    deliver(take(moon));  // IKE_SA_INIT
    deliver(take(sun));
    ASSERT_GE(waiting(moon), 3u) << "fragments of IKE_AUTH";
    for (const auto& packet : wire)
        EXPECT_LE(packet.bytes.size(), moon.options.fragment_bytes);
    std::reverse(wire.begin(), wire.end());
    wire.pop_front();  // the last fragment is lost
    run();
    EXPECT_EQ(sun.child_ups, 0);
    pass(10);
    expect_settled();
}

TEST_F(Authentication, ACertificateOfAnotherCaIsRefused)
{
    const auto root = authority("CN=root"), other = authority("CN=other");
    trust(root);
    own(moon, gateway(moon, &other));
    own(sun, gateway(sun, &root));
    load(by_certificate);
    expect_refused(moon, sun, "authentication of 'moon.example.org' failed: no trusted CA for");
    EXPECT_TRUE(moon.logged("AUTHENTICATION_FAILED"));
    EXPECT_EQ(sun.child_ups, 0);
    expect_refused(sun, sun, "no trusted CA for");
    EXPECT_EQ(sun.child_ups, 0);
}

TEST_F(Authentication, AnExpiredCertificateIsRefused)
{
    const auto root = authority("CN=root");
    trust(root);
    own(moon, gateway(moon, &root, KeyKind::kP256, kNow - test::kDay));
    own(sun, gateway(sun, &root));
    load(by_certificate);
    expect_refused(moon, sun, "expired on 2027-01-14");
}

TEST_F(Authentication, ACertificateOfSomebodyElseIsRefused)
{
    const auto root = authority("CN=root");
    trust(root);
    own(moon, gateway(moon, &root));
    own(sun, gateway(sun, &root));
    auto ours = connection(moon, sun), theirs = connection(sun, moon);
    by_certificate(ours);
    by_certificate(theirs);
    ours.remote.id = model::Identity::parse("venus.example.org").value();
    load_on(sun, theirs);
    load_on(moon, ours);
    // Sun is asked for venus and is not: it has no such connection.
    initiate(moon);
    pass(60);
    EXPECT_EQ(moon.child_ups, 0);
    EXPECT_EQ(sun.child_ups, 0);
}

TEST_F(Authentication, ASecretIsNoCertificate)
{
    const auto root = authority("CN=root");
    trust(root);
    own(sun, gateway(sun, &root));
    auto ours = connection(moon, sun), theirs = connection(sun, moon);
    by_certificate(theirs);
    load_on(sun, theirs);
    load_on(moon, ours);
    initiate(moon);
    pass(60);
    EXPECT_EQ(moon.child_ups, 0);
    EXPECT_EQ(sun.child_ups, 0);
    EXPECT_TRUE(moon.sas.empty() && sun.sas.empty());
}

// --- postquantum preshared keys (RFC 8784)

class Ppk : public Ladder {
  protected:
    static void add(Side& side, const char* text)
    {
        model::SharedSecret secret;
        secret.type = model::SecretType::kPpk;
        secret.ids = {model::Identity::parse("ppk-1").value()};
        secret.secret = base::SecretBytes(test::bytes_of(text));
        side.credentials.add_secret(std::move(secret));
    }
    enum class Need : uint8_t { kNone, kOptional, kRequired };
    static void need(model::IkeConnection& connection, Need need)
    {
        if (need == Need::kNone)
            return;
        connection.ppk_id = model::Identity::parse("ppk-1").value();
        connection.ppk_required = need == Need::kRequired;
    }
    void load_with(Need ours, Need theirs)
    {
        auto a = connection(moon, sun), b = connection(sun, moon);
        need(a, ours);
        need(b, theirs);
        load_on(sun, b);
        load_on(moon, a);
        initiate(moon);
        pass(60);
    }
    void expect_up(bool with_ppk)
    {
        ASSERT_EQ(moon.child_ups, 1);
        ASSERT_EQ(sun.child_ups, 1);
        EXPECT_EQ(moon.only_ike_sa().ppk, with_ppk);
        EXPECT_EQ(sun.only_ike_sa().ppk, with_ppk);
        expect_traffic();
    }
    void expect_down()
    {
        EXPECT_EQ(moon.child_ups, 0);
        EXPECT_EQ(sun.child_ups, 0);
    }
};

TEST_F(Ppk, IsMixedInWhereBothHaveIt)
{
    add(moon, "quantum");
    add(sun, "quantum");
    load_with(Need::kOptional, Need::kOptional);
    expect_up(true);
    rekey_ike(moon);
    pass(10);
    expect_traffic();
}

TEST_F(Ppk, RequiredOnBothSides)
{
    add(moon, "quantum");
    add(sun, "quantum");
    load_with(Need::kRequired, Need::kRequired);
    expect_up(true);
}

TEST_F(Ppk, OptionalFallsBackWhereThePeerHasNone)
{
    add(moon, "quantum");
    load_with(Need::kOptional, Need::kNone);
    expect_up(false);
}

TEST_F(Ppk, RequiredDoesNotFallBack)
{
    add(moon, "quantum");
    load_with(Need::kRequired, Need::kNone);
    expect_down();
}

TEST_F(Ppk, RequiredByTheResponder)
{
    add(sun, "quantum");
    load_with(Need::kNone, Need::kRequired);
    expect_down();
}

TEST_F(Ppk, AnotherPpkIsRefused)
{
    add(moon, "quantum");
    add(sun, "quark");
    load_with(Need::kRequired, Need::kRequired);
    expect_down();
}

}  // namespace
}  // namespace ipsecgw::ike
