#include "cli/edit_verbs_internal.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/text.h"
#include "cli/columns_internal.h"
#include "config/words.h"

namespace ipsecgw::cli {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

using Words = std::span<const std::string>;
/// Who may be robbed of an object: nobody but the socket itself, or with force anybody.
using By = std::optional<model::Owner>;

Result<void> add_sa(Editor& editor, Words words, By)
{
    return editor.install_sa(GW_TRY(config::sa_from_words(words, editor.settings())));
}
Result<void> replace_sa(Editor& editor, Words words, By by)
{
    return editor.replace_sa(GW_TRY(config::sa_from_words(words, editor.settings())), by);
}
Result<void> del_sa(Editor& editor, Words words, By by)
{
    return editor.remove_sa(GW_TRY(config::name_from_words(words, "name")), by);
}
Result<void> add_policy(Editor& editor, Words words, By)
{
    return editor.add_policy(GW_TRY(config::policy_from_words(words)));
}
Result<void> del_policy(Editor& editor, Words words, By by)
{
    return editor.remove_policy(GW_TRY(config::name_from_words(words, "name")), by);
}
Result<void> add_route(Editor& editor, Words words, By)
{
    return editor.add_route(GW_TRY(config::route_from_words(words)));
}
Result<void> del_route(Editor& editor, Words words, By by)
{
    const std::string prefix = GW_TRY(config::name_from_words(words, "prefix"));
    return editor.remove_route(GW_TRY(net::Prefix::parse(prefix)), by);
}
Result<void> add_neigh(Editor& editor, Words words, By)
{
    return editor.add_neighbour(GW_TRY(config::neighbour_from_words(words)));
}
Result<void> del_neigh(Editor& editor, Words words, By by)
{
    return editor.remove_neighbour(GW_TRY(config::neighbour_name_from_words(words)), by);
}

struct Edit {
    std::string_view object, verb;
    Result<void> (*run)(Editor& editor, Words words, By by);
};
constexpr Edit kEdits[] = {{"sa", "add", add_sa},       {"sa", "replace", replace_sa}, {"sa", "del", del_sa},
                           {"policy", "add", add_policy}, {"policy", "del", del_policy}, {"route", "add", add_route},
                           {"route", "del", del_route}, {"neigh", "add", add_neigh},   {"neigh", "del", del_neigh}};

Result<Editor*> editor_of(const Source& source)
{
    if (source.editor() == nullptr)
        return Error{ErrorCode::kUnsupported, "this gateway takes no changes", ""};
    return source.editor();
}

Reply nothing()
{
    return {{}, [](std::vector<Json>&) { return false; }};
}

/// Of one command: what it changes is true when it is answered.
Result<Reply> run(const Source& source, const Json& args, Result<void> (*edit)(Editor&, Words, By))
{
    Editor* editor = GW_TRY(editor_of(source));
    const bool is_forced = args.value("force", false);
    const auto words = args.value("words", std::vector<std::string>());
    GW_TRY(edit(*editor, words, is_forced ? By() : model::Owner::kCli));
    GW_TRY(editor->publish_routes());
    return nothing();
}

struct Refusal {
    uint64_t line = 0;  // from 1, of the request
    Error error;
};

Result<void> run_line(Editor& editor, std::string_view line)
{
    auto words = GW_TRY(split_words(line));
    if (words.empty())
        return {};
    const bool is_forced = std::erase(words, "--force") != 0;
    std::vector<std::string> known;
    for (const auto& edit : kEdits) {
        known.push_back(std::string(edit.object) + " " + std::string(edit.verb));
        if (words.size() > 1 && words[0] == edit.object && words[1] == edit.verb)
            return edit.run(editor, Words(words).subspan(2), is_forced ? By() : model::Owner::kCli);
    }
    const std::string command = words[0].substr(0, 32) + (words.size() > 1 ? " " + words[1].substr(0, 32) : "");
    return Error{ErrorCode::kInvalidArgument, "\"" + command + "\" is no change", "there is: " + base::join(known)};
}

constexpr Column<Refusal> kRefusalColumns[] = {
    {"line", "LINE", kCount, kBoth, [](const Refusal& r) { return Json(r.line); }},
    {"what", "ERROR", kText, kBoth, [](const Refusal& r) { return text(r.error.what); }},
    {"hint", "HINT", kText, kBoth, [](const Refusal& r) { return text(r.error.hint); }},
};

constexpr Column<control::Change> kChangeColumns[] = {
    {"change", "CHANGE", kText, kBoth,
     [](const control::Change& r) {
         using Kind = control::Change::Kind;
         return Json(r.kind == Kind::kAdd ? "add" : r.kind == Kind::kChange ? "change" : "remove");
     }},
    {"object", "OBJECT", kText, kBoth, [](const control::Change& r) { return Json(r.object); }},
    {"name", "NAME", kText, kBoth, [](const control::Change& r) { return text(r.name); }},
    {"settings", "SETTINGS", kList, kBoth, [](const control::Change& r) { return Json(r.settings); }},
};

template <class Row>
std::function<bool(std::vector<Json>&)> pages(std::span<const Column<Row>> columns, std::vector<Row> rows)
{
    const auto kept = std::make_shared<const std::vector<Row>>(std::move(rows));
    return [columns, kept, at = size_t{0}](std::vector<Json>& page) mutable {
        for (const size_t end = std::min(at + kPageRows, kept->size()); at < end; at++)
            page.push_back(values(columns, (*kept)[at]));
        return at < kept->size();
    };
}

Result<Reply> ask_reloader(const Source& source, Reloader::Mode mode)
{
    if (source.reloader() == nullptr)
        return Error{ErrorCode::kUnsupported, "this gateway has no configuration file", ""};
    // The client may have gone when the end comes: what it waits at is shared.
    auto outcome = std::make_shared<Reply::Outcome>();
    GW_TRY(source.reloader()->reload(mode, [outcome](Reloader::Outcome result) {
        outcome->is_known = true;
        outcome->details = std::move(result.problems);
        if (result.errors != 0)
            outcome->error = Error{ErrorCode::kInvalidArgument, result.summary()};
        outcome->rows = pages<control::Change>(kChangeColumns, std::move(result.changes));
    }));
    Reply reply;
    reply.fields = fields<control::Change>(kChangeColumns);
    reply.outcome = std::move(outcome);
    return reply;
}

}  // namespace

