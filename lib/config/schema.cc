#include "config/schema.h"

#include "base/text.h"
#include "config/fields_internal.h"

namespace ipsecgw::config {
namespace {

template <class T>
void append(std::vector<SchemaRow>& rows, const std::string& section, std::span<const Field<T>> fields)
{
    for (const auto& field : fields)
        rows.push_back({section, field.spec});
}

}  // namespace

std::vector<std::string> Spec::words() const
{
    std::vector<std::string> out;
    for (const auto word : base::split(range, '|'))
        out.emplace_back(word);
    return out;
}

std::string Spec::type_text() const
{
    switch (kind) {
        case Kind::kText:
        case Kind::kSecret:
            return "string";
        case Kind::kTexts:
            return "string or list";
        case Kind::kNumber:
            return "number";
        case Kind::kTime:
            return "time";
        case Kind::kFlag:
            return "boolean";
        case Kind::kWord:
            return "word";
        case Kind::kGroup:
            return "group";
        case Kind::kFlagOrGroup:
            return "boolean or group";
        case Kind::kGroups:
            return "list of groups";
    }
    return "";
}

std::string Spec::range_text() const
{
    if (kind == Kind::kWord)
        return base::join(words());
    if ((kind == Kind::kNumber || kind == Kind::kTime) && range.empty())
        return std::to_string(min) + " to " + std::to_string(max);
    return std::string(range);
}

std::vector<SchemaRow> schema()
{
    std::vector<SchemaRow> rows;
    append(rows, "", document_fields());
    append(rows, "gateway", settings_fields());
    append(rows, "metrics", metrics_fields());
    append(rows, "ports", port_fields());
    append(rows, "routes", route_fields());
    append(rows, "neighbours", neighbour_fields());
    append(rows, "sas", sa_fields());
    append(rows, "sas.udp_encap", udp_fields());
    append(rows, "sas.lifetime", lifetime_fields());
    append(rows, "policies", policy_fields());
    append(rows, "connections", connection_fields());
    append(rows, "connections.local", local_auth_fields());
    append(rows, "connections.remote", remote_auth_fields());
    append(rows, "connections.children", child_fields());
    append(rows, "secrets", secret_fields());
    append(rows, "authorities", authority_fields());
    return rows;
}

}  // namespace ipsecgw::config
