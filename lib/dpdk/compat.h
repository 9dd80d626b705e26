// What differs between DPDK 22.11, which is built and tested here, and later releases up to 25.11. Nothing else in the tree asks for a
// version, but for the model port's own iips_compat.h, which shares nothing with lib/.
//
// Read in the release notes. Every file that includes DPDK was compiled against the headers of 25.11, and those that need what is below
// against 23.11 and 24.11 too: once, by hand, for x86-64. Nothing was linked or run. What changed without changing a declaration:
// - 23.11: a hash key needs its length in rte_eth_rss_conf; port.cc and rss.cc have always given it.
// - 25.11: rte_eth_stats has no counters per queue; none were read.
#pragma once

#include <cstdint>
#include <cstring>

#include <rte_log.h>
#include <rte_security.h>
#include <rte_telemetry.h>
#include <rte_version.h>
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
#include <rte_ip6.h>
#endif

namespace ipsecgw::dpdk::compat {

// 23.11 hid the security context: functions take and return void*.
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
using SecurityCtx = void;
#else
using SecurityCtx = rte_security_ctx;
#endif

inline SecurityCtx* security_ctx(void* context) noexcept
{
    return static_cast<SecurityCtx*>(context);
}

// 24.11 gave IPv6 addresses a type; before, functions take the bytes.
class Ipv6Address {
  public:
    explicit Ipv6Address(const uint8_t* bytes) noexcept { std::memcpy(&address_, bytes, sizeof address_); }
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
    [[nodiscard]] const rte_ipv6_addr* get() const noexcept { return &address_; }

  private:
    rte_ipv6_addr address_;
#else
    [[nodiscard]] const uint8_t* get() const noexcept { return address_; }

  private:
    uint8_t address_[16];
#endif
};

// 23.03 renamed it, 25.11 removed the old name.
inline int tel_add_dict_uint(rte_tel_data* data, const char* name, uint64_t value) noexcept
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
    return rte_tel_data_add_dict_uint(data, name, value);
#else
    return rte_tel_data_add_dict_u64(data, name, value);
#endif
}

// 24.03 removed the constants of DPDK's own log types. A name that is registered gives its type, in every release.
inline uint32_t log_type(const char* name) noexcept
{
    const int type = rte_log_register(name);
    return type < 0 ? uint32_t{RTE_LOGTYPE_USER1} : static_cast<uint32_t>(type);
}

}  // namespace ipsecgw::dpdk::compat
