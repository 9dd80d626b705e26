#include <algorithm>
#include <utility>

#include "base/text.h"
#include "control/errors_internal.h"
#include "control/installer_internal.h"
#include "esp/factory.h"

namespace ipsecgw::control {

namespace {

/// None is given twice: the number that comes next is taken away before it is handed on.
void hand_on_numbers(sa::OutboundSa& from, sa::OutboundSa& to)
{
    const uint64_t next = from.next_sequence.exchange(from.last_sequence + 1, std::memory_order_acq_rel);
    to.next_sequence.store(next, std::memory_order_relaxed);
    if (to.iv_base != from.iv_base)  // equal where workers may read it already
        to.iv_base = from.iv_base;
}

}  // namespace

base::Result<void> Installer::check_alone(const model::SaParams& params) const
{
    if (const auto errors = model::validate(params); !errors.empty())
        return all_of("SA", params.name, errors);
    if (params.worker && *params.worker >= parts_.sockets.size())
        return base::Error{
            base::ErrorCode::kInvalidArgument,
            base::format("SA \"%s\": worker: there is no worker %u", params.name.c_str(), *params.worker),
            base::format("this gateway has %zu, counted from 0", parts_.sockets.size())};
    return {};
}

bool Installer::has_key(const SaRecord& record, const model::SaParams& params) const
{
    return record.params.suite == params.suite &&
           base::equal_constant_time(record.key_print, parts_.key_prints.of(params.keymat.view()));
}

base::Result<void> Installer::check(const model::SaParams& params) const
{
    GW_TRY(check_alone(params));
    if (parts_.sas.find(params.name) != nullptr)
        return base::Error{base::ErrorCode::kAlreadyExists,
                           base::format("an SA is named \"%s\" already", params.name.c_str()),
                           "remove it first, or install the new one under another name and rebind its policies"};
    if (params.direction == model::Direction::kInbound && parts_.sad.find(params.spi) != nullptr)
        return base::Error{base::ErrorCode::kAlreadyExists,
                           base::format("SA \"%s\": inbound SPI 0x%08x is in use", params.name.c_str(), params.spi),
                           "an SPI alone selects an inbound SA (RFC 4301 section 4.1): choose another"};
    return parts_.policies.may_install(params);
}

base::Result<SaRecord*> Installer::install(model::SaParams params, uint64_t now_ns, SaRecord* predecessor)
{
    GW_TRY(check(params));
    SaRecord record;
    record.params = std::move(params);
    record.algorithm = record.params.suite.name();
    record.installed_ns = now_ns;
    GW_TRY(publish(record));
    record.key_print = parts_.key_prints.of(record.params.keymat.view());
    record.params.keymat = {};
    if (predecessor != nullptr)
        hand_on_numbers(*predecessor->outbound, *record.outbound);
    SaRecord& stored = parts_.sas.insert(std::move(record));
    if (stored.is_inbound())
        parts_.owners.release(stored.params.spi);
    else
        parts_.policies.attach_outbound(stored);  // last: the session stands before the SPD points to it
    return &stored;
}

void Installer::give_back_numbers(SaRecord& successor, SaRecord& predecessor)
{
    hand_on_numbers(*successor.outbound, *predecessor.outbound);
}

base::Result<offload::Choice> Installer::choose(const SaRecord& record, sa::SaTag tag) const
{
    offload::Options options;
    options.provider = parts_.provider;
    const model::SaParams& params = record.params;
    if (const worker::PortView* port = port_of(parts_.data, params.direction, params.local, params.remote)) {
        // Queue q is polled by worker q modulo workers; without a queue of its own the owner gets its packets by
        // hand-over.
        const uint16_t queue =
            port->rx_queues == 0 ? uint16_t{0} : static_cast<uint16_t>(record.owner % port->rx_queues);
        options.placement =
            offload::Placement{.port_id = port->port_id, .rx_queue = queue, .rx_queues = port->rx_queues};
        if (parts_.steering != nullptr)
            options.placement->flow_group = parts_.steering->spi_group(port->port_id);
        if (record.is_inbound())
            options.placement->rss_queue = parts_.owners.rss_queue(params);
    }
    auto device = parts_.engines.look_aside_for(record.params.suite);
    options.look_aside = device.has_value();
    // Who names no device does not want to read in each SA that there is none, unless the SA asks for one.
    if (options.look_aside)
        options.look_aside_reason = "look-aside device " + *device;
    else if (parts_.engines.has_look_aside() || record.params.engine == model::EngineChoice::kLookAside)
        options.look_aside_reason = std::move(device).error().what;
    return offload::choose(record.params, tag, options);
}

namespace {

model::EngineChoice software_of(model::EngineChoice engine)
{
    return engine == model::EngineChoice::kLookAside ? model::EngineChoice::kAuto : engine;
}

}  // namespace

base::Result<void> Installer::publish(SaRecord& record)
{
    auto published = record.is_inbound() ? publish_inbound(record) : publish_outbound(record);
    if (published || record.params.hw_offload != model::HwOffload::kAuto || record.kind == sa::OffloadKind::kSoftware)
        return published;
    // The port took the session but not what goes with it, or a device has no room: auto takes what cannot be refused.
    const std::string reason = "auto: " + published.error().what;
    record.params.hw_offload = model::HwOffload::kNo;
    const model::EngineChoice engine = std::exchange(record.params.engine, software_of(record.params.engine));
    published = record.is_inbound() ? publish_inbound(record) : publish_outbound(record);
    record.params.hw_offload = model::HwOffload::kAuto;
    record.params.engine = engine;
    record.offload_reason = reason;
    return published;
}

base::Result<void> Installer::publish_inbound(SaRecord& record)
{
    record.owner = parts_.owners.choose(record.params);
    offload::Choice choice = GW_TRY(choose(record, parts_.sad.next_inbound_tag()));
    record.kind = choice.kind;
    record.offload_reason = std::move(choice.reason);
    record.installed = std::move(choice.installed);
    auto built = GW_TRY(
        esp::build_inbound(record.params, record.owner, parts_.engines, parts_.sockets[record.owner], record.kind));
    record.engine = built.sa->cipher != nullptr ? built.sa->cipher->engine : "port";
    record.engine_reason = std::move(built.engine_reason);
    parts_.spd.set_selectors(*built.sa, parts_.policies.selectors_for(record.params.name));
    record.inbound = GW_TRY(parts_.sad.publish(std::move(built.sa)));
    parts_.owners.add(record.owner);
    GW_TRY(activate(record));
    steer(record);
    return {};
}

base::Result<void> Installer::activate(SaRecord& record)
{
    if (record.installed == nullptr)
        return {};
    auto activated = record.installed->activate();
    if (!activated)
        unpublish_inbound(record);
    return activated;
}

// A rule only where the port's own RSS does not do: there may be many SAs, and few rules fit some ports.
void Installer::steer(SaRecord& record)
{
    const model::SaParams& params = record.params;
    const worker::PortView* port = port_of(parts_.data, params.direction, params.local, params.remote);
    if (record.installed != nullptr) {
        record.steering = record.installed->steering();
    } else if (port == nullptr || port->rx_queues < 2) {
        record.steering = "hand-over to the owner: one receive queue";
    } else if (params.udp) {
        record.steering = "hand-over to the owner: ESP in UDP is one flow to the port";
    } else if (const auto queue = parts_.owners.rss_queue(params);
               queue && *queue % parts_.sockets.size() == record.owner) {
        record.steering = base::format("RSS by SPI to queue %u", *queue);
    } else if (parts_.steering == nullptr || record.owner >= port->rx_queues) {
        record.steering = "hand-over to the owner: no queue leads to it";
    } else if (auto rule =
                   parts_.steering->send_to_queue(port->port_id, params.local.family(), params.spi, record.owner)) {
        record.steering_rule = std::move(rule).value();
        record.steering = base::format("flow rule to queue %u", record.owner);
    } else {
        record.steering = "hand-over to the owner: " + rule.error().what;
    }
}

base::Result<void> Installer::publish_outbound(SaRecord& record)
{
    const auto workers = static_cast<uint16_t>(parts_.sockets.size());
    offload::Choice choice = GW_TRY(choose(record, parts_.sad.next_outbound_tag()));
    record.kind = choice.kind;
    record.offload_reason = std::move(choice.reason);
    record.installed = std::move(choice.installed);
    auto built = GW_TRY(esp::build_outbound(record.params, workers, parts_.engines, outbound_socket(), record.kind));
    record.engine = built.sa->cipher(0) != nullptr ? built.sa->cipher(0)->engine : "port";
    record.engine_reason = std::move(built.engine_reason);
    if (record.installed != nullptr) {
        const offload::PortSession session = record.installed->session();
        built.sa->session_context = session.context;
        built.sa->session = session.session;
        built.sa->session_port = session.port_id;
    }
    // Keyed now: the keying material is wiped when the SA is installed.
    if (record.kind == sa::OffloadKind::kInlineCrypto && record.params.hw_offload == model::HwOffload::kAuto)
        record.standby = GW_TRY(esp::build_outbound(record.params, workers, parts_.engines, outbound_socket())).sa;
    record.outbound = GW_TRY(parts_.sad.adopt(std::move(built.sa)));
    return {};
}

// After the SA that refers to it: workers may still hand packets to the session until the grace period is over.
void Installer::retire_installed(SaRecord& record)
{
    if (record.installed != nullptr)
        parts_.reclaimer.retire([installed = std::move(record.installed)]() mutable { installed.reset(); });
    record.installed = nullptr;
}

// Outbound, in a port: packets sealed in a worker's last turn carry the SA's tag and get their session right before the
// port takes them. So the tag stays good for a grace period after the SPD has let go of the SA, then the SA goes, and
// the session after that.
void Installer::retire_marked(SaRecord& record)
{
    parts_.reclaimer.retire([&sad = parts_.sad, &reclaimer = parts_.reclaimer, slot = record.outbound->slot,
                             installed = std::move(record.installed), alive = std::weak_ptr(alive_)]() mutable {
        if (alive.expired())
            return;  // everything goes, the Sad frees it
        static_cast<void>(sad.retire_outbound(slot));
        reclaimer.retire([installed = std::move(installed)]() mutable { installed.reset(); });
    });
    record.installed = nullptr;
}

void Installer::remove(SaRecord& record)
{
    if (!record.is_inbound()) {
        // A worker that has read the pointer already may still seal with it: the grace period covers that.
        parts_.policies.detach_outbound(record);
        if (record.installed != nullptr)
            retire_marked(record);
        else
            static_cast<void>(parts_.sad.retire_outbound(record.outbound->slot));
    } else if (!record.expired) {
        unpublish_inbound(record);
    }
    parts_.sas.erase(std::string(record.params.name));
}

void Installer::expire(SaRecord& record)
{
    record.expired = true;
    if (!record.is_inbound()) {
        record.outbound->expired.store(true, std::memory_order_release);
        return;
    }
    // Retired before the SA is and under its condition, so this runs when no worker counts any more and the SA still
    // stands.
    record.final_counts = std::make_shared<FinalCounts>();
    auto port = record.kind == sa::OffloadKind::kFullProtocol ? record.installed : nullptr;
    auto read_last = [sa = record.inbound, last = record.final_counts, port = std::move(port)]() mutable {
        last->counts = read_counts(*sa);
        if (port != nullptr)
            add_port_counts(*port, model::Direction::kInbound, last->counts);
        last->taken = true;
        port.reset();
    };
    if (record.kind == sa::OffloadKind::kLookAside)
        parts_.reclaimer.retire_when([sa = record.inbound] { return sa->is_idle(); }, std::move(read_last));
    else
        parts_.reclaimer.retire(std::move(read_last));
    unpublish_inbound(record);
}

base::Result<void> Installer::continue_in_software(SaRecord& record, const std::string& why)
{
    const auto refuse = [](const char* reason) { return base::Error{base::ErrorCode::kUnsupported, reason, ""}; };
    if (record.params.hw_offload != model::HwOffload::kAuto)
        return refuse("hw_offload allows no other kind");
    if (record.kind == sa::OffloadKind::kFullProtocol)
        return refuse(record.is_inbound() ? "its replay window was the port's"
                                          : "which IVs it has used only the port knew");
    if (record.is_inbound()) {
        // It has had a cipher and the window all along, for packets the port leaves as they are.
        record.installed->deactivate();
        retire_installed(record);
        record.steering = "hand-over to the owner: " + why;
    } else {
        if (record.standby == nullptr)
            return refuse("no software cipher stands by");
        // The numbers given out so far are below what is taken here, and the old object gives out none after it.
        sa::OutboundSa& old = *record.outbound;
        hand_on_numbers(old, *record.standby);
        record.standby->path_mtu.store(old.path_mtu.load(std::memory_order_relaxed), std::memory_order_relaxed);
        record.carried = record.counts();
        record.engine = record.standby->cipher(0)->engine;
        auto adopted = parts_.sad.adopt(std::move(record.standby));
        if (!adopted)
            return adopted.error();
        const uint32_t slot = old.slot;
        record.outbound = *adopted;
        parts_.policies.attach_outbound(record);
        static_cast<void>(parts_.sad.retire_outbound(slot));
        retire_installed(record);
    }
    record.kind = sa::OffloadKind::kSoftware;
    record.offload_reason = "auto: " + why;
    return {};
}

void Installer::exhaust(SaRecord& record)
{
    // Forward only: no number is given twice. Workers that add to it at this moment put it here themselves.
    if (record.outbound != nullptr)
        record.outbound->next_sequence.store(record.outbound->last_sequence + 1, std::memory_order_relaxed);
}

void Installer::unpublish_inbound(SaRecord& record)
{
    sa::InboundSa& sa = *record.inbound;
    if (record.installed != nullptr)
        record.installed->deactivate();  // the flow rule first: from here on packets arrive as ESP
    record.steering_rule = {};
    static_cast<void>(parts_.sad.retire_inbound(record.params.spi));
    // Also stops what a worker has found already. But packets that a look-aside device was given before the removal
    // pass under the selectors they came with: those go with the SA, when the last packet is out.
    if (record.kind != sa::OffloadKind::kLookAside || record.expired)
        parts_.spd.set_selectors(sa, nullptr);
    retire_installed(record);
    parts_.owners.remove(record.owner);
}

int Installer::outbound_socket() const
{
    const int first = parts_.sockets.front();
    const bool same = std::all_of(parts_.sockets.begin(), parts_.sockets.end(), [&](int s) { return s == first; });
    return same ? first : -1;
}

}  // namespace ipsecgw::control
