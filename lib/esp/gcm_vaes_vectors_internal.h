// What the vaes_gcm engine is built of: four blocks to a vector.
//
// GHASH is computed as POLYVAL (RFC 8452 appendix A): the same hash without the reflection of bits, of blocks with
// their bytes reversed and with the key H' = mulX(reversed H). A block's product is with the power of H' that its
// distance from the end calls for; products are added unreduced, then reduced once.
#pragma once

#include <cstdint>
#include <cstring>
#include <immintrin.h>

#include "esp/gcm_vaes_internal.h"

// gcc 12 takes the undefined operands of its own intrinsics for mistakes of ours (its bug 105593).
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

// The rest of the program is compiled for CPUs without these.
#define GW_VAES_TARGET "avx512f,avx512bw,avx512dq,avx512vl,aes,pclmul,vaes,vpclmulqdq,bmi2"
#define GW_VAES [[gnu::target(GW_VAES_TARGET)]]
#define GW_VAES_INLINE [[gnu::target(GW_VAES_TARGET), gnu::always_inline]] inline

namespace ipsecgw::esp::gcm {

using sa::EspText;

inline constexpr uint32_t kBlockBytes = 16;
inline constexpr uint32_t kVectorBytes = 64;
inline constexpr uint32_t kVectorBlocks = kVectorBytes / kBlockBytes;
inline constexpr uint32_t kGroupBytes = kGcmGroupBlocks * kBlockBytes;
inline constexpr uint32_t kGroupVectors = kGroupBytes / kVectorBytes;
static_assert(kEspHeaderBytes + sizeof(uint64_t) == kBlockBytes, "header and IV are one block");
inline constexpr __mmask8 kBlock0Halves = 0x3;

GW_VAES_INLINE __m512i load(const uint8_t* p) noexcept
{
    return _mm512_loadu_si512(p);
}
GW_VAES_INLINE __m512i in_lanes(__m128i block) noexcept
{
    return _mm512_broadcast_i32x4(block);
}
GW_VAES_INLINE __m512i reverse_blocks(__m512i blocks) noexcept
{
    return _mm512_shuffle_epi8(blocks, in_lanes(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
}

/// Sum of products, not yet reduced: bits 0 to 127, 64 to 191, 128 to 255.
struct Products {
    __m512i low, middle, high;
};

GW_VAES_INLINE void multiply(Products& sum, __m512i blocks, __m512i powers) noexcept
{
    constexpr int kXor3 = 0x96;
    sum.low = _mm512_xor_si512(sum.low, _mm512_clmulepi64_epi128(blocks, powers, 0x00));
    sum.high = _mm512_xor_si512(sum.high, _mm512_clmulepi64_epi128(blocks, powers, 0x11));
    sum.middle = _mm512_ternarylogic_epi64(sum.middle, _mm512_clmulepi64_epi128(blocks, powers, 0x01),
                                           _mm512_clmulepi64_epi128(blocks, powers, 0x10), kXor3);
}

GW_VAES_INLINE __m128i add_lanes(__m512i lanes) noexcept
{
    const __m256i two = _mm256_xor_si256(_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64(lanes, 1));
    return _mm_xor_si128(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1));
}

/// Montgomery reduction modulo x^128 + x^127 + x^126 + x^121 + 1 (RFC 8452 section 3), 64 bits at a time.
GW_VAES_INLINE __m128i reduce(__m128i low, __m128i high) noexcept
{
    const __m128i modulus = _mm_set_epi64x(static_cast<int64_t>(0xc200000000000000), 1);
    constexpr int kSwapHalves = 78;
    low = _mm_xor_si128(_mm_shuffle_epi32(low, kSwapHalves), _mm_clmulepi64_si128(low, modulus, 0x10));
    low = _mm_xor_si128(_mm_shuffle_epi32(low, kSwapHalves), _mm_clmulepi64_si128(low, modulus, 0x10));
    return _mm_xor_si128(low, high);
}

GW_VAES_INLINE __m128i reduce(const Products& sum) noexcept
{
    const __m512i low = _mm512_xor_si512(sum.low, _mm512_bslli_epi128(sum.middle, 8));
    const __m512i high = _mm512_xor_si512(sum.high, _mm512_bsrli_epi128(sum.middle, 8));
    return reduce(add_lanes(low), add_lanes(high));
}

/// The same for each lane apart.
GW_VAES_INLINE __m512i reduce_lanes(const Products& sum) noexcept
{
    const __m512i modulus = in_lanes(_mm_set_epi64x(static_cast<int64_t>(0xc200000000000000), 1));
    constexpr auto kSwapHalves = static_cast<_MM_PERM_ENUM>(78);
    __m512i low = _mm512_xor_si512(sum.low, _mm512_bslli_epi128(sum.middle, 8));
    const __m512i high = _mm512_xor_si512(sum.high, _mm512_bsrli_epi128(sum.middle, 8));
    low = _mm512_xor_si512(_mm512_shuffle_epi32(low, kSwapHalves), _mm512_clmulepi64_epi128(low, modulus, 0x10));
    low = _mm512_xor_si512(_mm512_shuffle_epi32(low, kSwapHalves), _mm512_clmulepi64_epi128(low, modulus, 0x10));
    return _mm512_xor_si512(low, high);
}

/// The key in registers, for a burst.
template <int kRounds>
struct RoundKeys {
    __m512i of[kRounds + 1];

    GW_VAES_INLINE explicit RoundKeys(const VaesGcmContext& context) noexcept
    {
        for (int i = 0; i <= kRounds; i++)
            of[i] = in_lanes(_mm_load_si128(reinterpret_cast<const __m128i*>(context.round_key(i))));
    }
};

/// The key stream of one packet, four blocks a time from counter 1 on.
template <int kRounds>
struct KeyStream {
    const RoundKeys<kRounds>& keys;
    __m512i nonce;    // salt, IV, 0
    __m512i counter;  // in the last 32 bits of each block, host order

    GW_VAES_INLINE KeyStream(const RoundKeys<kRounds>& round_keys, uint32_t salt, uint64_t iv) noexcept
        : keys(round_keys),
          nonce(in_lanes(_mm_set_epi64x(static_cast<int64_t>(iv >> 32), static_cast<int64_t>(salt | iv << 32)))),
          counter(_mm512_set_epi32(4, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0))
    {
    }
    /// The next counters, with the first round key added.
    GW_VAES_INLINE __m512i start() noexcept
    {
        const __m512i big_endian = in_lanes(_mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
        const __m512i step = _mm512_set_epi32(4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0);
        constexpr int kXor3 = 0x96;
        const __m512i state =
            _mm512_ternarylogic_epi64(nonce, _mm512_shuffle_epi8(counter, big_endian), keys.of[0], kXor3);
        counter = _mm512_add_epi32(counter, step);
        return state;
    }
};

GW_VAES_INLINE uint64_t load_word(const uint8_t* p) noexcept
{
    uint64_t word;
    std::memcpy(&word, p, sizeof word);
    return word;
}

/// SPI and sequence number, the high half of an ESN between them (RFC 4106 section 5).
template <bool kEsn>
GW_VAES_INLINE __m128i aad_block(const EspText& packet) noexcept
{
    const uint64_t header = load_word(packet.esp);
    if constexpr (!kEsn)
        return _mm_cvtsi64_si128(static_cast<int64_t>(header));
    const uint64_t high = base::swap_be32(packet.sequence_high);
    return _mm_set_epi64x(static_cast<int64_t>(header >> 32), static_cast<int64_t>((header & UINT32_MAX) | high << 32));
}

/// Stores the first `bytes` (1 to 64, a multiple of 4) of a vector. Up to 15 more are written when `may_overrun`: the
/// ICV's, whose place is behind the text. A masked store would take as long as the cipher.
GW_VAES_INLINE void store_front(uint8_t* p, __m512i vector, uint32_t bytes, uint32_t icv_bytes) noexcept
{
    if (icv_bytes != kBlockBytes) [[unlikely]] {
        _mm512_mask_storeu_epi8(p, _bzhi_u64(~uint64_t{0}, bytes), vector);
        return;
    }
    const __m256i front = _mm512_castsi512_si256(vector);
    if (bytes > 48) {
        _mm512_storeu_si512(p, vector);
    } else if (bytes > 32) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), front);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 32), _mm512_extracti32x4_epi32(vector, 2));
    } else if (bytes > 16) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), front);
    } else {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(front));
    }
}

}  // namespace ipsecgw::esp::gcm
