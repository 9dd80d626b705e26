// AES-GCM (NIST SP 800-38D, as RFC 4106 uses it) with vectors of four blocks.
//
// An ESP packet is laid out so that the 16 bytes before the text are ESP header and IV. They are taken as block 0 of
// the message: its key stream, from the counter 1, is what masks the ICV, and in the hash its place is the AAD's, which
// is one block too. So text, mask and AAD go through one sequence of full vectors, and header and IV are written back
// as they were.
//
// GHASH is computed as POLYVAL (RFC 8452 appendix A): the same hash without the reflection of bits, of blocks with
// their bytes reversed and with the key H' = mulX(reversed H). A block's product is with the power of H' that its
// distance from the end calls for; products are added unreduced, up to 16, then reduced once.
//
// Branches and addresses depend on lengths alone, never on keys, text or tags.
#include "esp/gcm_vaes_internal.h"

#if defined(RTE_ARCH_X86_64)

// gcc 12 takes the undefined operands of its own intrinsics for mistakes of ours (its bug 105593).
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <algorithm>
#include <bit>
#include <cstring>
#include <immintrin.h>

#include "base/secret_bytes.h"

namespace ipsecgw::esp {

using model::Direction;
using sa::CipherContext;
using sa::EspText;

// The rest of the program is compiled for CPUs without these.
#define GW_VAES_TARGET "avx512f,avx512bw,avx512dq,avx512vl,aes,pclmul,vaes,vpclmulqdq,bmi2"
#define GW_VAES [[gnu::target(GW_VAES_TARGET)]]
#define GW_VAES_INLINE [[gnu::target(GW_VAES_TARGET), gnu::always_inline]] inline

namespace {

constexpr uint32_t kBlockBytes = 16;
constexpr uint32_t kVectorBytes = 64;
constexpr uint32_t kVectorBlocks = kVectorBytes / kBlockBytes;
constexpr uint32_t kGroupBytes = kGcmGroupBlocks * kBlockBytes;
constexpr uint32_t kGroupVectors = kGroupBytes / kVectorBytes;
static_assert(kEspHeaderBytes + sizeof(uint64_t) == kBlockBytes, "header and IV are one block");

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

/// The key in registers, for a burst.
template <int kRounds>
struct RoundKeys {
    __m512i of[kRounds + 1];

