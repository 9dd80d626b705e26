#include "crypto/signature.h"

#include <array>
#include <memory>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/text.h"

namespace ipsecgw::crypto {

using base::Error;
using base::ErrorCode;

namespace {

struct AlgorithmDeleter {
    void operator()(X509_ALGOR* p) const noexcept { X509_ALGOR_free(p); }
    void operator()(RSA_PSS_PARAMS* p) const noexcept { RSA_PSS_PARAMS_free(p); }
};
using AlgorithmPtr = std::unique_ptr<X509_ALGOR, AlgorithmDeleter>;
using PssPtr = std::unique_ptr<RSA_PSS_PARAMS, AlgorithmDeleter>;

constexpr uint16_t kMaxSaltBytes = 512;

Error malformed(const char* what)
{
    ERR_clear_error();
    return Error{ErrorCode::kInvalidArgument, base::format("the signature's AlgorithmIdentifier %s", what)};
}

int algorithm_nid(const X509_ALGOR* algorithm)
{
    const ASN1_OBJECT* object = nullptr;
    X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
    return OBJ_obj2nid(object);
}

std::string object_text(const X509_ALGOR* algorithm)
{
    const ASN1_OBJECT* object = nullptr;
    X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
    std::array<char, 80> text{};
    OBJ_obj2txt(text.data(), static_cast<int>(text.size()), object, 1);
    return text.data();
}

/// Parameters are absent, or NULL, and nothing else.
bool has_no_parameters(const X509_ALGOR* algorithm)
{
    int type = V_ASN1_UNDEF;
    const void* value = nullptr;
    X509_ALGOR_get0(nullptr, &type, &value, algorithm);
    return type == V_ASN1_UNDEF || type == V_ASN1_NULL;
}

base::Result<Hash> sha2_of(const X509_ALGOR* algorithm)
{
    // Absent means SHA-1 (RFC 4055 section 3.1).
    if (algorithm == nullptr || !has_no_parameters(algorithm))
        return Error{ErrorCode::kUnsupported, "an RSASSA-PSS signature with SHA-1 is refused"};
    switch (algorithm_nid(algorithm)) {
        case NID_sha256:
            return Hash::kSha256;
        case NID_sha384:
            return Hash::kSha384;
        case NID_sha512:
            return Hash::kSha512;
        default:
            return Error{ErrorCode::kUnsupported,
                         base::format("an RSASSA-PSS signature with the hash function %s is refused",
                                      object_text(algorithm).c_str())};
    }
}

base::Result<SignatureScheme> decode_pss(const X509_ALGOR* algorithm)
{
    int type = V_ASN1_UNDEF;
    const void* value = nullptr;
    X509_ALGOR_get0(nullptr, &type, &value, algorithm);
    if (type != V_ASN1_SEQUENCE)
        return malformed("has no RSASSA-PSS parameters");
    const auto* parameters = static_cast<const ASN1_STRING*>(value);
    const PssPtr pss(static_cast<RSA_PSS_PARAMS*>(ASN1_item_unpack(parameters, ASN1_ITEM_rptr(RSA_PSS_PARAMS))));
    if (pss == nullptr)
        return malformed("has broken RSASSA-PSS parameters");
    const Hash hash = GW_TRY(sha2_of(pss->hashAlgorithm));
    if (pss->maskGenAlgorithm == nullptr || algorithm_nid(pss->maskGenAlgorithm) != NID_mgf1)
        return malformed("has no mask generation function MGF1 with SHA-2");
    X509_ALGOR_get0(nullptr, &type, &value, pss->maskGenAlgorithm);
    if (type != V_ASN1_SEQUENCE)
        return malformed("has no hash function for MGF1");
    const AlgorithmPtr mask_hash(
        static_cast<X509_ALGOR*>(ASN1_item_unpack(static_cast<const ASN1_STRING*>(value), ASN1_ITEM_rptr(X509_ALGOR))));
    if (mask_hash == nullptr)
        return malformed("has a broken hash function for MGF1");
    if (GW_TRY(sha2_of(mask_hash.get())) != hash)
        return Error{ErrorCode::kUnsupported, "an RSASSA-PSS signature with two different hash functions is refused"};
    int64_t salt = 20;  // the default
    if (pss->saltLength != nullptr && ASN1_INTEGER_get_int64(&salt, pss->saltLength) != 1)
        return malformed("has a broken salt length");
    int64_t trailer = 1;
    if (pss->trailerField != nullptr && ASN1_INTEGER_get_int64(&trailer, pss->trailerField) != 1)
        return malformed("has a broken trailer field");
    if (salt < 0 || salt > kMaxSaltBytes || trailer != 1)
        return Error{ErrorCode::kUnsupported,
                     "an RSASSA-PSS signature with an unusual salt length or trailer is refused"};
    return SignatureScheme{SignatureAlgorithm::kRsaPss, hash, static_cast<uint16_t>(salt)};
}

/// SHA2-256, -384 and -512 are numbered 1, 2, 3 in every arc used here, from different starts.
uint8_t ordinal(Hash hash) noexcept
{
    return static_cast<uint8_t>(hash == Hash::kSha256 ? 1 : hash == Hash::kSha384 ? 2 : 3);
}

/// RSASSA-PSS with SHA2-256 and a salt of 32 bytes (RFC 4055 section 3.1). The trailer field has its default, so it is
/// left out.
constexpr std::array<uint8_t, 67> kPss = {
    0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x34,  // id-RSASSA-PSS
    0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,  // hash
    0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08,              // id-mgf1
    0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,              // its hash
    0xa2, 0x03, 0x02, 0x01, 0x20,  // salt length
};
constexpr size_t kPssHash = 29, kPssMaskHash = 59, kPssSalt = 66;
static_assert(kPss[kPssHash] == 0x01 && kPss[kPssMaskHash] == 0x01 && kPss[kPssSalt] == 0x20);

std::vector<uint8_t> encode_pss(const SignatureScheme& scheme)
{
    std::vector<uint8_t> der(kPss.begin(), kPss.end());
    der[kPssHash] = der[kPssMaskHash] = ordinal(scheme.hash);
    der[kPssSalt] = static_cast<uint8_t>(scheme.salt_bytes);
    return der;
}

}  // namespace

SignatureScheme SignatureScheme::rsa_pss(Hash hash) noexcept
{
    return {SignatureAlgorithm::kRsaPss, hash, static_cast<uint16_t>(digest_bytes(hash))};
}

SignatureScheme SignatureScheme::of(SignatureAlgorithm algorithm, Hash hash) noexcept
{
    return algorithm == SignatureAlgorithm::kRsaPss ? rsa_pss(hash) : SignatureScheme{algorithm, hash, 0};
}

std::string_view to_string(KeyType type) noexcept
{
    switch (type) {
        case KeyType::kRsa:
            return "RSA";
        case KeyType::kEcdsaP256:
            return "ECDSA P-256";
        case KeyType::kEcdsaP384:
            return "ECDSA P-384";
        case KeyType::kEcdsaP521:
            return "ECDSA P-521";
        case KeyType::kEd25519:
            break;
    }
    return "Ed25519";
}

bool fits(const SignatureScheme& scheme, KeyType type) noexcept
{
    switch (scheme.algorithm) {
        case SignatureAlgorithm::kRsaPss:
        case SignatureAlgorithm::kRsaPkcs1:
            return type == KeyType::kRsa;
        case SignatureAlgorithm::kEcdsa:
            return is_ecdsa(type);
        case SignatureAlgorithm::kEd25519:
            break;
    }
    return type == KeyType::kEd25519;
}

std::string to_string(const SignatureScheme& scheme)
{
    const char* hash = scheme.hash == Hash::kSha256   ? "SHA2-256"
                       : scheme.hash == Hash::kSha384 ? "SHA2-384"
                                                      : "SHA2-512";
    switch (scheme.algorithm) {
        case SignatureAlgorithm::kRsaPss:
            return base::format("RSA-PSS with %s", hash);
        case SignatureAlgorithm::kRsaPkcs1:
            return base::format("RSA PKCS#1 v1.5 with %s", hash);
        case SignatureAlgorithm::kEcdsa:
            return base::format("ECDSA with %s", hash);
        case SignatureAlgorithm::kEd25519:
            break;
    }
    return "Ed25519";
}

uint16_t hash_algorithm(const SignatureScheme& scheme) noexcept
{
    constexpr uint16_t kSha1 = 1, kIdentity = 5;
    return scheme.algorithm == SignatureAlgorithm::kEd25519 ? kIdentity
                                                            : static_cast<uint16_t>(kSha1 + ordinal(scheme.hash));
}

std::vector<uint8_t> encode_algorithm_identifier(const SignatureScheme& scheme)
{
    switch (scheme.algorithm) {
        case SignatureAlgorithm::kRsaPss:
            return encode_pss(scheme);
        case SignatureAlgorithm::kRsaPkcs1:  // 1.2.840.113549.1.1.11 to 13
            return {0x30,
                    0x0d,
                    0x06,
                    0x09,
                    0x2a,
                    0x86,
                    0x48,
                    0x86,
                    0xf7,
                    0x0d,
                    0x01,
                    0x01,
                    static_cast<uint8_t>(10 + ordinal(scheme.hash)),
                    0x05,
                    0x00};
        case SignatureAlgorithm::kEcdsa:  // 1.2.840.10045.4.3.2 to 4
            return {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                    0x48, 0xce, 0x3d, 0x04, 0x03, static_cast<uint8_t>(1 + ordinal(scheme.hash))};
        case SignatureAlgorithm::kEd25519:  // 1.3.101.112
            break;
    }
    return {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};
}

base::Result<SignatureScheme> decode_algorithm_identifier(std::span<const uint8_t> der)
{
    const uint8_t* at = der.data();
    const AlgorithmPtr algorithm(d2i_X509_ALGOR(nullptr, &at, static_cast<long>(der.size())));
    if (algorithm == nullptr || at != der.data() + der.size())
        return malformed("is broken");
    const int nid = algorithm_nid(algorithm.get());
    if (nid == NID_rsassaPss)
        return decode_pss(algorithm.get());
    static constexpr struct {
        int nid;
        SignatureAlgorithm algorithm;
        Hash hash;
    } kKnown[] = {
        {NID_sha256WithRSAEncryption, SignatureAlgorithm::kRsaPkcs1, Hash::kSha256},
        {NID_sha384WithRSAEncryption, SignatureAlgorithm::kRsaPkcs1, Hash::kSha384},
        {NID_sha512WithRSAEncryption, SignatureAlgorithm::kRsaPkcs1, Hash::kSha512},
        {NID_ecdsa_with_SHA256, SignatureAlgorithm::kEcdsa, Hash::kSha256},
        {NID_ecdsa_with_SHA384, SignatureAlgorithm::kEcdsa, Hash::kSha384},
        {NID_ecdsa_with_SHA512, SignatureAlgorithm::kEcdsa, Hash::kSha512},
        {NID_ED25519, SignatureAlgorithm::kEd25519, Hash::kSha512},
    };
    for (const auto& known : kKnown)
        if (known.nid == nid) {
            if (!has_no_parameters(algorithm.get()))
                return malformed("has parameters where none belong");
            return SignatureScheme::of(known.algorithm, known.hash);
        }
    return Error{ErrorCode::kUnsupported,
                 base::format("signature algorithm %s is refused", object_text(algorithm.get()).c_str()),
                 "RSA (PSS or PKCS#1 v1.5) or ECDSA with SHA2-256, SHA2-384 or SHA2-512, or Ed25519"};
}

}  // namespace ipsecgw::crypto
