#include "base/clock.h"
#include "ike/listing_internal.h"
#include "ike/tasks_internal.h"

namespace ipsecgw::ike {
namespace {

uint64_t seconds_since(const Core& core, uint64_t then_ns)
{
    return then_ns == 0 || then_ns > core.now_ns ? 0 : (core.now_ns - then_ns) / base::kNsPerSecond;
}

std::optional<uint64_t> seconds_until(const Core& core, const Timer& timer)
{
    if (!timer.is_set())
        return std::nullopt;
    return timer.deadline_ns() < core.now_ns ? 0 : (timer.deadline_ns() - core.now_ns) / base::kNsPerSecond;
}

std::vector<std::string> texts_of(const Selectors& selectors)
{
    std::vector<std::string> out;
    for (const Selector& selector : selectors)
        out.push_back(to_string(selector));
    return out;
}

ChildStatus status_of(const Core& core, const ChildSa& child)
{
    ChildStatus out;
    out.id = child.id;
    out.name = child.config->name;
    out.state = child.state;
    out.mode = child.mode;
    out.udp_encapsulation = child.uses_udp;
    out.spi_in = child.spi_in;
    out.spi_out = child.spi_out;
    out.sa_in = child.inbound_name();
    if (child.outbound == OutboundState::kInstalled)
        out.sa_out = child.outbound_name();
    out.suite = child.suite.name();
    out.local_ts = texts_of(child.local_ts);
    out.remote_ts = texts_of(child.remote_ts);
    out.installed_seconds = seconds_since(core, child.installed_ns);
    out.rekey_seconds = seconds_until(core, child.rekey_timer);
    out.life_seconds = seconds_until(core, child.close_timer);
    return out;
}

}  // namespace

IkeStatus status_of(const Core& core, const IkeSa& ike)
{
    IkeStatus out;
    out.id = ike.id;
    if (ike.connection != nullptr)
        out.connection = ike.connection->name;
    out.state = ike.state;
    out.role = ike.role;
    out.spi_i = ike.spi_i;
    out.spi_r = ike.spi_r;
    out.local = ike.local;
    out.remote = ike.remote;
    if (!ike.local_id.is_any())
        out.local_id = ike.local_id.to_string();
    if (!ike.remote_id.is_any())
        out.remote_id = ike.remote_id.to_string();
    out.nat_local = ike.nat_local;
    out.nat_remote = ike.nat_remote;
    if (ike.keys)
        out.suite = ike.keys->suite.name();
    out.ppk = ike.uses_ppk;
    out.established_seconds = seconds_since(core, ike.established_ns);
    out.rekey_seconds = seconds_until(core, ike.rekey_timer);
    for (const QueuedTask& task : ike.queue)
        out.tasks_queued.emplace_back(to_string(task.task.kind));
    if (ike.outstanding != nullptr)
        out.tasks_active.emplace_back(to_string(ike.outstanding->task.kind));
    for (const auto& child : ike.children)
        out.children.push_back(status_of(core, *child));
    return out;
}

}  // namespace ipsecgw::ike
