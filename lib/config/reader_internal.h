// From libconfig's settings to the fields of a group, by table; and the place where every problem goes.
#pragma once

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <libconfig.h++>

#include "base/result.h"
#include "config/config.h"
#include "config/fields_internal.h"
#include "config/source_internal.h"

namespace ipsecgw::config {

/// A problem's text without anything that looks like key material: long runs of hex digits are replaced. Keys are not
/// put into messages in the first place; this catches the one that was written into the wrong setting.
std::string redact(std::string text);

class Reader {
  public:
    explicit Reader(const Source& source) : source_(source) {}

    /// Fills `target` from the settings of `group`. `origin` gets every setting's line; `prefix` ("udp_encap.") goes
    /// before the names.
    template <class T>
    void read_group(const libconfig::Setting& group, std::span<const Field<T>> fields, T& target, Origin& origin,
                    const std::string& prefix = {});
    /// The groups of a list.
    template <class T>
    void read_groups(const libconfig::Setting& list, std::span<const Field<T>> fields, std::vector<Parsed<T>>& out);

    void error(unsigned line, const std::string& setting, const std::string& what, const std::string& hint = {});
    void warning(unsigned line, const std::string& setting, const std::string& what, const std::string& hint = {});
    /// At a setting of a group, or the group where the setting is missing. A trailing ".[0]" that has no line of its
    /// own is dropped.
    void error(const Origin& origin, std::string_view name, const std::string& what, const std::string& hint = {});
    void warning(const Origin& origin, std::string_view name, const std::string& what, const std::string& hint = {});

    /// About a file as a whole, an index of Source::files().
    void file_warning(size_t file, const std::string& what, const std::string& hint);

    /// The path of a file that a setting on `line` names: relative to the folder of the file with that line. kNotFound with the reason when
    /// it cannot be read.
    [[nodiscard]] base::Result<std::string> readable_file(unsigned line, std::string_view name) const;

    [[nodiscard]] const Source& source() const noexcept { return source_; }
    /// "file:line" of a line of the expanded text.
    [[nodiscard]] std::string place_text(unsigned line) const;
    /// Remembers that the file with this line holds keys.
    void note_key(unsigned line) { files_with_keys_.insert(source_.place(line).file); }
    [[nodiscard]] const std::set<size_t>& files_with_keys() const noexcept { return files_with_keys_; }

    /// What was found, by line.
    [[nodiscard]] std::vector<Problem> take_errors() { return sorted(errors_); }
    [[nodiscard]] std::vector<Problem> take_warnings() { return sorted(warnings_); }

  private:
    struct Found {
        unsigned line;  // of the expanded text
        Problem problem;
    };
    using Setting = libconfig::Setting;

    [[nodiscard]] Problem problem(unsigned line, const std::string& setting, const std::string& what,
                                  const std::string& hint) const;
    static std::pair<std::string, unsigned> locate(const Origin& origin, std::string_view name);
    static std::vector<Problem> sorted(std::vector<Found>& found);

    void unknown(const Setting& setting, const std::vector<Spec>& specs);
    void missing(const Setting& group, const Spec& spec, Origin& origin, const std::string& prefix);
    /// The checked value of a scalar, or nothing after reporting why not.
    std::optional<Value> scalar(const Setting& setting, const Spec& spec);
    std::optional<Value> text_value(const Setting& setting, const Spec& spec);
    std::optional<Value> number_value(const Setting& setting, const Spec& spec);
    std::optional<Value> flag_value(const Setting& setting, const Spec& spec);
    std::optional<Value> word_value(const Setting& setting, const Spec& spec);
    std::nullopt_t wrong_type(const Setting& setting, const Spec& spec);
    [[nodiscard]] bool is_group(const Setting& setting, const Spec& spec);

    template <class T>
    void read_field(const Setting& setting, const Field<T>& field, T& target, Origin& origin, const std::string& name);
    template <class T>
    bool set_one(const Setting& setting, const Field<T>& field, T& target, const std::string& path);

    const Source& source_;
    std::vector<Found> errors_, warnings_;
    std::set<size_t> files_with_keys_;
};

template <class T>
void Reader::read_group(const Setting& group, std::span<const Field<T>> fields, T& target, Origin& origin,
                        const std::string& prefix)
{
    std::set<std::string_view> seen;
    for (const Setting& setting : group) {
        const auto field = std::find_if(fields.begin(), fields.end(),
                                        [&](const Field<T>& f) { return f.spec.name == setting.getName(); });
        if (field == fields.end()) {
            std::vector<Spec> specs;
            for (const auto& known : fields)
                specs.push_back(known.spec);
            unknown(setting, specs);
            continue;
        }
        seen.insert(field->spec.name);
        read_field(setting, *field, target, origin, prefix + setting.getName());
    }
    for (const auto& field : fields)
        if (field.spec.is_required && !seen.contains(field.spec.name))
            missing(group, field.spec, origin, prefix);
}

template <class T>
void Reader::read_field(const Setting& setting, const Field<T>& field, T& target, Origin& origin,
                        const std::string& name)
{
    origin.lines[name] = setting.getSourceLine();
    const std::string path = origin.path.empty() ? name : origin.path + "." + name;  // libconfig's getPath is linear
    const Kind kind = field.spec.kind;
    if (kind == Kind::kGroups || kind == Kind::kGroup || (kind == Kind::kFlagOrGroup && setting.isGroup())) {
        if (kind != Kind::kGroups && !is_group(setting, field.spec))
            origin.bad.insert(name);
        else
            field.descend(*this, target, setting, origin);
        return;
    }
    if (kind == Kind::kTexts && (setting.isList() || setting.isArray())) {
        for (int i = 0; i < setting.getLength(); i++) {
            const std::string item = name + ".[" + std::to_string(i) + "]";
            origin.lines[item] = setting[i].getSourceLine();
            if (!set_one(setting[i], field, target, path + ".[" + std::to_string(i) + "]"))
                origin.bad.insert({item, name});
        }
        return;
    }
    if (!set_one(setting, field, target, path))
        origin.bad.insert(name);
}

template <class T>
bool Reader::set_one(const Setting& setting, const Field<T>& field, T& target, const std::string& path)
{
    auto value = scalar(setting, field.spec);
    if (!value)
        return false;
    value->path = path;
    value->line = setting.getSourceLine();
    if (const auto done = field.set(*this, target, *value); !done) {
        error(value->line, path, done.error().what, done.error().hint);
        return false;
    }
    return true;
}

template <class T>
void Reader::read_groups(const Setting& list, std::span<const Field<T>> fields, std::vector<Parsed<T>>& out)
{
    static constexpr Spec kItem{"", Kind::kGroup};
    if (list.isGroup())
        return error(list.getSourceLine(), list.getPath(), "wants a list of groups, got one group",
                     "put it in parentheses: ( { ... }, { ... } )");
    if (!list.isList()) {
        wrong_type(list, Spec{"", Kind::kGroups});
        return;
    }
    const std::string path = list.getPath();
    for (int i = 0; i < list.getLength(); i++) {
        const Setting& item = list[i];
        if (!is_group(item, kItem))
            continue;
        Parsed<T> parsed;
        parsed.origin.path = path + ".[" + std::to_string(i) + "]";
        parsed.origin.line = item.getSourceLine();
        read_group(item, fields, parsed.value, parsed.origin);
        out.push_back(std::move(parsed));
    }
}

}  // namespace ipsecgw::config
