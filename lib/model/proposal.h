// What is negotiated: proposals as lists of transforms with their IANA numbers, written in swanctl's strings (RFC 7296 section 3.3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/algorithms.h"

namespace ipsecgw::model {

/// "Security Protocol Identifiers" (RFC 7296 section 3.3.1).
enum class ProtocolId : uint8_t { kNone = 0, kIke = 1, kAh = 2, kEsp = 3 };

/// RFC 7296 section 3.3.2, by today's names (RFC 9395).
enum class TransformType : uint8_t {
    kEncryption = 1,
    kPrf = 2,
    kIntegrity = 3,
    kKeyExchange = 4,
    kSequenceNumbers = 5,
};

/// PRF transforms (RFC 4868). The values are IANA's.
enum class Prf : uint16_t { kHmacSha256 = 5, kHmacSha384 = 6, kHmacSha512 = 7 };

/// Key exchange methods (RFC 3526, 5903, 8031). The values are IANA's.
enum class KeyExchangeGroup : uint16_t {
    kNone = 0,
    kModp2048 = 14,
    kModp3072 = 15,
    kModp4096 = 16,
    kEcp256 = 19,
    kEcp384 = 20,
    kEcp521 = 21,
    kCurve25519 = 31,
    kCurve448 = 32,
};

/// Transform type 5.
inline constexpr uint16_t kNoEsn = 0;
inline constexpr uint16_t kEsn = 1;

/// One transform by number: what a peer names may be unknown to us.
struct Transform {
    TransformType type = TransformType::kEncryption;
    uint16_t id = 0;
    uint16_t key_bits = 0;  // the Key Length attribute; 0: there is none

    bool operator==(const Transform&) const = default;
};

/// Alternatives of one protocol. Transforms of one type are alternatives in order of preference; one of each type is chosen.
struct Proposal {
    ProtocolId protocol = ProtocolId::kIke;
    std::vector<Transform> transforms;

    /// The transforms of one type, in order.
    [[nodiscard]] std::vector<Transform> of(TransformType type) const;
    [[nodiscard]] bool has(const Transform& transform) const;
    /// "aes128-sha256-x25519", "aes128gcm16-prfsha256-ecp256", "aes256gcm16-esn"; unknown numbers as "encr-3", "prf-2", "group-2".
    [[nodiscard]] std::string to_string() const;

    bool operator==(const Proposal&) const = default;
};

/// What an IKE SA uses: one proposal with one transform of each type. `encryption` is no kNull and no kAesGmac.
struct IkeSuite {
    EspSuite cipher;  // the same algorithms and layouts serve the SK payload (RFC 5282, RFC 7634 section 5)
    Prf prf = Prf::kHmacSha256;
    KeyExchangeGroup group = KeyExchangeGroup::kCurve25519;

    /// "aes128-sha256-prfsha256-x25519"
    [[nodiscard]] std::string name() const;
    bool operator==(const IkeSuite&) const = default;
};

/// What a child SA uses.
struct ChildSuite {
    EspSuite esp;
    bool esn = false;
    KeyExchangeGroup group = KeyExchangeGroup::kNone;  // of a CREATE_CHILD_SA with PFS

    /// "aes128gcm16-x25519-esn"
    [[nodiscard]] std::string name() const;
    bool operator==(const ChildSuite&) const = default;
};

/// Reads swanctl's `proposals`: one proposal of words like "aes128-aes256-sha256-x25519-ecp256", or "default", which stands for several.
/// Several words of a kind are alternatives. The PRF follows from the integrity algorithm unless it is named ("prfsha256"); beside an AEAD
/// an integrity word names the PRF only, as in strongSwan. At least one cipher, PRF and group; AEADs and other ciphers do not mix.
/// Weak and unknown words are errors that name the word and a better one (RFC 8247).
base::Result<std::vector<Proposal>> parse_ike_proposals(std::string_view text);

/// Reads swanctl's `esp_proposals`: "aes128gcm128-x25519-esn", "aes128-sha256", "default". A group asks for perfect forward secrecy;
/// "modpnone" beside one makes it optional. Without "esn" and "noesn" no ESN is negotiated; with both either is (RFC 8221).
base::Result<std::vector<Proposal>> parse_esp_proposals(std::string_view text);

/// strongSwan's defaults as far as RFC 8247 and RFC 8221 recommend them: AEADs first, then AES-CBC with HMAC-SHA-2.
const std::vector<Proposal>& default_ike_proposals();
const std::vector<Proposal>& default_esp_proposals();

/// IANA numbers <-> algorithms. Nothing for a number we have no algorithm for, a key length it does not have, or one it may not have.
[[nodiscard]] Transform to_transform(Encryption encryption, uint16_t key_bits) noexcept;
[[nodiscard]] Transform to_transform(Integrity integrity) noexcept;
[[nodiscard]] Transform to_transform(Prf prf) noexcept;
[[nodiscard]] Transform to_transform(KeyExchangeGroup group) noexcept;
[[nodiscard]] std::optional<EspSuite> cipher_of(const Transform& encryption) noexcept;  // its integrity is kNone
[[nodiscard]] std::optional<Integrity> integrity_of(const Transform& integrity) noexcept;
[[nodiscard]] std::optional<Prf> prf_of(const Transform& prf) noexcept;
[[nodiscard]] std::optional<KeyExchangeGroup> group_of(uint16_t id) noexcept;

/// The suite of a proposal that has one transform of each type it needs. kUnsupported otherwise. Without one of type 5 a child has no ESN.
base::Result<IkeSuite> to_ike_suite(const Proposal& chosen);
base::Result<ChildSuite> to_child_suite(const Proposal& chosen);

/// "x25519", "ecp256", "modp2048", ...
std::string_view to_string(KeyExchangeGroup group) noexcept;
/// "prfsha256", ...
std::string_view to_string(Prf prf) noexcept;

}  // namespace ipsecgw::model
