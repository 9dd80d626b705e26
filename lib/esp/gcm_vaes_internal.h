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

/// One contiguous record: a packet of 60 bytes touches seven lines of it. Read-only once keyed.
struct alignas(RTE_CACHE_LINE_SIZE) VaesGcmContext : sa::CipherContext {
    uint32_t salt = 0;
    uint8_t icv_bytes = 0;
    alignas(16) uint8_t round_keys[kMostRoundKeys][16];
    /// H^17 to H^1 as gcm_vaes.cc multiplies with them, then as much as a vector reads beyond.
    alignas(16) uint8_t powers[kGcmPowers + 3][16];
};
static_assert(sizeof(VaesGcmContext) == 10 * 64 || RTE_CACHE_LINE_SIZE != 64);

/// `key` is 16, 24 or 32 bytes. Needs vaes_gcm_is_supported(), as do the functions of vaes_gcm_burst().
void set_vaes_gcm_key(VaesGcmContext& context, std::span<const uint8_t> key) noexcept;

/// The function for a suite's key length, ESN and direction.
sa::CipherContext::BurstFunction vaes_gcm_burst(const KeyRequest& request) noexcept;

}  // namespace ipsecgw::esp
