#include "crypto/private_key.h"

#include <gtest/gtest.h>

#include "crypto/pem.h"
#include "support/hex.h"
#include "support/pki.h"

namespace ipsecgw::crypto {
namespace {

using test::bytes_of;
using test::Issued;
using test::KeyKind;

Issued holder(KeyKind kind)
{
    return Issued::make({.subject = "CN=holder", .key = kind});
}

std::string text_of(const std::vector<uint8_t>& bytes)
{
    return {bytes.begin(), bytes.end()};
}

void expect_refused(const std::vector<uint8_t>& bytes, base::ErrorCode code, const char* what)
{
    const auto key = PrivateKey::parse(bytes);
    ASSERT_FALSE(key) << what;
    EXPECT_EQ(key.error().code, code) << key.error().what;
    EXPECT_NE(key.error().what.find(what), std::string::npos) << key.error().what;
}

TEST(PrivateKey, ReadsEveryFormAndSigns)
{
    const struct {
        KeyKind kind;
        KeyType type;
        std::vector<SignatureAlgorithm> algorithms;
    } cases[] = {
        {KeyKind::kRsa2048, KeyType::kRsa, {SignatureAlgorithm::kRsaPss, SignatureAlgorithm::kRsaPkcs1}},
        {KeyKind::kP256, KeyType::kEcdsaP256, {SignatureAlgorithm::kEcdsa}},
        {KeyKind::kP384, KeyType::kEcdsaP384, {SignatureAlgorithm::kEcdsa}},
        {KeyKind::kP521, KeyType::kEcdsaP521, {SignatureAlgorithm::kEcdsa}},
        {KeyKind::kEd25519, KeyType::kEd25519, {SignatureAlgorithm::kEd25519}},
    };
    for (const auto& entry : cases) {
        const auto issued = holder(entry.kind);
        std::vector<std::vector<uint8_t>> forms = {issued.key_der(), issued.key_pem()};
        if (entry.kind != KeyKind::kEd25519) {
            forms.push_back(issued.key_pem_traditional());
            const auto blocks = decode_pem(forms.back()).value();
            const auto der = blocks.front().der.view();
            forms.emplace_back(der.begin(), der.end());
        }
        for (const auto& form : forms) {
            const auto key = PrivateKey::parse(form);
            ASSERT_TRUE(key) << key.error().what;
            EXPECT_EQ(key->type(), entry.type);
            for (const auto algorithm : entry.algorithms)
                for (const auto hash : {Hash::kSha256, Hash::kSha384, Hash::kSha512}) {
                    const auto scheme = SignatureScheme::of(algorithm, hash);
                    const auto signature = key->sign(scheme, bytes_of("message"));
                    ASSERT_TRUE(signature) << signature.error().what;
                    EXPECT_TRUE(key->public_key().verify(scheme, bytes_of("message"), *signature));
                    EXPECT_FALSE(key->public_key().verify(scheme, bytes_of("massage"), *signature));
                }
        }
        EXPECT_FALSE(PrivateKey::parse(forms[0]).value().sign(
            SignatureScheme::of(
                entry.kind == KeyKind::kEd25519 ? SignatureAlgorithm::kEcdsa : SignatureAlgorithm::kEd25519,
                Hash::kSha256),
            bytes_of("message")));
    }
}

TEST(PrivateKey, OpensEncryptedPkcs8)
{
    const auto encrypted = holder(KeyKind::kP256).key_pem_encrypted("open sesame");
    EXPECT_TRUE(PrivateKey::parse(encrypted, bytes_of("open sesame")));
    const auto wrong = PrivateKey::parse(encrypted, bytes_of("open barley"));
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, base::ErrorCode::kPermissionDenied);
    EXPECT_EQ(wrong.error().what.find("barley"), std::string::npos);
    const auto none = PrivateKey::parse(encrypted);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, base::ErrorCode::kPermissionDenied);
    EXPECT_NE(none.error().hint.find("openssl pkey"), std::string::npos);
}

