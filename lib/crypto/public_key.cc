#include "crypto/public_key.h"

#include <cstring>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/text.h"
#include "crypto/evp_internal.h"
#include "crypto/signature_internal.h"

namespace ipsecgw::crypto {

using base::Error;
using base::ErrorCode;

namespace {

constexpr unsigned kMinRsaBits = 2048;   // RFC 8247 section 4
constexpr unsigned kMaxRsaBits = 16384;  // OpenSSL verifies no longer ones

struct BignumDeleter {
    void operator()(BIGNUM* p) const noexcept { BN_free(p); }
    void operator()(ECDSA_SIG* p) const noexcept { ECDSA_SIG_free(p); }
};
using BignumPtr = std::unique_ptr<BIGNUM, BignumDeleter>;
using SignaturePtr = std::unique_ptr<ECDSA_SIG, BignumDeleter>;

Error refused(std::string what)
{
    ERR_clear_error();
    return Error{ErrorCode::kUnsupported, std::move(what),
                 "RSA of 2048 bits or more, ECDSA on P-256, P-384 or P-521, or Ed25519"};
}

base::Result<KeyType> rsa_type(EVP_PKEY* key, unsigned bits)
{
    if (bits < kMinRsaBits || bits > kMaxRsaBits)
        return refused(base::format("an RSA key of %u bits is refused", bits));
    BIGNUM* raw = nullptr;
    const bool known = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &raw) == 1;
    const BignumPtr exponent(raw);
    if (!known || BN_is_one(exponent.get()) != 0 || BN_is_odd(exponent.get()) == 0)
        return refused("an RSA key with an even exponent or 1 is refused");
    return KeyType::kRsa;
}

base::Result<KeyType> ec_type(EVP_PKEY* key)
{
    // Curves spelled out by their parameters could be any (RFC 5480 section 2.1.1 forbids them).
    int is_explicit = 0;
    std::array<char, 64> name{};
    if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) == 1 &&
        is_explicit != 0)
        return refused("an ECDSA key with explicit curve parameters is refused");
    if (EVP_PKEY_get_group_name(key, name.data(), name.size(), nullptr) != 1)
        return refused("an ECDSA key without a named curve is refused");
    const std::string_view group = name.data();
    if (group == "prime256v1" || group == "P-256")
        return KeyType::kEcdsaP256;
    if (group == "secp384r1" || group == "P-384")
        return KeyType::kEcdsaP384;
    if (group == "secp521r1" || group == "P-521")
        return KeyType::kEcdsaP521;
    return refused(base::format("an ECDSA key on curve %s is refused", name.data()));
}

size_t order_bytes(KeyType curve) noexcept
{
    return curve == KeyType::kEcdsaP256 ? 32 : curve == KeyType::kEcdsaP384 ? 48 : 66;
}

}  // namespace

base::Result<KeyType> key_type_of(evp_pkey_st* key)
{
    switch (EVP_PKEY_get_base_id(key)) {
        case EVP_PKEY_RSA:
        case EVP_PKEY_RSA_PSS:
            return rsa_type(key, static_cast<unsigned>(EVP_PKEY_get_bits(key)));
        case EVP_PKEY_EC:
            return ec_type(key);
        case EVP_PKEY_ED25519:
            return KeyType::kEd25519;
        default: {
            const char* name = EVP_PKEY_get0_type_name(key);
            return refused(base::format("a key of type %s is refused", name != nullptr ? name : "unknown"));
        }
    }
}

bool set_scheme(evp_pkey_ctx_st* ctx, const SignatureScheme& scheme)
{
    switch (scheme.algorithm) {
        case SignatureAlgorithm::kRsaPss:
            // MGF1 takes the digest's hash when none is set.
            return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
                   EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, scheme.salt_bytes) == 1;
        case SignatureAlgorithm::kRsaPkcs1:
            return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
        case SignatureAlgorithm::kEcdsa:
        case SignatureAlgorithm::kEd25519:
            break;
    }
    return true;
}

const char* digest_name(const SignatureScheme& scheme) noexcept
{
    if (scheme.algorithm == SignatureAlgorithm::kEd25519)
        return nullptr;
    switch (scheme.hash) {
        case Hash::kSha256:
            return "SHA2-256";
        case Hash::kSha384:
            return "SHA2-384";
        case Hash::kSha512:
            break;
    }
    return "SHA2-512";
}

