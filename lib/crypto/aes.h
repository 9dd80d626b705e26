// AES in CBC and counter mode, keyed once, one packet at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/result.h"
#include "crypto/evp_handle.h"

namespace ipsecgw::crypto {

/// kCtr counts the last 32 bits and up, most significant byte first (NIST SP 800-38A).
enum class AesMode : uint8_t { kCbc, kCtr };

/// One key, one direction. Confidentiality only: authenticate the result. Threads: one at a time.
class Aes {
  public:
    static constexpr size_t kBlockBytes = 16;

    /// Keys of 16, 24 or 32 bytes. kInvalidArgument otherwise; kResourceExhausted.
    static base::Result<Aes> create(AesMode mode, Operation operation, std::span<const uint8_t> key);

    /// Encrypts or decrypts `text` in place. `iv` has kBlockBytes: CBC's IV or the first counter block. For kCbc `text`
    /// is whole blocks, no padding is added or removed. False on a partial block or when OpenSSL fails; `text` is then
    /// undefined. Does not allocate.
    bool crypt(const uint8_t* iv, std::span<uint8_t> text) noexcept;

  private:
    Aes(CipherCtxPtr ctx, size_t multiple) noexcept : ctx_(std::move(ctx)), multiple_(multiple) {}

    CipherCtxPtr ctx_;
    size_t multiple_;  // text length is a multiple of this
};

}  // namespace ipsecgw::crypto
