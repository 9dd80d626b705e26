// What routers on the way say of the size of our ESP (RFC 4301 section 8.2, RFC 1191, RFC 8201).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "control/sa_table_internal.h"
#include "net/address.h"

namespace ipsecgw::control {

/// An ICMP error that says that ESP was too big for a link. Only what it quotes tells whose: nothing of it is authentic.
struct TooBig {
    net::IpAddress local, remote;  // of the ESP packet
    uint32_t spi = 0;
    uint32_t sequence = 0;
    uint32_t bytes = 0;  // of the packet
    uint32_t mtu = 0;
};

/// Reads "fragmentation needed" (RFC 1191 section 4) or "packet too big" (RFC 4443 section 3.2) from its IP header on,
/// without extension headers or options in the quoted packet. Nothing: it is none, its checksum is wrong, or it quotes
/// too little ESP.
std::optional<TooBig> read_too_big(std::span<const uint8_t> packet);

/// Believes a message only if it quotes an outbound SA's addresses and SPI, a sequence number the SA has used lately, and
/// asks for less than the packet was: nobody off the path can know these. Never goes below what every link takes. What it
/// has learnt holds for ten minutes (RFC 1191 section 6.3), for the SA and for later SAs between its two addresses.
class PathMtus {
  public:
    static constexpr uint64_t kLifetimeNs = 600'000'000'000;
    static constexpr size_t kMaxPaths = 65'536;

    explicit PathMtus(SaTable& sas) : sas_(sas) {}

    /// True when it was believed.
    bool learn(const TooBig& message, uint64_t now_ns);
    /// A new outbound SA: what is known of its path.
    void start(const SaRecord& sa, uint64_t now_ns);
    void tick(uint64_t now_ns);
    [[nodiscard]] uint64_t next_ns() const { return ends_.empty() ? kNever : ends_.front().at_ns; }

  private:
    using Path = std::pair<net::IpAddress, net::IpAddress>;
    struct Known {
        uint16_t mtu;
        uint64_t until_ns;
    };
    struct End {
        uint64_t at_ns;
        std::string sa;
    };

    [[nodiscard]] SaRecord* sa_of(const TooBig& message) const;

    SaTable& sas_;
    std::map<Path, Known> paths_;
    std::deque<End> ends_;  // in the order of time
};

}  // namespace ipsecgw::control