std::string Reloader::Outcome::summary() const
{
    return base::format("%zu error%s; %s", errors, errors == 1 ? "" : "s",
                        is_partly_done ? "all else was done" : "nothing was changed");
}

Result<Reply> sa_add(const Source& source, const Json& args) { return run(source, args, add_sa); }
Result<Reply> sa_replace(const Source& source, const Json& args) { return run(source, args, replace_sa); }
Result<Reply> sa_del(const Source& source, const Json& args) { return run(source, args, del_sa); }
Result<Reply> policy_add(const Source& source, const Json& args) { return run(source, args, add_policy); }
Result<Reply> policy_del(const Source& source, const Json& args) { return run(source, args, del_policy); }
Result<Reply> route_add(const Source& source, const Json& args) { return run(source, args, add_route); }
Result<Reply> route_del(const Source& source, const Json& args) { return run(source, args, del_route); }
Result<Reply> neigh_add(const Source& source, const Json& args) { return run(source, args, add_neigh); }
Result<Reply> neigh_del(const Source& source, const Json& args) { return run(source, args, del_neigh); }

Result<Reply> batch(const Source& source, const Json& args)
{
    Editor* editor = GW_TRY(editor_of(source));
    std::vector<Refusal> refusals;
    uint64_t number = 0;
    if (const auto lines = args.find("words"); lines != args.end())
        for (const auto& line : *lines) {
            number++;
            if (auto done = run_line(*editor, line.get_ref<const std::string&>()); !done)
                refusals.push_back({number, std::move(done).error()});
        }
    if (number == 0)
        GW_TRY(editor->publish_routes());
    return Reply{fields<Refusal>(kRefusalColumns), pages<Refusal>(kRefusalColumns, std::move(refusals))};
}

Result<Reply> reload(const Source& source, const Json&) { return ask_reloader(source, Reloader::Mode::kApply); }
Result<Reply> config_diff(const Source& source, const Json&) { return ask_reloader(source, Reloader::Mode::kCompare); }

}  // namespace ipsecgw::cli
