#include "crypto/evp_internal.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/text.h"

namespace ipsecgw::crypto {

using base::Error;
using base::ErrorCode;

void CipherCtxDeleter::operator()(evp_cipher_ctx_st* ctx) const noexcept
{
    EVP_CIPHER_CTX_free(ctx);
}

void KeyDeleter::operator()(evp_pkey_st* key) const noexcept
{
    EVP_PKEY_free(key);
}

std::string openssl_reason()
{
    const unsigned long code = ERR_peek_last_error();
    const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    std::string text = reason != nullptr ? reason : "no reason given";
    ERR_clear_error();
    return text;
}

base::Result<CipherCtxPtr> key_cipher(const char* name, Operation operation, std::span<const uint8_t> key)
{
    struct Release {
        void operator()(EVP_CIPHER* cipher) const noexcept { EVP_CIPHER_free(cipher); }
    };
    const std::unique_ptr<EVP_CIPHER, Release> cipher(EVP_CIPHER_fetch(nullptr, name, nullptr));
    if (cipher == nullptr)
        return Error{ErrorCode::kUnsupported, base::format("OpenSSL has no %s", name)};
    if (static_cast<size_t>(EVP_CIPHER_get_key_length(cipher.get())) != key.size())
        return Error{ErrorCode::kInvalidArgument, base::format("%s takes a key of %d bytes, got %zu", name,
                                                               EVP_CIPHER_get_key_length(cipher.get()), key.size())};
    CipherCtxPtr ctx(EVP_CIPHER_CTX_new());
    if (ctx == nullptr)
        return Error{ErrorCode::kResourceExhausted, "no memory for a cipher context"};
    if (EVP_CipherInit_ex2(ctx.get(), cipher.get(), key.data(), nullptr, operation == Operation::kSeal ? 1 : 0,
                           nullptr) != 1)
        return Error{ErrorCode::kInternal, base::format("OpenSSL refused a key for %s", name)};
    return ctx;
}

}  // namespace ipsecgw::crypto
