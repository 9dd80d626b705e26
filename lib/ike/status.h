// What runs, for gwctl and VICI: values, in the words of swanctl --list-sas.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ike/effects.h"
#include "model/sa_params.h"

namespace ipsecgw::ike {

enum class IkeState : uint8_t { kConnecting, kEstablished, kRekeying, kRekeyed, kDeleting };
enum class ChildState : uint8_t { kInstalled, kRekeying, kRekeyed, kDeleting, kDeleted };

/// How many there are of each IkeState.
using StateCounts = std::array<uint64_t, 5>;

/// "CONNECTING", "ESTABLISHED", ...; "INSTALLED", ...
std::string_view to_string(IkeState state) noexcept;
std::string_view to_string(ChildState state) noexcept;

struct ChildStatus {
    ChildSaId id = 0;
    std::string name;
    ChildState state = ChildState::kInstalled;
    model::Mode mode = model::Mode::kTunnel;
    bool udp_encapsulation = false;
    uint32_t spi_in = 0, spi_out = 0;
    std::string sa_in, sa_out;  // names of the SAs in control, for their counters; sa_out empty: not installed
    std::string suite;          // "aes128gcm16-x25519-esn"
    std::vector<std::string> local_ts, remote_ts;
    uint64_t installed_seconds = 0;                       // ago
    std::optional<uint64_t> rekey_seconds, life_seconds;  // until
};

enum class Role : uint8_t { kInitiator, kResponder };

struct IkeStatus {
    IkeSaId id = 0;
    std::string connection;
    IkeState state = IkeState::kConnecting;
    Role role = Role::kInitiator;  // of this IKE SA: who sent its first message
    uint64_t spi_i = 0, spi_r = 0;
    Endpoint local, remote;
    std::string local_id, remote_id;  // empty until known
    bool nat_local = false, nat_remote = false;
    std::string suite;  // "aes128-sha256-prfsha256-x25519"; empty until chosen
    bool ppk = false;
    uint64_t established_seconds = 0;       // ago
    std::optional<uint64_t> rekey_seconds;  // until
    std::vector<std::string> tasks_queued, tasks_active;
    std::vector<ChildStatus> children;
};

struct EngineStats {
    uint32_t ike_sas = 0;
    uint32_t half_open = 0;  // responder SAs whose peer has not proved itself
    uint32_t child_sas = 0;
    uint64_t established = 0;  // IKE SAs since start
    uint64_t failed = 0;       // attempts that ended without
    uint64_t children_established = 0;
    uint64_t ike_rekeys = 0, child_rekeys = 0;
    uint64_t retransmits = 0;  // requests we sent again
    uint64_t cookies_sent = 0;
    uint64_t dropped_malformed = 0, dropped_unknown_spi = 0, dropped_unauthentic = 0, dropped_replayed = 0,
             dropped_half_open = 0;
};

}  // namespace ipsecgw::ike
