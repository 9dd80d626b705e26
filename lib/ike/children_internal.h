// A child SA's way into the data path and out of it.
#pragma once

#include <cstdint>

#include "ike/core_internal.h"
#include "ike/key_material.h"

namespace ipsecgw::ike {

/// What both ends agreed on.
struct AgreedChild {
    ChildConfigPtr config;
    Role role = Role::kInitiator;  // who asked for it: its nonce is Ni
    model::Mode mode = model::Mode::kTunnel;
    model::ChildSuite suite;
    Selectors local_ts;
    Selectors remote_ts;
    ReservedSpi spi_in;
    uint32_t spi_out = 0;
    ChildSaId predecessor = 0;  // that it rekeys
    bool peer_takes_tfc = true;
};

/// Adds a child and installs its receive side: what the peer may send from now on is taken. The send side is held.
ChildSa& add_child(Core& core, IkeSa& ike, AgreedChild agreed, ChildKeys keys);
/// Installs the send side and moves the traffic to it, once. A redundant child's stays held.
void activate_outbound(Core& core, IkeSa& ike, ChildSa& child);
/// The old one gives way to its successor: traffic moves, timers stop.
void replace_child(Core& core, IkeSa& ike, ChildSa& old, ChildSa& successor);
void remove_outbound(Core& core, IkeSa& ike, ChildSa& child);
/// Its end is agreed: nothing is sent on it any more, what is on its way is taken for a while.
void drain_child(Core& core, IkeSa& ike, ChildSa& child);
/// Out of the data path and out of memory; `child` is gone afterwards.
void remove_child(Core& core, IkeSa& ike, ChildSa& child);
/// Every child has a timer for rekeying and for its end, with chance in it; not the redundant.
void start_child_timers(Core& core, ChildSa& child);
/// Children go with everything they have to another IKE SA (RFC 7296 section 2.18).
void move_children(Core& core, IkeSa& from, IkeSa& to);

/// The ChildDown effect and what the connection says about such an end. Not for children that another replaced.
void child_ended(Core& core, IkeSa& ike, ChildSaId child, const ChildConfigPtr& config, ChildEnd end);
/// The same, once, for a child that is there and that no other has replaced.
void child_ended(Core& core, IkeSa& ike, ChildSa& child, ChildEnd end);

}  // namespace ipsecgw::ike
