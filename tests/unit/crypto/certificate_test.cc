#include "crypto/certificate.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "support/hex.h"
#include "support/pki.h"

namespace ipsecgw::crypto {
namespace {

using test::bytes_of;
using test::CertificateSpec;
using test::Issued;
using test::KeyKind;
using test::kPkiNow;

Certificate read(const Issued& issued)
{
    auto certificate = Certificate::from_der(issued.der());
    EXPECT_TRUE(certificate) << certificate.error().what;
    return std::move(certificate).value();
}

Certificate with(std::vector<std::pair<std::string, std::string>> extensions)
{
    return read(Issued::make({.subject = "C=CH/O=Example/CN=moon", .extensions = std::move(extensions)}));
}

TEST(Certificate, TellsWhatIsInIt)
{
    const auto ca = Issued::make_ca("C=CH/O=Example/CN=Example Root");
    const auto moon =
        read(Issued::make({.subject = "C=CH/O=Example/CN=moon",
                           .extensions = {{"subjectAltName",
                                           "DNS:moon.example.org,email:moon@example.org,IP:192.0.2.1,IP:2001:db8::1,"
                                           "URI:http://example.org/"}}},
                          &ca));
    EXPECT_EQ(moon.subject(), "C=CH, O=Example, CN=moon");
    EXPECT_EQ(moon.issuer(), "C=CH, O=Example, CN=Example Root");
    EXPECT_EQ(moon.not_before(), kPkiNow - test::kDay);
    EXPECT_EQ(moon.not_after(), kPkiNow + test::kDay);
    EXPECT_EQ(utc_text(kPkiNow), "2026-06-15 12:00:00 UTC");
    EXPECT_FALSE(moon.is_ca());
    EXPECT_FALSE(moon.is_self_issued());
    EXPECT_TRUE(read(ca).is_ca());
    EXPECT_TRUE(read(ca).is_self_issued());
    EXPECT_TRUE(read(ca).has_subject(read(ca).subject_der()));
    EXPECT_FALSE(read(ca).has_subject(moon.subject_der()));
    EXPECT_EQ(moon.public_key().type(), KeyType::kEcdsaP256);
    ASSERT_EQ(moon.names().size(), 4u) << "a URI is no identity";
    EXPECT_EQ(moon.names()[0].type, NameType::kDns);
    EXPECT_EQ(moon.names()[0].data, bytes_of("moon.example.org"));
    EXPECT_EQ(moon.names()[1].type, NameType::kEmail);
    EXPECT_EQ(moon.names()[2].data, test::hex("c0000201"));
    EXPECT_EQ(moon.names()[3].data.size(), 16u);
    EXPECT_TRUE(moon.is_issued_by(read(ca)));
    EXPECT_FALSE(moon.is_issued_by(read(Issued::make_ca("C=CH/O=Example/CN=Example Root")))) << "another key";
    EXPECT_FALSE(read(ca).is_issued_by(moon));
    EXPECT_TRUE(moon == moon);
    EXPECT_FALSE(moon == read(ca));
}

/// RFC 7296 section 3.7: the SHA-1 of the SubjectPublicKeyInfo, here of the key of RFC 4754 section 8.1.
TEST(Certificate, NamesACaByItsKey)
{
    const auto key = PublicKey::from_spki(test::hex(
        "3059301306072a8648ce3d020106082a8648ce3d030107034200042442a5cc0ecd015fa3ca31dc8e2bbc70bf42d60cbca20085e0822cb0"
        "4235e9706fc98bd7e50211a4a27102fa3549df79ebcb4bf246b80945cddfe7d509bbfd7d"));
    ASSERT_TRUE(key);
    const auto id = key->key_id();
    // openssl dgst -sha1 of the same bytes
    EXPECT_EQ(std::vector<uint8_t>(id.begin(), id.end()), test::hex("26c442e58cb2a2ad7e11c26533368c3e231480b6"));
}

TEST(Certificate, ComparesSubjectsWithoutRegardToCaseAndStringType)
{
    const auto moon = with({});
    const auto same = read(Issued::make({.subject = "C=ch/O=EXAMPLE/CN= moon "}));
    EXPECT_TRUE(moon.has_subject(same.subject_der()));
    for (const char* other :
         {"C=CH/O=Example/CN=moo", "C=CH/CN=moon/O=Example", "C=CH/O=Example", "C=CH/O=Example/CN=*"})
        EXPECT_FALSE(moon.has_subject(read(Issued::make({.subject = other})).subject_der())) << other;
    EXPECT_FALSE(moon.has_subject({}));
    EXPECT_FALSE(moon.has_subject(test::hex("3000")));
    auto longer = std::vector<uint8_t>(moon.subject_der().begin(), moon.subject_der().end());
    longer.push_back(0);
    EXPECT_FALSE(moon.has_subject(longer));
}

TEST(Certificate, ASubjectCannotForgeLogLines)
{
    const auto bad = read(Issued::make({.subject = "CN=moon\nE: \"root\" logged in"}));
    EXPECT_EQ(bad.subject().find('\n'), std::string::npos) << bad.subject();
    const auto longest = read(Issued::make(
        {.subject = "O=" + std::string(64, 'x') + "/OU=" + std::string(64, 'y') + "/CN=" + std::string(64, 'z')}));
    EXPECT_LE(longest.subject().size(), 600u);
}

/// RFC 4945 sections 5.1.3.2 and 5.1.3.12.
TEST(Certificate, KeyUsageDecidesAboutIke)
{
    EXPECT_TRUE(with({}).allows_ike());
    EXPECT_TRUE(with({{"keyUsage", "digitalSignature"}}).allows_ike());
    EXPECT_TRUE(with({{"keyUsage", "critical,nonRepudiation,keyEncipherment"}}).allows_ike());
    EXPECT_FALSE(with({{"keyUsage", "keyEncipherment"}}).allows_ike());
    EXPECT_FALSE(with({{"keyUsage", "keyCertSign,cRLSign"}}).allows_ike());
    EXPECT_TRUE(with({{"extendedKeyUsage", "1.3.6.1.5.5.7.3.17"}}).allows_ike());
    EXPECT_TRUE(with({{"extendedKeyUsage", "serverAuth,anyExtendedKeyUsage"}}).allows_ike());
    const auto server = with({{"extendedKeyUsage", "serverAuth,clientAuth"}}).allows_ike();
    ASSERT_FALSE(server);
    EXPECT_NE(server.error().hint.find("1.3.6.1.5.5.7.3.17"), std::string::npos);
}

TEST(Certificate, IsACaByBasicConstraintsAndKeyUsage)
{
    EXPECT_TRUE(with({{"basicConstraints", "CA:TRUE"}}).is_ca());
    EXPECT_TRUE(with({{"basicConstraints", "CA:TRUE"}, {"keyUsage", "keyCertSign"}}).is_ca());
    EXPECT_FALSE(with({{"basicConstraints", "CA:TRUE"}, {"keyUsage", "digitalSignature"}}).is_ca());
    EXPECT_FALSE(with({{"basicConstraints", "CA:FALSE"}}).is_ca());
    EXPECT_FALSE(with({{"keyUsage", "keyCertSign"}}).is_ca());
    EXPECT_FALSE(with({}).is_ca());
}

TEST(Certificate, ReadsFilesOfOneAndOfMany)
{
    const auto one = Issued::make({.subject = "CN=one"}), two = Issued::make({.subject = "CN=two"});
    EXPECT_EQ(Certificate::parse_all(one.der()).value().size(), 1u);
    auto text = one.pem();
    for (const auto& more : {one.key_pem(), two.pem()})
        text.insert(text.end(), more.begin(), more.end());
    const auto both = Certificate::parse_all(text);
    ASSERT_TRUE(both) << both.error().what;
    ASSERT_EQ(both->size(), 2u);
    EXPECT_EQ(both->at(1).subject(), "CN=two");
    const auto key = Certificate::parse_all(one.key_pem());
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().what, "it holds a PRIVATE KEY, not a certificate");
    EXPECT_FALSE(Certificate::parse_all({}));
    EXPECT_FALSE(Certificate::parse_all(bytes_of("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")));
}

TEST(Certificate, RefusesBrokenOnes)
{
    auto der = Issued::make({.subject = "CN=moon", .extensions = {{"subjectAltName", "DNS:moon"}}}).der();
    for (size_t size = 0; size < der.size(); size++)
        EXPECT_FALSE(Certificate::from_der(std::span(der).first(size))) << size;
    der.push_back(0);
    EXPECT_FALSE(Certificate::from_der(der));
}

TEST(Certificate, RefusesWeakKeys)
{
    for (const auto kind : {KeyKind::kRsa1024, KeyKind::kSecp256k1}) {
        const auto weak = Certificate::from_der(Issued::make({.subject = "CN=weak", .key = kind}).der());
        ASSERT_FALSE(weak);
        EXPECT_EQ(weak.error().code, base::ErrorCode::kUnsupported);
    }
}

/// A NUL or a blank in a name must not make it end there.
TEST(Certificate, LeavesOutNamesThatAreNoText)
{
    const auto moon = with({{"subjectAltName", "DNS:moon.example.org,DNS:moon example.org,email:a b@example.org"}});
    ASSERT_EQ(moon.names().size(), 1u);
    EXPECT_EQ(moon.names()[0].data, bytes_of("moon.example.org"));
}

TEST(RevocationList, ReadsPemAndDer)
{
    const auto ca = Issued::make_ca("CN=root");
    auto der = ca.revoke({});
    const auto one = RevocationList::parse(der), two = RevocationList::parse(test::to_pem("X509 CRL", der));
    ASSERT_TRUE(one && two);
    EXPECT_EQ(one->issuer(), "CN=root");
    EXPECT_EQ(two->issuer(), "CN=root");
    EXPECT_FALSE(RevocationList::parse(ca.pem()));
    EXPECT_FALSE(RevocationList::parse(std::span(der).first(der.size() - 1)));
    EXPECT_FALSE(RevocationList::parse({}));
    const auto date = std::search(der.begin(), der.end(), std::begin("260614"), std::end("260614") - 1);
    ASSERT_NE(date, der.end());
    *date = 'x';
    EXPECT_FALSE(RevocationList::parse(der)) << "a date that is none";
}

}  // namespace
}  // namespace ipsecgw::crypto
