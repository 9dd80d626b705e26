// The SHA-2 functions below are marked deprecated since OpenSSL 3.0, in favour of EVP. EVP in 3.0 allocates twice for
// each message (EVP_MAC_init and EVP_MD_CTX_copy_ex duplicate the provider's context) and costs about twice the cycles
// at 64 bytes, so it has no place in a packet path. These run the same assembler kernels on a context of ours.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/hmac.h"

#include <algorithm>
#include <cstring>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/secret_bytes.h"

namespace ipsecgw::crypto {

namespace {

struct Sha256 {
    using Context = SHA256_CTX;
    static constexpr size_t kBlockBytes = SHA256_CBLOCK;
    static constexpr unsigned kDigestBytes = SHA256_DIGEST_LENGTH;
    static void init(Context& context) noexcept { SHA256_Init(&context); }
    static void update(Context& context, std::span<const uint8_t> bytes) noexcept
    {
        SHA256_Update(&context, bytes.data(), bytes.size());
    }
    static void finish(Context& context, uint8_t* digest) noexcept { SHA256_Final(digest, &context); }
};

/// SHA-384 is SHA-512 with another start and a shorter result (FIPS 180-4 section 6.5).
template <unsigned kDigest>
struct Sha512 {
    using Context = SHA512_CTX;
    static constexpr size_t kBlockBytes = SHA512_CBLOCK;
    static constexpr unsigned kDigestBytes = kDigest;
    static void init(Context& context) noexcept
    {
        kDigest == SHA384_DIGEST_LENGTH ? SHA384_Init(&context) : SHA512_Init(&context);
    }
    static void update(Context& context, std::span<const uint8_t> bytes) noexcept
    {
        SHA512_Update(&context, bytes.data(), bytes.size());
    }
    static void finish(Context& context, uint8_t* digest) noexcept { SHA512_Final(digest, &context); }
};
using Sha384 = Sha512<SHA384_DIGEST_LENGTH>;

/// A context that has hashed one block and come to `words`.
template <class Sha, class Words>
void resume(typename Sha::Context& context, const Words& words) noexcept
{
    std::copy(words.begin(), words.end(), context.h);
    context.Nl = Sha::kBlockBytes * 8;
    context.Nh = 0;
    context.num = 0;
    context.md_len = Sha::kDigestBytes;
}

template <class Sha, class Words>
void start(std::span<const uint8_t> key, uint8_t pad, Words& words) noexcept
{
    std::array<uint8_t, Sha::kBlockBytes> block;
    block.fill(pad);
    for (size_t i = 0; i < key.size(); i++)
        block[i] ^= key[i];
    typename Sha::Context context;
    Sha::init(context);
    Sha::update(context, block);
    std::copy(std::begin(context.h), std::end(context.h), words.begin());
    base::wipe(block);
    OPENSSL_cleanse(&context, sizeof context);
}

/// Both pads of RFC 2104 section 2.
template <class Sha, class Words>
void set_key(std::span<const uint8_t> key, Words& inner, Words& outer) noexcept
{
    std::array<uint8_t, Sha::kDigestBytes> hashed;
    if (key.size() > Sha::kBlockBytes) {
        typename Sha::Context context;
        Sha::init(context);
        Sha::update(context, key);
        Sha::finish(context, hashed.data());
        key = hashed;
    }
    start<Sha>(key, 0x36, inner);
    start<Sha>(key, 0x5c, outer);
    base::wipe(hashed);
}

template <class Sha, class Words>
void compute_with(const Words& inner, const Words& outer, std::span<const uint8_t> message,
                  std::span<const uint8_t> more, uint8_t* digest) noexcept
{
    typename Sha::Context context;
    resume<Sha>(context, inner);
    Sha::update(context, message);
    if (!more.empty())
        Sha::update(context, more);
    Sha::finish(context, digest);
    resume<Sha>(context, outer);
    Sha::update(context, {digest, Sha::kDigestBytes});
    Sha::finish(context, digest);
}

}  // namespace

Hmac::Hmac(Hash hash, std::span<const uint8_t> key) noexcept : inner_{}, outer_{}, hash_(hash)
{
    switch (hash) {
        case Hash::kSha256:
            set_key<Sha256>(key, inner_.words32, outer_.words32);
            break;
        case Hash::kSha384:
            set_key<Sha384>(key, inner_.words64, outer_.words64);
            break;
        case Hash::kSha512:
            set_key<Sha512<SHA512_DIGEST_LENGTH>>(key, inner_.words64, outer_.words64);
            break;
    }
}

Hmac::~Hmac()
{
    OPENSSL_cleanse(&inner_, sizeof inner_);
    OPENSSL_cleanse(&outer_, sizeof outer_);
}

void Hmac::compute(std::span<const uint8_t> message, std::span<const uint8_t> more,
                   std::span<uint8_t> mac) const noexcept
{
    uint8_t digest[kMaxDigestBytes];
    switch (hash_) {
        case Hash::kSha256:
            compute_with<Sha256>(inner_.words32, outer_.words32, message, more, digest);
            break;
        case Hash::kSha384:
            compute_with<Sha384>(inner_.words64, outer_.words64, message, more, digest);
            break;
        case Hash::kSha512:
            compute_with<Sha512<SHA512_DIGEST_LENGTH>>(inner_.words64, outer_.words64, message, more, digest);
            break;
    }
    std::memcpy(mac.data(), digest, std::min(mac.size(), digest_bytes(hash_)));
}

bool Hmac::verify(std::span<const uint8_t> message, std::span<const uint8_t> more,
                  std::span<const uint8_t> mac) const noexcept
{
    uint8_t expected[kMaxDigestBytes];
    if (mac.empty() || mac.size() > digest_bytes(hash_))
        return false;
    const std::span<uint8_t> truncated(expected, mac.size());
    compute(message, more, truncated);
    return base::equal_constant_time(truncated, mac);
}

}  // namespace ipsecgw::crypto