    GW_VAES_INLINE explicit RoundKeys(const VaesGcmContext& context) noexcept
    {
        for (int i = 0; i <= kRounds; i++)
            of[i] = in_lanes(_mm_load_si128(reinterpret_cast<const __m128i*>(context.round_keys[i])));
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
    GW_VAES_INLINE __m512i next() noexcept
    {
        __m512i state = start();
        for (int i = 1; i < kRounds; i++)
            state = _mm512_aesenc_epi128(state, keys.of[i]);
        return _mm512_aesenclast_epi128(state, keys.of[kRounds]);
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

/// One packet on its way through the cipher.
template <int kRounds, Direction kDirection, bool kEsn>
struct Pass {
    const VaesGcmContext& context;
    KeyStream<kRounds> stream;
    __m512i aad;
    uint8_t* at;           // block 0 is header and IV
    uint32_t left;         // bytes from there to the ICV
    uint64_t lengths[2];   // the last block of the hash, its bytes reversed: bits of text, bits of AAD
    __mmask8 first = 0x3;  // the halves of block 0, until it is done
    __m128i hash = _mm_setzero_si128();
    __m128i mask = _mm_setzero_si128();

    GW_VAES_INLINE Pass(const VaesGcmContext& of, const RoundKeys<kRounds>& keys, const EspText& packet) noexcept
        : context(of),
          stream(keys, of.salt, load_word(packet.esp + kEspHeaderBytes)),
          aad(_mm512_zextsi128_si512(aad_block<kEsn>(packet))),
          at(packet.esp),
          left(packet.text_bytes + kBlockBytes),
          lengths{uint64_t{packet.text_bytes} * 8, (kEsn ? kEsnAadBytes : kEspHeaderBytes) * 8}
    {
    }

    /// Ciphers a vector, which may begin with block 0; what the hash takes of it.
    GW_VAES_INLINE __m512i cipher(__m512i in, __m512i& out) noexcept
    {
        __m512i key_stream = stream.next();
        mask = _mm_mask_mov_epi64(mask, first, _mm512_castsi512_si128(key_stream));
        key_stream = _mm512_maskz_mov_epi64(static_cast<__mmask8>(~first), key_stream);
        out = _mm512_xor_si512(in, key_stream);
        const __m512i hashed = _mm512_mask_mov_epi64(kDirection == Direction::kOutbound ? out : in, first, aad);
        first = 0;
        return hashed;
    }
    /// Adds the hash so far to the first block of what comes next.
    GW_VAES_INLINE __m512i chain(__m512i blocks) noexcept
    {
        return _mm512_xor_si512(blocks, _mm512_zextsi128_si512(hash));
    }

    /// All whole groups of 16 blocks; at least one. Sealing, a group is hashed while the next one is ciphered, which it
    /// need not wait for; opening, while it is deciphered itself.
    GW_VAES_INLINE void groups() noexcept
    {
        __m512i hashed[kGroupVectors];
        if constexpr (kDirection == Direction::kInbound) {
            do
                group<Hash::kYes>(hashed);
            while (left >= kGroupBytes);
            return;
        }
        group<Hash::kNo>(hashed);
        while (left >= kGroupBytes)
            group<Hash::kYes>(hashed);
        Products sum = {};
        for (uint32_t i = 0; i < kGroupVectors; i++)
            multiply(sum, i == 0 ? chain(hashed[i]) : hashed[i], load(group_powers(i)));
        hash = reduce(sum);
    }

    enum class Hash : uint8_t { kNo, kYes };

    /// For vector `i` of a group.
    GW_VAES_INLINE const uint8_t* group_powers(uint32_t i) const noexcept
    {
        return context.powers[kGcmPowers - kGcmGroupBlocks + i * kVectorBlocks];
    }

    /// Takes and leaves in `hashed` what the hash takes of a group, reversed.
    template <Hash kHash>
    GW_VAES_INLINE void group(__m512i (&hashed)[kGroupVectors]) noexcept
    {
        __m512i in[kGroupVectors];
        __m512i state[kGroupVectors];
        for (uint32_t i = 0; i < kGroupVectors; i++) {
            in[i] = load(at + i * kVectorBytes);
            state[i] = stream.start();
        }
        if constexpr (kDirection == Direction::kInbound)
            for (uint32_t i = 0; i < kGroupVectors; i++)
                hashed[i] = reverse_blocks(i == 0 ? _mm512_mask_mov_epi64(in[0], first, aad) : in[i]);
        Products sum = {};
        for (int round = 1; round < kRounds; round++) {
            for (uint32_t i = 0; i < kGroupVectors; i++)
                state[i] = _mm512_aesenc_epi128(state[i], stream.keys.of[round]);
            const auto turn = static_cast<uint32_t>(round - 1) / 2;
            if (kHash == Hash::kYes && round % 2 == 1 && turn < kGroupVectors)
                multiply(sum, turn == 0 ? chain(hashed[0]) : hashed[turn], load(group_powers(turn)));
        }
        for (uint32_t i = 0; i < kGroupVectors; i++)
            state[i] = _mm512_aesenclast_epi128(state[i], stream.keys.of[kRounds]);
        mask = _mm_mask_mov_epi64(mask, first, _mm512_castsi512_si128(state[0]));
        state[0] = _mm512_maskz_mov_epi64(static_cast<__mmask8>(~first), state[0]);
        for (uint32_t i = 0; i < kGroupVectors; i++) {
            const __m512i out = _mm512_xor_si512(in[i], state[i]);
            _mm512_storeu_si512(at + i * kVectorBytes, out);
            if constexpr (kDirection == Direction::kOutbound)
                hashed[i] = reverse_blocks(i == 0 ? _mm512_mask_mov_epi64(out, first, aad) : out);
        }
        if constexpr (kHash == Hash::kYes)
            hash = reduce(sum);
        first = 0;
        at += kGroupBytes;
        left -= kGroupBytes;
    }

    /// What is left, less than 16 blocks, and the block of lengths; the hash is complete.
    GW_VAES_INLINE void finish() noexcept
    {
        const uint32_t blocks = (left + kBlockBytes - 1) / kBlockBytes;
        const uint8_t* powers = context.powers[kGcmPowers - 1 - blocks];
        const __m128i length_block = _mm_set_epi64x(static_cast<int64_t>(lengths[1]), static_cast<int64_t>(lengths[0]));
        Products sum = {};
        __m512i chained = _mm512_zextsi128_si512(hash);
        while (left != 0) {
            const uint32_t bytes = std::min(left, kVectorBytes);
            const __mmask64 present = _bzhi_u64(~uint64_t{0}, bytes);
            __m512i out;
            __m512i hashed = cipher(_mm512_maskz_loadu_epi8(present, at), out);
            store_front(at, out, bytes, context.icv_bytes);
            hashed = reverse_blocks(_mm512_maskz_mov_epi8(present, hashed));
            // Behind the last block, where it has room.
            const uint32_t lane = (bytes + kBlockBytes - 1) / kBlockBytes;
            hashed = _mm512_mask_broadcast_i32x4(hashed, static_cast<__mmask16>(0xfu << 4 * lane), length_block);
            multiply(sum, _mm512_xor_si512(hashed, chained), load(powers));
            chained = _mm512_setzero_si512();
            powers += kVectorBytes;
            at += bytes;
            left -= bytes;
        }
        if (blocks % kVectorBlocks == 0)
            multiply(sum, _mm512_xor_si512(_mm512_zextsi128_si512(length_block), chained), load(powers));
        hash = reduce(sum);
    }

    /// The ICV as it lies on the wire; `at` is its place.
    GW_VAES_INLINE __m128i icv() const noexcept
    {
        return _mm_xor_si128(mask, _mm512_castsi512_si128(reverse_blocks(_mm512_castsi128_si512(hash))));
    }
};

/// Short packets have no whole group.
enum class Size : uint8_t { kShort, kLong };

/// False: the ICV of an inbound packet is wrong.
template <Size kSize, int kRounds, Direction kDirection, bool kEsn>
GW_VAES_INLINE bool run(const VaesGcmContext& context, const RoundKeys<kRounds>& keys, const EspText& packet) noexcept
{
    const auto icv_present = static_cast<__mmask16>((1u << context.icv_bytes) - 1);
    Pass<kRounds, kDirection, kEsn> pass(context, keys, packet);
    __m128i wanted = _mm_setzero_si128();
    if constexpr (kDirection == Direction::kInbound)
        // Before the text in front of it may be stored over it.
        wanted = _mm_maskz_loadu_epi8(icv_present, pass.at + pass.left);
    if constexpr (kSize == Size::kLong)
        pass.groups();
    pass.finish();
    const __m128i icv = pass.icv();
    if constexpr (kDirection == Direction::kInbound) {
        // All bytes at once: the time does not tell how many were right.
        const __m128i wrong = _mm_maskz_mov_epi8(icv_present, _mm_xor_si128(icv, wanted));
        return _mm_testz_si128(wrong, wrong) != 0;
    }
    if (context.icv_bytes == kBlockBytes) [[likely]]
        _mm_storeu_si128(reinterpret_cast<__m128i*>(pass.at), icv);
    else
        _mm_mask_storeu_epi8(pass.at, icv_present, icv);
    return true;
}

/// Out of line: the groups would take registers from the short packets.
template <int kRounds, Direction kDirection, bool kEsn>
[[gnu::noinline, gnu::target(GW_VAES_TARGET)]] bool run_long(const VaesGcmContext& context,
                                                             const RoundKeys<kRounds>& keys,
                                                             const EspText& packet) noexcept
{
    return run<Size::kLong, kRounds, kDirection, kEsn>(context, keys, packet);
}

template <int kRounds, Direction kDirection, bool kEsn>
GW_VAES uint64_t burst(CipherContext& self, std::span<const EspText> packets) noexcept
{
    const auto& context = static_cast<const VaesGcmContext&>(self);
    const RoundKeys<kRounds> keys(context);
    uint64_t done = 0;
    for (size_t i = 0; i < packets.size(); i++) {
        const bool whole_group = packets[i].text_bytes + kBlockBytes >= kGroupBytes;
        const bool right = whole_group ? run_long<kRounds, kDirection, kEsn>(context, keys, packets[i])
                                       : run<Size::kShort, kRounds, kDirection, kEsn>(context, keys, packets[i]);
        done |= static_cast<uint64_t>(right) << i;
    }
    return done;
}

template <int kRounds>
CipherContext::BurstFunction pick(const KeyRequest& request) noexcept
{
    if (request.direction == Direction::kOutbound)
        return request.esn ? burst<kRounds, Direction::kOutbound, true> : burst<kRounds, Direction::kOutbound, false>;
    return request.esn ? burst<kRounds, Direction::kInbound, true> : burst<kRounds, Direction::kInbound, false>;
}

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
    std::memcpy(context.round_keys, words, 16 * (rounds + 1));
    base::wipe({reinterpret_cast<uint8_t*>(words), sizeof words});
}

GW_VAES __m128i encrypt_zero_block(const VaesGcmContext& context, uint32_t rounds) noexcept
{
    const auto key = [&context](uint32_t i) { return reinterpret_cast<const __m128i*>(context.round_keys[i]); };
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
        _mm_store_si128(reinterpret_cast<__m128i*>(context.powers[i]), power);
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

CipherContext::BurstFunction vaes_gcm_burst(const KeyRequest& request) noexcept
{
    switch (request.suite.key_bits) {
        case 128:
            return pick<10>(request);
        case 192:
            return pick<12>(request);
        default:
            return pick<14>(request);
    }
}

}  // namespace ipsecgw::esp

#endif
