// What the engine asks and cannot wait for.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "ike/effects.h"
#include "net/address.h"

namespace ipsecgw::ike {

/// The engine's only way out. Each call returns at once and calls nothing of the engine.
class Host {
  public:
    virtual ~Host() = default;

    /// A free inbound SPI for ESP between these addresses, ours until it is installed (InstallInbound) or released.
    /// With SPI RSS it is one that reaches the worker who will own the SA.
    virtual base::Result<uint32_t> reserve_spi(const net::IpAddress& local, const net::IpAddress& remote) = 0;
    /// Gives back an SPI that was never installed.
    virtual void release_spi(uint32_t spi) = 0;

    /// Unpredictable bytes; false: there are none, and `bytes` must not be used.
    [[nodiscard]] virtual bool random(std::span<uint8_t> bytes) = 0;

    /// When the inbound SA last carried an authentic packet, in the clock of Turn::now_ns; 0: never, or no such SA.
    [[nodiscard]] virtual uint64_t last_inbound_ns(uint32_t spi) = 0;

    /// The same for either direction of a child SA, for `inactivity`.
    [[nodiscard]] virtual uint64_t last_use_ns(ChildSaId child) = 0;

    /// The address our packets to `remote` have, for connections that name none.
    virtual base::Result<net::IpAddress> source_address(const net::IpAddress& remote) = 0;

    /// Seconds since 1970, for the validity of certificates.
    [[nodiscard]] virtual int64_t unix_seconds() = 0;
};

}  // namespace ipsecgw::ike
