// Authenticated encryption of one packet at a time, keyed once: AES-GCM, GMAC and ChaCha20-Poly1305.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/result.h"
#include "crypto/evp_handle.h"

namespace ipsecgw::crypto {

/// AES-GCM (NIST SP 800-38D) takes its key size from the key. GMAC is AES-GCM with an empty text.
enum class AeadAlgorithm : uint8_t { kAesGcm, kChaCha20Poly1305 };

/// What is authenticated besides the text. The nonce must never repeat under one key when sealing.
struct AeadInput {
    const uint8_t* nonce;  // Aead::kNonceBytes
    std::span<const uint8_t> aad;
    std::span<const uint8_t> more_aad = {};  // continues `aad`
};

/// One key, one direction. Threads: one at a time.
class Aead {
  public:
    static constexpr size_t kNonceBytes = 12;
    static constexpr size_t kMaxTagBytes = 16;

    /// Keys of 16, 24 or 32 bytes for AES-GCM, 32 for ChaCha20-Poly1305. `tag_bytes`: 16, or for AES-GCM also 12 or 8
    /// (RFC 4106 section 6). kInvalidArgument otherwise; kResourceExhausted.
    static base::Result<Aead> create(AeadAlgorithm algorithm, Operation operation, std::span<const uint8_t> key,
                                     size_t tag_bytes);

    /// Encrypts `text` in place and writes the tag to `tag`. False when OpenSSL fails; `text` is then undefined and
    /// must not be sent. The context was created with kSeal. Does not allocate.
    bool seal(const AeadInput& input, std::span<uint8_t> text, uint8_t* tag) noexcept;

    /// Decrypts `text` in place and verifies `tag` in constant time. False when not authentic; `text` is then garbage
    /// that must not be used. The context was created with kOpen. Does not allocate.
    bool open(const AeadInput& input, std::span<uint8_t> text, const uint8_t* tag) noexcept;

    [[nodiscard]] size_t tag_bytes() const noexcept { return tag_bytes_; }

  private:
    Aead(CipherCtxPtr ctx, size_t tag_bytes) noexcept : ctx_(std::move(ctx)), tag_bytes_(tag_bytes) {}
    bool run(const AeadInput& input, std::span<uint8_t> text) noexcept;

    CipherCtxPtr ctx_;
    size_t tag_bytes_;
};

}  // namespace ipsecgw::crypto
