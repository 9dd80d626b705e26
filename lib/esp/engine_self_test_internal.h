// The test an engine passes, per suite, before it may touch a packet.
#pragma once

#include "esp/engine_internal.h"

namespace ipsecgw::esp {

/// Seals and opens a packet with known ICV (see engine_self_test_vectors.h) in a burst of several, with and without
/// ESN, and requires that a changed packet in the burst fails alone. The error says which step failed; kUnsupported
/// passes through from `make`.
base::Result<void> self_test(const model::EspSuite& suite, const ContextMaker& make);

}  // namespace ipsecgw::esp
