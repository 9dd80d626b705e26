// The key of the vaes_gcm engine: round keys and powers of the hash key.
#include "esp/gcm_vaes_internal.h"

#if defined(RTE_ARCH_X86_64)

#include <bit>

#include "base/secret_bytes.h"
#include "esp/gcm_vaes_vectors_internal.h"

namespace ipsecgw::esp {

using namespace gcm;

namespace {

/// FIPS 197 section 5.2; `word` four bytes as they lie in memory.
GW_VAES_INLINE uint32_t substitute(uint32_t word) noexcept
{
    return static_cast<uint32_t>(
        _mm_cvtsi128_si32(_mm_aeskeygenassist_si128(_mm_set_epi32(0, 0, static_cast<int>(word), 0), 0)));
}

GW_VAES void expand_key(VaesGcmContext& context, std::span<const uint8_t> key, uint32_t rounds) noexcept
{
    uint32_t words[4 * kMostRoundKeys];
    const auto key_words = static_cast<uint32_t>(key.size() / 4);
    std::memcpy(words, key.data(), key.size());
    uint32_t constant = 1;
    for (uint32_t i = key_words; i < 4 * (rounds + 1); i++) {
        uint32_t word = words[i - 1];
        if (i % key_words == 0) {
            word = std::rotr(substitute(word), 8) ^ constant;
            constant = constant << 1 ^ (constant & 0x80 ? 0x11b : 0);
        } else if (key_words > 6 && i % key_words == 4) {
            word = substitute(word);
        }
        words[i] = words[i - key_words] ^ word;
    }
    std::memcpy(context.blocks[kGcmPowers], words, 16 * (rounds + 1));
    base::wipe({reinterpret_cast<uint8_t*>(words), sizeof words});
}

GW_VAES __m128i encrypt_zero_block(const VaesGcmContext& context, uint32_t rounds) noexcept
{
    const auto key = [&context](uint32_t i) { return reinterpret_cast<const __m128i*>(context.round_key(i)); };
    __m128i state = _mm_load_si128(key(0));
    for (uint32_t i = 1; i < rounds; i++)
        state = _mm_aesenc_si128(state, _mm_load_si128(key(i)));
    return _mm_aesenclast_si128(state, _mm_load_si128(key(rounds)));
}

/// RFC 8452 appendix A: times x, modulo the polynomial of POLYVAL. Without a branch on the key.
GW_VAES __m128i times_x(__m128i value) noexcept
{
    const auto low = static_cast<uint64_t>(_mm_cvtsi128_si64(value));
    const auto high = static_cast<uint64_t>(_mm_extract_epi64(value, 1));
    const uint64_t carry = 0 - (high >> 63);
    return _mm_set_epi64x(static_cast<int64_t>((high << 1 | low >> 63) ^ (carry & 0xc200000000000000)),
                          static_cast<int64_t>(low << 1 ^ (carry & 1)));
}

GW_VAES void set_powers(VaesGcmContext& context, __m128i hash_key) noexcept
{
    const __m128i reversed = _mm512_castsi512_si128(reverse_blocks(_mm512_castsi128_si512(hash_key)));
    const __m128i first = times_x(reversed);
    __m128i power = first;
    for (uint32_t i = kGcmPowers; i-- > 0;) {
        _mm_store_si128(reinterpret_cast<__m128i*>(context.blocks[i]), power);
        Products product = {};
        multiply(product, _mm512_zextsi128_si512(power), _mm512_zextsi128_si512(first));
        power = reduce(product);
    }
}

}  // namespace

GW_VAES void set_vaes_gcm_key(VaesGcmContext& context, std::span<const uint8_t> key) noexcept
{
    const auto rounds = static_cast<uint32_t>(key.size() / 4 + 6);
    expand_key(context, key, rounds);
    set_powers(context, encrypt_zero_block(context, rounds));
}

}  // namespace ipsecgw::esp

#endif
