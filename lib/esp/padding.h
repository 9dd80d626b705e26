// The default padding of ESP: bytes 1, 2, 3, ... (RFC 4303 section 2.4). Eight bytes at a time: byte loops cost more
// than the rest of the framing.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace ipsecgw::esp {

// Both sides of a comparison or a store are built as numbers; the first byte on the wire is the lowest.
static_assert(std::endian::native == std::endian::little, "padding is written as little-endian words");

inline constexpr uint64_t kPadBytes1To8 = 0x0807060504030201;
inline constexpr uint64_t kPadByteStep = 0x0101010101010101;

namespace detail {

/// Bytes first+1 ... first+8 of the padding; no carry below 248.
constexpr uint64_t pad_word(uint32_t first) noexcept
{
    return kPadBytes1To8 + first * kPadByteStep;
}

inline uint64_t load_word(const uint8_t* p) noexcept
{
    uint64_t word;
    std::memcpy(&word, p, sizeof word);
    return word;
}

}  // namespace detail

/// Are the `pad_bytes` bytes before `end` 1, 2, 3, ...? At least 8 bytes before `end` must be readable, which the ESP
/// header in front of every text provides.
[[nodiscard]] inline bool padding_is_valid(const uint8_t* end, uint32_t pad_bytes) noexcept
{
    const uint64_t last = detail::load_word(end - 8);
    if (pad_bytes < 8) {
        const uint64_t wanted = kPadBytes1To8 & ((uint64_t{1} << (8 * pad_bytes)) - 1);
        return (last >> 1 >> (63 - 8 * pad_bytes)) == wanted;
    }
    uint64_t wrong = last ^ detail::pad_word(pad_bytes - 8);
    for (uint32_t i = 0; i + 8 < pad_bytes; i += 8)
        wrong |= detail::load_word(end - pad_bytes + i) ^ detail::pad_word(i);
    return wrong == 0;
}

/// What the end of a decrypted text says.
struct Trailer {
    uint32_t pad_bytes;
    uint8_t next_header;
    bool valid;  // the padding is 1, 2, 3, ...; whether it fits the text is the caller's to see
};

/// Reads the trailer whose last byte is before `end`; see padding_is_valid(). With the padding of counter modes, one
/// load.
[[nodiscard]] inline Trailer read_trailer(const uint8_t* end) noexcept
{
    const uint64_t word = detail::load_word(end - 8);
    const uint32_t pad_bytes = static_cast<uint8_t>(word >> 48);
    const auto next_header = static_cast<uint8_t>(word >> 56);
    if (pad_bytes > 6) [[unlikely]]
        return {pad_bytes, next_header, padding_is_valid(end - 2, pad_bytes)};
    const uint64_t wanted = kPadBytes1To8 & ((uint64_t{1} << (8 * pad_bytes)) - 1);
    return {pad_bytes, next_header, (word << 16 >> 1 >> (63 - 8 * pad_bytes)) == wanted};
}

/// Writes `pad_bytes` (at most 6) of padding, the pad length and the next header at `at`, in one store of 8 bytes: it
/// reaches up to 6 bytes into the place where the ICV (8 bytes at least in every suite) comes later.
inline void write_short_trailer(uint8_t* at, uint32_t pad_bytes, uint8_t next_header) noexcept
{
    const uint64_t padding = kPadBytes1To8 & ((uint64_t{1} << (8 * pad_bytes)) - 1);
    const uint64_t word = padding | (pad_bytes | static_cast<uint64_t>(next_header) << 8) << (8 * pad_bytes);
    std::memcpy(at, &word, sizeof word);
}

/// The same for up to 15 bytes of padding; reaches up to 7 bytes further than the trailer.
inline void write_trailer(uint8_t* at, uint32_t pad_bytes, uint8_t next_header) noexcept
{
    if (pad_bytes <= 6) {
        write_short_trailer(at, pad_bytes, next_header);
        return;
    }
    const uint64_t words[2] = {detail::pad_word(0), detail::pad_word(8)};
    std::memcpy(at, words, sizeof words);
    at[pad_bytes] = static_cast<uint8_t>(pad_bytes);
    at[pad_bytes + 1] = next_header;
}

}  // namespace ipsecgw::esp
