#include <memory>
#include <utility>

#include "base/text.h"
#include "cli/columns_internal.h"
#include "cli/ike_verbs_internal.h"

namespace ipsecgw::cli {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

/// A child with what its SAs have carried.
struct ChildRow {
    ike::ChildStatus child;
    std::optional<control::SaUse> in, out;
};
struct IkeRow {
    ike::IkeStatus sa;
    std::vector<ChildRow> children;
};
/// What a request has brought about.
struct DoneRow {
    std::string action;
    std::string name;
    std::optional<uint64_t> matches;
};

Json count(const std::optional<control::SaUse>& use, uint64_t control::SaUse::*member)
{
    return use ? Json((*use).*member) : Json(nullptr);
}

template <class T>
Json or_none(const std::optional<T>& value)
{
    return value ? Json(*value) : Json(nullptr);
}

Json spi_text(uint32_t spi)
{
    return spi == 0 ? Json(nullptr) : Json(base::format("0x%08x", spi));
}
Json spi_text(uint64_t spi)
{
    return spi == 0 ? Json(nullptr) : Json(base::format("%016llx", static_cast<unsigned long long>(spi)));
}

/// "net{5}"
std::string title(const ike::ChildStatus& child)
{
    return base::format("%s{%u}", child.name.c_str(), child.id);
}

constexpr Column<ChildRow> kChildColumns[] = {
    {"id", "ID", kCount, kBoth, [](const ChildRow& r) { return Json(r.child.id); }},
    {"name", "CHILD", kText, kBoth, [](const ChildRow& r) { return text(r.child.name); }},
    {"state", "STATE", kText, kBoth, [](const ChildRow& r) { return Json(ike::to_string(r.child.state)); }},
    {"mode", "MODE", kText, kBoth, [](const ChildRow& r) { return Json(model::to_string(r.child.mode)); }},
    {"udp_encapsulation", "UDP", kFlag, kBoth, [](const ChildRow& r) { return Json(r.child.udp_encapsulation); }},
    {"suite", "ESP", kText, kBoth, [](const ChildRow& r) { return text(r.child.suite); }},
    {"local_ts", "LOCAL", kList, kBoth, [](const ChildRow& r) { return Json(r.child.local_ts); }},
    {"remote_ts", "REMOTE", kList, kBoth, [](const ChildRow& r) { return Json(r.child.remote_ts); }},
    {"spi_in", "SPI-IN", kText, kBoth, [](const ChildRow& r) { return spi_text(r.child.spi_in); }},
    {"spi_out", "SPI-OUT", kText, kBoth, [](const ChildRow& r) { return spi_text(r.child.spi_out); }},
    {"packets_in", "PACKETS-IN", kCount, kBoth,
     [](const ChildRow& r) { return count(r.in, &control::SaUse::packets); }},
    {"bytes_in", "BYTES-IN", kBytes, kBoth, [](const ChildRow& r) { return count(r.in, &control::SaUse::bytes); }},
    {"packets_out", "PACKETS-OUT", kCount, kBoth,
     [](const ChildRow& r) { return count(r.out, &control::SaUse::packets); }},
    {"bytes_out", "BYTES-OUT", kBytes, kBoth, [](const ChildRow& r) { return count(r.out, &control::SaUse::bytes); }},
    {"installed_seconds", "AGE", kSeconds, kBoth, [](const ChildRow& r) { return Json(r.child.installed_seconds); }},
    {"rekey_seconds", "REKEY", kSeconds, kBoth, [](const ChildRow& r) { return or_none(r.child.rekey_seconds); }},
    {"life_seconds", "EXPIRES", kSeconds, kBoth, [](const ChildRow& r) { return or_none(r.child.life_seconds); }},
};

std::vector<Field> child_fields();
Json child_json(const ChildRow& row)
{
    return values<ChildRow>(kChildColumns, row);
}

constexpr Column<IkeRow> kIkeColumns[] = {
    {"id", "ID", kCount, kBoth, [](const IkeRow& r) { return Json(r.sa.id); }},
    {"connection", "CONNECTION", kText, kBoth, [](const IkeRow& r) { return text(r.sa.connection); }},
    {"state", "STATE", kText, kBoth, [](const IkeRow& r) { return Json(ike::to_string(r.sa.state)); }},
    {"role", "ROLE", kText, kDetail,
     [](const IkeRow& r) { return Json(r.sa.role == ike::Role::kInitiator ? "initiator" : "responder"); }},
    {"local", "LOCAL", kText, kBoth, [](const IkeRow& r) { return Json(r.sa.local.to_string()); }},
    {"remote", "REMOTE", kText, kBoth, [](const IkeRow& r) { return Json(r.sa.remote.to_string()); }},
    {"local_id", "LOCAL-ID", kText, kDetail, [](const IkeRow& r) { return text(r.sa.local_id); }},
    {"remote_id", "REMOTE-ID", kText, kBoth, [](const IkeRow& r) { return text(r.sa.remote_id); }},
    {"suite", "SUITE", kText, kBoth, [](const IkeRow& r) { return text(r.sa.suite); }},
    {"children_up", "CHILDREN", kList, kTable,
     [](const IkeRow& r) {
         Json out = Json::array();
         for (const auto& row : r.children)
             out.push_back(title(row.child));
         return out;
     }},
    {"ppk", "PPK", kFlag, kDetail, [](const IkeRow& r) { return Json(r.sa.ppk); }},
    {"nat_local", "NAT-HERE", kFlag, kDetail, [](const IkeRow& r) { return Json(r.sa.nat_local); }},
    {"nat_remote", "NAT-THERE", kFlag, kDetail, [](const IkeRow& r) { return Json(r.sa.nat_remote); }},
    {"spi_initiator", "SPI-INITIATOR", kText, kDetail, [](const IkeRow& r) { return spi_text(r.sa.spi_i); }},
    {"spi_responder", "SPI-RESPONDER", kText, kDetail, [](const IkeRow& r) { return spi_text(r.sa.spi_r); }},
    {"tasks_active", "TASKS-ACTIVE", kList, kDetail, [](const IkeRow& r) { return Json(r.sa.tasks_active); }},
    {"tasks_queued", "TASKS-QUEUED", kList, kDetail, [](const IkeRow& r) { return Json(r.sa.tasks_queued); }},
    {"established_seconds", "AGE", kSeconds, kBoth, [](const IkeRow& r) { return Json(r.sa.established_seconds); }},
    {"rekey_seconds", "REKEY", kSeconds, kBoth, [](const IkeRow& r) { return or_none(r.sa.rekey_seconds); }},
    {"children",
     "CHILDREN",
     kRows,
     kDetail,
     [](const IkeRow& r) {
         Json out = Json::array();
         for (const auto& row : r.children)
             out.push_back(child_json(row));
         return out;
     },
     {},
     child_fields},
};

constexpr Column<DoneRow> kDoneColumns[] = {
    {"action", "ACTION", kText, kBoth, [](const DoneRow& r) { return text(r.action); }},
    {"name", "NAME", kText, kBoth, [](const DoneRow& r) { return text(r.name); }},
    {"matches", "MATCHES", kCount, kBoth, [](const DoneRow& r) { return or_none(r.matches); }},
};

std::vector<Field> child_fields()
{
    return fields<ChildRow>(kChildColumns);
}

Json row_of(const IkeSource& ike, ike::IkeStatus sa)
{
    IkeRow row;
    for (auto& child : sa.children) {
        auto in = ike.use(child.sa_in);
        auto out = child.sa_out.empty() ? std::nullopt : ike.use(child.sa_out);
        row.children.push_back({std::move(child), in, out});
    }
    row.sa = std::move(sa);
    return values<IkeRow>(kIkeColumns, row);
}

Result<IkeSource*> ike_of(const Source& source)
{
    if (IkeSource* ike = source.ike())
        return ike;
    return Error{ErrorCode::kUnavailable, "no IKE daemon runs in this gateway", ""};
}

std::string name_of(const Json& args, const char* argument)
{
    const auto found = args.find(argument);
    return found != args.end() ? found->get<std::string>() : std::string();
}

Reply one_row(DoneRow row)
{
    return {fields<DoneRow>(kDoneColumns),
            [row = std::move(row)](std::vector<Json>& page) {
                page.push_back(values<DoneRow>(kDoneColumns, row));
                return false;
            },
            nullptr};
}

std::optional<uint32_t> number_between(std::string_view text, char open, char close)
{
    if (text.size() < 3 || text.front() != open || text.back() != close)
        return std::nullopt;
    const auto number = base::parse_unsigned(text.substr(1, text.size() - 2));
    return number && *number <= UINT32_MAX ? std::optional(static_cast<uint32_t>(*number)) : std::nullopt;
}

}  // namespace

