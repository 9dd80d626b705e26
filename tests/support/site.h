// Two gateways back to back, each with a LAN: the usual stage of dp tests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/gateway.h"

namespace ipsecgw::test {

inline constexpr uint16_t kLan = 0;  // protected port
inline constexpr uint16_t kWan = 1;  // unprotected port
inline constexpr const char* kHostMac = "02:aa:00:00:00:05";

/// Site `number` (1 or 2): LAN 10.N.0.0/24 and 2001:db8:N::/64 with the gateway at 1; WAN 192.0.2.N/24 and
/// 2001:db8:ff::N/64. Everything of the other site is behind its WAN address; every neighbour is known.
struct SiteSpec {
    int number = 1;
    uint16_t workers = 1;
    bool icmp_errors = true;
    uint32_t reassembly = 128;
    uint16_t lan_mtu = 1500;
    uint16_t wan_mtu = 1500;
    model::PortRole wan_role = model::PortRole::kUnprotected;
    uint16_t wan_tx_queues = 0;
    uint32_t tx_slots = 2048;
    uint32_t mbufs = 8191;
    uint32_t punt_slots = 256;
    sa::OffloadKind kind = test::kind();
};
std::unique_ptr<Gateway> make_site(const SiteSpec& spec);

/// What both ends of an SA pair agree on.
struct Tunnel {
    model::EspSuite suite = {};
    bool esn = false;
    bool udp = false;
    bool outer_ipv6 = false;
    model::Mode mode = model::Mode::kTunnel;
    uint16_t window = 64;
    uint16_t tfc_pad_to = 0;
    model::EngineChoice engine = model::EngineChoice::kAuto;
};

/// One direction of it: the SA that `from` seals with or, with kInbound, the one that opens what `from` sealed. Numbers
/// as in SiteSpec.
model::SaParams sa_params(const Tunnel& tunnel, int from, model::Direction direction);
/// The SPI of what `from` seals.
uint32_t spi_of(int from);

/// Why the kind cannot have such SAs; empty: it can.
std::string why_not(const Tunnel& tunnel, sa::OffloadKind kind = test::kind());
/// Leaves the case out, loudly, when the kind cannot have such SAs.
#define GW_SKIP_UNLESS_KIND_HAS(tunnel)                                                   \
    do {                                                                                  \
        if (const std::string gw_why = ::ipsecgw::test::why_not(tunnel); !gw_why.empty()) \
            GTEST_SKIP() << gw_why;                                                       \
    } while (false)

/// LAN selectors of a site, both families; transport mode: its host's addresses.
std::vector<std::string> lan_of(int number);

struct Ends {
    sa::InboundSa* inbound = nullptr;
    sa::OutboundSa* outbound = nullptr;
    sa::PolicyEntry* policy = nullptr;
};
/// Installs both SAs at site `number` and the policy "tunnel" that protects LAN to LAN.
Ends install(Gateway& gateway, int number, const Tunnel& tunnel, uint16_t owner = 0);

/// Header fields from site 1's host to site 2's host, or back.
Ip between_hosts(int from, bool ipv6 = false);

}  // namespace ipsecgw::test
