// What the cipher engines share: the request, the parts of the keying material, nonces and AAD.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>

#include "base/byte_order.h"
#include "base/result.h"
#include "model/algorithms.h"
#include "model/sa_params.h"
#include "sa/cipher_context.h"

namespace ipsecgw::esp {

/// RFC 4303 section 2: SPI and sequence number.
inline constexpr size_t kEspHeaderBytes = 8;
/// Salt and explicit IV (RFC 4106 section 4, RFC 7634 section 2).
inline constexpr size_t kNonceBytes = 12;
/// SPI and ESN (RFC 4106 section 5); 8 without ESN, where the ESP header itself is the AAD.
inline constexpr size_t kEsnAadBytes = 12;
inline constexpr size_t kMaxIcvBytes = 32;

/// One context to key.
struct KeyRequest {
    model::EspSuite suite;
    std::span<const uint8_t> keymat;  // of the suite's length
    bool esn;
    model::Direction direction;
};

/// Makes a context with one engine. kUnsupported: not this suite.
using ContextMaker = std::function<base::Result<sa::CipherContextPtr>(const KeyRequest&)>;

/// The keying material cut as RFC 7296 section 2.17 orders it.
struct KeyParts {
    std::span<const uint8_t> key;
    std::span<const uint8_t> integrity_key;
    uint32_t salt;  // as in memory: it is copied, never counted with

    KeyParts(const model::SuiteLayout& layout, std::span<const uint8_t> keymat) noexcept
        : key(keymat.first(layout.key_bytes)),
          integrity_key(keymat.subspan(layout.key_bytes + layout.salt_bytes, layout.integrity_key_bytes)),
          salt(0)
    {
        std::memcpy(&salt, keymat.data() + layout.key_bytes, layout.salt_bytes);
    }
};

/// Salt and IV as one AEAD nonce in 16 bytes, the last 4 of them `tail`: zero, or the first block number of RFC 3686
/// section 4. Written in the two pieces ciphers read it in, so that the loads forward from the stores.
inline void store_nonce(uint8_t* out, uint32_t salt, const uint8_t* iv, uint32_t tail) noexcept
{
    uint64_t bits;
    std::memcpy(&bits, iv, sizeof bits);
    static_assert(std::endian::native == std::endian::little, "the halves below are joined in little-endian order");
    const uint64_t low = salt | bits << 32;
    const uint64_t high = bits >> 32 | static_cast<uint64_t>(tail) << 32;
    std::memcpy(out, &low, sizeof low);
    std::memcpy(out + 8, &high, sizeof high);
}

/// SPI, high half, low half: the header as it would be with the whole ESN in it.
inline void store_esn_header(uint8_t* out, const uint8_t* esp, uint32_t sequence_high) noexcept
{
    const uint32_t high = base::swap_be32(sequence_high);
    std::memcpy(out, esp, 4);
    std::memcpy(out + 4, &high, sizeof high);
    std::memcpy(out + 8, esp + 4, 4);
}

/// Bits 0 to n - 1.
inline uint64_t low_bits(size_t n) noexcept
{
    return n >= 64 ? ~uint64_t{0} : (uint64_t{1} << n) - 1;
}

}  // namespace ipsecgw::esp
