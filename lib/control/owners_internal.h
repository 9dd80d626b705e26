// Which worker owns an inbound SA, and which SPIs bring its packets there.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "control/control_plane.h"
#include "model/sa_params.h"
#include "offload/steering.h"
#include "sa/sad.h"
#include "worker/dataplane.h"

namespace ipsecgw::control {

/// The port an SA's packets enter or leave by; null: no port has the address and no route leads to the peer.
const worker::PortView* port_of(const worker::DataPlane& data, model::Direction direction, const net::IpAddress& local,
                                const net::IpAddress& remote);

class Owners {
  public:
    struct Parts {
        const worker::DataPlane& data;
        const sa::Sad& sad;
        const offload::Steering* steering;  // null: no port's hash is known
        uint16_t workers;
    };
    explicit Owners(const Parts& parts) : parts_(parts), owned_(parts.workers, 0), reserved_(parts.workers, 0) {}

    base::Result<ReservedSpi> reserve(const SpiRequest& request);
    /// Once it is installed, or will never be. An SPI that is not reserved is ignored.
    void release(uint32_t spi);

    /// The pinned worker; else the one the port brings the SPI to; else the one it was reserved for; else the least
    /// loaded.
    [[nodiscard]] uint16_t choose(const model::SaParams& params) const;
    void add(uint16_t worker) { owned_[worker]++; }
    void remove(uint16_t worker) { owned_[worker]--; }

    /// The queue the port's RSS picks for an SA's packets; none: not known, or in UDP, where the port sees no SPI.
    [[nodiscard]] std::optional<uint16_t> rss_queue(const model::SaParams& params) const;
    /// Inbound SAs each worker owns.
    [[nodiscard]] const std::vector<uint32_t>& owned() const noexcept { return owned_; }

  private:
    [[nodiscard]] const offload::SpiRss* rss_for(const net::IpAddress& local, const net::IpAddress& remote) const;
    [[nodiscard]] uint16_t least_loaded(const offload::SpiRss* rss) const;
    [[nodiscard]] bool is_free(uint32_t spi) const;
    [[nodiscard]] base::Result<uint32_t> any_spi() const;

    Parts parts_;
    std::vector<uint32_t> owned_, reserved_;     // [worker]
    std::map<uint32_t, uint16_t> reservations_;  // worker by SPI
};

}  // namespace ipsecgw::control
