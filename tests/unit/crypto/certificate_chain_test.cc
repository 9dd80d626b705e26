#include "crypto/certificate_chain.h"

#include <gtest/gtest.h>

#include "support/hex.h"
#include "support/pki.h"

namespace ipsecgw::crypto {
namespace {

using test::CertificateSpec;
using test::Issued;
using test::kDay;
using test::KeyKind;
using test::kPkiNow;

Certificate certificate_of(const Issued& issued)
{
    return Certificate::from_der(issued.der()).value();
}

/// A root, a CA below it, and a certificate below that.
struct Family {
    Issued root = Issued::make_ca("O=Example/CN=root");
    Issued middle = Issued::make_ca("O=Example/CN=middle", &root);
    Issued leaf = Issued::make(
        {.subject = "O=Example/CN=moon", .extensions = {{"subjectAltName", "DNS:moon.example.org"}}}, &middle);
};

/// What a test changes of the family's verification.
struct Case {
    std::vector<const Issued*> others;
    std::vector<const Issued*> anchors;
    std::vector<std::vector<uint8_t>> revoked = {};
    int64_t unix_seconds = kPkiNow;
    RevocationCheck revocation = RevocationCheck::kRelaxed;
};

base::Result<std::vector<Certificate>> verify(const Issued& leaf, const Case& c)
{
    std::vector<Certificate> others, anchors;
    std::vector<RevocationList> revoked;
    for (const auto* other : c.others)
        others.push_back(certificate_of(*other));
    for (const auto* anchor : c.anchors)
        anchors.push_back(certificate_of(*anchor));
    for (const auto& list : c.revoked)
        revoked.push_back(RevocationList::parse(list).value());
    const auto certificate = certificate_of(leaf);
    return verify_chain({certificate, others, anchors, revoked, c.unix_seconds, c.revocation});
}

void expect_denied(const Issued& leaf, const Case& c, const char* what)
{
    const auto chain = verify(leaf, c);
    ASSERT_FALSE(chain) << what;
    EXPECT_EQ(chain.error().code, base::ErrorCode::kPermissionDenied);
    EXPECT_NE(chain.error().what.find(what), std::string::npos) << chain.error().what;
}

TEST(CertificateChain, LeadsToAnAnchor)
{
    const Family f;
    const auto chain = verify(f.leaf, {{&f.middle}, {&f.root}});
    ASSERT_TRUE(chain) << chain.error().what;
    ASSERT_EQ(chain->size(), 3u);
    EXPECT_EQ(chain->at(1).subject(), "O=Example, CN=middle");
    EXPECT_EQ(chain->at(2).subject(), "O=Example, CN=root");
    const auto shorter = verify(f.leaf, {{}, {&f.middle}});
    ASSERT_TRUE(shorter) << "an anchor need not be a root: " << shorter.error().what;
    EXPECT_EQ(shorter->size(), 2u);
}

TEST(CertificateChain, NeedsAnAnchorOfTheChain)
{
    const Family f, stranger;
    expect_denied(f.leaf, {{&f.middle}, {}}, "no trusted CA for \"O=Example, CN=middle\"");
    expect_denied(f.leaf, {{}, {&f.root}}, "its issuer \"O=Example, CN=middle\" is neither trusted nor in the chain");
    expect_denied(f.leaf, {{&f.middle, &f.root}, {}}, "which is not trusted");
    // The same names and other keys.
    expect_denied(f.leaf, {{&f.middle}, {&stranger.root}}, "another CA of that name");
    expect_denied(f.leaf, {{&stranger.middle}, {&stranger.root}}, "another CA of that name");
    const auto alone = Issued::make({.subject = "CN=alone"});
    expect_denied(alone, {{}, {&f.root}}, "no trusted CA for \"CN=alone\"");
}

TEST(CertificateChain, IsValidAtATime)
{
    const Family f;
    Case c{{&f.middle}, {&f.root}};
    c.unix_seconds = kPkiNow + kDay - 1;
    EXPECT_TRUE(verify(f.leaf, c));
    c.unix_seconds = kPkiNow + kDay + 1;
    expect_denied(f.leaf, c, "expired on 2026-06-16 12:00:00 UTC");
    c.unix_seconds = kPkiNow - kDay - 1;
    expect_denied(f.leaf, c, "is not valid before 2026-06-14 12:00:00 UTC");
    const auto old = Issued::make_ca("O=Example/CN=old", &f.root, {.not_after = kPkiNow - 1});
    const auto below = Issued::make({.subject = "CN=below"}, &old);
    expect_denied(below, {{&old}, {&f.root}}, "\"O=Example, CN=old\" expired");
}

TEST(CertificateChain, EachLinkIsACa)
{
    const Family f;
    const auto forged = Issued::make({.subject = "CN=forged"}, &f.leaf);
    expect_denied(forged, {{&f.leaf, &f.middle}, {&f.root}}, "invalid CA certificate");
    const auto no_constraints =
        Issued::make({.subject = "CN=v3", .extensions = {{"keyUsage", "keyCertSign"}}}, &f.root);
    expect_denied(Issued::make({.subject = "CN=x"}, &no_constraints), {{&no_constraints}, {&f.root}}, "CN=v3");
    const auto no_signing = Issued::make(
        {.subject = "CN=ku", .extensions = {{"basicConstraints", "CA:TRUE"}, {"keyUsage", "digitalSignature"}}},
        &f.root);
    expect_denied(Issued::make({.subject = "CN=x"}, &no_signing), {{&no_signing}, {&f.root}}, "CN=ku");
    // A trusted certificate that is no CA can vouch for nobody.
    const auto plain = Issued::make({.subject = "CN=plain"});
    EXPECT_FALSE(verify(Issued::make({.subject = "CN=x"}, &plain), {{}, {&plain}}));
    const auto shallow = Issued::make(
        {.subject = "CN=shallow", .extensions = {{"basicConstraints", "critical,CA:TRUE,pathlen:0"}}}, &f.root);
    const auto deeper = Issued::make_ca("CN=deeper", &shallow);
    EXPECT_TRUE(verify(Issued::make({.subject = "CN=x"}, &shallow), {{&shallow}, {&f.root}}));
    expect_denied(Issued::make({.subject = "CN=x"}, &deeper), {{&deeper, &shallow}, {&f.root}}, "path length");
}

TEST(CertificateChain, HoldsToNameConstraints)
{
    const Family f;
    const auto bound = Issued::make_ca("CN=bound", &f.root,
                                       {.extensions = {{"nameConstraints", "critical,permitted;DNS:example.org"}}});
    const auto in =
        Issued::make({.subject = "CN=in", .extensions = {{"subjectAltName", "DNS:moon.example.org"}}}, &bound);
    const auto out =
        Issued::make({.subject = "CN=out", .extensions = {{"subjectAltName", "DNS:moon.example.com"}}}, &bound);
    EXPECT_TRUE(verify(in, {{&bound}, {&f.root}}));
    expect_denied(out, {{&bound}, {&f.root}}, "permitted subtree violation");
}

TEST(CertificateChain, KeepsToKeyUsageOfTheLeaf)
{
    const Family f;
    const auto server =
        Issued::make({.subject = "CN=server", .extensions = {{"extendedKeyUsage", "serverAuth"}}}, &f.root);
    expect_denied(server, {{}, {&f.root}}, "has no ipsecIKE");
    const auto unknown =
        Issued::make({.subject = "CN=x", .extensions = {{"1.2.3.4.5", "critical,ASN1:NULL"}}}, &f.root);
    expect_denied(unknown, {{}, {&f.root}}, "unhandled critical extension");
}

TEST(CertificateChain, RefusesWeakSignaturesAndKeys)
{
    const Family f;
    const auto weak = Issued::make({.subject = "CN=sha1", .digest = "SHA1"}, &f.root);
    expect_denied(weak, {{}, {&f.root}}, "CN=sha1");
    EXPECT_TRUE(verify(Issued::make({.subject = "CN=sha512", .digest = "SHA512"}, &f.root), {{}, {&f.root}}));
}

TEST(CertificateChain, KnowsAllKindsOfKeys)
{
    for (const auto kind : {KeyKind::kRsa2048, KeyKind::kP256, KeyKind::kP384, KeyKind::kP521, KeyKind::kEd25519}) {
        const auto root = Issued::make_ca("CN=root", nullptr, {.key = kind});
        const auto leaf = Issued::make({.subject = "CN=leaf", .key = kind}, &root);
        const auto chain = verify(leaf, {{}, {&root}});
        EXPECT_TRUE(chain) << chain.error().what;
    }
}

TEST(CertificateChain, HoldsToRevocationLists)
{
    const Family f;
    Case c{{&f.middle}, {&f.root}};
    c.revoked = {f.middle.revoke({&f.leaf})};
    expect_denied(f.leaf, c, "\"O=Example, CN=moon\" is revoked by \"O=Example, CN=middle\"");
    c.revoked = {f.middle.revoke({}), f.root.revoke({&f.middle})};
    expect_denied(f.leaf, c, "\"O=Example, CN=middle\" is revoked");
    c.revoked = {f.middle.revoke({}), f.root.revoke({})};
    EXPECT_TRUE(verify(f.leaf, c));
    // A list that is not the CA's says nothing, and hides that there is none.
    const Family stranger;
    c.revoked = {stranger.middle.revoke({})};
    expect_denied(f.leaf, c, "CRL");
    // A list out of date still names who was revoked then.
    c.revoked = {f.middle.revoke({&f.leaf}, kPkiNow - 3 * kDay, kPkiNow - 2 * kDay)};
    expect_denied(f.leaf, c, "is revoked");
}

TEST(CertificateChain, StrictRevocationWantsAListOfEachCa)
{
    const Family f;
    Case c{{&f.middle}, {&f.root}};
    c.revocation = RevocationCheck::kStrict;
    expect_denied(f.leaf, c, "no revocation list of \"O=Example, CN=middle\"");
    c.revoked = {f.middle.revoke({})};
    expect_denied(f.leaf, c, "no revocation list of \"O=Example, CN=root\" for \"O=Example, CN=middle\"");
    c.revoked.push_back(f.root.revoke({}));
    EXPECT_TRUE(verify(f.leaf, c));
    c.revoked[0] = f.middle.revoke({}, kPkiNow - 3 * kDay, kPkiNow - 2 * kDay);
    expect_denied(f.leaf, c, "the revocation list of \"O=Example, CN=middle\" is out of date");
    c.revocation = RevocationCheck::kRelaxed;
    EXPECT_TRUE(verify(f.leaf, c));
    // An anchor that is no root needs nobody's list.
    c = {{}, {&f.middle}, {f.middle.revoke({})}, kPkiNow, RevocationCheck::kStrict};
    EXPECT_TRUE(verify(f.leaf, c));
}

TEST(CertificateChain, IfUriWantsAListWhereOneIsNamed)
{
    const Family f;
    const auto named = Issued::make(
        {.subject = "CN=named", .extensions = {{"crlDistributionPoints", "URI:http://crl.example.org/middle.crl"}}},
        &f.middle);
    Case c{{&f.middle}, {&f.root}};
    c.revocation = RevocationCheck::kIfUri;
    EXPECT_TRUE(verify(f.leaf, c));
    expect_denied(named, c, "no revocation list");
    c.revoked = {f.middle.revoke({})};
    EXPECT_TRUE(verify(named, c));
    c.revocation = RevocationCheck::kRelaxed;
    c.revoked.clear();
    EXPECT_TRUE(verify(named, c));
}

/// A peer can send any number of CAs; the work stays bounded.
TEST(CertificateChain, EndsForLongAndCircularChains)
{
    std::vector<Issued> chain = {Issued::make_ca("CN=0")};
    for (int i = 1; i < 14; i++)
        chain.push_back(Issued::make_ca("CN=" + std::to_string(i), &chain.back()));
    std::vector<const Issued*> all;
    for (const auto& ca : chain)
        all.push_back(&ca);
    EXPECT_FALSE(verify(chain.back(), {all, {&chain.front()}}));
    const auto leaf = Issued::make({.subject = "CN=leaf"}, &chain[6]);
    EXPECT_TRUE(verify(leaf, {all, {&chain.front()}}));
}

}  // namespace
}  // namespace ipsecgw::crypto