Result<ike::Selection> selection_from(std::string_view text)
{
    ike::Selection selection;
    if (const auto ike_sa = number_between(text, '[', ']')) {
        selection.ike_sa = *ike_sa;
    } else if (const auto child_sa = number_between(text, '{', '}')) {
        selection.child_sa = *child_sa;
    } else {
        const size_t slash = text.find('/');
        selection.connection = std::string(text.substr(0, slash));
        if (slash != std::string_view::npos)
            selection.child = std::string(text.substr(slash + 1));
        if (selection.connection->empty() || (selection.child && selection.child->empty()))
            return Error{ErrorCode::kInvalidArgument, "whose?",
                         "write CONNECTION, CONNECTION/CHILD, [IKE-SA] or {CHILD-SA}"};
    }
    return selection;
}

Result<Reply> ike_show(const Source& source, const Json& args)
{
    IkeSource* ike = GW_TRY(ike_of(source));
    const std::string wanted = name_of(args, "sa");
    ike::Selection selection;
    if (!wanted.empty())
        selection = GW_TRY(selection_from(wanted));
    const bool matches_any = wanted.empty();
    // Ids only grow: an SA that stays comes once, whatever else comes and goes.
    return Reply{fields<IkeRow>(kIkeColumns),
                 [ike, selection, matches_any, after = ike::IkeSaId{0}](std::vector<Json>& page) mutable {
                     auto rows = ike->list(after, kPageRows);
                     const bool more = rows.size() == kPageRows;
                     for (auto& row : rows) {
                         after = row.id;
                         if (matches_any || selection.ike_sa == row.id || selection.connection == row.connection)
                             page.push_back(row_of(*ike, std::move(row)));
                     }
                     return more;
                 },
                 nullptr};
}

