// The ESP algorithms and their lengths, by the names operators know from swanctl proposals.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ipsecgw::model {

/// ENCR transforms (IANA IKEv2 parameters). The GCM ICV length is part of the transform, as in IKE.
enum class Encryption : uint8_t {
    kNull,              // RFC 2410
    kAesCbc,            // RFC 3602
    kAesCtr,            // RFC 3686
    kAesGcm8,           // RFC 4106
    kAesGcm12,
    kAesGcm16,
    kAesGmac,           // RFC 4543: ENCR_NULL_AUTH_AES_GMAC
    kChaCha20Poly1305,  // RFC 7634
};

/// AUTH transforms (RFC 4868). kNone goes with the AEADs only.
enum class Integrity : uint8_t { kNone, kHmacSha256, kHmacSha384, kHmacSha512 };

/// FIPS 197; what key_bits may be for the AES transforms.
inline constexpr std::array<uint16_t, 3> kAesKeyBits = {128, 192, 256};

/// What ESP needs to know of an algorithm pair. Bytes.
struct SuiteLayout {
    uint8_t key_bytes;            // encryption key without salt
    uint8_t salt_bytes;           // implicit part of the nonce, follows the key in the keying material
    uint8_t integrity_key_bytes;  // follows the encryption key and salt (RFC 7296 section 2.17 order)
    uint8_t iv_bytes;             // explicit IV in the packet
    uint8_t icv_bytes;
    uint8_t align_bytes;          // plaintext incl. trailer is a multiple of this: cipher block, at least 4

    [[nodiscard]] constexpr uint16_t keymat_bytes() const noexcept
    {
        return static_cast<uint16_t>(key_bytes + salt_bytes + integrity_key_bytes);
    }
};

/// One ESP transform set without ESN, which is a property of the SA.
struct EspSuite {
    Encryption encryption = Encryption::kAesGcm16;
    uint16_t key_bits = 128;  // 0 for NULL
    Integrity integrity = Integrity::kNone;

    [[nodiscard]] bool is_aead() const noexcept;
    [[nodiscard]] SuiteLayout layout() const noexcept;
    /// "aes256gcm16", "aes128-sha256", "null-sha256", "aes128gmac", "chacha20poly1305".
    [[nodiscard]] std::string name() const;

    bool operator==(const EspSuite&) const = default;
};

/// Reads a proposal's ESP part: "aes128gcm128" and "aes128gcm16" are the same. Order-insensitive; unknown words, a cipher
/// without integrity and an AEAD with integrity are errors that name the word.
base::Result<EspSuite> parse_esp_suite(std::string_view text);

/// What a whole ESP proposal says, ESN included.
struct EspProposal {
    EspSuite suite;
    bool esn = false;
};

/// Like parse_esp_suite, and accepts "esn" or "noesn" as a word: "aes128gcm16-esn".
base::Result<EspProposal> parse_esp_proposal(std::string_view text);

/// Every suite lib/esp implements, for capability listings and tests.
const std::vector<EspSuite>& all_esp_suites();

}  // namespace ipsecgw::model
