#include "cli/telemetry_answers.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/text.h"
#include "cli/ike_verbs_internal.h"
#include "cli/listings.h"
#include "cli/verbs.h"
#include "cli/watch_verbs_internal.h"

namespace ipsecgw::cli {
namespace {

// Below DPDK's: 512 array entries, 256 members, 128 bytes of a string with its NUL, 16 KiB for the whole answer as text.
constexpr size_t kMaxEntries = 500;
constexpr size_t kMaxMembers = 250;
constexpr size_t kMaxStringBytes = 127;
constexpr size_t kMaxAnswerBytes = 12'000;

Json error(const base::Error& error)
{
    Json out = {{"error", error.what}};
    if (!error.hint.empty())
        out["hint"] = error.hint;
    return out;
}

Json missing_parameter(std::string_view path, std::string_view what)
{
    return error({base::ErrorCode::kInvalidArgument, "which one?",
                  "ask " + std::string(path) + "," + std::string(what)});
}

/// {"total": ..., NAME: [...]}; to_telemetry() cuts it where it must.
Json list_of(const char* name, Json entries, size_t total)
{
    return {{"total", total}, {name, std::move(entries)}};
}

template <class Row>
Json by_name(const std::vector<Row>& rows)
{
    Json out = Json::array();
    for (const auto& row : rows)
        out.push_back(to_json(row));
    return {{"rows", std::move(out)}};
}

Json sa_list(const Source& source, std::string_view)
{
    Json entries = Json::array();
    for (const auto& row : source.list_sas({}, kMaxEntries + 1))
        entries.push_back(base::format("0x%08x", row.spi));
    const auto stats = source.stats();
    const size_t total = std::max<size_t>(entries.size(), size_t{stats.inbound_sas} + stats.outbound_sas);
    return list_of("sas", std::move(entries), total);
}

Json sa_info(const Source& source, std::string_view parameter)
{
    if (parameter.empty())
        return missing_parameter("/ipsec_gw/sa/info", "SPI or NAME");
    const auto rows = find_sas(source, parameter);
    return rows ? by_name(*rows)["rows"] : error(rows.error());
}

Json policy_list(const Source& source, std::string_view)
{
    Json entries = Json::array();
    const auto rows = source.list_policies();
    for (const auto& row : rows)
        entries.push_back(base::format("%u %s", row.id, row.name.c_str()));
    return list_of("policies", std::move(entries), rows.size());
}

Json policy_info(const Source& source, std::string_view parameter)
{
    if (parameter.empty())
        return missing_parameter("/ipsec_gw/policy/info", "ID or NAME");
    auto rows = source.list_policies();
    const auto id = base::parse_unsigned(parameter);
    std::erase_if(rows, [&](const auto& row) { return row.name != parameter && !(id && row.id == *id); });
    if (rows.empty())
        return error({base::ErrorCode::kNotFound, "there is no policy \"" + std::string(parameter.substr(0, 64)) + "\"",
                      "/ipsec_gw/policy/list lists them"});
    return by_name(rows)["rows"];
}

Json ports(const Source& source, std::string_view) { return by_name(source.list_ports())["rows"]; }

Json routes(const Source& source, std::string_view)
{
    Json entries = Json::array();
    const auto rows = source.list_routes();
    for (const auto& row : rows)
        entries.push_back(row.prefix + (row.via.empty() ? "" : " via " + row.via) + " port " + row.port + " " + row.origin);
    return list_of("routes", std::move(entries), rows.size());
}

Json neighbours(const Source& source, std::string_view)
{
    Json entries = Json::array();
    const auto rows = source.list_neighbours();
    for (const auto& row : rows)
        entries.push_back(row.address + " port " + row.port + " mac " + (row.mac.empty() ? "-" : row.mac) + " " + row.state);
    return list_of("neighbours", std::move(entries), rows.size());
}

Json drops(const Source& source, std::string_view)
{
    Json out = Json::object();
    for (const auto& row : source.drops())
        out[std::string(row.reason)] = row.packets;
    return out;
}

Json stats(const Source& source, std::string_view) { return to_json(source.stats()); }

Json worker_list(const Source& source, std::string_view)
{
    Json entries = Json::array();
    const auto stats = source.stats();
    for (const auto& row : stats.workers)
        entries.push_back(std::to_string(row.index));
    return list_of("workers", std::move(entries), stats.workers.size());
}

Json worker_info(const Source& source, std::string_view parameter)
{
    const auto index = base::parse_unsigned(parameter);
    if (!index)
        return missing_parameter("/ipsec_gw/worker/info", "INDEX");
    for (const auto& row : source.stats().workers)
        if (row.index == *index)
            return to_json(row);
    return error({base::ErrorCode::kNotFound, "there is no worker " + std::to_string(*index),
                  "/ipsec_gw/worker/list lists them"});
}

Json stages(const Source& source, std::string_view)
{
    Json out = Json::object();
    for (const auto& row : source.stats().stages)
        out[std::to_string(row.worker)] = to_json(row);
    return out;
}

void tunnel_list(const Source& source, std::string_view, std::function<void(Json)> done)
{
    source.count_tunnels([done = std::move(done)](const std::vector<control::TunnelStatus>& rows) {
        Json entries = Json::array();
        for (const auto& row : rows)
            entries.push_back(row.name + " " + std::string(model::to_string(row.direction)));
        done(list_of("tunnels", std::move(entries), rows.size()));
    });
}

void tunnel_info(const Source& source, std::string_view parameter, std::function<void(Json)> done)
{
    if (parameter.empty())
        return done(missing_parameter("/ipsec_gw/tunnel/info", "NAME"));
    source.count_tunnels([done = std::move(done), wanted = std::string(parameter)](const std::vector<control::TunnelStatus>& rows) {
        Json out = Json::object();
        for (const auto& row : rows)
            if (row.name == wanted)
                out[std::string(model::to_string(row.direction))] = tunnel_json(row);
        done(!out.empty() ? out
                          : error({base::ErrorCode::kNotFound, "there is no tunnel \"" + wanted.substr(0, 64) + "\"",
                                   "/ipsec_gw/tunnel/list lists them"}));
    });
}

/// The rows of `ike show`, page by page up to what an answer holds; an error as the answer.
Json ike_rows(const Source& source, const Json& args)
{
    auto reply = ike_show(source, args);
    if (!reply)
        return error(reply.error());
    std::vector<Json> rows;
    while (reply->next(rows) && rows.size() < kMaxEntries)
        continue;
    Json out = Json::array();
    for (auto& row : rows)
        out.push_back(std::move(row));
    return out;
}

std::string member_of(const Json& row, const char* member)
{
    const auto found = row.find(member);
    return found == row.end() || found->is_null() ? "-" : found->is_string() ? found->get<std::string>() : found->dump();
}

Json ike_list(const Source& source, std::string_view)
{
    const Json rows = ike_rows(source, Json::object());
    if (!rows.is_array())
        return rows;
    Json entries = Json::array();
    for (const auto& row : rows)
        entries.push_back(member_of(row, "id") + " " + member_of(row, "connection") + " " + member_of(row, "state"));
    const size_t total = entries.size();
    return list_of("ike_sas", std::move(entries), total);
}

Json ike_info(const Source& source, std::string_view parameter)
{
    if (parameter.empty())
        return missing_parameter("/ipsec_gw/ike/info", "CONNECTION or [NUMBER]");
    Json rows = ike_rows(source, {{"sa", parameter}});
    if (rows.is_array() && rows.empty())
        return error({base::ErrorCode::kNotFound, "there is no IKE SA of \"" + std::string(parameter.substr(0, 64)) + "\"", "/ipsec_gw/ike/list lists them"});
    return rows;
}

Json explain_packet(const Source& source, std::string_view parameter)
{
    const size_t space = parameter.find(' ');
    const auto status = source.explain(parameter.substr(0, space), space == std::string_view::npos ? "" : parameter.substr(space + 1));
    return status ? explain_json(*status) : error(status.error());
}

constexpr TelemetryCommand kCommands[] = {
    {"/ipsec_gw/sa/list", "SPIs of all SAs. No parameter", sa_list},
    {"/ipsec_gw/sa/info", "One SA with its counters. Parameter: SPI or name", sa_info},
    {"/ipsec_gw/policy/list", "Ids and names of all policies. No parameter", policy_list},
    {"/ipsec_gw/policy/info", "One policy with its counter. Parameter: id or name", policy_info},
    {"/ipsec_gw/port", "Ports with their counters. No parameter", ports},
    {"/ipsec_gw/route", "Routes. No parameter", routes},
    {"/ipsec_gw/neigh", "Neighbours. No parameter", neighbours},
    {"/ipsec_gw/drops", "Packets dropped, by reason. No parameter", drops},
    {"/ipsec_gw/stats", "Version, uptime, workers, engines, memory. No parameter", stats},
    {"/ipsec_gw/worker/list", "Indexes of all workers. No parameter", worker_list},
    {"/ipsec_gw/stages", "Cycles per packet by stage, by worker. No parameter", stages},
    {"/ipsec_gw/tunnel/list", "Names and directions of tunnels. No parameter", nullptr, tunnel_list},
    {"/ipsec_gw/tunnel/info", "One tunnel, both directions. Parameter: name", nullptr, tunnel_info},
    {"/ipsec_gw/ike/list", "IKE SAs: number, connection, state. No parameter", ike_list},
    {"/ipsec_gw/ike/info", "IKE SAs with their children. Parameter: connection, or the number", ike_info},
    {"/ipsec_gw/explain", "The way a packet would take. Parameter: out|in|in-clear src A dst B ...", explain_packet},
    {"/ipsec_gw/worker/info", "One worker with its counters. Parameter: index", worker_info},
};

std::string member_name(std::string_view name)
{
    std::string out(name.substr(0, 64));
    for (char& c : out) {
        const bool is_kept = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        c = is_kept ? c : '_';
    }
    return out;
}

/// A name that `object` does not have yet: two may become the same by member_name().
std::string free_name(const Json& object, std::string_view name)
{
    const std::string wanted = member_name(name);
    std::string free = wanted;
    for (int i = 2; object.contains(free); i++)
        free = wanted + "_" + std::to_string(i);
    return free;
}

std::string key_of(const Json& row, size_t position)
{
    for (const char* member : {"name", "index"})
        if (const auto found = row.find(member); found != row.end() && !found->is_null())
            return found->is_string() ? found->get<std::string>() : found->dump();
    return std::to_string(position);
}

/// Writes one answer and counts what it will be as text.
class Writer {
 public:
    Json object(const Json& from);
    [[nodiscard]] size_t left_out() const { return left_out_; }