base::Result<PublicKey> PublicKey::adopt(KeyPtr key)
{
    const KeyType type = GW_TRY(key_type_of(key.get()));
    const auto bits = static_cast<unsigned>(EVP_PKEY_get_bits(key.get()));
    return PublicKey(std::shared_ptr<evp_pkey_st>(std::move(key)), type, bits);
}

base::Result<PublicKey> PublicKey::from_spki(std::span<const uint8_t> der)
{
    const uint8_t* at = der.data();
    KeyPtr key(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
    if (key == nullptr || at != der.data() + der.size()) {
        ERR_clear_error();
        return Error{ErrorCode::kInvalidArgument, "not a public key (SubjectPublicKeyInfo) that OpenSSL can read"};
    }
    return adopt(std::move(key));
}

std::string PublicKey::to_string() const
{
    if (type_ == KeyType::kRsa)
        return base::format("RSA %u bits", bits_);
    return std::string(crypto::to_string(type_));
}

std::vector<uint8_t> PublicKey::spki() const
{
    unsigned char* raw = nullptr;
    const int length = i2d_PUBKEY(key_.get(), &raw);
    if (length <= 0) {
        ERR_clear_error();
        return {};
    }
    std::vector<uint8_t> der(raw, raw + length);
    OPENSSL_free(raw);
    return der;
}

std::array<uint8_t, kSha1Bytes> PublicKey::key_id() const
{
    return sha1(spki());
}

bool PublicKey::verify(const SignatureScheme& scheme, std::span<const uint8_t> message,
                       std::span<const uint8_t> signature) const
{
    if (!fits(scheme, type_))
        return false;
    const DigestCtxPtr ctx(EVP_MD_CTX_new());
    EVP_PKEY_CTX* key_ctx = nullptr;  // owned by ctx
    const bool right =
        ctx != nullptr &&
        EVP_DigestVerifyInit_ex(ctx.get(), &key_ctx, digest_name(scheme), nullptr, nullptr, key_.get(), nullptr) == 1 &&
        set_scheme(key_ctx, scheme) &&
        EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
    ERR_clear_error();
    return right;
}

bool PublicKey::operator==(const PublicKey& other) const
{
    return type_ == other.type_ && EVP_PKEY_eq(key_.get(), other.key_.get()) == 1;
}

base::Result<std::vector<uint8_t>> ecdsa_to_raw(KeyType curve, std::span<const uint8_t> der)
{
    const uint8_t* at = der.data();
    const SignaturePtr signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
    const auto bytes = static_cast<int>(order_bytes(curve));
    std::vector<uint8_t> raw(2 * order_bytes(curve));
    if (signature == nullptr || at != der.data() + der.size() ||
        BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw.data(), bytes) != bytes ||
        BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw.data() + bytes, bytes) != bytes) {
        ERR_clear_error();
        return Error{ErrorCode::kInvalidArgument, "not an ECDSA signature in DER"};
    }
    return raw;
}

base::Result<std::vector<uint8_t>> ecdsa_from_raw(KeyType curve, std::span<const uint8_t> raw)
{
    const auto bytes = static_cast<int>(order_bytes(curve));
    if (raw.size() != 2 * order_bytes(curve))
        return Error{ErrorCode::kInvalidArgument,
                     base::format("an ECDSA signature of %zu bytes, not %zu", raw.size(), 2 * order_bytes(curve))};
    const SignaturePtr signature(ECDSA_SIG_new());
    BignumPtr r(BN_bin2bn(raw.data(), bytes, nullptr)), s(BN_bin2bn(raw.data() + bytes, bytes, nullptr));
    if (signature == nullptr || r == nullptr || s == nullptr || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1)
        return Error{ErrorCode::kResourceExhausted, "no memory for a signature"};
    static_cast<void>(r.release());  // the signature's now
    static_cast<void>(s.release());
    unsigned char* out = nullptr;
    const int length = i2d_ECDSA_SIG(signature.get(), &out);
    if (length <= 0)
        return Error{ErrorCode::kInternal, "OpenSSL cannot encode an ECDSA signature: " + openssl_reason()};
    std::vector<uint8_t> der(out, out + length);
    OPENSSL_free(out);
    return der;
}

}  // namespace ipsecgw::crypto
