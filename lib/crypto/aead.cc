#include "crypto/aead.h"

#include <openssl/evp.h>

#include "base/text.h"
#include "crypto/evp_internal.h"

namespace ipsecgw::crypto {

using base::Error;
using base::ErrorCode;

namespace {

const char* cipher_name(AeadAlgorithm algorithm, size_t key_bytes) noexcept
{
    if (algorithm == AeadAlgorithm::kChaCha20Poly1305)
        return "ChaCha20-Poly1305";
    switch (key_bytes) {
        case 16:
            return "AES-128-GCM";
        case 24:
            return "AES-192-GCM";
        case 32:
            return "AES-256-GCM";
        default:
            return nullptr;
    }
}

/// EVP takes int lengths; a packet never comes near that, but a caller's error must not turn negative.
bool feed(EVP_CIPHER_CTX* ctx, uint8_t* out, std::span<const uint8_t> in) noexcept
{
    int produced = 0;
    return in.size() <= INT32_MAX && EVP_CipherUpdate(ctx, out, &produced, in.data(), static_cast<int>(in.size())) == 1;
}

}  // namespace

base::Result<Aead> Aead::create(AeadAlgorithm algorithm, Operation operation, std::span<const uint8_t> key,
                                size_t tag_bytes)
{
    const char* name = cipher_name(algorithm, key.size());
    if (name == nullptr)
        return Error{ErrorCode::kInvalidArgument,
                     base::format("AES-GCM takes a key of 16, 24 or 32 bytes, got %zu", key.size())};
    const bool short_tag = algorithm == AeadAlgorithm::kAesGcm && (tag_bytes == 12 || tag_bytes == 8);
    if (tag_bytes != kMaxTagBytes && !short_tag)
        return Error{ErrorCode::kInvalidArgument, base::format("%s cannot have a tag of %zu bytes", name, tag_bytes)};
    return Aead(GW_TRY(key_cipher(name, operation, key)), tag_bytes);
}

/// Nonce is set already.
bool Aead::run(const AeadInput& input, std::span<uint8_t> text) noexcept
{
    if (!input.aad.empty() && !feed(ctx_.get(), nullptr, input.aad))
        return false;
    if (!input.more_aad.empty() && !feed(ctx_.get(), nullptr, input.more_aad))
        return false;
    if (!text.empty() && !feed(ctx_.get(), text.data(), text))
        return false;
    uint8_t none[EVP_MAX_BLOCK_LENGTH];
    int produced = 0;
    return EVP_CipherFinal_ex(ctx_.get(), none, &produced) == 1;
}

bool Aead::seal(const AeadInput& input, std::span<uint8_t> text, uint8_t* tag) noexcept
{
    return EVP_CipherInit_ex2(ctx_.get(), nullptr, nullptr, input.nonce, -1, nullptr) == 1 && run(input, text) &&
           EVP_CIPHER_CTX_ctrl(ctx_.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag_bytes_), tag) == 1;
}

bool Aead::open(const AeadInput& input, std::span<uint8_t> text, const uint8_t* tag) noexcept
{
    // The control reads only; its parameter is not const because others write through it.
    return EVP_CipherInit_ex2(ctx_.get(), nullptr, nullptr, input.nonce, -1, nullptr) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx_.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag_bytes_),
                               const_cast<uint8_t*>(tag)) == 1 &&
           run(input, text);
}

}  // namespace ipsecgw::crypto