Result<Reply> ike_initiate(const Source& source, const Json& args)
{
    IkeSource* ike = GW_TRY(ike_of(source));
    const std::string name = name_of(args, "name");
    const ike::Selection selection = GW_TRY(selection_from(name));
    if (!selection.connection)
        return Error{ErrorCode::kInvalidArgument, "only connections and their children can be initiated",
                     "write CONNECTION or CONNECTION/CHILD"};
    // The client may have gone when the end comes: what it waits at is shared.
    auto outcome = std::make_shared<Reply::Outcome>();
    GW_TRY(
        ike->initiate(*selection.connection, selection.child.value_or(""), [outcome, name](const std::string& failure) {
            outcome->is_known = true;
            if (!failure.empty())
                outcome->error = Error{ErrorCode::kUnavailable, name + ": " + failure, "the gateway's log tells more"};
        }));
    Reply reply = one_row({"initiate", name, std::nullopt});
    reply.outcome = std::move(outcome);
    return reply;
}

Result<Reply> ike_rekey(const Source& source, const Json& args)
{
    IkeSource* ike = GW_TRY(ike_of(source));
    const std::string name = name_of(args, "name");
    const ike::Selection selection = GW_TRY(selection_from(name));
    const size_t matches = GW_TRY(ike->rekey(selection));
    return one_row({"rekey", name, matches});
}

Result<Reply> ike_terminate(const Source& source, const Json& args)
{
    IkeSource* ike = GW_TRY(ike_of(source));
    const std::string name = name_of(args, "name");
    const ike::Selection selection = GW_TRY(selection_from(name));
    const size_t matches = GW_TRY(ike->terminate(selection));
    return one_row({"terminate", name, matches});
}

}  // namespace ipsecgw::cli
