// AES-GCM (NIST SP 800-38D, as RFC 4106 uses it) with vectors of four blocks.
//
// An ESP packet is laid out so that the 16 bytes before the text are ESP header and IV. They are taken as block 0 of
// the message: its key stream, from the counter 1, is what masks the ICV, and in the hash its place is the AAD's, which
// is one block too. So text, mask and AAD go through one sequence of full vectors, and header and IV are written back
// as they were.
//
// Branches and addresses depend on lengths alone, never on keys, text or tags.
#include "esp/gcm_vaes_internal.h"

#if defined(RTE_ARCH_X86_64)

#include <iterator>

#include "esp/gcm_vaes_vectors_internal.h"

namespace ipsecgw::esp {

using namespace gcm;
using model::Direction;
using sa::CipherContext;

namespace {

/// One packet on its way through the cipher. Steps that wait for each other are laid out between steps that do not: the
/// CPU looks ahead by less than a group.
template <int kRounds, Direction kDirection, bool kEsn>
struct Pass {
    static constexpr bool kSeals = kDirection == Direction::kOutbound;

    /// Whether block 0, header and IV, is in a run of vectors.
    enum class Block0 : uint8_t { kNo, kYes };
    /// Whether a group that was ciphered before waits to be hashed.
    enum class Waiting : uint8_t { kNo, kYes };

    const VaesGcmContext& context;
    KeyStream<kRounds> stream;
    uint8_t* at;     // block 0 is header and IV
    uint32_t left;   // bytes from there to the ICV
    __m512i aad;     // in the place of block 0
    __m128i lengths; // the last block of the hash, its bytes reversed: bits of text, bits of AAD
    __m128i hash = _mm_setzero_si128();
    __m128i mask = _mm_setzero_si128();
    __m512i state[kGroupVectors];   // the next counters, with the first round key added
    __m512i hashed[kGroupVectors];  // sealing: the group that waits, reversed

    GW_VAES_INLINE Pass(const VaesGcmContext& of, const RoundKeys<kRounds>& keys, const EspText& packet) noexcept
        : context(of),
          stream(keys, of.salt, load_word(packet.esp + kEspHeaderBytes)),
          at(packet.esp),
          left(packet.text_bytes + kBlockBytes),
          aad(_mm512_zextsi128_si512(aad_block<kEsn>(packet))),
          lengths(_mm_set_epi64x((kEsn ? kEsnAadBytes : kEspHeaderBytes) * 8, int64_t{packet.text_bytes} * 8))
    {
    }

    /// Adds the hash so far to the first block of what comes next.
    GW_VAES_INLINE __m512i chain(__m512i blocks) const noexcept
    {
        return _mm512_xor_si512(blocks, _mm512_zextsi128_si512(hash));
    }
    /// For vector `i` of a group.
    GW_VAES_INLINE const uint8_t* group_powers(uint32_t i) const noexcept
    {
        return context.power(kGcmPowers - kGcmGroupBlocks + i * kVectorBlocks);
    }
    GW_VAES_INLINE void prepare(uint32_t vectors) noexcept
    {
        for (uint32_t i = 0; i < vectors; i++)
            state[i] = stream.start();
    }
    GW_VAES_INLINE __m512i with_aad(__m512i blocks) const noexcept
    {
        return _mm512_mask_mov_epi64(blocks, kBlock0Halves, aad);
    }
    /// The key stream of block 0 masks the ICV, and the block stays as it is.
    GW_VAES_INLINE __m512i take_mask(__m512i key_stream) noexcept
    {
        mask = _mm512_castsi512_si128(key_stream);
        return _mm512_maskz_mov_epi64(static_cast<__mmask8>(~kBlock0Halves), key_stream);
    }
    /// Adds a vector of the group that waits, or of this one, which is still to be deciphered.
    template <Block0 kBlock0>
    GW_VAES_INLINE void hash_of_group(Products& sum, uint32_t i) noexcept
    {
        __m512i blocks;
        if constexpr (kSeals)
            blocks = hashed[i];
        else
            blocks = reverse_blocks(kBlock0 == Block0::kYes && i == 0 ? with_aad(load(at))
                                                                      : load(at + i * kVectorBytes));
        multiply(sum, i == 0 ? chain(blocks) : blocks, load(group_powers(i)));
    }

