// What runs, as values.
#pragma once

#include "ike/core_internal.h"
#include "ike/status.h"

namespace ipsecgw::ike {

[[nodiscard]] IkeStatus status_of(const Core& core, const IkeSa& ike);

}  // namespace ipsecgw::ike
