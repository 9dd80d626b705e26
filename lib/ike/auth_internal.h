// What making and checking AUTH share.
#pragma once

#include <optional>
#include <vector>

#include "base/secret_bytes.h"
#include "crypto/signature.h"
#include "ike/auth.h"
#include "model/ike_connection.h"

namespace ipsecgw::ike {

/// IANA "IKEv2 Authentication Method".
inline constexpr uint8_t kAuthRsa = 1, kAuthSharedKey = 2, kAuthEcdsa256 = 9, kAuthEcdsa384 = 10, kAuthEcdsa521 = 11,
                         kAuthNull = 13, kAuthDigitalSignature = 14;
/// IANA "IKEv2 Certificate Encodings": an X.509 certificate, or the hashes of CAs.
inline constexpr uint8_t kX509Signature = 4;

/// InitiatorSignedOctets or ResponderSignedOctets (RFC 7296 section 2.15).
std::vector<uint8_t> signed_octets(const SignedOctets& parts);

/// The AUTH data of a shared key (RFC 7296 section 2.15).
base::SecretBytes shared_key_mac(const base::SecretBytes& secret, const SignedOctets& parts);

/// The fixed curve and hash of methods 9 to 11 (RFC 4754 section 3); nothing for others.
struct LegacyEcdsa {
    uint8_t method;
    crypto::KeyType key;
    crypto::Hash hash;
};
std::optional<LegacyEcdsa> legacy_ecdsa(uint8_t method) noexcept;
std::optional<LegacyEcdsa> legacy_ecdsa(crypto::KeyType key) noexcept;

/// `auth` of a section admits this key; and this hash, where the scheme leaves a choice.
bool admits(const model::AuthRule& rule, crypto::KeyType key) noexcept;
bool admits(const model::AuthRule& rule, const crypto::SignatureScheme& scheme) noexcept;

}  // namespace ipsecgw::ike