    /// All whole groups of 16 blocks; at least one. Sealing, a group is hashed while the next one is ciphered, which it
    /// need not wait for; opening, while it is deciphered itself.
    GW_VAES_INLINE void groups() noexcept
    {
        group<Block0::kYes, kSeals ? Waiting::kNo : Waiting::kYes>();
        while (left >= kGroupBytes)
            group<Block0::kNo, Waiting::kYes>();
    }

    template <Block0 kBlock0, Waiting kWaiting>
    GW_VAES_INLINE void group() noexcept
    {
        __m512i next[kGroupVectors];
        Products sum = {};
        for (int round = 1; round < kRounds; round++) {
            for (uint32_t i = 0; i < kGroupVectors; i++)
                state[i] = _mm512_aesenc_epi128(state[i], stream.keys.of[round]);
            const auto turn = static_cast<uint32_t>(round - 1) / 2;
            if (turn < kGroupVectors) {
                if (round % 2 == 0)
                    next[turn] = stream.start();
                else if (kWaiting == Waiting::kYes)
                    hash_of_group<kBlock0>(sum, turn);
            } else if (kWaiting == Waiting::kYes && round == 2 * kGroupVectors + 1) {
                hash = reduce(sum);
            }
        }
        for (uint32_t i = 0; i < kGroupVectors; i++) {
            __m512i key_stream = _mm512_aesenclast_epi128(state[i], stream.keys.of[kRounds]);
            if (kBlock0 == Block0::kYes && i == 0)
                key_stream = take_mask(key_stream);
            const __m512i out = _mm512_xor_si512(load(at + i * kVectorBytes), key_stream);
            _mm512_storeu_si512(at + i * kVectorBytes, out);
            if constexpr (kSeals)
                hashed[i] = reverse_blocks(kBlock0 == Block0::kYes && i == 0 ? with_aad(out) : out);
            state[i] = next[i];
        }
        at += kGroupBytes;
        left -= kGroupBytes;
    }

    /// The rest, which is in `kVectors` vectors, the last of them perhaps in part; and the block of lengths. `state` is
    /// prepared. The hash is complete, and `at` the ICV's place.
    template <uint32_t kVectors, Block0 kBlock0, Waiting kWaiting>
    GW_VAES_INLINE void finish() noexcept
    {
        const uint32_t blocks = (left + kBlockBytes - 1) / kBlockBytes;
        const uint8_t* powers = context.power(kGcmPowers - 1 - blocks);
        const uint32_t last_bytes = left - (kVectors == 0 ? 0 : kVectors - 1) * kVectorBytes;
        const __mmask64 present = _bzhi_u64(~uint64_t{0}, last_bytes);
        __m512i in[kVectors + 1];
        for (uint32_t i = 0; i < kVectors; i++)
            in[i] = i + 1 < kVectors ? load(at + i * kVectorBytes) : _mm512_maskz_loadu_epi8(present, at + i * kVectorBytes);
        Products before = {};
        for (int round = 1; round < kRounds; round++) {
            for (uint32_t i = 0; i < kVectors; i++)
                state[i] = _mm512_aesenc_epi128(state[i], stream.keys.of[round]);
            const auto turn = static_cast<uint32_t>(round - 1) / 2;
            if (kWaiting == Waiting::kYes && round % 2 == 1 && turn < kGroupVectors)
                multiply(before, turn == 0 ? chain(hashed[0]) : hashed[turn], load(group_powers(turn)));
        }
        if constexpr (kWaiting == Waiting::kYes)
            hash = reduce(before);
        Products sum = {};
        for (uint32_t i = 0; i < kVectors; i++) {
            const bool is_last = i + 1 == kVectors;
            __m512i key_stream = _mm512_aesenclast_epi128(state[i], stream.keys.of[kRounds]);
            if (kBlock0 == Block0::kYes && i == 0)
                key_stream = take_mask(key_stream);
            const __m512i out = _mm512_xor_si512(in[i], key_stream);
            __m512i text = kSeals ? out : in[i];
            if (kBlock0 == Block0::kYes && i == 0)
                text = with_aad(text);
            if (is_last) {
                store_front(at + i * kVectorBytes, out, last_bytes, context.icv_bytes);
                text = reverse_blocks(kSeals ? _mm512_maskz_mov_epi8(present, text) : text);
                // Behind the last block, where it has room.
                const uint32_t lane = (last_bytes + kBlockBytes - 1) / kBlockBytes;
                text = _mm512_mask_broadcast_i32x4(text, static_cast<__mmask16>(0xfu << 4 * lane), lengths);
            } else {
                _mm512_storeu_si512(at + i * kVectorBytes, out);
                text = reverse_blocks(text);
            }
            multiply(sum, i == 0 ? chain(text) : text, load(powers + i * kVectorBytes));
        }
        if (kVectors == 0 || blocks % kVectorBlocks == 0) {
            const __m512i alone = _mm512_zextsi128_si512(lengths);
            multiply(sum, kVectors == 0 ? chain(alone) : alone, load(powers + kVectors * kVectorBytes));
        }
        hash = reduce(sum);
        at += left;
        left = 0;
    }

