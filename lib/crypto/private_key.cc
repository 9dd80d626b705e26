#include "crypto/private_key.h"

#include <memory>
#include <optional>
#include <string_view>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "base/text.h"
#include "crypto/evp_internal.h"
#include "crypto/pem.h"
#include "crypto/signature_internal.h"

namespace ipsecgw::crypto {

using base::Error;
using base::ErrorCode;

namespace {

struct Release {
    void operator()(X509_SIG* p) const noexcept { X509_SIG_free(p); }
    void operator()(PKCS8_PRIV_KEY_INFO* p) const noexcept { PKCS8_PRIV_KEY_INFO_free(p); }
};
using EncryptedPtr = std::unique_ptr<X509_SIG, Release>;
using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Release>;

/// Runs one of OpenSSL's d2i functions over all of `der`; nullptr when it fails or leaves bytes.
template <class Pointer, class Decode>
Pointer decode_whole(std::span<const uint8_t> der, Decode decode)
{
    const uint8_t* at = der.data();
    Pointer object(decode(&at, static_cast<long>(der.size())));
    if (object != nullptr && at != der.data() + der.size())
        object.reset();
    ERR_clear_error();
    return object;
}

base::Result<Pkcs8Ptr> decrypt(const X509_SIG* encrypted, std::span<const uint8_t> passphrase)
{
    if (passphrase.empty())
        return Error{ErrorCode::kPermissionDenied, "the private key is encrypted and no passphrase is given",
                     "give its passphrase, or decrypt the file: openssl pkey -in OLD -out NEW"};
    Pkcs8Ptr plain(PKCS8_decrypt(encrypted, reinterpret_cast<const char*>(passphrase.data()),
                                 static_cast<int>(passphrase.size())));
    ERR_clear_error();
    if (plain == nullptr)
        return Error{ErrorCode::kPermissionDenied,
                     "the private key cannot be decrypted: wrong passphrase, or an old cipher",
                     "openssl pkey -in FILE -noout tells which"};
    return plain;
}

/// Never through OpenSSL's generic decoders: those could ask for a passphrase on the terminal.
base::Result<KeyPtr> decode_der(std::span<const uint8_t> der, std::span<const uint8_t> passphrase)
{
    Pkcs8Ptr pkcs8;
    if (const auto encrypted =
            decode_whole<EncryptedPtr>(der, [](const uint8_t** at, long n) { return d2i_X509_SIG(nullptr, at, n); }))
        pkcs8 = GW_TRY(decrypt(encrypted.get(), passphrase));
    else
        pkcs8 = decode_whole<Pkcs8Ptr>(
            der, [](const uint8_t** at, long n) { return d2i_PKCS8_PRIV_KEY_INFO(nullptr, at, n); });
    KeyPtr key;
    if (pkcs8 != nullptr)
        key.reset(EVP_PKCS82PKEY(pkcs8.get()));
    else
        for (const int type : {EVP_PKEY_RSA, EVP_PKEY_EC})
            if (key == nullptr)
                key = decode_whole<KeyPtr>(
                    der, [type](const uint8_t** at, long n) { return d2i_PrivateKey(type, nullptr, at, n); });
    ERR_clear_error();
    if (key == nullptr)
        return Error{ErrorCode::kInvalidArgument, "not a private key that OpenSSL can read",
                     "PKCS#8, PKCS#1 or SEC1, in PEM or DER: openssl pkey -in FILE -noout tells more"};
    return key;
}

/// The block of a PEM file that is the key.
base::Result<const PemBlock*> find_key(const std::vector<PemBlock>& blocks)
{
    const PemBlock* found = nullptr;
    for (const auto& block : blocks) {
        if (!block.label.ends_with("PRIVATE KEY"))
            continue;  // EC PARAMETERS and certificates may stand beside it
        if (found != nullptr)
            return Error{ErrorCode::kInvalidArgument, "more than one private key in one file", "one key a file"};
        found = &block;
    }
    if (found == nullptr)
        return Error{ErrorCode::kInvalidArgument,
                     blocks.empty() ? std::string("no PEM block in it")
                                    : base::format("it holds a %s, not a private key", blocks.front().label.c_str())};
    if (found->has_headers)
        return Error{ErrorCode::kPermissionDenied,
                     "the private key is encrypted in OpenSSL's old way, which is too weak",
                     "convert it: openssl pkcs8 -topk8 -in OLD -out NEW"};
    return found;
}

bool halves_fit(EVP_PKEY* key)
{
    const KeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    const bool fit = ctx != nullptr && EVP_PKEY_pairwise_check(ctx.get()) == 1;
    ERR_clear_error();
    return fit;
}

}  // namespace

base::Result<PrivateKey> PrivateKey::parse(std::span<const uint8_t> bytes, std::span<const uint8_t> passphrase)
{
    std::vector<PemBlock> blocks;
    if (is_pem(bytes)) {
        blocks = GW_TRY(decode_pem(bytes));
        bytes = GW_TRY(find_key(blocks))->der.view();
    }
    KeyPtr key = GW_TRY(decode_der(bytes, passphrase));
    GW_TRY(key_type_of(key.get()));
    if (!halves_fit(key.get()))
        return Error{ErrorCode::kInvalidArgument,
                     "the private key is damaged: its private and public halves do not fit"};
    // A public key of its own, so that copies of it do not keep the private half alive.
    unsigned char* raw = nullptr;
    const int length = i2d_PUBKEY(key.get(), &raw);
    if (length <= 0)
        return Error{ErrorCode::kInternal, "OpenSSL cannot encode the public key: " + openssl_reason()};
    const std::vector<uint8_t> spki(raw, raw + length);
    OPENSSL_free(raw);
    auto public_key = GW_TRY(PublicKey::from_spki(spki));
    return PrivateKey(std::move(key), std::move(public_key));
}

base::Result<std::vector<uint8_t>> PrivateKey::sign(const SignatureScheme& scheme,
                                                    std::span<const uint8_t> message) const
{
    if (!fits(scheme, type()))
        return Error{ErrorCode::kInvalidArgument,
                     base::format("an %s key cannot sign by %s", std::string(to_string(type())).c_str(),
                                  to_string(scheme).c_str())};
    const DigestCtxPtr ctx(EVP_MD_CTX_new());
    EVP_PKEY_CTX* key_ctx = nullptr;  // owned by ctx
    std::vector<uint8_t> signature(static_cast<size_t>(EVP_PKEY_get_size(key_.get())));
    size_t length = signature.size();
    if (ctx == nullptr ||
        EVP_DigestSignInit_ex(ctx.get(), &key_ctx, digest_name(scheme), nullptr, nullptr, key_.get(), nullptr) != 1 ||
        !set_scheme(key_ctx, scheme) ||
        EVP_DigestSign(ctx.get(), signature.data(), &length, message.data(), message.size()) != 1)
        return Error{ErrorCode::kInternal, base::format("OpenSSL cannot sign by %s: %s", to_string(scheme).c_str(),
                                                        openssl_reason().c_str())};
    signature.resize(length);
    return signature;
}

}  // namespace ipsecgw::crypto
