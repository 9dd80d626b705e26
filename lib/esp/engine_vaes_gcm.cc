#include <rte_cpuflags.h>

#include "base/text.h"
#include "dpdk/table_memory.h"
#include "esp/engine_vaes_gcm_internal.h"
#include "esp/gcm_vaes_internal.h"

namespace ipsecgw::esp {

using base::Error;
using base::ErrorCode;
using base::Result;
using model::Direction;
using model::Encryption;
using sa::CipherContext;
using sa::CipherContextPtr;

#if defined(RTE_ARCH_X86_64)

namespace {

bool is_gcm(Encryption encryption) noexcept
{
    switch (encryption) {
        case Encryption::kAesGcm8:
        case Encryption::kAesGcm12:
        case Encryption::kAesGcm16:
            return true;
        case Encryption::kAesGmac:
        case Encryption::kChaCha20Poly1305:
        case Encryption::kAesCbc:
        case Encryption::kAesCtr:
        case Encryption::kNull:
            break;
    }
    return false;
}

void destroy(CipherContext* base) noexcept
{
    auto* const context = static_cast<VaesGcmContext*>(base);
    std::destroy_at(context);
    dpdk::free_table_memory(context, sizeof *context);
}

}  // namespace

bool vaes_gcm_is_supported() noexcept
{
    // The compiler's question includes whether the system saves the registers; it does not know all the flags.
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           rte_cpu_get_flag_enabled(RTE_CPUFLAG_AES) == 1 && rte_cpu_get_flag_enabled(RTE_CPUFLAG_BMI2) == 1 &&
           rte_cpu_get_flag_enabled(RTE_CPUFLAG_VAES) == 1 && rte_cpu_get_flag_enabled(RTE_CPUFLAG_VPCLMULQDQ) == 1;
}

Result<CipherContextPtr> make_vaes_gcm_context(const KeyRequest& request, int socket)
{
    if (!is_gcm(request.suite.encryption))
        return Error{ErrorCode::kUnsupported,
                     base::format("%s cannot do %s", kVaesGcmName, request.suite.name().c_str())};
    void* const memory = dpdk::allocate_table_memory(sizeof(VaesGcmContext), socket);
    if (memory == nullptr)
        return Error{ErrorCode::kResourceExhausted, "no memory for the key of an SA",
                     "give EAL more memory (-m or --socket-mem, and huge pages to match)"};
    auto* const context = new (memory) VaesGcmContext;
    const model::SuiteLayout layout = request.suite.layout();
    const KeyParts parts(layout, request.keymat);
    set_vaes_gcm_key(*context, parts.key);
    context->salt = parts.salt;
    context->icv_bytes = layout.icv_bytes;
    const auto burst = vaes_gcm_burst(request);
    (request.direction == Direction::kOutbound ? context->seal : context->open) = burst;
    context->destroy = &destroy;
    context->engine = kVaesGcmName;
    context->shareable = true;
    context->tail_from = static_cast<uint16_t>(context->round_key(0) - static_cast<const uint8_t*>(memory));
    const size_t round_keys = layout.key_bytes / 4 + 7;
    context->hot_bytes = static_cast<uint16_t>(context->tail_from + round_keys * sizeof context->blocks[0]);
    return CipherContextPtr(context);
}

#else

bool vaes_gcm_is_supported() noexcept
{
    return false;
}

Result<CipherContextPtr> make_vaes_gcm_context(const KeyRequest& request, int)
{
    return Error{ErrorCode::kUnsupported,
                 base::format("%s cannot do %s here", kVaesGcmName, request.suite.name().c_str())};
}

#endif

}  // namespace ipsecgw::esp