    /// The ICV as it lies on the wire.
    GW_VAES_INLINE __m128i icv() const noexcept
    {
        return _mm_xor_si128(mask, _mm512_castsi512_si128(reverse_blocks(_mm512_castsi128_si512(hash))));
    }
};

/// The ICV of a packet, before the text in front of it may be stored over it, and in the end.
template <Direction kDirection>
struct Icv {
    const __mmask16 present;
    __m128i wanted = _mm_setzero_si128();

    GW_VAES_INLINE Icv(const VaesGcmContext& context, const uint8_t* place) noexcept
        : present(static_cast<__mmask16>((1u << context.icv_bytes) - 1))
    {
        if constexpr (kDirection == Direction::kInbound)
            wanted = _mm_maskz_loadu_epi8(present, place);
    }
    /// False: the ICV of an inbound packet is wrong.
    GW_VAES_INLINE bool settle(const VaesGcmContext& context, uint8_t* place, __m128i icv) const noexcept
    {
        if constexpr (kDirection == Direction::kInbound) {
            // All bytes at once: the time does not tell how many were right.
            const __m128i wrong = _mm_maskz_mov_epi8(present, _mm_xor_si128(icv, wanted));
            return _mm_testz_si128(wrong, wrong) != 0;
        }
        if (context.icv_bytes == kBlockBytes) [[likely]]
            _mm_storeu_si128(reinterpret_cast<__m128i*>(place), icv);
        else
            _mm_mask_storeu_epi8(place, present, icv);
        return true;
    }
};

/// A packet without a whole group, in `kVectors` vectors.
template <uint32_t kVectors, int kRounds, Direction kDirection, bool kEsn>
GW_VAES_INLINE bool run_short(const VaesGcmContext& context, const RoundKeys<kRounds>& keys,
                              const EspText& packet) noexcept
{
    using ThisPass = Pass<kRounds, kDirection, kEsn>;
    ThisPass pass(context, keys, packet);
    const Icv<kDirection> icv(context, pass.at + pass.left);
    pass.prepare(kVectors);
    pass.template finish<kVectors, ThisPass::Block0::kYes, ThisPass::Waiting::kNo>();
    return icv.settle(context, pass.at, pass.icv());
}

/// One with whole groups. Out of line, as the next: they would take registers from the shortest packets.
template <int kRounds, Direction kDirection, bool kEsn>
[[gnu::noinline, gnu::target(GW_VAES_TARGET)]] bool run_long(const VaesGcmContext& context,
                                                             const RoundKeys<kRounds>& keys,
                                                             const EspText& packet) noexcept
{
    using ThisPass = Pass<kRounds, kDirection, kEsn>;
    constexpr auto kBlock0 = ThisPass::Block0::kNo;
    constexpr auto kWaiting = ThisPass::kSeals ? ThisPass::Waiting::kYes : ThisPass::Waiting::kNo;
    ThisPass pass(context, keys, packet);
    const Icv<kDirection> icv(context, pass.at + pass.left);
    pass.prepare(kGroupVectors);
    pass.groups();
    switch ((pass.left + kVectorBytes - 1) / kVectorBytes) {
        case 0:
            pass.template finish<0, kBlock0, kWaiting>();
            break;
        case 1:
            pass.template finish<1, kBlock0, kWaiting>();
            break;
        case 2:
            pass.template finish<2, kBlock0, kWaiting>();
            break;
        case 3:
            pass.template finish<3, kBlock0, kWaiting>();
            break;
        default:
            pass.template finish<4, kBlock0, kWaiting>();
            break;
    }
    return icv.settle(context, pass.at, pass.icv());
}

template <int kRounds, Direction kDirection, bool kEsn>
[[gnu::noinline, gnu::target(GW_VAES_TARGET)]] bool run_middle(const VaesGcmContext& context,
                                                               const RoundKeys<kRounds>& keys,
                                                               const EspText& packet, uint32_t vectors) noexcept
{
    switch (vectors) {
        case 2:
            return run_short<2, kRounds, kDirection, kEsn>(context, keys, packet);
        case 3:
            return run_short<3, kRounds, kDirection, kEsn>(context, keys, packet);
        default:
            return run_short<4, kRounds, kDirection, kEsn>(context, keys, packet);
    }
}

/// Lane i of the result is the sum of the lanes of vector i.
GW_VAES_INLINE __m512i add_lanes_of_each(const __m512i (&v)[4]) noexcept
{
    constexpr int kFronts = 0x44, kBacks = 0xee, kEvens = 0x88, kOdds = 0xdd;
    const __m512i two = _mm512_xor_si512(_mm512_shuffle_i64x2(v[0], v[1], kFronts),
                                         _mm512_shuffle_i64x2(v[0], v[1], kBacks));
    const __m512i others = _mm512_xor_si512(_mm512_shuffle_i64x2(v[2], v[3], kFronts),
                                            _mm512_shuffle_i64x2(v[2], v[3], kBacks));
    return _mm512_xor_si512(_mm512_shuffle_i64x2(two, others, kEvens), _mm512_shuffle_i64x2(two, others, kOdds));
}
/// Lane i of the result is lane 0 of vector i.
GW_VAES_INLINE __m512i first_lanes_of_each(const __m512i (&v)[4]) noexcept
{
    return _mm512_shuffle_i64x2(_mm512_shuffle_i64x2(v[0], v[1], 0), _mm512_shuffle_i64x2(v[2], v[3], 0), 0x88);
}
GW_VAES_INLINE __m512i join(__m128i a, __m128i b, __m128i c, __m128i d) noexcept
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_set_m128i(b, a)), _mm256_set_m128i(d, c), 1);
}

