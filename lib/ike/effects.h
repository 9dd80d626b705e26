// What the engine wants done: data that whoever drives it carries out, in order.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/log.h"
#include "base/secret_bytes.h"
#include "model/policy.h"
#include "model/sa_params.h"
#include "net/address.h"

namespace ipsecgw::ike {

struct Endpoint {
    net::IpAddress address;
    uint16_t port = 500;

    auto operator<=>(const Endpoint&) const = default;
    /// "192.0.2.1[500]"
    [[nodiscard]] std::string to_string() const;
};

/// A UDP payload that arrived on an IKE port, without the non-ESP marker of port 4500 (RFC 3948 section 2.2).
struct Datagram {
    Endpoint local;
    Endpoint remote;
    std::span<const uint8_t> bytes;
};

/// Numbers of IKE SAs and child SAs: unique in one engine, never used twice. A rekeyed SA has a new one.
using IkeSaId = uint32_t;
using ChildSaId = uint32_t;

/// Send `bytes` as UDP. From a local port other than 500 the non-ESP marker goes before them (RFC 7296 section 3.1).
struct Send {
    Endpoint local;
    Endpoint remote;
    std::vector<uint8_t> bytes;
};

/// What a policy names once the effect that holds this is carried out. The effects of one policy follow each other, so
/// that `ControlPlane::rebind_policy` with these words, after an install and before a removal, is all there is to do.
struct Binding {
    std::string policy;
    std::string outbound_sa;  // empty: packets drop and ask
    std::vector<std::string> inbound_sas;
};

/// A child's policy, without SAs yet. A rekeyed child keeps it.
struct AddPolicy {
    model::Policy policy;
};
struct RemovePolicy {
    std::string policy;
};

/// Install the receive side, then bind. It always comes before the message that lets the peer send on it.
struct InstallInbound {
    ChildSaId child = 0;
    model::SaParams params;
    Binding binding;
};
/// Install the send side, then bind: traffic moves to it.
struct InstallOutbound {
    ChildSaId child = 0;
    model::SaParams params;
    Binding binding;
};
/// Bind, then remove the SA by this name.
struct RemoveInbound {
    ChildSaId child = 0;
    std::string sa;
    uint32_t spi = 0;
    Binding binding;
};
struct RemoveOutbound {
    ChildSaId child = 0;
    std::string sa;
    uint32_t spi = 0;
    Binding binding;
};

/// What a packet does that meets a child's selectors while no SA carries them. It never leaves in clear.
enum class OnPacket : uint8_t { kDrop, kAcquire };
/// The policy of a loaded child, less preferred than those of its SAs. kAcquire: packets that meet it end in
/// Engine::acquire. A second Trap with the same policy name replaces the first.
struct Trap {
    std::string connection;
    std::string child;
    model::Policy policy;
    OnPacket on_packet = OnPacket::kDrop;
};
struct Untrap {
    std::string connection;
    std::string child;
    std::string policy;
};

/// Names of an SA for listeners (VICI's events, gwctl): look the rest up with Engine::find_ike_sa.
struct IkeUp {
    IkeSaId ike_sa = 0;
    std::string connection;
};
struct IkeDown {
    IkeSaId ike_sa = 0;
    std::string connection;
};
struct IkeRekeyed {
    IkeSaId old_ike_sa = 0;
    IkeSaId new_ike_sa = 0;
    std::string connection;
};
struct ChildUp {
    IkeSaId ike_sa = 0;
    ChildSaId child_sa = 0;
    std::string connection;
    std::string child;
};
struct ChildDown {
    IkeSaId ike_sa = 0;
    ChildSaId child_sa = 0;
    std::string connection;
    std::string child;
};
struct ChildRekeyed {
    IkeSaId ike_sa = 0;
    ChildSaId old_child_sa = 0;
    ChildSaId new_child_sa = 0;
    std::string connection;
    std::string child;
};

/// A request of `initiate` (and of acquire and start_action) has ended.
struct InitiateDone {
    std::string connection;
    std::string child;
    std::string failure;  // empty: the child is up
};

/// One line for the log, in charon's words; never key material.
struct LogEvent {
    base::LogLevel level = base::LogLevel::kInfo;
    IkeSaId ike_sa = 0;      // 0: none
    std::string connection;  // empty: none
    std::string text;
};

/// The keys of an IKE SA, for Wireshark's table; only with EngineOptions::tell_keys.
struct IkeKeys {
    uint64_t spi_i = 0;
    uint64_t spi_r = 0;
    base::SecretBytes sk_ei, sk_er, sk_ai, sk_ar;
    model::EspSuite cipher;
};

using Effect =
    std::variant<Send, AddPolicy, InstallInbound, InstallOutbound, RemoveInbound, RemoveOutbound, RemovePolicy, Trap,
                 Untrap, IkeUp, IkeDown, IkeRekeyed, ChildUp, ChildDown, ChildRekeyed, InitiateDone, LogEvent, IkeKeys>;
using Effects = std::vector<Effect>;

}  // namespace ipsecgw::ike
