// What a ControlPlane is made of.
#pragma once

#include "control/control_plane.h"
#include "control/datagrams_internal.h"
#include "control/installer_internal.h"
#include "control/keepalives_internal.h"
#include "control/lifetimes_internal.h"
#include "control/neighbours_internal.h"
#include "control/owners_internal.h"
#include "control/path_mtus_internal.h"
#include "control/policies_internal.h"
#include "control/routes_internal.h"
#include "control/sa_table_internal.h"
#include "control/transmitter_internal.h"
#include "control/tunnels_internal.h"

namespace ipsecgw::control {

struct ControlPlane::State {
    explicit State(Parts given);

    /// Ends of SAs that ports and lifetimes have come to (expiry.cc).
    void expire_sas(uint64_t now_ns);
    [[nodiscard]] std::vector<Lifetimes::Expiry> reported_by_ports();
    [[nodiscard]] SaRecord* by_userdata(uint64_t userdata);
    void stop(const Lifetimes::Expiry& expiry);
    /// A port has lost some or all SAs it held: they go on in software, or end.
    void lose_port(const dpdk::PortEvent& event, std::vector<Lifetimes::Expiry>& ends);
    /// Installing and removing with everything that follows an SA. `predecessor` as Installer::install() has it.
    base::Result<SaRecord*> install(model::SaParams params, model::Owner owner, SaRecord* predecessor = nullptr);
    void remove(SaRecord& sa);
    /// Out of the way of a successor of its name: it goes on as it is, under a name that nobody knows.
    void set_aside(SaRecord& sa);
    /// Back to its name, which is free again, and to the traffic of its policies.
    void put_back(SaRecord& sa);
    /// Why `next` cannot take the place of `sa` while packets flow.
    [[nodiscard]] base::Result<void> may_follow(const SaRecord& sa, const model::SaParams& next) const;
    /// The record whose sequence numbers `next` has to go on with: `sa` or null.
    [[nodiscard]] SaRecord* predecessor_of(const model::SaParams& next, SaRecord& sa) const;
    [[nodiscard]] model::EngineChoice engine_of(const model::SaParams& params) const;
    void note_route_change();

    /// One packet from the punt ring; consumes it.
    void handle_punt(rte_mbuf* m, uint64_t now_ns);
    void handle_ike(rte_mbuf* m);
    void handle_acquire(rte_mbuf* m);
    void handle_moved(rte_mbuf* m);
    void handle_too_big(rte_mbuf* m, uint64_t now_ns);
    void report(const SaExpiry& expiry);

    Parts parts;
    Listeners listeners;
    uint64_t started_ns;
    model::EngineChoice default_engine = model::EngineChoice::kAuto;
    KeyPrints key_prints;
    ControlDrops drops;
    SaTable sas;
    mutable Tunnels tunnels;
    mutable bool is_watched = false;
    mutable uint32_t watch_session = 0;
    Policies policies;
    Owners owners;
    Installer installer;
    Routes routes;
    std::optional<Routes::Map> routes_published;  // before the changes that wait to be; none wait: nothing
    uint64_t routes_due_ns = kNever;
    uint64_t routes_cost_ns = 0;  // of the last publication
    Transmitter transmitter;
    Neighbours neighbours;
    Datagrams datagrams;
    Lifetimes lifetimes;
    Keepalives keepalives;
    PathMtus path_mtus;
};

}  // namespace ipsecgw::control
