#include "cli/verbs.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/text.h"
#include "cli/edit_verbs_internal.h"
#include "cli/ike_verbs_internal.h"
#include "cli/listings.h"
#include "cli/watch_verbs_internal.h"

namespace ipsecgw::cli {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

/// The word a client gave for a position; empty: none.
std::string word(const Json& args, const char* name)
{
    const auto found = args.find(name);
    return found != args.end() ? found->get<std::string>() : std::string();
}

bool flag(const Json& args, const char* name)
{
    const auto found = args.find(name);
    return found != args.end() && found->get<bool>();
}

/// Pages through rows that exist already.
template <class Row>
Reply reply_with(std::vector<Row> rows)
{
    const auto kept = std::make_shared<const std::vector<Row>>(std::move(rows));
    return {fields_of<Row>(), [kept, at = size_t{0}](std::vector<Json>& page) mutable {
                for (size_t end = std::min(at + kPageRows, kept->size()); at < end; at++)
                    page.push_back(to_json((*kept)[at]));
                return at < kept->size();
            }};
}

Error not_found(std::string_view what, std::string_view name, std::string_view command)
{
    return {ErrorCode::kNotFound, base::format("there is no %s \"%s\"", std::string(what).c_str(), std::string(name).c_str()),
            "gwctl " + std::string(command) + " lists them"};
}

Result<Reply> sa_show(const Source& source, const Json& args)
{
    const std::string wanted = word(args, "sa");
    if (!wanted.empty())
        return reply_with(GW_TRY(find_sas(source, wanted)));
    // The table may change between two pages; names keep their order, so no SA that stays is missed or comes twice.
    return Reply{fields_of<control::SaStatus>(), [&source, after = std::string()](std::vector<Json>& page) mutable {
                     const auto rows = source.list_sas(after, kPageRows);
                     for (const auto& row : rows)
                         page.push_back(to_json(row));
                     if (!rows.empty())
                         after = rows.back().name;
                     return rows.size() == kPageRows;
                 }};
}

Result<Reply> policy_show(const Source& source, const Json& args)
{
    auto rows = source.list_policies();
    const std::string wanted = word(args, "policy");
    if (wanted.empty())
        return reply_with(std::move(rows));
    const auto id = base::parse_unsigned(wanted);
    std::erase_if(rows, [&](const auto& row) { return row.name != wanted && !(id && row.id == *id); });
    if (rows.empty())
        return not_found("policy", wanted, "policy show");
    return reply_with(std::move(rows));
}

Result<Reply> port_show(const Source& source, const Json& args)
{
    auto rows = source.list_ports();
    const std::string wanted = word(args, "port");
    if (wanted.empty())
        return reply_with(std::move(rows));
    std::erase_if(rows, [&](const auto& row) { return row.name != wanted; });
    if (rows.empty())
        return not_found("port", wanted, "port show");
    return reply_with(std::move(rows));
}

Result<Reply> route_show(const Source& source, const Json&) { return reply_with(source.list_routes()); }
Result<Reply> neigh_show(const Source& source, const Json&) { return reply_with(source.list_neighbours()); }

Result<Reply> drops(const Source& source, const Json& args)
{
    auto rows = source.drops();
    if (!flag(args, "all"))
        std::erase_if(rows, [](const auto& row) { return row.packets == 0; });
    return reply_with(std::move(rows));
}

Result<Reply> stats(const Source& source, const Json& args)
{
    if (flag(args, "stages"))
        return reply_with(std::vector{StageTable{source.stats().stages}});
    return reply_with(std::vector{source.stats()});
}

struct Verb {
    std::string_view command;
    Result<Reply> (*answer)(const Source&, const Json& args);
};
constexpr Verb kVerbs[] = {{"sa show", sa_show},       {"policy show", policy_show}, {"port show", port_show},
                           {"route show", route_show}, {"neigh show", neigh_show},   {"drops", drops},
                           {"stats", stats},         {"ike show", ike_show},       {"ike initiate", ike_initiate},
                           {"ike rekey", ike_rekey}, {"ike terminate", ike_terminate},
                           {"tunnel show", tunnel_show}, {"explain", explain},     {"trace start", trace_start},
                           {"capture", capture},
                           {"sa add", sa_add},       {"sa replace", sa_replace}, {"sa del", sa_del},
                           {"policy add", policy_add}, {"policy del", policy_del}, {"route add", route_add},
                           {"route del", route_del}, {"neigh add", neigh_add},   {"neigh del", neigh_del},
                           {"batch", batch},         {"reload", reload},         {"config diff", config_diff}};

Result<void> check_type(const Argument& argument, const Json& value)
{
    const char* wanted = nullptr;
    switch (argument.kind) {
        case Argument::Kind::kPosition:
        case Argument::Kind::kValue:
        case Argument::Kind::kRest:
        case Argument::Kind::kLocal:
            wanted = value.is_string() ? nullptr : "give a string";
            break;
        case Argument::Kind::kFlag:
            wanted = value.is_boolean() ? nullptr : "give true or false";
            break;
        case Argument::Kind::kWords:
            wanted = value.is_array() && std::all_of(value.begin(), value.end(), [](const Json& w) { return w.is_string(); })
                         ? nullptr
                         : "give an array of strings";
            break;
    }
    if (wanted == nullptr)
        return {};
    return Error{ErrorCode::kInvalidArgument, "argument \"" + std::string(argument.name) + "\" is of another type", wanted};
}

Result<void> check(const Command& command, const Json& args)
{
    std::vector<std::string> names;
    for (const auto& argument : command.arguments)
        names.emplace_back(argument.name);
    for (const auto& [name, value] : args.items()) {
        const auto argument = std::find_if(command.arguments.begin(), command.arguments.end(),
                                           [&, n = std::string_view(name)](const auto& a) { return a.name == n; });
        if (argument == command.arguments.end() || argument->kind == Argument::Kind::kLocal)
            return Error{ErrorCode::kInvalidArgument,
                         std::string(command.name) + " has no argument \"" + name.substr(0, 64) + "\"",
                         names.empty() ? "it has none" : "it has: " + base::join(names)};
        GW_TRY(check_type(*argument, value));
    }
    return {};
}

}  // namespace

