#include "cli/watch_verbs_internal.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/text.h"
#include "cli/columns_internal.h"
#include "trace/record.h"

namespace ipsecgw::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using control::ExplainStatus;
using control::TunnelStatus;
using control::WatchEvent;
using trace::Point;

namespace {

constexpr uint64_t kTraceCount = 10, kCaptureCount = 1000;
constexpr uint64_t kTraceSnap = 192, kCaptureSnap = 2048, kLargestSnap = 9728;

uint64_t drops_of(const TunnelStatus& tunnel)
{
    uint64_t sum = 0;
    for (const uint64_t packets : tunnel.drops)
        sum += packets;
    return sum;
}

Json drops_by_reason_of(const TunnelStatus& tunnel)
{
    Json out = Json::object();
    for (size_t i = 0; i < tunnel.drops.size(); i++)
        if (tunnel.drops[i] != 0)
            out[std::string(telemetry::drop_name(static_cast<telemetry::Drop>(i)))] = tunnel.drops[i];
    return out;
}

constexpr Column<TunnelStatus> kTunnelColumns[] = {
    {"name", "TUNNEL", kText, kBoth, [](const TunnelStatus& r) { return text(r.name); }},
    {"direction", "DIR", kText, kBoth, [](const TunnelStatus& r) { return Json(model::to_string(r.direction)); }},
    {"sas", "SAS", kCount, kBoth, [](const TunnelStatus& r) { return Json(r.sas); }},
    {"packets", "PACKETS", kCount, kBoth, [](const TunnelStatus& r) { return Json(r.packets); }},
    {"bytes", "BYTES", kBytes, kBoth, [](const TunnelStatus& r) { return Json(r.bytes); }},
    {"drops_total", "DROPS", kCount, kBoth, [](const TunnelStatus& r) { return Json(drops_of(r)); }},
    {"drops", "DROPS-BY-REASON", kCounts, kDetail, drops_by_reason_of},
    {"installs", "INSTALLS", kCount, kDetail, [](const TunnelStatus& r) { return Json(r.installs); }},
    {"rekeys", "REKEYS", kCount, kBoth, [](const TunnelStatus& r) { return Json(r.rekeys); }},
    {"oldest_seconds", "AGE", kSeconds, kBoth, [](const TunnelStatus& r) { return optional(r.oldest_seconds); }},
};

Json number_or_none(uint64_t number)
{
    return number == 0 ? Json(nullptr) : Json(number);
}

constexpr Column<ExplainStatus> kExplainColumns[] = {
    {"verdict", "VERDICT", kText, kBoth, [](const ExplainStatus& r) { return text(r.verdict); }, "reason"},
    {"reason", "REASON", kText, kNowhere, [](const ExplainStatus& r) { return text(r.reason); }},
    {"help", "WHY", kText, kBoth, [](const ExplainStatus& r) { return text(r.help); }},
    {"inbound_sas", "IN-SAS", kList, kBoth, [](const ExplainStatus& r) { return r.inbound_sas.empty() ? Json(nullptr) : Json(r.inbound_sas); }},
    {"policy", "POLICY", kText, kBoth, [](const ExplainStatus& r) { return text(r.policy); }, "action"},
    {"action", "ACTION", kText, kNowhere, [](const ExplainStatus& r) { return text(r.action); }},
    {"sa", "SA", kText, kBoth, [](const ExplainStatus& r) { return text(r.sa); }},
    {"spi", "SPI", kText, kBoth, [](const ExplainStatus& r) { return r.spi == 0 ? Json(nullptr) : Json(base::format("0x%08x", r.spi)); }},
    {"peer", "PEER", kText, kBoth, [](const ExplainStatus& r) { return text(r.peer); }},
    {"algorithm", "ALGORITHM", kText, kBoth, [](const ExplainStatus& r) { return text(r.algorithm); }},
    {"offload", "OFFLOAD", kText, kBoth, [](const ExplainStatus& r) { return text(r.offload); }, "offload_reason"},
    {"offload_reason", "OFFLOAD-REASON", kText, kNowhere, [](const ExplainStatus& r) { return text(r.offload_reason); }},
    {"engine", "ENGINE", kText, kBoth, [](const ExplainStatus& r) { return text(r.engine); }},
    {"port", "PORT", kText, kBoth, [](const ExplainStatus& r) { return text(r.port); }},
    {"next_hop", "NEXT-HOP", kText, kBoth, [](const ExplainStatus& r) { return text(r.next_hop); }},
    {"neighbour", "NEIGHBOUR", kText, kBoth, [](const ExplainStatus& r) { return text(r.neighbour); }},
    {"bytes", "LENGTH (bytes)", kCount, kBoth, [](const ExplainStatus& r) { return number_or_none(r.bytes); }},
    {"wire_bytes", "ON-THE-WIRE (bytes)", kCount, kBoth, [](const ExplainStatus& r) { return number_or_none(r.wire_bytes); }},
    {"mtu", "PORT-MTU", kCount, kBoth, [](const ExplainStatus& r) { return number_or_none(r.mtu); }},
    {"inner_mtu", "INNER-MTU", kCount, kBoth, [](const ExplainStatus& r) { return number_or_none(r.inner_mtu); }},
    {"too_big", "TOO-BIG", kFlag, kBoth, [](const ExplainStatus& r) { return Json(r.is_too_big); }},
};

/// An event, and how many were lost up to it.
struct EventRow {
    WatchEvent event;
    uint64_t lost;
};

std::string hex(const std::vector<uint8_t>& bytes)
{
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    out.reserve(2 * bytes.size());
    for (const uint8_t byte : bytes) {
        out += kDigits[byte >> 4];
        out += kDigits[byte & 15];
    }
    return out;
}

constexpr Column<EventRow> kEventColumns[] = {
    {"packet", "PACKET", kCount, kBoth, [](const EventRow& r) { return number_or_none(r.event.packet); }},
    {"unix_ns", "TIME (ns)", kCount, kBoth, [](const EventRow& r) { return Json(r.event.unix_ns); }},
    {"worker", "WORKER", kCount, kBoth, [](const EventRow& r) { return Json(r.event.worker); }},
    {"point", "POINT", kText, kBoth, [](const EventRow& r) { return Json(trace::point_name(r.event.point)); }},
    {"port", "PORT", kText, kBoth, [](const EventRow& r) { return text(r.event.port); }},
    {"sa", "SA", kText, kBoth, [](const EventRow& r) { return text(r.event.sa); }},
    {"policy", "POLICY", kText, kBoth, [](const EventRow& r) { return text(r.event.policy); }},
    {"sequence", "SEQUENCE", kCount, kBoth, [](const EventRow& r) { return number_or_none(r.event.sequence); }},
    {"reason", "REASON", kText, kBoth, [](const EventRow& r) { return text(r.event.reason); }},
    {"text", "TEXT", kText, kBoth, [](const EventRow& r) { return text(r.event.text); }},
    {"length", "LENGTH", kCount, kBoth, [](const EventRow& r) { return Json(r.event.length); }},
    {"link", "LINK", kText, kBoth, [](const EventRow& r) { return Json(r.event.has_ethernet ? "ethernet" : "ip"); }},
    {"bytes", "BYTES", kText, kBoth, [](const EventRow& r) { return Json(hex(r.event.bytes)); }},
    {"lost", "LOST", kCount, kBoth, [](const EventRow& r) { return Json(r.lost); }},
};

std::string word_of(const Json& args, const char* name)
{
    const auto found = args.find(name);
    return found != args.end() ? found->get<std::string>() : std::string();
}

Result<uint64_t> number_of(const Json& args, const char* name, uint64_t otherwise, uint64_t most)
{
    const std::string given = word_of(args, name);
    if (given.empty())
        return otherwise;
    const auto number = base::parse_unsigned(given);
    if (!number || *number > most)
        return Error{ErrorCode::kInvalidArgument, "--" + std::string(name) + ": \"" + given.substr(0, 64) + "\" is no number to " + std::to_string(most), ""};
    return *number;
}

Result<Reply> watch(const Source& source, const control::WatchRequest& request)
{
    struct Session {
        std::unique_ptr<control::Watch> watch;
        std::vector<WatchEvent> events;
    };
    const auto session = std::make_shared<Session>();
    session->watch = GW_TRY(source.watch(request));
    Reply reply;
    reply.fields = fields<EventRow>(kEventColumns);
    reply.ready = [session] {
        if (session->events.empty())
            session->events = session->watch->take(kPageRows);
        return !session->events.empty() || session->watch->is_finished();
    };
    // The session ends with the reply: when all is told, or the client goes.
    reply.next = [session](std::vector<Json>& page) {
        const uint64_t lost = session->watch->lost();
        for (auto& event : session->events)
            page.push_back(values<EventRow>(kEventColumns, EventRow{std::move(event), lost}));
        session->events.clear();
        return !session->watch->is_finished();
    };
    return reply;
}

}  // namespace

