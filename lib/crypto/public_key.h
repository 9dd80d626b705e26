// A public key that verifies signatures.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "crypto/digest.h"
#include "crypto/evp_handle.h"
#include "crypto/signature.h"

namespace ipsecgw::crypto {

/// RSA of 2048 to 16384 bits, ECDSA on P-256, P-384 or P-521 by name, Ed25519. Copies share one key, which never
/// changes. Threads: any number may verify with one object.
class PublicKey {
  public:
    /// From a DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), whole. kInvalidArgument: broken, or not a key;
    /// kUnsupported: a key of another kind or size, with a hint.
    static base::Result<PublicKey> from_spki(std::span<const uint8_t> der);

    [[nodiscard]] KeyType type() const noexcept { return type_; }
    [[nodiscard]] unsigned bits() const noexcept { return bits_; }
    /// "RSA 2048 bits", "ECDSA P-256".
    [[nodiscard]] std::string to_string() const;
    /// DER of its SubjectPublicKeyInfo.
    [[nodiscard]] std::vector<uint8_t> spki() const;
    /// SHA-1 of the SubjectPublicKeyInfo: names a CA in CERTREQ (RFC 7296 section 3.7).
    [[nodiscard]] std::array<uint8_t, kSha1Bytes> key_id() const;

    /// True when `signature` is this key's over `message` by `scheme`. An ECDSA signature is DER (RFC 3279
    /// section 2.2.3).
    [[nodiscard]] bool verify(const SignatureScheme& scheme, std::span<const uint8_t> message,
                              std::span<const uint8_t> signature) const;

    bool operator==(const PublicKey& other) const;

  private:
    friend class Certificate;
    friend class PrivateKey;
    /// Checks the kind and size.
    static base::Result<PublicKey> adopt(KeyPtr key);
    PublicKey(std::shared_ptr<evp_pkey_st> key, KeyType type, unsigned bits) noexcept
        : key_(std::move(key)), type_(type), bits_(bits)
    {
    }

    std::shared_ptr<evp_pkey_st> key_;
    KeyType type_;
    unsigned bits_;
};

/// r and s one after the other, each as long as the curve's order (RFC 4754 section 7), to and from the DER of RFC
/// 3279. kInvalidArgument: not a signature of this curve's length.
base::Result<std::vector<uint8_t>> ecdsa_to_raw(KeyType curve, std::span<const uint8_t> der);
base::Result<std::vector<uint8_t>> ecdsa_from_raw(KeyType curve, std::span<const uint8_t> raw);

}  // namespace ipsecgw::crypto
