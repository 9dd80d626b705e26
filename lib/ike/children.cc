#include <algorithm>
#include <cinttypes>
#include <utility>

#include "ike/children_internal.h"
#include "ike/connections_internal.h"

namespace ipsecgw::ike {
namespace {

using base::LogLevel;

/// What the policy of this child names now.
Binding binding_of(const IkeSa& ike, const ChildSa& of)
{
    Binding binding;
    binding.policy = of.policy_name();
    ChildSaId newest = 0;
    for (const auto& child : ike.children) {
        if (child->policy_id != of.policy_id)
            continue;
        if (child->is_inbound_installed)
            binding.inbound_sas.push_back(child->inbound_name());
        // Two send sides are there for a moment when traffic moves to a successor.
        if (child->outbound == OutboundState::kInstalled && child->id > newest) {
            newest = child->id;
            binding.outbound_sa = child->outbound_name();
        }
    }
    return binding;
}

bool policy_is_used(const IkeSa& ike, const ChildSa& by)
{
    return std::ranges::any_of(ike.children, [&](const auto& other) {
        return other.get() != &by && other->policy_id == by.policy_id &&
               (other->is_inbound_installed || other->outbound == OutboundState::kInstalled);
    });
}

/// rekey less a part of rand by chance; 0: never.
uint64_t soft_limit(Core& core, const model::RekeyLimit& limit)
{
    const uint64_t rand = limit.effective_rand();
    return limit.rekey == 0 ? 0 : limit.rekey - std::min(limit.rekey - 1, core.random_below(rand));
}

model::Lifetime lifetime_of(Core& core, const model::ChildConfig& config)
{
    model::Lifetime lifetime;
    lifetime.soft_bytes = soft_limit(core, config.bytes);
    lifetime.hard_bytes = config.bytes.effective_life();
    lifetime.soft_packets = soft_limit(core, config.packets);
    lifetime.hard_packets = config.packets.effective_life();
    // Times are ours (start_child_timers); this one only stops an SA that we fail to remove.
    if (const uint64_t life = config.time_s.effective_life(); life != 0)
        lifetime.hard_seconds = static_cast<uint32_t>(std::min<uint64_t>(life + life / 10 + 60, UINT32_MAX));
    return lifetime;
}

model::SaParams params_of(Core& core, const IkeSa& ike, const ChildSa& child, model::Direction direction)
{
    const bool is_inbound = direction == model::Direction::kInbound;
    model::SaParams params;
    params.name = is_inbound ? child.inbound_name() : child.outbound_name();
    params.tunnel_name = ike.connection->name + "/" + child.config->name;
    params.direction = direction;
    params.spi = is_inbound ? child.spi_in : child.spi_out;
    params.mode = child.mode;
    params.local = ike.local.address;
    params.remote = ike.remote.address;
    params.suite = child.suite.esp;
    params.esn = child.suite.esn;
    params.replay_window = child.config->replay_window;
    if (child.uses_udp) {
        const auto floated = [](uint16_t port) { return port == 500 ? uint16_t{4500} : port; };
        params.udp = {floated(ike.local.port), floated(ike.remote.port)};
    }
    params.tunnel = child.config->tunnel;
    if (!is_inbound && child.peer_takes_tfc && child.mode == model::Mode::kTunnel)
        params.tfc_pad_to = child.config->tfc_pad_to;
    params.lifetime = lifetime_of(core, *child.config);
    params.hw_offload = child.config->hw_offload;
    params.engine = child.config->engine;
    return params;
}

/// The chain of rekeyed children shares a policy as long as the selectors stay the same.
ChildSaId policy_for(const IkeSa& ike, const ChildSa& child)
{
    for (const auto& other : ike.children)
        if (other->id == child.predecessor && other->local_ts == child.local_ts && other->remote_ts == child.remote_ts)
            return other->policy_id;
    return child.id;
}

model::Policy policy_of(const ChildSa& child)
{
    model::Policy policy;
    policy.name = child.policy_name();
    policy.priority = child.config->priority;
    policy.action = model::Action::kProtect;
    policy.local = to_model(child.local_ts);
    policy.remote = to_model(child.remote_ts);
    return policy;
}

void install_inbound(Core& core, IkeSa& ike, ChildSa& child, base::SecretBytes keymat)
{
    if (!policy_is_used(ike, child))
        core.emit(AddPolicy{policy_of(child)});
    InstallInbound effect;
    effect.child = child.id;
    effect.params = params_of(core, ike, child, model::Direction::kInbound);
    effect.params.keymat = std::move(keymat);
    child.is_inbound_installed = true;
    effect.binding = binding_of(ike, child);
    core.emit(std::move(effect));
}

void remove_inbound(Core& core, IkeSa& ike, ChildSa& child)
{
    if (!std::exchange(child.is_inbound_installed, false))
        return;
    core.emit(RemoveInbound{child.id, child.inbound_name(), child.spi_in, binding_of(ike, child)});
    if (!policy_is_used(ike, child) && child.outbound != OutboundState::kInstalled)
        core.emit(RemovePolicy{child.policy_name()});
}

}  // namespace

ChildSa& add_child(Core& core, IkeSa& ike, AgreedChild agreed, ChildKeys keys)
{
    auto owned = std::make_unique<ChildSa>(++core.last_child, ike.id);
    ChildSa& child = *owned;
    child.config = std::move(agreed.config);
    child.role = agreed.role;
    child.mode = agreed.mode;
    child.suite = agreed.suite;
    child.local_ts = std::move(agreed.local_ts);
    child.remote_ts = std::move(agreed.remote_ts);
    child.spi_in = agreed.spi_in.take();
    child.spi_out = agreed.spi_out;
    child.predecessor = agreed.predecessor;
    child.peer_takes_tfc = agreed.peer_takes_tfc;
    child.uses_udp = ike.uses_udp();
    child.installed_ns = core.now_ns;
    child.policy_id = policy_for(ike, child);
    const bool is_initiator = agreed.role == Role::kInitiator;
    child.held_outbound = std::make_unique<model::SaParams>(params_of(core, ike, child, model::Direction::kOutbound));
    child.held_outbound->keymat = std::move(is_initiator ? keys.initiator_to_responder : keys.responder_to_initiator);
    ike.children.push_back(std::move(owned));
    core.by_child.emplace(child.id, &ike);
    install_inbound(core, ike, child,
                    std::move(is_initiator ? keys.responder_to_initiator : keys.initiator_to_responder));
    core.counts.children_established++;
    return child;
}

void activate_outbound(Core& core, IkeSa& ike, ChildSa& child)
{
    if (child.outbound != OutboundState::kHeld || child.is_redundant)
        return;
    InstallOutbound effect;
    effect.child = child.id;
    effect.params = std::move(*child.held_outbound);
    child.held_outbound.reset();
    child.outbound = OutboundState::kInstalled;
    effect.binding = binding_of(ike, child);
    core.emit(std::move(effect));
}

void replace_child(Core& core, IkeSa& ike, ChildSa& old, ChildSa& successor)
{
    activate_outbound(core, ike, successor);
    old.rekey_timer.cancel();
    old.inactivity_timer.cancel();
    old.successor = successor.id;
    if (!std::exchange(old.is_announced, false))
        return;
    successor.is_announced = true;
    core.counts.child_rekeys++;
    core.emit(ChildRekeyed{ike.id, old.id, successor.id, ike.connection->name, old.config->name});
}

void remove_outbound(Core& core, IkeSa& ike, ChildSa& child)
{
    child.held_outbound.reset();
    if (std::exchange(child.outbound, OutboundState::kRemoved) != OutboundState::kInstalled)
        return;
    core.emit(RemoveOutbound{child.id, child.outbound_name(), child.spi_out, binding_of(ike, child)});
}

void drain_child(Core& core, IkeSa& ike, ChildSa& child)
{
    remove_outbound(core, ike, child);
    child.state = ChildState::kDeleted;
    for (Timer* timer : {&child.rekey_timer, &child.close_timer, &child.inactivity_timer})
        timer->cancel();
    core.timers.set(child.drain_timer, core.in_seconds(core.options.drain_s));
}

void remove_child(Core& core, IkeSa& ike, ChildSa& child)
{
    remove_outbound(core, ike, child);
    remove_inbound(core, ike, child);
    core.by_child.erase(child.id);
    std::erase_if(ike.children, [&](const auto& owned) { return owned.get() == &child; });
}

void start_child_timers(Core& core, ChildSa& child)
{
    if (child.is_redundant)
        return;
    const model::RekeyLimit& time = child.config->time_s;
    if (const uint64_t soft = soft_limit(core, time); soft != 0)
        core.timers.set(child.rekey_timer, core.in_seconds(static_cast<double>(soft)));
    if (const uint64_t life = time.effective_life(); life != 0)
        core.timers.set(child.close_timer, core.in_seconds(static_cast<double>(life)));
    if (child.config->inactivity_s != 0)
        core.timers.set(child.inactivity_timer, core.in_seconds(child.config->inactivity_s));
}

void move_children(Core& core, IkeSa& from, IkeSa& to)
{
    for (auto& child : from.children) {
        child->set_ike_sa(to.id);
        core.by_child[child->id] = &to;
        to.children.push_back(std::move(child));
    }
    from.children.clear();
}

void child_ended(Core& core, IkeSa& ike, ChildSaId child, const ChildConfigPtr& config, ChildEnd end)
{
    core.emit(ChildDown{ike.id, child, ike.connection->name, config->name});
    if (end != ChildEnd::kAsked)
        follow_child_end(core, ike, config->name, end);
}

void child_ended(Core& core, IkeSa& ike, ChildSa& child, ChildEnd end)
{
    if (std::exchange(child.is_announced, false))
        child_ended(core, ike, child.id, child.config, end);
}

}  // namespace ipsecgw::ike
