// Who does the work of the SAs in a test process: each case runs once in each kind, with GW_KIND in the environment.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "sa/offload_kind.h"

namespace ipsecgw::test {

/// $GW_KIND: "software" (and without it), "look-aside", "inline-crypto", "full-protocol".
sa::OffloadKind kind();
/// The port ciphers.
inline bool is_inline(sa::OffloadKind kind = test::kind())
{
    return kind == sa::OffloadKind::kInlineCrypto || kind == sa::OffloadKind::kFullProtocol;
}
inline bool is_full()
{
    return kind() == sa::OffloadKind::kFullProtocol;
}

/// Why this kind cannot run here at all (no driver built); empty: it can.
std::string why_kind_is_absent(sa::OffloadKind kind = test::kind());

/// The crypto device of the look-aside kind: $GW_CRYPTO_DRIVER, by default crypto_openssl, which is everywhere.
std::string look_aside_driver();

}  // namespace ipsecgw::test

/// Leaves the case out where the port checks replay and frames by itself.
#define GW_SKIP_IN_FULL_PROTOCOL(reason)                 \
    do {                                                 \
        if (::ipsecgw::test::is_full())                  \
            GTEST_SKIP() << "full protocol: " << reason; \
    } while (false)
#define GW_SKIP_IN_INLINE_KINDS(reason)                 \
    do {                                                \
        if (::ipsecgw::test::is_inline())               \
            GTEST_SKIP() << "inline kinds: " << reason; \
    } while (false)
