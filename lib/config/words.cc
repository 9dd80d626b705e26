#include "config/words.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "config/check_internal.h"
#include "config/reader_internal.h"

namespace ipsecgw::config {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

/// One word taken apart, and what has been found wrong so far.
struct Assignment {
    std::string_view name, value;
};

class WordReader {
  public:
    explicit WordReader(std::string_view title) : source_(Source::from_text("", "")), reader_(source_), title_(title) {}

    [[nodiscard]] Reader& reader() noexcept { return reader_; }

    template <class T>
    void read(std::span<const std::string> words, std::span<const Field<T>> fields, Parsed<T>& out,
              bool wants_required = true)
    {
        for (size_t i = 0; i < words.size(); i++)
            if (const auto assignment = split(words[i], i, out.origin))
                assign(*assignment, fields, out);
        for (const auto& field : fields)
            if (field.spec.is_required && wants_required && !out.origin.has(field.spec.name))
                fail(std::string(field.spec.name), "it is missing", "it is a " + field.spec.type_text());
    }
    /// Everything that was wrong, as one error; nothing: all is well.
    std::optional<Error> take_error()
    {
        for (auto& problem : reader_.take_errors())
            fail(std::move(problem.setting), std::move(problem.what), std::move(problem.hint));
        if (what_.empty())
            return std::nullopt;
        return Error{ErrorCode::kInvalidArgument, redact(base::join(what_, "; ")), redact(std::move(hint_))};
    }

  private:
    void fail(std::string setting, std::string what, std::string hint)
    {
        what_.push_back(setting.empty() ? std::move(what) : std::move(setting) + ": " + std::move(what));
        if (hint_.empty())
            hint_ = std::move(hint);
    }
    std::optional<Assignment> split(const std::string& word, size_t index, const Origin& origin)
    {
        const std::string_view text = word;
        const size_t equals = text.find('=');
        if (equals == std::string_view::npos && index == 0)
            return Assignment{title_, text};
        if (equals == std::string_view::npos) {
            fail("", "\"" + word.substr(0, 64) + "\" is no SETTING=VALUE", "write settings like " + std::string(title_) + "=...");
            return std::nullopt;
        }
        const Assignment assignment{text.substr(0, equals), text.substr(equals + 1)};
        if (!origin.has(assignment.name))
            return assignment;
        fail(std::string(assignment.name), "it is there twice", "items of a list stand between commas");
        return std::nullopt;
    }
    template <class T>
    const Field<T>* find(std::string_view name, std::string_view shown, std::span<const Field<T>> fields)
    {
        std::vector<std::string> names;
        for (const auto& field : fields) {
            if (field.spec.name == name)
                return &field;
            names.emplace_back(field.spec.name);
        }
        const auto near = base::nearest(name, names);
        fail(std::string(shown), "no such setting", near ? "did you mean " + *near + "?" : "there are " + base::join(names));
        return nullptr;
    }
    template <class T>
    void assign(const Assignment& assignment, std::span<const Field<T>> fields, Parsed<T>& out)
    {
        if constexpr (std::is_same_v<T, SaDraft>) {
            if (assignment.name == "keymat_file")
                return fail("keymat_file", "the gateway reads no files for its clients", "gwctl does: keymat=@FILE");
            if (assignment.name.starts_with("udp_encap.")) {
                model::SaParams& sa = out.value.sa;
                model::UdpEncapsulation& udp = sa.udp ? *sa.udp : sa.udp.emplace();
                return assign_in(assignment, 10, udp_fields(), udp, out.origin);
            }
            if (assignment.name.starts_with("lifetime."))
                return assign_in(assignment, 9, lifetime_fields(), out.value.sa.lifetime, out.origin);
        }
        assign_in(assignment, 0, fields, out.value, out.origin);
    }
    /// The name without its first `skip` characters is one of `fields`.
    template <class T>
    void assign_in(const Assignment& assignment, size_t skip, std::span<const Field<T>> fields, T& target, Origin& origin)
    {
        const auto* field = find(assignment.name.substr(skip), assignment.name, fields);
        if (field == nullptr)
            return;
        const std::string name(assignment.name);
        origin.lines[name] = 0;
        const bool is_list = field->spec.kind == Kind::kTexts;
        const auto items = is_list ? base::split(assignment.value, ',') : std::vector<std::string_view>{assignment.value};
        for (size_t i = 0; i < items.size(); i++) {
            const std::string path = is_list ? name + ".[" + std::to_string(i) + "]" : name;
            const auto value = value_of(field->spec, path, items[i]);
            if (value && field->set != nullptr) {
                if (const auto done = field->set(reader_, target, *value); done)
                    continue;
                else
                    fail(path, done.error().what, done.error().hint);
            }
            origin.bad.insert({name, path});
        }
    }
    std::optional<Value> value_of(const Spec& spec, const std::string& path, std::string_view text)
    {
        Value value;
        value.text = text;
        switch (spec.kind) {
            case Kind::kText:
            case Kind::kTexts:
            case Kind::kSecret:
                return value;
            case Kind::kNumber:
                return number_of(spec, path, text);
            case Kind::kFlag:
            case Kind::kFlagOrGroup:
                value.flag = text == "true" || text == "yes";
                if (value.flag || text == "false" || text == "no")
                    return value;
                break;
            case Kind::kWord: {
                const auto words = spec.words();
                const auto found = std::find(words.begin(), words.end(), text);
                value.number = static_cast<uint64_t>(found - words.begin());
                if (found != words.end())
                    return value;
                fail(path, "\"" + std::string(text.substr(0, 64)) + "\" is none of " + base::join(words), "");
                return std::nullopt;
            }
            case Kind::kTime:
            case Kind::kGroup:
            case Kind::kGroups:
                fail(path, "it is a group", "its settings are written " + path + ".NAME=VALUE");
                return std::nullopt;
        }
        fail(path, "\"" + std::string(text.substr(0, 64)) + "\" is no " + spec.type_text(), "write true or false");
        return std::nullopt;
    }
    std::optional<Value> number_of(const Spec& spec, const std::string& path, std::string_view text)
    {
        const auto number = base::parse_unsigned(text);
        if (number && *number >= spec.min && *number <= spec.max) {
            Value value;
            value.number = *number;
            return value;
        }
        fail(path, number ? std::to_string(*number) + " is out of range" : "\"" + std::string(text.substr(0, 64)) + "\" is no whole number",
             "it is " + spec.range_text());
        return std::nullopt;
    }