 private:
    Json value(const Json& from);
    Json list(const Json& from);
    Json rows(const Json& from);
    bool spend(size_t bytes)
    {
        if (used_ + bytes > kMaxAnswerBytes) {
            left_out_++;
            return false;
        }
        used_ += bytes;
        return true;
    }
    size_t used_ = 0;
    size_t left_out_ = 0;
};

Json Writer::value(const Json& from)
{
    if (from.is_object())
        return object(from);
    if (from.is_array())
        return !from.empty() && from[0].is_object() ? rows(from) : list(from);
    if (from.is_boolean())
        return from.get<bool>() ? 1u : 0u;
    if (from.is_number_float())
        return base::format("%.1f", from.get<double>());
    if (from.is_string())
        return from.get<std::string>().substr(0, kMaxStringBytes);
    return from;
}

Json Writer::list(const Json& from)
{
    Json out = Json::array();
    for (const auto& entry : from) {
        const std::string text = (entry.is_string() ? entry.get<std::string>() : entry.dump()).substr(0, kMaxStringBytes);
        if (out.size() >= kMaxEntries || !spend(text.size() + 4)) {
            left_out_ += from.size() - out.size();
            break;
        }
        out.push_back(text);
    }
    return out;
}

Json Writer::rows(const Json& from)
{
    Json keyed = Json::object();
    for (size_t i = 0; i < from.size(); i++)
        keyed[free_name(keyed, key_of(from[i], i))] = from[i];
    return object(keyed);
}

Json Writer::object(const Json& from)
{
    Json out = Json::object();
    for (const auto& [name, member] : from.items()) {
        if (member.is_null())
            continue;
        // Room for the member itself; what it holds pays for itself. A number has at most 20 digits.
        const size_t own = member.is_string() ? std::min(kMaxStringBytes, member.get_ref<const std::string&>().size()) + 2 : 20;
        if (out.size() >= kMaxMembers || !spend(name.size() + 6 + own))
            continue;
        const std::string free = free_name(out, name);
        out[free] = value(member);
    }
    return out;
}

}  // namespace

std::span<const TelemetryCommand> telemetry_commands() noexcept { return kCommands; }

Json to_telemetry(const Json& answer)
{
    Writer writer;
    Json out = writer.object(answer.is_array() ? Json{{"rows", answer}} : answer);
    // Rows of their own stand at the top.
    if (answer.is_array())
        out = out.contains("rows") && out["rows"].is_object() ? Json(out["rows"]) : Json::object();
    if (writer.left_out() > 0)
        out["truncated"] = "more than DPDK telemetry can carry: gwctl shows all";
    return out;
}

}  // namespace ipsecgw::cli
