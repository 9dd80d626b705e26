// Random bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/result.h"
#include "crypto/aes.h"

namespace ipsecgw::crypto {

/// Fills `bytes` from OpenSSL's seeded generator: fit for keys, SPIs and salts. False when the system has no entropy
/// source; `bytes` must then not be used. Threads: any. May block and allocate: not for packet paths.
[[nodiscard]] bool random_bytes(std::span<uint8_t> bytes) noexcept;

/// Unpredictable CBC IVs for a packet path (RFC 3602 section 3): the keystream of AES-128-CTR under a random key of its
/// own, made 32 IVs at a time. Threads: one at a time.
class IvSource {
  public:
    static base::Result<IvSource> create();

    /// Writes Aes::kBlockBytes bytes. False when OpenSSL fails; then nothing is written. Does not allocate or block.
    bool next(uint8_t* iv) noexcept;

  private:
    static constexpr size_t kPoolBytes = 32 * Aes::kBlockBytes;

    explicit IvSource(Aes aes) noexcept : aes_(std::move(aes)) {}

    Aes aes_;
    uint64_t refills_ = 0;  // upper half of the counter block: no two refills share a keystream
    size_t used_ = kPoolBytes;
    std::array<uint8_t, kPoolBytes> pool_{};
};

}  // namespace ipsecgw::crypto
