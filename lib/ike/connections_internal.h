// What a connection wants: traps, attempts, reconnecting, and what follows an end.
#pragma once

#include <optional>
#include <string_view>

#include "ike/children_internal.h"
#include "ike/core_internal.h"

namespace ipsecgw::ike {

/// Traps and starts of a connection that was just loaded.
void begin_connection(Core& core, Loaded& loaded);
void end_connection(Core& core, Loaded& loaded);

/// A child's configuration that lives as long as somebody holds it; null: no child of this name.
[[nodiscard]] ChildConfigPtr find_child_config(const ConnectionPtr& connection, std::string_view child);
[[nodiscard]] ChildConfigPtr child_config_at(const ConnectionPtr& connection, size_t index);

/// Where our own packets of a connection come from and go to. kInvalidArgument: its peer has no address.
base::Result<std::pair<Endpoint, Endpoint>> endpoints_of(Core& core, const model::IkeConnection& connection);

/// Brings a child up on an IKE SA that is there, or on a new one. Nothing happens when it is up or on its way.
/// `packet`: that asked for it; null: none.
base::Result<void> bring_up(Core& core, Loaded& loaded, const ChildConfigPtr& child, PacketSelectorsPtr packet = {});

/// Brings up the IKE SA alone, of a connection without children (RFC 6023).
base::Result<void> bring_up_childless(Core& core, Loaded& loaded);

/// It is up or on its way: traffic starts nothing.
[[nodiscard]] bool is_wanted_already(Core& core, const Loaded& loaded, std::string_view child);

/// The IKE SA is up: attempts count from the start.
void attempt_succeeded(Core& core, const IkeSa& ike);
/// An attempt of ours ended without an IKE SA: tells who asked, and tries again as the connection says. `retry`: nobody
/// answered, so that keyingtries count.
enum class AttemptEnd : uint8_t { kRefused, kUnanswered };
void attempt_failed(Core& core, IkeSa& ike, AttemptEnd end, const std::string& reason);
/// A new child was refused while its IKE SA is up: one that is to be up is tried again later.
void child_failed(Core& core, IkeSa& ike, const model::ChildConfig& config);
/// close_action and dpd_action.
void follow_child_end(Core& core, IkeSa& ike, std::string_view child, ChildEnd end);
void on_reconnect_timer(Core& core, Loaded& loaded);

}  // namespace ipsecgw::ike
