// PEM: DER in base64 between lines that say what it is (RFC 7468).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret_bytes.h"

namespace ipsecgw::crypto {

struct PemBlock {
    std::string label;  // "CERTIFICATE", "PRIVATE KEY", ...
    base::SecretBytes der;
    /// It has headers, which say that it is encrypted in OpenSSL's old way (RFC 1421 section 4.6); `der` is then no
    /// DER.
    bool has_headers = false;
};

/// Whether `bytes` are text with at least one "-----BEGIN " line; what is not may be DER.
bool is_pem(std::span<const uint8_t> bytes) noexcept;

/// All blocks, in order; text between them is ignored. kInvalidArgument: a block without end, broken base64. What is
/// decoded on the way is wiped.
base::Result<std::vector<PemBlock>> decode_pem(std::span<const uint8_t> bytes);

}  // namespace ipsecgw::crypto
