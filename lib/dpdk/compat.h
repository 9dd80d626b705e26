// What differs between DPDK 22.11, which is built here, and later releases. Nothing else in the tree asks for a version.
#pragma once

#include <rte_security.h>
#include <rte_version.h>

namespace ipsecgw::dpdk::compat {

// 23.11 hid the security context: functions take and return void*.
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
using SecurityCtx = void;
#else
using SecurityCtx = rte_security_ctx;
#endif

inline SecurityCtx* security_ctx(void* context) noexcept { return static_cast<SecurityCtx*>(context); }

}  // namespace ipsecgw::dpdk::compat
