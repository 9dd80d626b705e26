#include "crypto/signature.h"

#include <gtest/gtest.h>

#include "crypto/private_key.h"
#include "crypto/public_key.h"
#include "support/hex.h"
#include "support/pki.h"
#include "vectors/signatures.h"

namespace ipsecgw::crypto {
namespace {

using test::bytes_of;
using test::hex;

Hash hash_named(std::string_view name)
{
    return name.ends_with("SHA2-256") ? Hash::kSha256 : name.ends_with("SHA2-384") ? Hash::kSha384 : Hash::kSha512;
}

PublicKey key_of(const char* spki)
{
    auto key = PublicKey::from_spki(hex(spki));
    EXPECT_TRUE(key) << key.error().what;
    return std::move(key).value();
}

/// The signature holds, and no longer when one bit of it or of the message is another, or when it is cut or grows.
void expect_exact(const PublicKey& key, const SignatureScheme& scheme, std::vector<uint8_t> message,
                  std::vector<uint8_t> signature)
{
    ASSERT_TRUE(key.verify(scheme, message, signature));
    for (const size_t at : {size_t{0}, signature.size() / 2, signature.size() - 1}) {
        signature[at] ^= 0x10;
        EXPECT_FALSE(key.verify(scheme, message, signature)) << at;
        signature[at] ^= 0x10;
    }
    EXPECT_FALSE(key.verify(scheme, message, std::span(signature).first(signature.size() - 1)));
    EXPECT_FALSE(key.verify(scheme, message, {}));
    signature.push_back(0);
    EXPECT_FALSE(key.verify(scheme, message, signature));
    signature.pop_back();
    message.push_back('x');
    EXPECT_FALSE(key.verify(scheme, message, signature));
}

TEST(Signature, VerifiesRsa)
{
    const auto key = key_of(vectors::kRsaSpki);
    EXPECT_EQ(key.to_string(), "RSA 2048 bits");
    for (const auto& vector : vectors::kRsa) {
        SCOPED_TRACE(vector.scheme);
        const bool pss = std::string_view(vector.scheme).starts_with("RSA-PSS");
        SignatureScheme scheme{pss ? SignatureAlgorithm::kRsaPss : SignatureAlgorithm::kRsaPkcs1,
                               hash_named(vector.scheme), vector.salt_bytes};
        EXPECT_EQ(to_string(scheme), vector.scheme);
        expect_exact(key, scheme, bytes_of("abc"), hex(vector.signature));
        scheme.hash = scheme.hash == Hash::kSha256 ? Hash::kSha512 : Hash::kSha256;
        EXPECT_FALSE(key.verify(scheme, bytes_of("abc"), hex(vector.signature)));
    }
    // A salt of another length than said is another signature.
    EXPECT_FALSE(key.verify(SignatureScheme::rsa_pss(Hash::kSha256), bytes_of("abc"), hex(vectors::kRsa[3].signature)));
    for (const auto hash : {Hash::kSha256, Hash::kSha384, Hash::kSha512})
        EXPECT_FALSE(key.verify({SignatureAlgorithm::kRsaPkcs1, hash, 0}, bytes_of("abc"), hex(vectors::kRsaSha1)));
}

TEST(Signature, VerifiesRfc4754Section8)
{
    const Hash hashes[] = {Hash::kSha256, Hash::kSha384, Hash::kSha512};
    for (size_t i = 0; i < std::size(vectors::kEcdsa); i++) {
        const auto& vector = vectors::kEcdsa[i];
        SCOPED_TRACE(vector.curve);
        const auto key = key_of(vector.spki);
        EXPECT_EQ(key.to_string(), vector.curve);
        const auto der = ecdsa_from_raw(key.type(), hex(vector.signature));
        ASSERT_TRUE(der);
        expect_exact(key, SignatureScheme::of(SignatureAlgorithm::kEcdsa, hashes[i]), bytes_of("abc"), *der);
        EXPECT_EQ(ecdsa_to_raw(key.type(), *der).value(), hex(vector.signature));
        EXPECT_FALSE(ecdsa_from_raw(key.type(), std::span(*der).first(der->size() - 1)));
        EXPECT_FALSE(ecdsa_to_raw(key.type(), hex(vector.signature)));
    }
    EXPECT_FALSE(ecdsa_to_raw(KeyType::kEcdsaP256,
                              ecdsa_from_raw(KeyType::kEcdsaP521, hex(vectors::kEcdsa[2].signature)).value()))
        << "too long for the curve";
}

/// r and s must be between 1 and the order: anybody could sign with others.
TEST(Signature, RefusesEcdsaOutOfRange)
{
    const auto key = key_of(vectors::kEcdsa[0].spki);
    const auto scheme = SignatureScheme::of(SignatureAlgorithm::kEcdsa, Hash::kSha256);
    const auto good = hex(vectors::kEcdsa[0].signature);
    const auto order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    const std::vector<uint8_t> zero(32);
    for (const auto& value : {zero, order})
        for (const size_t at : {0, 32}) {
            auto raw = good;
            std::copy(value.begin(), value.end(), raw.begin() + static_cast<ptrdiff_t>(at));
            EXPECT_FALSE(key.verify(scheme, bytes_of("abc"), ecdsa_from_raw(key.type(), raw).value()));
        }
    EXPECT_FALSE(key.verify(scheme, bytes_of("abc"), hex("3006020100020100")));
    EXPECT_FALSE(key.verify(scheme, bytes_of("abc"), hex("30060201ff0201ff"))) << "negative";
}

TEST(Signature, SignsAndVerifiesRfc8032Section7_1)
{
    for (const auto& vector : vectors::kEd25519) {
        const auto pkcs8 = hex(std::string("302e020100300506032b657004220420") + vector.secret_key);
        const auto key = PrivateKey::parse(pkcs8);
        ASSERT_TRUE(key) << key.error().what;
        EXPECT_EQ(key->public_key().spki(), hex(std::string("302a300506032b6570032100") + vector.public_key));
        const auto scheme = SignatureScheme::of(SignatureAlgorithm::kEd25519, Hash::kSha512);
        EXPECT_EQ(key->sign(scheme, hex(vector.message)).value(), hex(vector.signature));
        expect_exact(key->public_key(), scheme, hex(vector.message), hex(vector.signature));
    }
}

/// RFC 8032 section 5.1.7: s must be below the order, else signatures could be changed.
TEST(Signature, RefusesEd25519WithLargeS)
{
    const auto& vector = vectors::kEd25519[1];
    const auto key = key_of((std::string("302a300506032b6570032100") + vector.public_key).c_str());
    const auto order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    auto signature = hex(vector.signature);
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += signature[32 + i] + order[i];
        signature[32 + i] = static_cast<uint8_t>(carry);
        carry >>= 8;
    }
    EXPECT_FALSE(
        key.verify(SignatureScheme::of(SignatureAlgorithm::kEd25519, Hash::kSha512), hex(vector.message), signature));
}

TEST(Signature, SchemesFitOneKindOfKey)
{
    const auto rsa = key_of(vectors::kRsaSpki), ec = key_of(vectors::kEcdsa[0].spki);
    for (const auto algorithm : {SignatureAlgorithm::kRsaPss, SignatureAlgorithm::kRsaPkcs1, SignatureAlgorithm::kEcdsa,
                                 SignatureAlgorithm::kEd25519}) {
        const auto scheme = SignatureScheme::of(algorithm, Hash::kSha256);
        const bool is_rsa = algorithm == SignatureAlgorithm::kRsaPss || algorithm == SignatureAlgorithm::kRsaPkcs1;
        EXPECT_EQ(fits(scheme, rsa.type()), is_rsa);
        EXPECT_EQ(fits(scheme, ec.type()), algorithm == SignatureAlgorithm::kEcdsa);
        EXPECT_EQ(fits(scheme, KeyType::kEd25519), algorithm == SignatureAlgorithm::kEd25519);
        if (!is_rsa) {
            EXPECT_FALSE(rsa.verify(scheme, bytes_of("abc"), hex(vectors::kRsa[0].signature)));
        }
    }
}

std::vector<SignatureScheme> all_schemes()
{
    std::vector<SignatureScheme> all;
    for (const auto algorithm :
         {SignatureAlgorithm::kRsaPss, SignatureAlgorithm::kRsaPkcs1, SignatureAlgorithm::kEcdsa})
        for (const auto hash : {Hash::kSha256, Hash::kSha384, Hash::kSha512})
            all.push_back(SignatureScheme::of(algorithm, hash));
    all.push_back(SignatureScheme::of(SignatureAlgorithm::kEd25519, Hash::kSha512));
    return all;
}

TEST(AlgorithmIdentifier, ComesBack)
{
    for (const auto& scheme : all_schemes()) {
        SCOPED_TRACE(to_string(scheme));
        const auto der = encode_algorithm_identifier(scheme);
        const auto back = decode_algorithm_identifier(der);
        ASSERT_TRUE(back) << back.error().what;
        EXPECT_EQ(*back, scheme);
        for (size_t size = 0; size < der.size(); size++)
            EXPECT_FALSE(decode_algorithm_identifier(std::span(der).first(size)));
        auto longer = der;
        longer.push_back(0);
        EXPECT_FALSE(decode_algorithm_identifier(longer));
    }
    EXPECT_EQ(hash_algorithm(SignatureScheme::of(SignatureAlgorithm::kEcdsa, Hash::kSha384)), 3);
    EXPECT_EQ(hash_algorithm(SignatureScheme::of(SignatureAlgorithm::kEd25519, Hash::kSha512)), 5);
}

TEST(AlgorithmIdentifier, IsRfc7427AppendixA)
{
    const auto encoded = [](SignatureAlgorithm algorithm, Hash hash) {
        return encode_algorithm_identifier(SignatureScheme::of(algorithm, hash));
    };
    EXPECT_EQ(encoded(SignatureAlgorithm::kRsaPkcs1, Hash::kSha256), hex("300d06092a864886f70d01010b0500"));
    EXPECT_EQ(encoded(SignatureAlgorithm::kRsaPkcs1, Hash::kSha384), hex("300d06092a864886f70d01010c0500"));
    EXPECT_EQ(encoded(SignatureAlgorithm::kRsaPkcs1, Hash::kSha512), hex("300d06092a864886f70d01010d0500"));
    EXPECT_EQ(encoded(SignatureAlgorithm::kEcdsa, Hash::kSha256), hex("300a06082a8648ce3d040302"));
    EXPECT_EQ(encoded(SignatureAlgorithm::kEcdsa, Hash::kSha384), hex("300a06082a8648ce3d040303"));
    EXPECT_EQ(encoded(SignatureAlgorithm::kEcdsa, Hash::kSha512), hex("300a06082a8648ce3d040304"));
    EXPECT_EQ(encoded(SignatureAlgorithm::kEd25519, Hash::kSha512), hex("300506032b6570"));  // RFC 8420 appendix A.1
    // Appendix A.4.3 writes the trailer field out, which DER leaves to its default.
    const auto pss =
        decode_algorithm_identifier(hex("304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a"
                                        "864886f70d010108300d0609608648016503"
                                        "04020105 00a203020120a303020101"));
    ASSERT_TRUE(pss) << pss.error().what;
    EXPECT_EQ(*pss, SignatureScheme::rsa_pss(Hash::kSha256));
}

TEST(AlgorithmIdentifier, RefusesWeakAndStrangeOnes)
{
    const struct {
        const char* der;
        const char* what;
    } cases[] = {
        {"300d06092a864886f70d0101050500", "1.2.840.113549.1.1.5"},  // sha1WithRSAEncryption
        {"300906072a8648ce3d0401", "1.2.840.10045.4.1"},             // ecdsa-with-SHA1
        {"300d06092a864886f70d0101040500", "1.2.840.113549.1.1.4"},  // md5WithRSAEncryption
        {"300906072a8648ce380403", "1.2.840.10040.4.3"},             // dsa-with-sha1
        {"300506032b6571", "1.3.101.113"},                           // Ed448
        {"300d06092a864886f70d01010a3000", "SHA-1"},                 // PSS with its defaults
        {"300b06092a864886f70d01010a", "no RSASSA-PSS parameters"},
        {"300706032b65700500", ""},  // Ed25519 with NULL: taken
        {"300906032b657004020102", "parameters where none belong"},
        {"", "broken"},
        {"3000", "broken"},
    };
    for (const auto& entry : cases) {
        SCOPED_TRACE(entry.der);
        const auto scheme = decode_algorithm_identifier(hex(entry.der));
        if (*entry.what == '\0') {
            EXPECT_TRUE(scheme);
            continue;
        }
        ASSERT_FALSE(scheme);
        EXPECT_NE(scheme.error().what.find(entry.what), std::string::npos) << scheme.error().what;
    }
    // MGF1 with another hash function, and a salt beyond reason.
    auto pss = encode_algorithm_identifier(SignatureScheme::rsa_pss(Hash::kSha256));
    pss[59] = 2;
    EXPECT_FALSE(decode_algorithm_identifier(pss));
    pss[59] = 1;
    pss[66] = 0xff;  // -1
    EXPECT_FALSE(decode_algorithm_identifier(pss));
}

}  // namespace
}  // namespace ipsecgw::crypto
