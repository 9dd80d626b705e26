// A whole gateway as data: what a configuration file says, before anything runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/ike_connection.h"
#include "model/policy.h"
#include "model/sa_params.h"
#include "net/address.h"

namespace ipsecgw::model {

/// Which side of the IPsec boundary a port is on (RFC 4301 section 3.1). kBoth is the one-armed gateway.
enum class PortRole : uint8_t { kProtected, kUnprotected, kBoth };

struct Port {
    std::string name;
    std::string device;                  // ethdev name ("net_af_packet0", "0000:03:00.0") or its number
    PortRole role = PortRole::kProtected;
    std::vector<net::Prefix> addresses;  // with host bits: "10.1.0.1/24"
    uint16_t mtu = 1500;                 // IP bytes, 1280 to 9700
    uint16_t rx_descriptors = 1024;
    uint16_t tx_descriptors = 1024;
    bool promiscuous = false;
};

struct Route {
    net::Prefix prefix;
    std::optional<net::IpAddress> via;   // without it the destination is on the link
    std::string port;
};

struct Neighbour {
    std::string port;
    net::IpAddress address;
    net::MacAddress mac;
};

struct Settings {
    std::string control_socket = "/run/ipsec-gw/ipsec-gw.sock";
    EngineChoice engine = EngineChoice::kAuto;  // for SAs that say nothing
    std::vector<std::string> look_aside; // crypto devices, in the order to ask them
    uint32_t max_sas = 65536;
    uint32_t mbufs = 0;                  // 0: enough for the rings, bursts and caches
    uint32_t reassembly = 128;           // packets in fragments per worker, 0: none
    bool icmp_errors = true;             // send time exceeded and too big
    uint32_t nat_keepalive_seconds = 20; // RFC 3948 section 4: 1 byte 0xff on idle UDP-encapsulated outbound SAs; 0 is off
    uint32_t ike_retransmit_timeout_ms = 4000;  // of an IKE request; each wait is 1.8 times the one before
    uint32_t ike_retransmit_tries = 5;
    uint32_t idle_sleep_us = 0;          // 0: workers poll without pause; else they sleep so long when idle (shared machines)
};

/// Where Prometheus scrapes. Off without it.
struct Metrics {
    std::string address = "127.0.0.1";   // numeric; empty: no TCP
    uint16_t port = 9717;
    std::string socket;                  // path of a Unix socket; empty: none
    uint32_t max_tunnels = 2000;         // with series of their own
};

struct Gateway {
    Settings settings;
    std::optional<Metrics> metrics;
    std::vector<Port> ports;
    std::vector<Route> routes;
    std::vector<Neighbour> neighbours;
    std::vector<SaParams> sas;
    std::vector<Policy> policies;
    std::vector<IkeConnection> connections;
    std::vector<SharedSecret> secrets;
    std::vector<PrivateKeyFile> private_keys;
    std::vector<Authority> authorities;
};

std::string_view to_string(PortRole role) noexcept;
std::string_view to_string(Direction direction) noexcept;  // "in", "out"
std::string_view to_string(Mode mode) noexcept;
std::string_view to_string(EngineChoice engine) noexcept;  // "auto", "cpu-crypto", "openssl", "lookaside"

}  // namespace ipsecgw::model