/// Four packets of one vector each, side by side: one of them alone would leave the units waiting most of the time.
/// From the sums of products on, lane i is packet i, and all four are reduced at once. Returns a bit for each: it is
/// sealed, or its ICV is right.
template <int kRounds, Direction kDirection, bool kEsn>
GW_VAES_INLINE uint32_t run_four(const VaesGcmContext& context, const RoundKeys<kRounds>& keys,
                                 const EspText* const (&packets)[4]) noexcept
{
    constexpr bool kSeals = kDirection == Direction::kOutbound;
    constexpr uint32_t kPackets = 4;
    const auto icv_present = static_cast<__mmask16>((1u << context.icv_bytes) - 1);
    __m512i in[kPackets], state[kPackets], low[kPackets], middle[kPackets], high[kPackets];
    uint32_t bytes[kPackets];
    __m128i wanted[kPackets];
    for (uint32_t i = 0; i < kPackets; i++) {
        const EspText& packet = *packets[i];
        bytes[i] = packet.text_bytes + kBlockBytes;
        in[i] = _mm512_maskz_loadu_epi8(_bzhi_u64(~uint64_t{0}, bytes[i]), packet.esp);
        if constexpr (!kSeals)
            wanted[i] = _mm_maskz_loadu_epi8(icv_present, packet.esp + bytes[i]);
        state[i] = KeyStream<kRounds>(keys, context.salt, load_word(packet.esp + kEspHeaderBytes)).start();
    }
    for (int round = 1; round < kRounds; round++)
        for (uint32_t i = 0; i < kPackets; i++)
            state[i] = _mm512_aesenc_epi128(state[i], keys.of[round]);
    for (uint32_t i = 0; i < kPackets; i++) {
        state[i] = _mm512_aesenclast_epi128(state[i], keys.of[kRounds]);
        const __m512i aad = _mm512_zextsi128_si512(aad_block<kEsn>(*packets[i]));
        const __m512i out =
            _mm512_mask_xor_epi64(in[i], static_cast<__mmask8>(~kBlock0Halves), in[i], state[i]);
        store_front(packets[i]->esp, out, bytes[i], context.icv_bytes);
        const __m512i text = kSeals ? _mm512_maskz_mov_epi8(_bzhi_u64(~uint64_t{0}, bytes[i]), out) : in[i];
        const __m512i hashed = reverse_blocks(_mm512_mask_mov_epi64(text, kBlock0Halves, aad));
        const __m512i powers = load(context.power(kGcmPowers - 1 - (bytes[i] + kBlockBytes - 1) / kBlockBytes));
        Products sum = {};
        multiply(sum, hashed, powers);
        low[i] = sum.low;
        middle[i] = sum.middle;
        high[i] = sum.high;
    }
    constexpr int64_t kAadBits = (kEsn ? kEsnAadBytes : kEspHeaderBytes) * 8;
    const auto text_bits = [&packets](uint32_t i) { return int64_t{packets[i]->text_bytes} * 8; };
    const __m512i lengths = _mm512_set_epi64(kAadBits, text_bits(3), kAadBits, text_bits(2), kAadBits, text_bits(1),
                                             kAadBits, text_bits(0));
    Products sum = {add_lanes_of_each(low), add_lanes_of_each(middle), add_lanes_of_each(high)};
    multiply(sum, lengths,
             in_lanes(_mm_load_si128(reinterpret_cast<const __m128i*>(context.power(kGcmPowers - 1)))));
    const __m512i icvs = _mm512_xor_si512(reverse_blocks(reduce_lanes(sum)), first_lanes_of_each(state));
    if constexpr (!kSeals) {
        // All bytes at once: the time does not tell how many were right.
        const __m512i wrong =
            _mm512_maskz_mov_epi8(icv_present * uint64_t{0x0001000100010001},
                                  _mm512_xor_si512(icvs, join(wanted[0], wanted[1], wanted[2], wanted[3])));
        const uint32_t halves = _mm512_test_epi64_mask(wrong, wrong);
        return ~_pext_u32(halves | halves >> 1, 0x55) & 0xf;
    }
    const __m128i each[kPackets] = {_mm512_castsi512_si128(icvs), _mm512_extracti32x4_epi32(icvs, 1),
                                    _mm512_extracti32x4_epi32(icvs, 2), _mm512_extracti32x4_epi32(icvs, 3)};
    for (uint32_t i = 0; i < kPackets; i++) {
        uint8_t* const place = packets[i]->esp + bytes[i];
        if (context.icv_bytes == kBlockBytes) [[likely]]
            _mm_storeu_si128(reinterpret_cast<__m128i*>(place), each[i]);
        else
            _mm_mask_storeu_epi8(place, icv_present, each[i]);
    }
    return 0xf;
}

