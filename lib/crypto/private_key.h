// A private key that signs.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "crypto/public_key.h"
#include "crypto/signature.h"

namespace ipsecgw::crypto {

/// A private key of the kinds PublicKey takes. Wiped on destruction. Threads: any number may sign with one object.
class PrivateKey {
  public:
    /// Reads one key: PKCS#8, PKCS#1 (RSA) or SEC1 (ECDSA), in PEM or DER. `passphrase` opens an encrypted PKCS#8 one
    /// and is empty where there is none.
    ///
    /// kInvalidArgument: not a private key, broken, or one whose halves do not belong together; kUnsupported: a kind or
    /// size that is refused; kPermissionDenied: encrypted, and the passphrase is missing or wrong. Errors say what to
    /// do and hold nothing of the key.
    static base::Result<PrivateKey> parse(std::span<const uint8_t> bytes, std::span<const uint8_t> passphrase = {});

    [[nodiscard]] const PublicKey& public_key() const noexcept { return public_key_; }
    [[nodiscard]] KeyType type() const noexcept { return public_key_.type(); }

    /// A signature over `message`; ECDSA in DER. kInvalidArgument: `scheme` is not for this type of key; kInternal.
    [[nodiscard]] base::Result<std::vector<uint8_t>> sign(const SignatureScheme& scheme,
                                                          std::span<const uint8_t> message) const;

  private:
    PrivateKey(KeyPtr key, PublicKey public_key) noexcept : key_(std::move(key)), public_key_(std::move(public_key)) {}

    KeyPtr key_;
    PublicKey public_key_;
};

}  // namespace ipsecgw::crypto