TEST(PrivateKey, RefusesTheOldEncryptionWithAHint)
{
    const auto key =
        PrivateKey::parse(holder(KeyKind::kP256).key_pem_traditional("open sesame"), bytes_of("open sesame"));
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, base::ErrorCode::kPermissionDenied);
    EXPECT_NE(key.error().hint.find("openssl pkcs8 -topk8"), std::string::npos);
}

TEST(PrivateKey, RefusesWeakAndStrangeKeys)
{
    expect_refused(holder(KeyKind::kRsa1024).key_pem(), base::ErrorCode::kUnsupported, "RSA key of 1024 bits");
    expect_refused(holder(KeyKind::kSecp256k1).key_pem(), base::ErrorCode::kUnsupported, "secp256k1");
}

TEST(PrivateKey, RefusesWhatIsNoKey)
{
    const auto issued = holder(KeyKind::kP256);
    expect_refused({}, base::ErrorCode::kInvalidArgument, "not a private key");
    expect_refused(issued.der(), base::ErrorCode::kInvalidArgument, "not a private key");
    expect_refused(issued.pem(), base::ErrorCode::kInvalidArgument, "it holds a CERTIFICATE");
    auto two = issued.key_pem();
    const auto copy = two;
    two.insert(two.end(), copy.begin(), copy.end());
    expect_refused(two, base::ErrorCode::kInvalidArgument, "more than one");
    auto der = issued.key_der();
    for (size_t size = 0; size < der.size(); size++)
        EXPECT_FALSE(PrivateKey::parse(std::span(der).first(size))) << size;
    der.push_back(0);
    expect_refused(der, base::ErrorCode::kInvalidArgument, "not a private key");
}

TEST(PrivateKey, RefusesHalvesThatDoNotFit)
{
    auto der = holder(KeyKind::kP256).key_der();
    const auto other = holder(KeyKind::kP256).key_der();
    // The point is what ends both.
    std::copy(other.end() - 64, other.end(), der.end() - 64);
    expect_refused(der, base::ErrorCode::kInvalidArgument, "do not fit");
}

TEST(PrivateKey, TakesParametersAndCertificatesBesideTheKey)
{
    const auto issued = holder(KeyKind::kP256);
    auto text = text_of(issued.pem()) +
                "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" +
                text_of(issued.key_pem_traditional());
    EXPECT_TRUE(PrivateKey::parse(bytes_of(text)));
}

TEST(Pem, ReadsBlocksAmongText)
{
    const auto blocks =
        decode_pem(bytes_of("Bag Attributes\n  name: x\n-----BEGIN A-----\r\nAAEC\r\nAwQ=\r\n-----END A-----\r\n"
                            "between\n-----BEGIN B C-----\n AA\n ==\n-----END B C-----"));
    ASSERT_TRUE(blocks) << blocks.error().what;
    ASSERT_EQ(blocks->size(), 2u);
    const auto& first = blocks->at(0);
    EXPECT_EQ(first.label, "A");
    EXPECT_EQ(std::vector<uint8_t>(first.der.view().begin(), first.der.view().end()), test::counting(5));
    EXPECT_EQ(blocks->at(1).label, "B C");
    EXPECT_EQ(blocks->at(1).der.size(), 1u);
}

TEST(Pem, RefusesBrokenBlocks)
{
    for (const char* body : {"AA", "AAA", "=AAA", "A=AA", "AA=A", "AA==AAAA", "AAAA=", "====", "AA*A", ""}) {
        const auto blocks = decode_pem(bytes_of(std::string("-----BEGIN A-----\n") + body + "\n-----END A-----\n"));
        EXPECT_FALSE(blocks) << body;
    }
    EXPECT_FALSE(decode_pem(bytes_of("-----BEGIN A-----\nAAAA\n")));
    EXPECT_FALSE(decode_pem(bytes_of("-----BEGIN A-----\nAAAA\n-----END B-----\n")));
    EXPECT_TRUE(is_pem(bytes_of("x\n-----BEGIN A-----")));
    EXPECT_FALSE(is_pem(bytes_of("x-----BEGIN A-----")));
    EXPECT_TRUE(decode_pem({}).value().empty());
}

}  // namespace
}  // namespace ipsecgw::crypto
