// An IKE SA's way from established to gone.
#pragma once

#include "ike/children_internal.h"
#include "ike/core_internal.h"

namespace ipsecgw::ike {

/// Both ends have proved themselves.
void ike_established(Core& core, IkeSa& ike);
/// The IkeKeys effect, where the options want it.
void tell_keys(Core& core, const IkeSa& ike);
/// Rekeying, closing and liveness, with chance in the first.
void start_ike_timers(Core& core, IkeSa& ike);
/// Ends an IKE SA at once: its children go with it, and what follows such an end follows.
void close_ike(Core& core, IkeSa& ike, ChildEnd end);
/// An attempt ends before the IKE SA is up.
void fail_attempt(Core& core, IkeSa& ike, const std::string& reason);
/// A request of ours stayed without response.
void peer_is_gone(Core& core, IkeSa& ike);
/// The peer's packets come from elsewhere now (RFC 7296 section 2.23): only for authentic and fresh messages.
void follow_endpoint(Core& core, IkeSa& ike, const Endpoint& remote);
/// Timers of IKE SAs and of children.
void on_timer(Core& core, const Timer& timer);

}  // namespace ipsecgw::ike
