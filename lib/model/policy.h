// The SPD's vocabulary (RFC 4301 section 4.4.1).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"

namespace ipsecgw::model {

/// One side's prefix with the protocol and port range. `[udp/4789]` in swanctl's spelling.
struct TrafficSelector {
    net::Prefix prefix;
    uint8_t protocol = 0;   // 0 is any
    net::PortRange ports;   // ICMP: type * 256 + code (RFC 7296 section 3.13.1)

    /// "10.1.0.0/16", "192.168.50.1[udp/4789]", "10.0.0.0/8[tcp]", "::/0[udp/4789-4800]", "10.0.0.0/8[icmp/8]"; host bits are cleared. Ports need
    /// a protocol that has them; an ICMP number below 256 is a type with all its codes.
    static base::Result<TrafficSelector> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;

    bool operator==(const TrafficSelector&) const = default;
};

enum class Action : uint8_t { kProtect, kBypass, kDiscard };

/// Which traffic a bypass or discard policy is about. Protect is always both: the inbound check mirrors the selectors.
enum class PolicyDirection : uint8_t { kBoth, kInbound, kOutbound };

/// A packet going out matches when its source is in a local selector and its destination in a remote one.
struct Policy {
    std::string name;                        // unique in its gateway
    uint32_t priority = 1000;                // lower wins, as in ip xfrm; equal: the longer prefixes, then the older policy
    Action action = Action::kDiscard;
    PolicyDirection direction = PolicyDirection::kBoth;
    std::vector<TrafficSelector> local;      // at least one each; local x remote pairs of one family
    std::vector<TrafficSelector> remote;
    std::string outbound_sa;                 // kProtect: SA names; empty: none yet, so packets are dropped, never sent clear
    std::vector<std::string> inbound_sas;
    bool acquire = false;                    // kProtect: a packet that no SA can take yet tells IKE; it is dropped all the same
};

/// Everything that can be wrong with one policy by itself; see validate(SaParams).
std::vector<base::Error> validate(const Policy& policy);

/// "protect" and so on, for listings.
std::string_view to_string(Action action) noexcept;
std::string_view to_string(PolicyDirection direction) noexcept;

}  // namespace ipsecgw::model
