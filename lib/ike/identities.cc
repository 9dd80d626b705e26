#include <algorithm>

#include "ike/identities_internal.h"
#include "ike/lifecycle_internal.h"
#include "ike/tasks_internal.h"

namespace ipsecgw::ike {
namespace {

using base::LogLevel;

uint64_t hash_of_identities(const IkeSa& ike)
{
    uint64_t hash = 14695981039346656037U;  // FNV-1a
    const auto mix = [&](uint8_t byte) { hash = (hash ^ byte) * 1099511628211U; };
    for (const model::Identity* identity : {&ike.local_id, &ike.remote_id}) {
        mix(static_cast<uint8_t>(identity->type));
        for (const uint8_t byte : identity->data)
            mix(byte);
    }
    return hash;
}

/// Set up while the other was: both ends started at once.
bool has_crossed(const IkeSa& ike, const IkeSa& twin)
{
    return ike.role != twin.role && twin.established_ns >= ike.created_ns &&
           ike.connection->name == twin.connection->name;
}

/// Deletes the loser, if it is ours; what it was to carry is looked for on the other.
void settle_crossing(Core& core, IkeSa& ike, IkeSa& twin)
{
    IkeSa& loser = ike.spi_i < twin.spi_i ? ike : twin;
    if (loser.role != Role::kInitiator)
        return;
    core.log(LogLevel::kInfo, &loser, "both ends have initiated, deleting redundant IKE_SA %s", loser.name().c_str());
    if (Loaded* loaded = core.find_loaded(loser.connection->name)) {
        for (const auto& child : loser.children)
            loaded->wanted.insert(child->config->name);
        for (const auto& child : take_queued_children(loser))
            loaded->wanted.insert(child->name);
        core.timers.set(loaded->reconnect_timer, core.in_seconds(core.options.reconnect_first_s));
    }
    enqueue(core, loser, Task{TaskKind::kDeleteIke});
}

}  // namespace

bool names_one(const model::Identity& identity) noexcept
{
    return !identity.is_any() && std::ranges::find(identity.data, '*') == identity.data.end();
}

bool is_only_ike_sa(Core& core, const IkeSa& ike)
{
    return core.ike_sas_of(ike.connection->name).size() == 1;
}

std::vector<IkeSa*> twins_of(Core& core, const IkeSa& ike)
{
    std::vector<IkeSa*> out;
    const auto [first, last] = core.by_identities.equal_range(hash_of_identities(ike));
    for (auto it = first; it != last; ++it)
        if (it->second != &ike && it->second->is_up() && it->second->local_id == ike.local_id &&
            it->second->remote_id == ike.remote_id)
            out.push_back(it->second);
    return out;
}

void register_identities(Core& core, IkeSa& ike)
{
    core.by_identities.emplace(hash_of_identities(ike), &ike);
}

void forget_identities(Core& core, IkeSa& ike)
{
    const auto [first, last] = core.by_identities.equal_range(hash_of_identities(ike));
    for (auto it = first; it != last; ++it)
        if (it->second == &ike) {
            core.by_identities.erase(it);
            return;
        }
}

void enforce_uniqueness(Core& core, IkeSa& ike)
{
    if (ike.connection->unique == model::UniquePolicy::kNever)
        return;
    for (IkeSa* twin : twins_of(core, ike)) {
        if (has_crossed(ike, *twin)) {
            settle_crossing(core, ike, *twin);
        } else if (ike.connection->unique == model::UniquePolicy::kReplace) {
            core.log(LogLevel::kInfo, twin, "deleting duplicate IKE_SA for peer '%s' due to uniqueness policy",
                     ike.remote_id.to_string().c_str());
            enqueue(core, *twin, Task{TaskKind::kDeleteIke});
        }
    }
}

void on_initial_contact(Core& core, IkeSa& ike)
{
    if (ike.connection->unique == model::UniquePolicy::kNever)
        return;
    for (IkeSa* twin : twins_of(core, ike)) {
        // One that came up while this one was on its way may not have been known to the peer when it said so: both ends
        // started at once.
        if (twin->established_ns > ike.created_ns)
            continue;
        core.log(LogLevel::kInfo, twin, "destroying duplicate IKE_SA for peer '%s', received INITIAL_CONTACT",
                 ike.remote_id.to_string().c_str());
        close_ike(core, *twin, ChildEnd::kAsked);
    }
}

Bytes ppk_identity_data(const model::Identity& ppk_id)
{
    Bytes out(1 + ppk_id.data.size(), 2);
    std::ranges::copy(ppk_id.data, out.begin() + 1);
    return out;
}

bool is_ppk_identity(const NotifyPayload& notify, const model::Identity& ppk_id)
{
    return notify.data == ppk_identity_data(ppk_id);
}

std::vector<CertificateData> certificates_of(const Message& message)
{
    std::vector<CertificateData> out;
    for (const Payload& payload : message.payloads)
        if (const auto* certificate = std::get_if<CertPayload>(&payload))
            out.push_back(certificate->certificate);
    return out;
}

}  // namespace ipsecgw::ike
