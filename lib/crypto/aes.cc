#include "crypto/aes.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/text.h"
#include "crypto/evp_internal.h"

namespace ipsecgw::crypto {

using base::Error;
using base::ErrorCode;

base::Result<Aes> Aes::create(AesMode mode, Operation operation, std::span<const uint8_t> key)
{
    if (key.size() != 16 && key.size() != 24 && key.size() != 32)
        return Error{ErrorCode::kInvalidArgument,
                     base::format("AES takes a key of 16, 24 or 32 bytes, got %zu", key.size())};
    const std::string name = base::format("AES-%zu-%s", key.size() * 8, mode == AesMode::kCbc ? "CBC" : "CTR");
    CipherCtxPtr ctx = GW_TRY(key_cipher(name.c_str(), operation, key));
    if (mode == AesMode::kCtr)
        return Aes(std::move(ctx), 1);
    // As a parameter, not by EVP_CIPHER_CTX_set_padding: that one is repeated by OpenSSL at every IV.
    unsigned int padding = 0;
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_uint(OSSL_CIPHER_PARAM_PADDING, &padding),
                                     OSSL_PARAM_construct_end()};
    if (EVP_CIPHER_CTX_set_params(ctx.get(), parameters) != 1)
        return Error{ErrorCode::kInternal, "OpenSSL refused AES-CBC without padding"};
    return Aes(std::move(ctx), kBlockBytes);
}

bool Aes::crypt(const uint8_t* iv, std::span<uint8_t> text) noexcept
{
    if (text.size() % multiple_ != 0 || text.size() > INT32_MAX)
        return false;
    const int bytes = static_cast<int>(text.size());
    int produced = 0;
    return EVP_CipherInit_ex2(ctx_.get(), nullptr, nullptr, iv, -1, nullptr) == 1 &&
           EVP_CipherUpdate(ctx_.get(), text.data(), &produced, text.data(), bytes) == 1 && produced == bytes;
}

}  // namespace ipsecgw::crypto
