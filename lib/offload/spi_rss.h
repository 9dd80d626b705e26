// Which queue the port's RSS picks for an ESP packet: with our own hash key that is computed, not guessed, so the receiver, who chooses the
// SPI, chooses the worker.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "net/address.h"

namespace ipsecgw::offload {

/// RSS over source, destination and SPI by Toeplitz (RTE_ETH_RSS_ESP), and a redirection table.
class SpiRss {
 public:
    static constexpr size_t kMinKeyBytes = 40;  // IPv6 addresses, the SPI, and the window that slides over them

    /// `key` has kMinKeyBytes or more; `table` maps hash modulo its size to a queue. Worker of a queue: queue % workers, as in PortView.
    SpiRss(std::vector<uint8_t> key, std::vector<uint16_t> table, uint16_t workers);

    [[nodiscard]] uint16_t queue_of(const net::IpAddress& source, const net::IpAddress& destination, uint32_t spi) const noexcept;
    [[nodiscard]] uint16_t worker_of(const net::IpAddress& source, const net::IpAddress& destination, uint32_t spi) const noexcept;

    /// Some SPI leads to `worker`.
    [[nodiscard]] bool reaches(uint16_t worker) const noexcept;

    /// An SPI that `is_free` accepts and RSS steers to `worker`; candidates come from `random`. Nothing when `tries` did not find one:
    /// the worker has no queue in the table, or the SPIs are used up.
    [[nodiscard]] std::optional<uint32_t> choose(const net::IpAddress& source, const net::IpAddress& destination, uint16_t worker,
                                                 const std::function<uint32_t()>& random,
                                                 const std::function<bool(uint32_t)>& is_free, uint32_t tries = 4096) const;

 private:
    std::vector<uint8_t> key_;
    std::vector<uint16_t> table_;
    uint16_t workers_;
};

}  // namespace ipsecgw::offload