    Source source_;
    Reader reader_;
    std::string_view title_;
    std::vector<std::string> what_;
    std::string hint_;
};

void add_all(Reader& reader, const Origin& origin, const std::vector<Error>& errors)
{
    report(reader, origin, errors, [](const Origin&, std::string_view) { return false; });
}

}  // namespace

Result<model::SaParams> sa_from_words(std::span<const std::string> words, const model::Settings& settings)
{
    WordReader reader("name");
    Document document;
    document.settings = settings;
    Parsed<SaDraft> sa;
    reader.read(words, sa_fields(), sa);
    if (auto error = reader.take_error())
        return *std::move(error);
    complete_sa(reader.reader(), document, sa);
    if (auto error = reader.take_error())
        return *std::move(error);
    return std::move(sa.value.sa);
}

Result<model::Policy> policy_from_words(std::span<const std::string> words)
{
    WordReader reader("name");
    Parsed<model::Policy> policy;
    reader.read(words, policy_fields(), policy);
    if (auto error = reader.take_error())
        return *std::move(error);
    add_all(reader.reader(), policy.origin, model::validate(policy.value));
    if (auto error = reader.take_error())
        return *std::move(error);
    return std::move(policy.value);
}

Result<model::Route> route_from_words(std::span<const std::string> words)
{
    WordReader reader("prefix");
    Parsed<model::Route> route;
    reader.read(words, route_fields(), route);
    if (auto error = reader.take_error())
        return *std::move(error);
    return std::move(route.value);
}

Result<model::Neighbour> neighbour_from_words(std::span<const std::string> words)
{
    WordReader reader("address");
    Parsed<model::Neighbour> neighbour;
    reader.read(words, neighbour_fields(), neighbour);
    if (auto error = reader.take_error())
        return *std::move(error);
    return std::move(neighbour.value);
}

Result<model::Neighbour> neighbour_name_from_words(std::span<const std::string> words)
{
    WordReader reader("address");
    Parsed<model::Neighbour> neighbour;
    reader.read(words, neighbour_fields(), neighbour, false);
    if (auto error = reader.take_error())
        return *std::move(error);
    for (const char* needed : {"address", "port"})
        if (!neighbour.origin.has(needed))
            return Error{ErrorCode::kInvalidArgument, std::string(needed) + ": it is missing", "write ADDRESS port=NAME"};
    return std::move(neighbour.value);
}

Result<std::string> name_from_words(std::span<const std::string> words, std::string_view setting)
{
    const std::string prefix = std::string(setting) + "=";
    if (words.size() != 1 || words[0].empty())
        return Error{ErrorCode::kInvalidArgument, words.empty() ? std::string(setting) + ": it is missing" : "there is a word too many",
                     "write its " + std::string(setting) + ", and nothing else"};
    return words[0].starts_with(prefix) ? words[0].substr(prefix.size()) : words[0];
}

}  // namespace ipsecgw::config
