#include "crypto/key_exchange.h"

#include <algorithm>
#include <string>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "base/text.h"
#include "crypto/evp_internal.h"

namespace ipsecgw::crypto {

using base::Error;
using base::ErrorCode;

namespace {

enum class Kind : uint8_t { kModp, kEcp, kMontgomery };

struct Method {
    uint16_t number;
    Kind kind;
    const char* name;     // in swanctl's proposals
    const char* openssl;  // the group's name, or the algorithm's for kMontgomery
    size_t public_bytes;
    size_t secret_bytes;
};

constexpr Method kMethods[] = {
    {14, Kind::kModp, "modp2048", "modp_2048", 256, 256},
    {15, Kind::kModp, "modp3072", "modp_3072", 384, 384},
    {16, Kind::kModp, "modp4096", "modp_4096", 512, 512},
    {19, Kind::kEcp, "ecp256", "P-256", 64, 32},
    {20, Kind::kEcp, "ecp384", "P-384", 96, 48},
    {21, Kind::kEcp, "ecp521", "P-521", 132, 66},
    {31, Kind::kMontgomery, "curve25519", "X25519", 32, 32},
    {32, Kind::kMontgomery, "curve448", "X448", 56, 56},
};

const Method* find(uint16_t number) noexcept
{
    const auto* method = std::find_if(std::begin(kMethods), std::end(kMethods),
                                      [number](const Method& m) { return m.number == number; });
    return method == std::end(kMethods) ? nullptr : method;
}

const char* algorithm(const Method& method) noexcept
{
    switch (method.kind) {
        case Kind::kModp:
            return "DH";
        case Kind::kEcp:
            return "EC";
        case Kind::kMontgomery:
            break;
    }
    return method.openssl;
}

Error failed(const Method& method, const char* what)
{
    return Error{ErrorCode::kInternal,
                 base::format("%s: OpenSSL cannot %s: %s", method.name, what, openssl_reason().c_str())};
}

struct BignumDeleter {
    void operator()(BIGNUM* number) const noexcept { BN_clear_free(number); }
};
using BignumPtr = std::unique_ptr<BIGNUM, BignumDeleter>;

/// OpenSSL puts the form of the point in front, RFC 5903 section 7 does not.
constexpr uint8_t kUncompressed = 0x04;

std::vector<uint8_t> encoded(const Method& method, std::span<const uint8_t> public_value)
{
    std::vector<uint8_t> bytes;
    bytes.reserve(public_value.size() + 1);
    if (method.kind == Kind::kEcp)
        bytes.push_back(kUncompressed);
    bytes.insert(bytes.end(), public_value.begin(), public_value.end());
    return bytes;
}

base::Result<std::vector<uint8_t>> public_value_of(const Method& method, EVP_PKEY* key)
{
    unsigned char* bytes = nullptr;
    const size_t length = EVP_PKEY_get1_encoded_public_key(key, &bytes);
    struct Release {
        void operator()(unsigned char* p) const noexcept { OPENSSL_free(p); }
    };
    const std::unique_ptr<unsigned char, Release> owner(bytes);
    const size_t prefix = method.kind == Kind::kEcp ? 1 : 0;
    if (length != method.public_bytes + prefix)
        return failed(method, "encode a public value");
    return std::vector<uint8_t>(bytes + prefix, bytes + length);
}

/// RFC 6989 section 2.1: 1 < r < p - 1. For these primes, p = 2q + 1, more is not needed.
bool in_range(EVP_PKEY* own, std::span<const uint8_t> peer)
{
    BIGNUM* raw = nullptr;
    if (EVP_PKEY_get_bn_param(own, OSSL_PKEY_PARAM_FFC_P, &raw) != 1)
        return false;
    const BignumPtr prime(raw);
    const BignumPtr value(BN_bin2bn(peer.data(), static_cast<int>(peer.size()), nullptr));
    return value != nullptr && BN_sub_word(prime.get(), 1) == 1 && BN_cmp(value.get(), BN_value_one()) > 0 &&
           BN_cmp(value.get(), prime.get()) < 0;
}

/// The peer's public value as a key with the domain parameters of `own`. For kEcp OpenSSL checks here that both
/// coordinates are below the prime and that the point is on the curve (RFC 6989 section 2.3).
base::Result<KeyPtr> peer_key(const Method& method, EVP_PKEY* own, std::span<const uint8_t> peer)
{
    if (method.kind == Kind::kMontgomery) {
        KeyPtr key(EVP_PKEY_new_raw_public_key_ex(nullptr, method.openssl, nullptr, peer.data(), peer.size()));
        if (key == nullptr)
            return failed(method, "take a public value");
        return key;
    }
    KeyPtr key(EVP_PKEY_new());
    if (key == nullptr || EVP_PKEY_copy_parameters(key.get(), own) != 1)
        return failed(method, "copy the group");
    const auto bytes = encoded(method, peer);
    if (EVP_PKEY_set1_encoded_public_key(key.get(), bytes.data(), bytes.size()) != 1) {
        ERR_clear_error();
        return Error{ErrorCode::kInvalidArgument,
                     base::format("%s: the peer's public value is not a point of the curve", method.name)};
    }
    return key;
}

base::Result<KeyPtr> key_from_pair(const Method& method, std::span<const uint8_t> private_key,
                                   std::span<const uint8_t> public_value)
{
    if (method.kind == Kind::kMontgomery)
        return KeyPtr(
            EVP_PKEY_new_raw_private_key_ex(nullptr, method.openssl, nullptr, private_key.data(), private_key.size()));
    struct ReleaseBuilder {
        void operator()(OSSL_PARAM_BLD* p) const noexcept { OSSL_PARAM_BLD_free(p); }
    };
    struct ReleaseParams {
        void operator()(OSSL_PARAM* p) const noexcept { OSSL_PARAM_free(p); }
    };
    const std::unique_ptr<OSSL_PARAM_BLD, ReleaseBuilder> builder(OSSL_PARAM_BLD_new());
    const auto bytes = encoded(method, public_value);
    const BignumPtr secret(BN_secure_new());
    const BignumPtr number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
    if (builder == nullptr || secret == nullptr || number == nullptr ||
        BN_bin2bn(private_key.data(), static_cast<int>(private_key.size()), secret.get()) == nullptr ||
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, method.openssl, 0) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get()) != 1)
        return failed(method, "take a key pair");
    const int pushed =
        method.kind == Kind::kModp
            ? OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, number.get())
            : OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, bytes.data(), bytes.size());
    const std::unique_ptr<OSSL_PARAM, ReleaseParams> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    const KeyCtxPtr ctx(EVP_PKEY_CTX_new_from_name(nullptr, algorithm(method), nullptr));
    EVP_PKEY* key = nullptr;
    if (pushed != 1 || parameters == nullptr || ctx == nullptr || EVP_PKEY_fromdata_init(ctx.get()) != 1 ||
        EVP_PKEY_fromdata(ctx.get(), &key, EVP_PKEY_KEYPAIR, parameters.get()) != 1)
        return failed(method, "take a key pair");
    return KeyPtr(key);
}

