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
    ControlDrops drops;
    SaTable sas;
    mutable Tunnels tunnels;
    mutable bool is_watched = false;
    mutable uint32_t watch_session = 0;
    Policies policies;
    Owners owners;
    Installer installer;
    Routes routes;
    Transmitter transmitter;
    Neighbours neighbours;
    Datagrams datagrams;
    Lifetimes lifetimes;
    Keepalives keepalives;
    PathMtus path_mtus;
};

}  // namespace ipsecgw::control
