// Files that a configuration names: secrets are read into memory that is wiped.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret_bytes.h"

namespace ipsecgw::iked {

/// The bytes of a regular file of at most 1 MiB. kNotFound, kPermissionDenied, kInvalidArgument (empty, too large, no
/// regular file), kIo.
base::Result<base::SecretBytes> read_file(const std::string& path);

/// Others than its owner can read it.
[[nodiscard]] bool is_open_to_others(const std::string& path);

}  // namespace ipsecgw::iked