Json tunnel_json(const TunnelStatus& row)
{
    return values<TunnelStatus>(kTunnelColumns, row);
}

Json explain_json(const ExplainStatus& row)
{
    return values<ExplainStatus>(kExplainColumns, row);
}

Result<Reply> tunnel_show(const Source& source, const Json& args)
{
    struct Count {
        bool is_done = false;
        std::vector<TunnelStatus> rows;
        size_t at = 0;
    };
    const auto count = std::make_shared<Count>();
    source.count_tunnels([count](std::vector<TunnelStatus> rows) {
        count->rows = std::move(rows);
        count->is_done = true;
    });
    Reply reply;
    reply.fields = fields<TunnelStatus>(kTunnelColumns);
    reply.ready = [count] { return count->is_done; };
    reply.next = [count, wanted = word_of(args, "tunnel")](std::vector<Json>& page) {
        for (size_t looked_at = 0; count->at < count->rows.size() && looked_at < kPageRows; count->at++, looked_at++)
            if (const TunnelStatus& row = count->rows[count->at]; wanted.empty() || row.name == wanted)
                page.push_back(values<TunnelStatus>(kTunnelColumns, row));
        return count->at < count->rows.size();
    };
    return reply;
}

Result<Reply> explain(const Source& source, const Json& args)
{
    auto status = GW_TRY(source.explain(word_of(args, "direction"), word_of(args, "packet")));
    Reply reply;
    reply.fields = fields<ExplainStatus>(kExplainColumns);
    reply.next = [status = std::move(status)](std::vector<Json>& page) {
        page.push_back(values<ExplainStatus>(kExplainColumns, status));
        return false;
    };
    return reply;
}

