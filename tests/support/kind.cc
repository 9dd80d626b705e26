#include "support/kind.h"

#include <cstdlib>
#include <dlfcn.h>
#include <stdexcept>
#include <string_view>

#include <rte_cryptodev.h>

namespace ipsecgw::test {

namespace {

/// Loads the model NIC's driver; why not, or empty.
std::string load_driver()
{
    const std::string_view path = GW_INLINE_IPSEC_PMD;
    if (path.empty())
        return "the model NIC's driver is not built: run tools/driver-headers, then configure again";
    // As EAL's -d does, but below any folder.
    if (dlopen(path.data(), RTLD_NOW | RTLD_GLOBAL) == nullptr)
        return std::string("the model NIC's driver does not load: ") + dlerror();
    return {};
}

/// Leaves every case out where the kind cannot run at all.
class KindIsHere : public testing::Environment {
  public:
    void SetUp() override
    {
        if (const std::string why = why_kind_is_absent(); !why.empty())
            GTEST_SKIP() << why;
    }
};
const testing::Environment* const kKindIsHere = testing::AddGlobalTestEnvironment(new KindIsHere);

std::string variable(const char* name, const char* otherwise)
{
    const char* value = std::getenv(name);
    return value == nullptr || *value == 0 ? otherwise : value;
}

}  // namespace

sa::OffloadKind kind()
{
    const std::string word = variable("GW_KIND", "software");
    for (const auto each : {sa::OffloadKind::kSoftware, sa::OffloadKind::kLookAside, sa::OffloadKind::kInlineCrypto,
                            sa::OffloadKind::kFullProtocol})
        if (word == sa::to_string(each))
            return each;
    throw std::runtime_error("GW_KIND is no kind: " + word);
}

std::string why_kind_is_absent(sa::OffloadKind kind)
{
    if (kind == sa::OffloadKind::kLookAside && rte_cryptodev_driver_id_get(look_aside_driver().c_str()) < 0)
        return "DPDK has no driver " + look_aside_driver() + " here";
    if (!is_inline(kind))
        return {};
    static const std::string reason = load_driver();
    return reason;
}

std::string look_aside_driver()
{
    return variable("GW_CRYPTO_DRIVER", "crypto_openssl");
}

}  // namespace ipsecgw::test
