// As in hmac.cc: the functions of OpenSSL that need no context on the heap are marked deprecated, and are what suits.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/digest.h"

#include <openssl/sha.h>

namespace ipsecgw::crypto {

void sha2(Hash hash, std::span<const uint8_t> message, std::span<uint8_t> digest) noexcept
{
    switch (hash) {
        case Hash::kSha256: {
            SHA256_CTX context;
            SHA256_Init(&context);
            SHA256_Update(&context, message.data(), message.size());
            SHA256_Final(digest.data(), &context);
            return;
        }
        case Hash::kSha384: {
            SHA512_CTX context;
            SHA384_Init(&context);
            SHA384_Update(&context, message.data(), message.size());
            SHA384_Final(digest.data(), &context);
            return;
        }
        case Hash::kSha512: {
            SHA512_CTX context;
            SHA512_Init(&context);
            SHA512_Update(&context, message.data(), message.size());
            SHA512_Final(digest.data(), &context);
            return;
        }
    }
}

std::array<uint8_t, kSha1Bytes> sha1(std::span<const uint8_t> message) noexcept
{
    std::array<uint8_t, kSha1Bytes> digest;
    SHA_CTX context;
    SHA1_Init(&context);
    SHA1_Update(&context, message.data(), message.size());
    SHA1_Final(digest.data(), &context);
    return digest;
}

}  // namespace ipsecgw::crypto
