// One pair of ESP SAs: what was agreed, and what of it the data path has.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ike/effects.h"
#include "ike/selectors.h"
#include "ike/status.h"
#include "ike/timer_queue.h"
#include "model/ike_connection.h"
#include "model/proposal.h"
#include "model/sa_params.h"

namespace ipsecgw::ike {

/// Where the send side is.
enum class OutboundState : uint8_t {
    kHeld,  // its keys wait in `held_outbound` until the peer has confirmed, or for ever where a collision made the SA
            // redundant
    kInstalled,
    kRemoved,
};

struct ChildSa {
    ChildSa(ChildSaId id_, IkeSaId ike_sa)
        : id(id_),
          policy_id(id_),
          rekey_timer(TimerKind::kRekeyChild, ike_sa, id_),
          close_timer(TimerKind::kCloseChild, ike_sa, id_),
          drain_timer(TimerKind::kDrainChild, ike_sa, id_),
          inactivity_timer(TimerKind::kInactivity, ike_sa, id_)
    {
    }

    [[nodiscard]] std::string name() const;          // "net{17}"
    [[nodiscard]] std::string inbound_name() const;  // "net{17}-in"
    [[nodiscard]] std::string outbound_name() const;
    [[nodiscard]] std::string policy_name() const;  // "net{12}": that of the first of a chain of rekeyed SAs
    /// Carries traffic or is to: neither replaced nor on its way out.
    [[nodiscard]] bool is_current() const noexcept
    {
        return !is_redundant && (state == ChildState::kInstalled || state == ChildState::kRekeying);
    }
    void set_ike_sa(IkeSaId ike_sa) noexcept;

    ChildSaId id;
    ChildSaId policy_id;
    std::shared_ptr<const model::ChildConfig> config;
    ChildState state = ChildState::kInstalled;
    Role role = Role::kInitiator;  // who asked for it
    model::Mode mode = model::Mode::kTunnel;
    bool is_redundant = false;  // lost a rekey collision: it goes, and is never rekeyed
    bool is_inbound_installed = false;
    bool is_announced = false;   // listeners know it as the child that is up; its successor takes that over
    bool is_expired = false;     // deleted because its life ended
    bool peer_takes_tfc = true;  // no ESP_TFC_PADDING_NOT_SUPPORTED
    bool uses_udp = false;
    OutboundState outbound = OutboundState::kHeld;
    uint32_t spi_in = 0;
    uint32_t spi_out = 0;
    ChildSaId successor = 0;    // that replaced it
    ChildSaId predecessor = 0;  // that it replaces
    model::ChildSuite suite;
    Selectors local_ts;
    Selectors remote_ts;
    std::unique_ptr<model::SaParams> held_outbound;
    uint64_t installed_ns = 0;
    Timer rekey_timer;
    Timer close_timer;
    Timer drain_timer;
    Timer inactivity_timer;
};

/// "net{17}", cut so that a suffix still fits a name of the model.
[[nodiscard]] std::string sa_name(const std::string& child, ChildSaId id);

}  // namespace ipsecgw::ike
