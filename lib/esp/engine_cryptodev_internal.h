// What the CPU-crypto and the look-aside engines share of rte_cryptodev: sessions and transforms.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <rte_crypto_sym.h>
#include <rte_log.h>

#include "dpdk/compat.h"
#include "esp/engine_internal.h"

struct rte_mempool;

namespace ipsecgw::esp {

/// Sessions of one device, in pools that are added as SAs come: a session is 1.0 to 1.4 KB, so room for the largest
/// number of SAs is not taken in advance. Threads: control.
class SessionPools {
  public:
    SessionPools(uint8_t device, uint32_t limit, int socket) : device_(device), limit_(limit), socket_(socket) {}
    ~SessionPools();
    SessionPools(const SessionPools&) = delete;
    SessionPools& operator=(const SessionPools&) = delete;

    /// kResourceExhausted: the limit is reached or no memory for another pool. kUnsupported: the driver refuses the
    /// transform.
    base::Result<void*> create(rte_crypto_sym_xform* transform);
    /// Wipes and takes back.
    void release(void* session) noexcept;

  private:
    struct Pool {
        rte_mempool* memory;
        uint32_t free;
    };
    base::Result<Pool*> pool_with_room();

    uint8_t device_;
    uint32_t limit_;  // sessions over all pools
    uint32_t reserved_ = 0;
    int socket_;
    std::vector<Pool> pools_;
};

/// A suite in the driver's terms: one AEAD, or a cipher and an authentication in the order of their execution.
struct Transforms {
    rte_crypto_sym_xform first{};
    rte_crypto_sym_xform second{};
};

/// Describes what `request` asks for. The keys stay the caller's: the transforms point at them, and at each other.
/// `iv_offset`: where in an operation its IV stands; 0 for the synchronous mode, which passes it otherwise.
void describe(const KeyRequest& request, const KeyParts& parts, uint16_t iv_offset, Transforms& out);

/// True when the device's capabilities include the suite with its exact lengths.
bool device_supports(uint8_t device, const model::EspSuite& suite);

/// Stamped out by the suite's kind, ESN and direction: the one of `Functions` that does what is asked. `Functions` names
/// them: kAead<esn>, kGmac<esn>, kHmac<cipher, esn, direction>, all of its Type.
template <class Functions>
[[nodiscard]] typename Functions::Type pick_for_suite(const KeyRequest& request) noexcept
{
    using model::Direction;
    using model::Encryption;
    const auto hmac = [&]<Encryption kCipher>() -> typename Functions::Type {
        if (request.direction == Direction::kOutbound)
            return request.esn ? Functions::template kHmac<kCipher, true, Direction::kOutbound>
                               : Functions::template kHmac<kCipher, false, Direction::kOutbound>;
        return request.esn ? Functions::template kHmac<kCipher, true, Direction::kInbound>
                           : Functions::template kHmac<kCipher, false, Direction::kInbound>;
    };
    switch (request.suite.encryption) {
        case Encryption::kAesGcm8:
        case Encryption::kAesGcm12:
        case Encryption::kAesGcm16:
        case Encryption::kChaCha20Poly1305:
            return request.esn ? Functions::template kAead<true> : Functions::template kAead<false>;
        case Encryption::kAesGmac:
            return request.esn ? Functions::template kGmac<true> : Functions::template kGmac<false>;
        case Encryption::kAesCbc:
            return hmac.template operator()<Encryption::kAesCbc>();
        case Encryption::kAesCtr:
            return hmac.template operator()<Encryption::kAesCtr>();
        case Encryption::kNull:
            return hmac.template operator()<Encryption::kNull>();
    }
    return nullptr;
}

/// While it lives, drivers do not announce what they do: creating two devices writes six lines that tell an operator
/// nothing. A level that the operator has lowered or raised (--log-level) is left as it is.
class QuietDrivers {
  public:
    QuietDrivers() noexcept
    {
        for (size_t i = 0; i < types_.size(); i++) {
            quieted_[i] = rte_log_get_level(types_[i]) == static_cast<int>(RTE_LOG_INFO);
            if (quieted_[i])
                rte_log_set_level(types_[i], RTE_LOG_NOTICE);
        }
    }
    ~QuietDrivers()
    {
        for (size_t i = 0; i < types_.size(); i++)
            if (quieted_[i])
                rte_log_set_level(types_[i], RTE_LOG_INFO);
    }
    QuietDrivers(const QuietDrivers&) = delete;
    QuietDrivers& operator=(const QuietDrivers&) = delete;

  private:
    // The multi-buffer driver never registers a type of its own, so its lines are EAL's.
    std::array<uint32_t, 2> types_ = {dpdk::compat::log_type("lib.cryptodev"), dpdk::compat::log_type("lib.eal")};
    std::array<bool, 2> quieted_{};
};

}  // namespace ipsecgw::esp
