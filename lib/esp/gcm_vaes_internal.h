// The key of the vaes_gcm engine and the functions that use it; see gcm_vaes.cc.
#pragma once

#include <cstdint>
#include <span>

#include <rte_common.h>

#include "esp/engine_internal.h"

namespace ipsecgw::esp {

/// Blocks of text that are hashed before one reduction. At the end of a packet the block of lengths follows them, so
/// one more power of the hash key is kept.
inline constexpr uint32_t kGcmGroupBlocks = 16;
inline constexpr uint32_t kGcmPowers = kGcmGroupBlocks + 1;
inline constexpr uint32_t kMostRoundKeys = 15;  // AES-256 (FIPS 197 section 5)

/// One contiguous record, in the order of need: a packet of 60 bytes under AES-128 touches five lines of it, the longest
/// eight. Read-only once keyed.
struct alignas(RTE_CACHE_LINE_SIZE) VaesGcmContext : sa::CipherContext {
    uint32_t salt = 0;
    uint8_t icv_bytes = 0;
    /// H^17 to H^1 as gcm_vaes.cc multiplies with them, then the round keys, into which a vector of powers may read: what it
    /// multiplies there is zero.
    alignas(64) uint8_t blocks[kGcmPowers + kMostRoundKeys][16];

    [[nodiscard]] const uint8_t* power(uint32_t i) const noexcept { return blocks[i]; }
    [[nodiscard]] const uint8_t* round_key(uint32_t i) const noexcept { return blocks[kGcmPowers + i]; }
};
static_assert(sizeof(VaesGcmContext) == 9 * 64 || RTE_CACHE_LINE_SIZE != 64);
static_assert(kMostRoundKeys >= 3, "what a vector reads behind the last power");

/// `key` is 16, 24 or 32 bytes. Needs vaes_gcm_is_supported(), as do the functions of vaes_gcm_burst().
void set_vaes_gcm_key(VaesGcmContext& context, std::span<const uint8_t> key) noexcept;

/// The function for a suite's key length, ESN and direction.
sa::CipherContext::BurstFunction vaes_gcm_burst(const KeyRequest& request) noexcept;

}  // namespace ipsecgw::esp