Result<Reply> trace_start(const Source& source, const Json& args)
{
    control::WatchRequest request;
    request.filter = word_of(args, "filter");
    request.limit = static_cast<uint32_t>(GW_TRY(number_of(args, "count", kTraceCount, UINT32_MAX)));
    request.snap = kTraceSnap;
    return watch(source, request);
}

Result<Reply> capture(const Source& source, const Json& args)
{
    const std::string side = word_of(args, "side");
    const trace::Points clear = trace::one(Point::kToSeal) | trace::one(Point::kOpened);
    const trace::Points cipher = trace::one(Point::kToOpen) | trace::one(Point::kSealed);
    control::WatchRequest request;
    if (side == "clear")
        request.points = clear;
    else if (side == "cipher")
        request.points = cipher;
    else if (side == "both")
        request.points = clear | cipher;
    else if (side == "frames")
        request.points = trace::one(Point::kReceived) | trace::one(Point::kSent);
    else
        return Error{ErrorCode::kInvalidArgument, side.empty() ? "which side?" : "\"" + side.substr(0, 64) + "\" is no side", "clear, cipher, both or frames"};
    request.follows = false;
    request.filter = word_of(args, "filter");
    request.limit = static_cast<uint32_t>(GW_TRY(number_of(args, "count", kCaptureCount, UINT32_MAX)));
    request.snap = static_cast<uint16_t>(GW_TRY(number_of(args, "snap", kCaptureSnap, kLargestSnap)));
    return watch(source, request);
}

}  // namespace ipsecgw::cli
