// How a signature is made: key types, schemes, and their names on the wire (RFC 7427, RFC 8420).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/hmac.h"

namespace ipsecgw::crypto {

enum class KeyType : uint8_t { kRsa, kEcdsaP256, kEcdsaP384, kEcdsaP521, kEd25519 };

/// "RSA", "ECDSA P-256", ...
std::string_view to_string(KeyType type) noexcept;

constexpr bool is_ecdsa(KeyType type) noexcept
{
    return type == KeyType::kEcdsaP256 || type == KeyType::kEcdsaP384 || type == KeyType::kEcdsaP521;
}

enum class SignatureAlgorithm : uint8_t { kRsaPss, kRsaPkcs1, kEcdsa, kEd25519 };

/// One way to sign. SHA-1 is in none (RFC 8247 section 3.2).
struct SignatureScheme {
    SignatureAlgorithm algorithm = SignatureAlgorithm::kRsaPss;
    Hash hash = Hash::kSha256;  // also MGF1's; no meaning for kEd25519, which hashes by itself
    uint16_t salt_bytes = 32;   // kRsaPss only

    /// With a salt as long as the digest, as RFC 4055 section 3.1 recommends.
    static SignatureScheme rsa_pss(Hash hash) noexcept;
    static SignatureScheme of(SignatureAlgorithm algorithm, Hash hash) noexcept;

    bool operator==(const SignatureScheme&) const = default;
};

/// A key of this type can make and verify signatures of this scheme.
bool fits(const SignatureScheme& scheme, KeyType type) noexcept;

/// "RSA-PSS with SHA2-256", "ECDSA with SHA2-384", "Ed25519".
std::string to_string(const SignatureScheme& scheme);

/// The hash's number in SIGNATURE_HASH_ALGORITHMS (IANA "IKEv2 Hash Algorithms"): 2, 3, 4, or 5 (Identity) for Ed25519.
uint16_t hash_algorithm(const SignatureScheme& scheme) noexcept;

/// DER of the AlgorithmIdentifier that stands before an RFC 7427 signature (its appendix A; RFC 8420 appendix A).
/// `scheme` has a salt of at most 127 bytes.
std::vector<uint8_t> encode_algorithm_identifier(const SignatureScheme& scheme);

/// The reverse: `der` is one AlgorithmIdentifier and nothing else. RSASSA-PSS parameters may be any that name one SHA-2
/// for both hashes and a salt of at most 512 bytes. kUnsupported names the object identifier; kInvalidArgument: no DER.
base::Result<SignatureScheme> decode_algorithm_identifier(std::span<const uint8_t> der);

}  // namespace ipsecgw::crypto
