#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/text.h"
#include "ike/connections_internal.h"
#include "ike/exchanges_internal.h"
#include "ike/tasks_internal.h"

namespace ipsecgw::ike {
namespace {

using base::Error;
using base::ErrorCode;
using base::LogLevel;
using base::Result;
using model::StartAction;

bool traps(const model::ChildConfig& child)
{
    return child.start_action == StartAction::kTrap || child.start_action == StartAction::kTrapStart;
}

bool starts(const model::ChildConfig& child)
{
    return child.start_action == StartAction::kStart || child.start_action == StartAction::kTrapStart;
}

/// Nothing of a loaded child leaves in clear: packets of it meet a policy without SAs until its own stands before that.
void set_trap(Core& core, Loaded& loaded, const model::ChildConfig& child, OnPacket on_packet)
{
    const auto ends = endpoints_of(core, *loaded.config);
    if (!ends)
        return;  // whose traffic it is will only be known when a peer comes
    auto& name = loaded.traps[child.name];
    if (name.empty())
        name = sa_name(child.name, ++core.last_child);
    model::Policy policy;
    policy.name = name;
    policy.priority = child.priority + 1;
    policy.action = model::Action::kProtect;
    policy.local = to_model(resolve(child.local_ts, ends->first.address));
    policy.remote = to_model(resolve(child.remote_ts, ends->second.address));
    core.emit(Trap{loaded.config->name, child.name, std::move(policy), on_packet});
}

/// An IKE SA of this connection that can take or will take children.
IkeSa* usable_ike_sa(Core& core, std::string_view connection)
{
    IkeSa* connecting = nullptr;
    for (const IkeSaId id : core.ike_sas_of(connection)) {
        IkeSa* ike = core.find(id);
        if (ike->is_up() && !ike->is_heir_undecided)
            return ike;
        if (ike->state == IkeState::kConnecting && ike->role == Role::kInitiator)
            connecting = ike;
    }
    return connecting;
}

bool has_child(Core& core, std::string_view connection, std::string_view child)
{
    return std::ranges::any_of(core.ike_sas_of(connection), [&](IkeSaId id) {
        IkeSa& ike = *core.find(id);
        return ike.state != IkeState::kDeleting &&
               (ike.find_current_child(child) != nullptr || is_child_queued(ike, child));
    });
}

void reconnect_later(Core& core, Loaded& loaded)
{
    const double doubled = core.options.reconnect_first_s * static_cast<double>(1U << std::min(loaded.failures, 16U));
    const double delay = std::min(doubled, static_cast<double>(core.options.reconnect_last_s));
    const uint64_t span_ns = static_cast<uint64_t>(delay * 1e9);
    // A quarter by chance, so that the peers of one that was away do not come back together.
    loaded.not_before_ns = core.now_ns + span_ns - core.random_below(span_ns / 4);
    loaded.failures++;
    if (!loaded.wanted.empty())
        core.timers.set(loaded.reconnect_timer, loaded.not_before_ns);
}

/// An IKE SA of ours and then what `first` says, a new child; nothing: none.
Result<void> connect(Core& core, Loaded& loaded, std::optional<Task> first)
{
    auto ends = endpoints_of(core, *loaded.config);
    if (!ends)
        return std::move(ends).error();
    IkeSa* ike = core.create_ike_sa(loaded.config, Role::kInitiator);
    if (ike == nullptr)
        return Error{ErrorCode::kResourceExhausted, "no new IKE SA: the table is full"};
    ike->local = ends->first;
    ike->remote = ends->second;
    if (first)
        ike->queue.push_back({std::move(*first), 0});
    start_ike_sa_init(core, *ike);
    return {};
}

}  // namespace

ChildConfigPtr child_config_at(const ConnectionPtr& connection, size_t index)
{
    return ChildConfigPtr(connection, &connection->children[index]);
}

ChildConfigPtr find_child_config(const ConnectionPtr& connection, std::string_view child)
{
    for (size_t i = 0; i < connection->children.size(); i++)
        if (connection->children[i].name == child)
            return child_config_at(connection, i);
    return nullptr;
}

Result<std::pair<Endpoint, Endpoint>> endpoints_of(Core& core, const model::IkeConnection& connection)
{
    const auto remote = connection.remote_address();
    if (!remote)
        return Error{ErrorCode::kInvalidArgument, connection.name + ": its peer has no address",
                     "set remote_addrs to one"};
    Endpoint local;
    local.port = connection.local_port;
    const auto own = std::ranges::find_if(connection.local_addrs, [&](const net::Prefix& prefix) {
        return prefix.family() == remote->family() && prefix.length == net::address_bits(prefix.family());
    });
    if (own != connection.local_addrs.end())
        local.address = own->address;
    else
        local.address = GW_TRY(core.host.source_address(*remote));
    return std::pair{local, Endpoint{*remote, connection.remote_port}};
}

void begin_connection(Core& core, Loaded& loaded)
{
    const ConnectionPtr config = loaded.config;
    core.directory.add(config);
    for (const auto& child : config->children)
        set_trap(core, loaded, child, traps(child) ? OnPacket::kAcquire : OnPacket::kDrop);
    for (size_t i = 0; i < config->children.size(); i++)
        if (starts(config->children[i])) {
            loaded.wanted.insert(config->children[i].name);
            if (const auto begun = bring_up(core, loaded, child_config_at(config, i)); !begun)
                core.log(LogLevel::kWarning, nullptr, "unable to start '%s': %s", config->children[i].name.c_str(),
                         begun.error().what.c_str());
        }
}

void end_connection(Core& core, Loaded& loaded)
{
    core.directory.remove(loaded.config);
    for (auto& [child, policy] : loaded.traps)
        core.emit(Untrap{loaded.config->name, child, policy});
    loaded.traps.clear();
    loaded.wanted.clear();
    loaded.reconnect_timer.cancel();
}

Result<void> bring_up(Core& core, Loaded& loaded, const ChildConfigPtr& child, PacketSelectorsPtr packet)
{
    const std::string& connection = loaded.config->name;
    if (has_child(core, connection, child->name)) {
        core.emit(InitiateDone{connection, child->name, {}});
        return {};
    }
    Task task = Task::new_child(child, std::move(packet));
    IkeSa* ike = usable_ike_sa(core, connection);
    if (ike == nullptr)
        return connect(core, loaded, std::move(task));
    enqueue(core, *ike, std::move(task));
    return {};
}

Result<void> bring_up_childless(Core& core, Loaded& loaded)
{
    const IkeSa* ike = usable_ike_sa(core, loaded.config->name);
    if (ike == nullptr)
        return connect(core, loaded, std::nullopt);
    if (ike->is_up())
        core.emit(InitiateDone{loaded.config->name, {}, {}});
    return {};
}

bool is_wanted_already(Core& core, const Loaded& loaded, std::string_view child)
{
    return loaded.wanted.contains(child) || has_child(core, loaded.config->name, child);
}

void attempt_succeeded(Core& core, const IkeSa& ike)
{
    if (Loaded* loaded = core.find_loaded(ike.connection->name)) {
        loaded->failures = 0;
        loaded->not_before_ns = 0;
        loaded->reconnect_timer.cancel();
    }
}

void attempt_failed(Core& core, IkeSa& ike, AttemptEnd end, const std::string& reason)
{
    core.counts.failed++;
    Loaded* loaded = core.find_loaded(ike.connection->name);
    std::vector<ChildConfigPtr> children = take_queued_children(ike);
    const uint32_t tries = ike.connection->keyingtries;
    const bool tries_left =
        end == AttemptEnd::kUnanswered && loaded != nullptr && (tries == 0 || loaded->failures + 1 < tries);
    for (const auto& child : children) {
        if (loaded != nullptr && (tries_left || starts(*child)))
            loaded->wanted.insert(child->name);
        else
            core.emit(InitiateDone{ike.connection->name, child->name, reason});
    }
    if (ike.connection->children.empty())
        core.emit(InitiateDone{ike.connection->name, {}, reason});
    if (loaded != nullptr)
        reconnect_later(core, *loaded);
}

void child_failed(Core& core, IkeSa& ike, const model::ChildConfig& config)
{
    Loaded* loaded = core.find_loaded(ike.connection->name);
    if (loaded == nullptr)
        return;
    if (starts(config))
        loaded->wanted.insert(config.name);
    reconnect_later(core, *loaded);
}

void follow_child_end(Core& core, IkeSa& ike, std::string_view child, ChildEnd end)
{
    Loaded* loaded = core.find_loaded(ike.connection->name);
    const ChildConfigPtr config = loaded == nullptr ? nullptr : find_child_config(loaded->config, child);
    if (config == nullptr)
        return;
    const bool is_dpd = end == ChildEnd::kPeerIsGone;
    const bool start =
        is_dpd ? config->dpd_action == model::DpdAction::kRestart
               : config->close_action == StartAction::kStart || config->close_action == StartAction::kTrapStart;
    const bool trap =
        is_dpd ? config->dpd_action == model::DpdAction::kTrap
               : config->close_action == StartAction::kTrap || config->close_action == StartAction::kTrapStart;
    if (trap && !traps(*config))
        set_trap(core, *loaded, *config, OnPacket::kAcquire);
    if (start) {
        // Not at once: what ends this child may be taking the whole IKE SA with it.
        loaded->wanted.insert(config->name);
        if (!loaded->reconnect_timer.is_set())
            core.timers.set(loaded->reconnect_timer, core.now_ns);
    }
}

void on_reconnect_timer(Core& core, Loaded& loaded)
{
    // What fails again says so again.
    for (const std::string& name : std::exchange(loaded.wanted, {})) {
        const ChildConfigPtr child = find_child_config(loaded.config, name);
        if (child == nullptr)
            continue;
        if (const auto begun = bring_up(core, loaded, child); !begun) {
            core.log(LogLevel::kWarning, nullptr, "unable to start '%s': %s", name.c_str(), begun.error().what.c_str());
            loaded.wanted.insert(name);
        }
    }
    if (!loaded.wanted.empty())
        reconnect_later(core, loaded);
}

}  // namespace ipsecgw::ike
