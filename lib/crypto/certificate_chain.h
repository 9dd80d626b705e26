// From a certificate to a CA that is trusted (RFC 5280 section 6).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "crypto/certificate.h"

namespace ipsecgw::crypto {

/// When a certificate without a usable revocation list is accepted: never, when it names no place to get one, always.
/// What a list says counts under each of them, even when the list is out of date.
enum class RevocationCheck : uint8_t { kStrict, kIfUri, kRelaxed };

struct ChainInput {
    const Certificate& leaf;
    std::span<const Certificate> others;      // may stand between; not trusted
    std::span<const Certificate> anchors;     // CAs that are trusted as such, roots or not
    std::span<const RevocationList> revoked;  // lists of any of the CAs
    int64_t unix_seconds;                     // when it must be valid
    RevocationCheck revocation = RevocationCheck::kRelaxed;
};

/// The chain from `leaf` up to an anchor, both included: each signature right and none by SHA-1 or a short key, each
/// date valid, each CA a CA by basicConstraints and keyUsage, names within the CAs' name constraints, no unknown
/// critical extension, none revoked; and the leaf's key usage allows IKE (Certificate::allows_ike).
///
/// kPermissionDenied: which certificate, and what is wrong with it. Threads: any.
base::Result<std::vector<Certificate>> verify_chain(const ChainInput& input);

}  // namespace ipsecgw::crypto
