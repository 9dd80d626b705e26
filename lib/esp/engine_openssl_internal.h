// The engine that is everywhere: lib/crypto, one packet after the other.
#pragma once

#include "esp/engine_internal.h"

namespace ipsecgw::esp {

inline constexpr const char* kOpensslName = "openssl";

/// A context of any suite of model::all_esp_suites(). Not shareable. Threads: any.
base::Result<sa::CipherContextPtr> make_openssl_context(const KeyRequest& request);

}  // namespace ipsecgw::esp
