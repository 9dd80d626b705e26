// INFORMATIONAL (RFC 7296 section 1.4): deletes, liveness, and what a peer tells.
#include <algorithm>
#include <utility>

#include "base/byte_order.h"
#include "ike/collisions_internal.h"
#include "ike/exchanges_internal.h"
#include "ike/lifecycle_internal.h"
#include "ike/negotiate_child_internal.h"
#include "ike/tasks_internal.h"
#include "ike/window_internal.h"

namespace ipsecgw::ike {
namespace {

using base::LogLevel;

bool send_informational(Core& core, IkeSa& ike, Task task, std::span<const Payload> payloads)
{
    auto request = std::make_unique<Outstanding>();
    request->task = std::move(task);
    request->exchange = ExchangeType::kInformational;
    return send_request(core, ike, std::move(request), payloads);
}

/// Our delete of a child was answered.
void child_delete_done(Core& core, IkeSa& ike, const Task& task)
{
    ChildSa* child = ike.find_child(task.child);
    if (child == nullptr || child->state != ChildState::kDeleting)
        return;
    child_ended(core, ike, *child, child->is_expired ? ChildEnd::kExpired : ChildEnd::kAsked);
    core.log(LogLevel::kInfo, &ike, "CHILD_SA %s closed", child->name().c_str());
    drain_child(core, ike, *child);
}

/// The peer deletes the IKE SA: the answer is empty, and the SA goes with its children (section 1.4.1).
void on_delete_ike(Core& core, IkeSa& ike, const Message& request)
{
    core.log(LogLevel::kInfo, &ike, "received DELETE for IKE_SA %s", ike.name().c_str());
    send_response(core, ike, request.header, {});
    if (IkeSa* heir = undecided_heir(core, ike))
        inherit(core, ike, *heir);  // the peer knows that its rekeying won (section 2.25.2)
    close_ike(core, ike, ike.state == IkeState::kDeleting ? ike.end : ChildEnd::kByPeer);
}

/// The children a Delete payload names; those of ours that go with them are for the answer.
void on_delete_children(Core& core, IkeSa& ike, const DeletePayload& request, DeletePayload& answer)
{
    for (const uint32_t spi : request.spis) {
        ChildSa* child = ike.find_child_by_peer_spi(spi);
        if (child == nullptr) {
            core.log(LogLevel::kInfo, &ike, "received DELETE for unknown ESP CHILD_SA with SPI %08x", spi);
            note_unknown_delete(ike, spi);
            continue;
        }
        core.log(LogLevel::kInfo, &ike, "received DELETE for ESP CHILD_SA %s with SPI %08x", child->name().c_str(),
                 spi);
        if (peer_deletes_child(core, ike, *child))
            answer.spis.push_back(child->spi_in);
    }
}

/// The peer got ESP for an SA it does not have (section 1.5). Rekeying tells whether that is so: it may be on its way
/// out already, and where the peer does not find it, it is made anew.
void on_invalid_spi(Core& core, IkeSa& ike, const NotifyPayload& notify)
{
    const auto is_meant = [&](const auto& child) {
        return notify.data.size() == 4 && child->spi_out == base::load_be32(notify.data.data()) && child->is_current();
    };
    const auto child = std::ranges::find_if(ike.children, is_meant);
    if (child == ike.children.end())
        return;
    core.log(LogLevel::kWarning, &ike, "received INVALID_SPI notify for CHILD_SA %s, rekeying it",
             (*child)->name().c_str());
    enqueue_later(core, ike, Task::rekey_child((*child)->id), 0);
}

}  // namespace

bool start_delete_child(Core& core, IkeSa& ike, const Task& task)
{
    ChildSa* child = ike.find_child(task.child);
    if (task.child != 0 &&
        (child == nullptr || child->state == ChildState::kDeleting || child->state == ChildState::kDeleted))
        return false;
    if (child != nullptr) {
        core.log(LogLevel::kInfo, &ike, "sending DELETE for ESP CHILD_SA %s with SPI %08x", child->name().c_str(),
                 task.spi_in);
        child->state = ChildState::kDeleting;
        child->rekey_timer.cancel();
    }
    DeletePayload payload;
    payload.protocol = model::ProtocolId::kEsp;
    payload.spis = {task.spi_in};
    const Payload payloads[] = {std::move(payload)};
    return send_informational(core, ike, task, payloads);
}

bool start_delete_ike(Core& core, IkeSa& ike)
{
    if (ike.state == IkeState::kDeleting)
        return false;
    core.log(LogLevel::kInfo, &ike, "deleting IKE_SA %s between %s[%s]...%s[%s]", ike.name().c_str(),
             ike.local.address.to_string().c_str(), ike.local_id.to_string().c_str(),
             ike.remote.address.to_string().c_str(), ike.remote_id.to_string().c_str());
    ike.state = IkeState::kDeleting;
    const Payload payloads[] = {DeletePayload{}};
    return send_informational(core, ike, Task{TaskKind::kDeleteIke}, payloads);
}

bool start_liveness(Core& core, IkeSa& ike)
{
    core.log(LogLevel::kDebug, &ike, "sending DPD request");
    return send_informational(core, ike, Task{TaskKind::kLiveness}, {});
}

bool start_refuse_auth(Core& core, IkeSa& ike)
{
    const Payload payloads[] = {make_notify(NotifyType::kAuthenticationFailed)};
    return send_informational(core, ike, Task{TaskKind::kRefuseAuth}, payloads);
}

void on_informational_request(Core& core, IkeSa& ike, const Message& request)
{
    DeletePayload answer;
    answer.protocol = model::ProtocolId::kEsp;
    for (const Payload& payload : request.payloads) {
        if (const auto* notify = std::get_if<NotifyPayload>(&payload);
            notify != nullptr && notify->type == NotifyType::kAuthenticationFailed) {
            core.log(LogLevel::kWarning, &ike, "received AUTHENTICATION_FAILED notify, the peer does not believe us");
            send_response(core, ike, request.header, {});
            close_ike(core, ike, ChildEnd::kByPeer);
            return;
        }
        if (const auto* notify = std::get_if<NotifyPayload>(&payload);
            notify != nullptr && notify->type == NotifyType::kInvalidSpi)
            on_invalid_spi(core, ike, *notify);
        const auto* gone = std::get_if<DeletePayload>(&payload);
        if (gone == nullptr)
            continue;
        if (gone->protocol == model::ProtocolId::kIke) {
            on_delete_ike(core, ike, request);
            return;
        }
        if (gone->protocol == model::ProtocolId::kEsp)
            on_delete_children(core, ike, *gone, answer);
    }
    confirm_successors(core, ike);
    if (answer.spis.empty()) {
        send_response(core, ike, request.header, {});
    } else {
        const Payload payloads[] = {std::move(answer)};
        send_response(core, ike, request.header, payloads);
    }
    start_next_task(core, ike);
}

void on_informational_response(Core& core, IkeSa& ike, Outstanding& request, const Message& response)
{
    (void)response;  // an answer says that it was heard; a Delete in it names what we named
    if (request.task.kind == TaskKind::kDeleteChild)
        child_delete_done(core, ike, request.task);
    else if (request.task.kind == TaskKind::kDeleteIke) {
        core.log(LogLevel::kInfo, &ike, "IKE_SA deleted");
        close_ike(core, ike, ike.end);
    } else if (request.task.kind == TaskKind::kRefuseAuth) {
        core.destroy(ike);
    }
}

}  // namespace ipsecgw::ike