bool is_pair(EVP_PKEY* key)
{
    const KeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    return ctx != nullptr && EVP_PKEY_pairwise_check(ctx.get()) == 1;
}

}  // namespace

size_t public_value_bytes(uint16_t method) noexcept
{
    const Method* known = find(method);
    return known == nullptr ? 0 : known->public_bytes;
}

base::Result<KeyExchange> KeyExchange::create(uint16_t method)
{
    const Method* known = find(method);
    if (known == nullptr)
        return Error{ErrorCode::kUnsupported, base::format("key exchange method %u is not supported", method)};
    const KeyCtxPtr ctx(EVP_PKEY_CTX_new_from_name(nullptr, algorithm(*known), nullptr));
    EVP_PKEY* key = nullptr;
    if (ctx == nullptr || EVP_PKEY_keygen_init(ctx.get()) != 1 ||
        (known->kind != Kind::kMontgomery && EVP_PKEY_CTX_set_group_name(ctx.get(), known->openssl) != 1))
        return failed(*known, "prepare a key pair");
    if (EVP_PKEY_generate(ctx.get(), &key) != 1)
        return Error{ErrorCode::kUnavailable,
                     base::format("%s: OpenSSL made no key pair: %s", known->name, openssl_reason().c_str())};
    KeyPtr owned(key);
    auto value = GW_TRY(public_value_of(*known, owned.get()));
    return KeyExchange(method, std::move(owned), std::move(value));
}

base::Result<KeyExchange> KeyExchange::from_key_pair(uint16_t method, std::span<const uint8_t> private_key,
                                                     std::span<const uint8_t> public_value)
{
    const Method* known = find(method);
    if (known == nullptr)
        return Error{ErrorCode::kUnsupported, base::format("key exchange method %u is not supported", method)};
    KeyPtr key = GW_TRY(key_from_pair(*known, private_key, public_value));
    if (key == nullptr)
        return failed(*known, "take a private key");
    auto value = GW_TRY(public_value_of(*known, key.get()));
    if (!std::equal(value.begin(), value.end(), public_value.begin(), public_value.end()) || !is_pair(key.get())) {
        ERR_clear_error();
        return Error{ErrorCode::kInvalidArgument,
                     base::format("%s: the public value does not belong to the private key", known->name)};
    }
    return KeyExchange(method, std::move(key), std::move(value));
}

base::Result<base::SecretBytes> KeyExchange::shared_secret(std::span<const uint8_t> peer) const
{
    const Method& known = *find(method_);
    if (peer.size() != known.public_bytes)
        return Error{ErrorCode::kInvalidArgument, base::format("%s: the peer's public value has %zu bytes, not %zu",
                                                               known.name, peer.size(), known.public_bytes)};
    if (known.kind == Kind::kModp && !in_range(key_.get(), peer))
        return Error{ErrorCode::kInvalidArgument,
                     base::format("%s: the peer's public value is not between 1 and p - 1", known.name)};
    const KeyPtr other = GW_TRY(peer_key(known, key_.get(), peer));
    const KeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
    // The checks stand above; OpenSSL's own for MODP would raise the value to the q-th power, which costs as much
    // again.
    if (ctx == nullptr || EVP_PKEY_derive_init(ctx.get()) != 1 ||
        (known.kind == Kind::kModp && EVP_PKEY_CTX_set_dh_pad(ctx.get(), 1) != 1) ||
        EVP_PKEY_derive_set_peer_ex(ctx.get(), other.get(), 0) != 1)
        return failed(known, "prepare an exchange");
    base::SecretBytes secret(known.secret_bytes);
    size_t length = secret.size();
    const bool derived = EVP_PKEY_derive(ctx.get(), secret.mutable_view().data(), &length) == 1;
    const base::SecretBytes zeros(known.secret_bytes);
    if (known.kind == Kind::kMontgomery && (!derived || base::equal_constant_time(secret.view(), zeros.view()))) {
        ERR_clear_error();
        return Error{
            ErrorCode::kInvalidArgument,
            base::format("%s: the peer's public value is of small order, the secret would be zero", known.name)};
    }
    if (!derived || length != known.secret_bytes)
        return failed(known, "compute a shared secret");
    return secret;
}

}  // namespace ipsecgw::crypto