/// Packets of one vector wait for three more; what is left of them in the end goes one by one.
template <int kRounds, Direction kDirection, bool kEsn>
GW_VAES uint64_t burst(CipherContext& self, std::span<const EspText> packets) noexcept
{
    const auto& context = static_cast<const VaesGcmContext&>(self);
    const RoundKeys<kRounds> keys(context);
    uint64_t done = 0;
    const EspText* four[4];
    uint32_t waiting = 0;
    const auto note = [&](const EspText* packet, uint32_t right) {
        done |= static_cast<uint64_t>(right) << (packet - packets.data());
    };
    for (const EspText& packet : packets) {
        const uint32_t bytes = packet.text_bytes + kBlockBytes;
        if (bytes <= kVectorBytes) {
            four[waiting++] = &packet;
            if (waiting < std::size(four))
                continue;
            waiting = 0;
            const uint32_t right = run_four<kRounds, kDirection, kEsn>(context, keys, four);
            for (uint32_t i = 0; i < std::size(four); i++)
                note(four[i], right >> i & 1);
        } else if (bytes < kGroupBytes) {
            note(&packet, run_middle<kRounds, kDirection, kEsn>(context, keys, packet,
                                                                (bytes + kVectorBytes - 1) / kVectorBytes));
        } else {
            note(&packet, run_long<kRounds, kDirection, kEsn>(context, keys, packet));
        }
    }
    for (uint32_t i = 0; i < waiting; i++)
        note(four[i], run_short<1, kRounds, kDirection, kEsn>(context, keys, *four[i]));
    return done;
}

template <int kRounds>
CipherContext::BurstFunction pick(const KeyRequest& request) noexcept
{
    if (request.direction == Direction::kOutbound)
        return request.esn ? burst<kRounds, Direction::kOutbound, true> : burst<kRounds, Direction::kOutbound, false>;
    return request.esn ? burst<kRounds, Direction::kInbound, true> : burst<kRounds, Direction::kInbound, false>;
}

}  // namespace

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
