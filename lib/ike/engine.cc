#include "ike/engine.h"

#include <algorithm>
#include <utility>

#include "base/byte_reader.h"
#include "ike/connections_internal.h"
#include "ike/exchanges_internal.h"
#include "ike/lifecycle_internal.h"
#include "ike/listing_internal.h"
#include "ike/tasks_internal.h"
#include "ike/window_internal.h"

namespace ipsecgw::ike {
namespace {

using base::Error;
using base::ErrorCode;
using base::LogLevel;
using base::Result;

/// Timers of one tick: what is left waits for the next, so that messages get their turn.
constexpr int kTimersPerTick = 64;

/// Another major version is told ours (RFC 7296 section 2.5), as a response in clear.
void answer_version(Core& core, const Datagram& datagram)
{
    // SPIs, exchange and message ID as they came; the flags say that this is a response, and where the other end keeps
    // its SPI.
    if (datagram.bytes.size() < kHeaderBytes || (datagram.bytes[19] & 0x20) != 0 || !core.may_answer_stranger())
        return;
    base::ByteReader reader(datagram.bytes);
    Header header;
    header.spi_i = reader.u64();
    header.spi_r = reader.u64();
    reader.skip(2);
    header.exchange = static_cast<ExchangeType>(reader.u8());
    reader.skip(1);
    header.message_id = reader.u32();
    header.is_response = true;
    NotifyPayload notify;
    notify.type = NotifyType::kInvalidMajorVersion;
    notify.data = {2};
    const Payload payload = std::move(notify);
    if (auto encoded = encode_message(header, {&payload, 1}))
        core.emit(Send{datagram.local, datagram.remote, std::move(*encoded)});
}

/// A request of an IKE SA that is not here is told so, in clear, at a bounded rate (RFC 7296 section 2.21.4); its
/// sender believes it or not. Ours that come back are not answered.
void answer_unknown_spi(Core& core, const Datagram& datagram, const Header& request)
{
    if (request.is_response || request.spi_i == 0 || request.spi_r == 0 || core.by_spi.contains(request.spi_i) ||
        core.by_spi.contains(request.spi_r) || !core.may_answer_stranger())
        return;
    Header header = request;
    header.is_response = true;
    header.from_initiator = !request.from_initiator;
    NotifyPayload notify;
    notify.type = NotifyType::kInvalidIkeSpi;
    const Payload payload = std::move(notify);
    if (auto encoded = encode_message(header, {&payload, 1}))
        core.emit(Send{datagram.local, datagram.remote, std::move(*encoded)});
}

IkeSa* find_by_own_spi(Core& core, const Header& header)
{
    const auto it = core.by_spi.find(header.from_initiator ? header.spi_r : header.spi_i);
    if (it == core.by_spi.end())
        return nullptr;
    IkeSa* ike = it->second;
    // The peer's SPI and its end must fit too: what we sent ourselves and comes back is nobody's.
    const bool is_peer_initiator = ike->role == Role::kResponder;
    if (header.from_initiator != is_peer_initiator)
        return nullptr;
    const uint64_t peer_spi = header.from_initiator ? header.spi_i : header.spi_r;
    const bool knows_peer_spi = ike->peer_spi() != 0;
    return !knows_peer_spi || ike->peer_spi() == peer_spi ? ike : nullptr;
}

void receive_init(Core& core, const Datagram& datagram, const Header& header)
{
    IkeSa* ike = header.is_response ? find_by_own_spi(core, header) : nullptr;
    if (header.is_response && ike == nullptr) {
        core.counts.dropped_unknown_spi++;
        return;
    }
    auto message = decode_message(datagram.bytes);
    if (!message || find_payload<EncryptedPayload>(message->payloads) != nullptr) {
        core.counts.dropped_malformed++;
        return;
    }
    if (header.is_response)
        on_ike_sa_init_response(core, *ike, datagram, *message);
    else
        on_ike_sa_init_request(core, datagram, *message);
}

/// What a Selection picks.
struct Selected {
    std::vector<IkeSa*> ike_sas;
    std::vector<std::pair<IkeSa*, ChildSaId>> children;
};

Selected select(Core& core, const Selection& wanted)
{
    Selected out;
    const bool is_about_children = wanted.child || wanted.child_sa;
    if (!wanted.connection && !wanted.ike_sa && !is_about_children)
        return out;
    const auto look = [&](IkeSa& ike) {
        if ((wanted.ike_sa && *wanted.ike_sa != ike.id) ||
            (wanted.connection && *wanted.connection != ike.connection->name) || ike.heir != 0 ||
            ike.state == IkeState::kRekeyed)
            return;
        if (!is_about_children)
            out.ike_sas.push_back(&ike);
        for (const auto& child : ike.children)
            if (is_about_children && child->is_current() && (!wanted.child || *wanted.child == child->config->name) &&
                (!wanted.child_sa || *wanted.child_sa == child->id))
                out.children.emplace_back(&ike, child->id);
    };
    if (wanted.ike_sa) {
        if (IkeSa* ike = core.find(*wanted.ike_sa))
            look(*ike);
    } else if (wanted.child_sa) {
        if (const auto it = core.by_child.find(*wanted.child_sa); it != core.by_child.end())
            look(*it->second);
    } else if (wanted.connection) {
        for (const IkeSaId id : core.ike_sas_of(*wanted.connection))
            look(*core.find(id));
    } else {
        for (auto& [id, ike] : core.ike_sas)
            look(*ike);
    }
    return out;
}

Error nothing_selected()
{
    return {ErrorCode::kNotFound, "no SA matches", "look at the list of SAs"};
}

/// Ends an IKE SA at its user's wish.
void terminate_ike(Core& core, IkeSa& ike)
{
    if (Loaded* loaded = core.find_loaded(ike.connection->name)) {
        loaded->wanted.clear();
        loaded->reconnect_timer.cancel();
    }
    if (ike.state == IkeState::kConnecting) {
        close_ike(core, ike, ChildEnd::kAsked);
        return;
    }
    ike.end = ChildEnd::kAsked;
    enqueue(core, ike, Task{TaskKind::kDeleteIke});
}

}  // namespace

Engine::Engine(const EngineOptions& options, Host& host, const Credentials& credentials)
    : core_(std::make_unique<Core>(options, host, credentials))
{
}

Engine::~Engine() = default;

Result<void> Engine::load(std::shared_ptr<const model::IkeConnection> connection, const Turn& turn)
{
    const TurnScope scope(*core_, turn);
    auto& slot = core_->connections[connection->name];
    if (slot != nullptr) {
        end_connection(*core_, *slot);
        core_->connections_by_number.erase(slot->number);
    }
    slot = std::make_unique<Loaded>(++core_->last_number);
    slot->config = std::move(connection);
    core_->connections_by_number.emplace(slot->number, slot.get());
    begin_connection(*core_, *slot);
    return {};
}

Result<void> Engine::unload(std::string_view connection, const Turn& turn)
{
    const TurnScope scope(*core_, turn);
    const auto it = core_->connections.find(connection);
    if (it == core_->connections.end())
        return Error{ErrorCode::kNotFound, "no connection is named \"" + std::string(connection) + "\""};
    end_connection(*core_, *it->second);
    core_->connections_by_number.erase(it->second->number);
    core_->connections.erase(it);
    return {};
}

std::vector<std::shared_ptr<const model::IkeConnection>> Engine::connections() const
{
    std::vector<std::shared_ptr<const model::IkeConnection>> out;
    for (const auto& [name, loaded] : core_->connections)
        out.push_back(loaded->config);
    return out;
}

void Engine::receive(const Datagram& datagram, const Turn& turn)
{
    const TurnScope scope(*core_, turn);
    const auto header = decode_header(datagram.bytes);
    if (!header) {
        core_->counts.dropped_malformed++;
        if (header.error().answer == NotifyType::kInvalidMajorVersion)
            answer_version(*core_, datagram);
        return;
    }
    if (header->exchange == ExchangeType::kIkeSaInit) {
        receive_init(*core_, datagram, *header);
        return;
    }
    if (IkeSa* ike = find_by_own_spi(*core_, *header)) {
        receive_protected(*core_, *ike, datagram, *header);
    } else {
        core_->counts.dropped_unknown_spi++;
        answer_unknown_spi(*core_, datagram, *header);
    }
}

void Engine::tick(const Turn& turn)
{
    const TurnScope scope(*core_, turn);
    for (int left = kTimersPerTick; left > 0; left--) {
        const Timer* timer = core_->timers.take_due(turn.now_ns);
        if (timer == nullptr)
            return;
        on_timer(*core_, *timer);
    }
}

uint64_t Engine::next_deadline_ns() const
{
    return core_->timers.next_ns();
}

Result<void> Engine::initiate(std::string_view connection, std::string_view child, const Turn& turn)
{
    const TurnScope scope(*core_, turn);
    Loaded* loaded = core_->find_loaded(connection);
    if (loaded == nullptr)
        return Error{ErrorCode::kNotFound, "no connection is named \"" + std::string(connection) + "\""};
    const ConnectionPtr config = loaded->config;
    if (!child.empty()) {
        const ChildConfigPtr wanted = find_child_config(config, child);
        if (wanted == nullptr)
            return Error{ErrorCode::kNotFound, config->name + " has no child named \"" + std::string(child) + "\""};
        return bring_up(*core_, *loaded, wanted);
    }
    if (config->children.empty())
        return bring_up_childless(*core_, *loaded);
    for (size_t i = 0; i < config->children.size(); i++)
        GW_TRY(bring_up(*core_, *loaded, child_config_at(config, i)));
    return {};
}

void Engine::acquire(std::string_view connection, std::string_view child, const PacketSelectors& packet,
                     const Turn& turn)
{
    const TurnScope scope(*core_, turn);
    Loaded* loaded = core_->find_loaded(connection);
    const ChildConfigPtr wanted = loaded != nullptr ? find_child_config(loaded->config, child) : nullptr;
    if (wanted == nullptr || turn.now_ns < loaded->not_before_ns || is_wanted_already(*core_, *loaded, child))
        return;
    core_->log(LogLevel::kInfo, nullptr, "creating acquire job for '%s'", wanted->name.c_str());
    if (const auto begun = bring_up(*core_, *loaded, wanted, std::make_shared<const PacketSelectors>(packet)); !begun)
        core_->log(LogLevel::kWarning, nullptr, "unable to bring up '%s': %s", wanted->name.c_str(),
                   begun.error().what.c_str());
}

Result<size_t> Engine::terminate(const Selection& selection, const Turn& turn)
{
    const TurnScope scope(*core_, turn);
    const Selected selected = select(*core_, selection);
    for (IkeSa* ike : selected.ike_sas)
        terminate_ike(*core_, *ike);
    for (const auto& [ike, child] : selected.children)
        enqueue(*core_, *ike, Task::delete_child(child, ike->find_child(child)->spi_in));
    const size_t count = selected.ike_sas.size() + selected.children.size();
    return count != 0 ? Result<size_t>(count) : nothing_selected();
}

Result<size_t> Engine::rekey(const Selection& selection, const Turn& turn)
{
    const TurnScope scope(*core_, turn);
    const Selected selected = select(*core_, selection);
    size_t count = selected.children.size();
    for (IkeSa* ike : selected.ike_sas)
        if (ike->is_up()) {
            enqueue(*core_, *ike, Task{TaskKind::kRekeyIke});
            count++;
        }
    for (const auto& [ike, child] : selected.children)
        enqueue(*core_, *ike, Task::rekey_child(child));
    return count != 0 ? Result<size_t>(count) : nothing_selected();
}

void Engine::expired(ChildSaId child_id, Expiry expiry, const Turn& turn)
{
    const TurnScope scope(*core_, turn);
    const auto it = core_->by_child.find(child_id);
    ChildSa* child = it != core_->by_child.end() ? it->second->find_child(child_id) : nullptr;
    if (child == nullptr || !child->is_current())
        return;
    IkeSa& ike = *it->second;
    if (expiry == Expiry::kSoft) {
        enqueue(*core_, ike, Task::rekey_child(child_id));
        return;
    }
    core_->log(LogLevel::kInfo, &ike, "CHILD_SA %s has reached its end, deleting it", child->name().c_str());
    child->is_expired = true;
    enqueue(*core_, ike, Task::delete_child(child_id, child->spi_in));
}

void Engine::install_failed(ChildSaId child_id, const base::Error& why, const Turn& turn)
{
    const TurnScope scope(*core_, turn);
    const auto it = core_->by_child.find(child_id);
    ChildSa* child = it != core_->by_child.end() ? it->second->find_child(child_id) : nullptr;
    if (child == nullptr)
        return;
    core_->log(LogLevel::kError, it->second, "unable to install CHILD_SA %s: %s", child->name().c_str(),
               why.what.c_str());
    enqueue(*core_, *it->second, Task::delete_child(child_id, child->spi_in));
}

void Engine::endpoint_changed(ChildSaId child, const Endpoint& remote, const Turn& turn)
{
    const TurnScope scope(*core_, turn);
    if (const auto it = core_->by_child.find(child); it != core_->by_child.end())
        follow_endpoint(*core_, *it->second, remote);
}

void Engine::terminate_all(const Turn& turn)
{
    const TurnScope scope(*core_, turn);
    std::vector<IkeSaId> ids;
    for (const auto& [id, ike] : core_->ike_sas)
        ids.push_back(id);
    for (const IkeSaId id : ids)
        if (IkeSa* ike = core_->find(id))
            terminate_ike(*core_, *ike);
}

std::vector<IkeStatus> Engine::list(IkeSaId after, size_t limit) const
{
    std::vector<IkeStatus> out;
    for (auto it = core_->ike_sas.upper_bound(after); it != core_->ike_sas.end() && out.size() < limit; ++it)
        out.push_back(status_of(*core_, *it->second));
    return out;
}

IkeSaId Engine::count_states(IkeSaId after, size_t limit, StateCounts& counts) const
{
    static_assert(std::tuple_size_v<StateCounts> == static_cast<size_t>(IkeState::kDeleting) + 1);
    auto it = core_->ike_sas.upper_bound(after);
    for (; it != core_->ike_sas.end() && limit != 0; ++it, limit--) {
        counts[static_cast<size_t>(it->second->state)]++;
        after = it->first;
    }
    return it == core_->ike_sas.end() ? 0 : after;
}

std::optional<IkeStatus> Engine::find_ike_sa(IkeSaId id) const
{
    const IkeSa* ike = core_->find(id);
    return ike != nullptr ? std::optional(status_of(*core_, *ike)) : std::nullopt;
}

EngineStats Engine::stats() const
{
    EngineStats stats = core_->counts;
    stats.ike_sas = static_cast<uint32_t>(core_->ike_sas.size());
    stats.half_open = core_->half_open.count();
    stats.child_sas = static_cast<uint32_t>(core_->by_child.size());
    return stats;
}

}  // namespace ipsecgw::ike
