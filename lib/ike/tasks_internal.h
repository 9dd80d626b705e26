// What an IKE SA has to do, in order, one request at a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ike/core_internal.h"

namespace ipsecgw::ike {

/// Adds a task and starts it if nothing else is on its way. One that is there already is not added again.
void enqueue(Core& core, IkeSa& ike, Task task);
/// The same, not before so many seconds (and up to half as much again by chance) have passed.
void enqueue_later(Core& core, IkeSa& ike, Task task, double seconds);
/// Starts the next task that may start.
void start_next_task(Core& core, IkeSa& ike);

/// The new child, or a rekeying of one of its name, waits or is on its way.
[[nodiscard]] bool is_child_queued(const IkeSa& ike, std::string_view child);
/// Removes the new children that wait or are on their way, and returns them: the IKE SA ends.
std::vector<ChildConfigPtr> take_queued_children(IkeSa& ike);
/// Removes tasks about a child that goes.
void drop_tasks_of(IkeSa& ike, ChildSaId child);

/// "IKE_REKEY" and so on, for listings and log lines.
[[nodiscard]] std::string_view to_string(TaskKind kind) noexcept;

}  // namespace ipsecgw::ike