Result<std::vector<control::SaStatus>> find_sas(const Source& source, std::string_view text)
{
    std::vector<control::SaStatus> rows;
    if (const auto spi = base::parse_unsigned(text); spi && *spi <= UINT32_MAX)
        rows = source.find_sas(static_cast<uint32_t>(*spi));
    if (!text.empty()) {
        // A name: the first one behind the text that comes just before it. No name has bytes above '~'.
        std::string before(text);
        before.back() = static_cast<char>(before.back() - 1);
        const auto named = source.list_sas(before + '\x7f', 1);
        const auto same = [&](const auto& row) { return row.name == text; };
        if (!named.empty() && same(named[0]) && std::none_of(rows.begin(), rows.end(), same))
            rows.push_back(named[0]);
    }
    if (rows.empty())
        return not_found("SA", text.substr(0, 64), "sa show");
    return rows;
}

Result<Reply> answer(const Source& source, std::string_view command, const Json& args)
{
    const Command* known = find_command(command);
    const auto verb = std::find_if(std::begin(kVerbs), std::end(kVerbs), [&](const Verb& v) { return v.command == command; });
    if (known == nullptr || verb == std::end(kVerbs))
        return unknown_command(command);
    if (!args.is_null() && !args.is_object())
        return Error{ErrorCode::kInvalidArgument, "\"args\" is no object", "leave it out, or write {\"NAME\": VALUE}"};
    GW_TRY(check(*known, args));
    return verb->answer(source, args.is_null() ? Json::object() : args);
}

}  // namespace ipsecgw::cli
