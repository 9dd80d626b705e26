// What SAs, policies and ports may be called.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace ipsecgw::model {

inline constexpr size_t kMaxNameBytes = 63;

/// A name is 1 to 63 printable ASCII characters without space, quote, comma or backslash, so that it is one word in
/// every listing, shell and message. The error's `what` has no field prefix.
base::Result<void> check_name(std::string_view name);

}  // namespace ipsecgw::model
