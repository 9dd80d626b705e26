#include "config/config.h"

#include <libconfig.h++>

#include "base/text.h"
#include "config/check_internal.h"
#include "config/reader_internal.h"
#include "config/source_internal.h"

namespace ipsecgw::config {
namespace {

/// What libconfig's few messages mean to the person who wrote the file.
std::string syntax_hint(const std::string& what)
{
    if (what == "duplicate setting name")
        return "a group has each setting once; several of a kind go in a list: ( { ... }, { ... } )";
    if (what.starts_with("mismatched element type"))
        return "an array [ ] holds values of one type; use a list ( )";
    return "look here and at the end of the line before: a missing ; or \" or a bracket that is not closed";
}

/// libconfig's part: text to settings. Its own copies of the text are gone when this returns; they never held a key
/// (see Source).
void read_settings(Reader& reader, Document& document)
{
    libconfig::Config config;
    try {
        config.readString(reader.source().text().c_str());
        reader.read_group(config.getRoot(), document_fields(), document, document.root);
    } catch (const libconfig::ParseException& error) {
        const std::string what = error.getError() != nullptr ? error.getError() : "syntax error";
        reader.error(error.getLine() > 0 ? static_cast<unsigned>(error.getLine()) : 0, "", what, syntax_hint(what));
        document.root.bad.insert("");
    }
}

void warn_of_open_files(Reader& reader)
{
    for (const size_t index : reader.files_with_keys()) {
        const Source::File& file = reader.source().files()[index];
        if (file.open_to_others)
            reader.file_warning(index,
                                base::format("it holds keys and is open to group or others (mode %04o)", file.mode),
                                "chmod 600 " + file.name);
    }
}

model::Gateway assemble(Document&& document)
{
    model::Gateway gateway;
    gateway.settings = std::move(document.settings);
    gateway.metrics = std::move(document.metrics);
    for (auto& port : document.ports)
        gateway.ports.push_back(std::move(port.value));
    for (auto& route : document.routes)
        gateway.routes.push_back(std::move(route.value));
    for (auto& neighbour : document.neighbours)
        gateway.neighbours.push_back(std::move(neighbour.value));
    for (auto& sa : document.sas)
        gateway.sas.push_back(std::move(sa.value.sa));
    for (auto& policy : document.policies)
        gateway.policies.push_back(std::move(policy.value));
    for (auto& connection : document.connections)
        gateway.connections.push_back(std::move(connection.value.connection));
    for (auto& [draft, origin] : document.secrets) {
        if (draft.type == SecretDraft::Type::kPrivate)
            gateway.private_keys.push_back({std::move(draft.file), std::move(draft.secret)});
        else
            gateway.secrets.push_back(
                {draft.type == SecretDraft::Type::kPpk ? model::SecretType::kPpk : model::SecretType::kIke,
                 std::move(draft.ids), std::move(draft.secret)});
    }
    for (auto& authority : document.authorities)
        gateway.authorities.push_back(std::move(authority.value));
    return gateway;
}

Loaded load(const Source& source)
{
    Reader reader(source);
    Document document;
    for (const auto& error : source.errors())
        reader.error(error.line, "", error.what, error.hint);
    if (source.errors().empty())
        read_settings(reader, document);
    if (source.errors().empty() && !document.root.is_bad("")) {
        check_network(reader, document);
        check_sas(reader, document);
        check_policies(reader, document);
        check_connections(reader, document);
        warn_of_open_files(reader);
    }
    Loaded loaded;
    loaded.errors = reader.take_errors();
    loaded.warnings = reader.take_warnings();
    if (loaded.errors.empty())
        loaded.gateway = assemble(std::move(document));
    return loaded;
}

}  // namespace

std::string Problem::to_string() const
{
    std::string out = file;
    if (line != 0)
        out += ":" + std::to_string(line);
    if (!setting.empty())
        out += ": " + setting;
    out += ": " + what;
    if (!hint.empty())
        out += "\n  hint: " + hint;
    return out;
}

void report(Reader& reader, const Origin& origin, const std::vector<base::Error>& errors,
            bool (*is_moot)(const Origin& origin, std::string_view field))
{
    for (const auto& error : errors) {
        const size_t colon = error.what.find(": ");
        std::string field = error.what.substr(0, colon);
        if (origin.is_bad(field) || is_moot(origin, field))
            continue;
        if (field == "keymat" && origin.has("keymat_file"))
            field = "keymat_file";
        reader.error(origin, field, error.what.substr(colon + 2), error.hint);
    }
}

std::string names_hint(std::string_view what, const std::vector<std::string>& names)
{
    static constexpr size_t kMaxShown = 20;
    if (names.empty())
        return "there are no " + std::string(what) + " in this file";
    std::vector<std::string> shown(names.begin(),
                                   names.begin() + static_cast<ptrdiff_t>(std::min(names.size(), kMaxShown)));
    if (names.size() > kMaxShown)
        shown.push_back("and " + std::to_string(names.size() - kMaxShown) + " more");
    return std::string(what) + " in this file: " + base::join(shown);
}

Loaded load_file(const std::string& path)
{
    return load(Source::from_file(path));
}
Loaded load_text(const std::string& text, const std::string& name)
{
    return load(Source::from_text(text, name));
}

}  // namespace ipsecgw::config
