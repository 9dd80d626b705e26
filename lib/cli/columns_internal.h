// How a listing is written down: its columns, once for JSON, tables and telemetry.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/listings.h"

namespace ipsecgw::cli {

using enum Unit;
using enum Shown;

/// A field and where its value comes from.
template <class Row>
struct Column {
    std::string_view name;
    std::string_view header;
    Unit unit;
    Shown shown;
    Json (*get)(const Row&);
    std::string_view reason = {};              // see Field::reason
    std::vector<Field> (*fields)() = nullptr;  // of kRows
};

template <class T>
Json optional(const std::optional<T>& value)
{
    return value ? Json(*value) : Json(nullptr);
}

/// Empty text is none.
inline Json text(std::string_view value)
{
    return value.empty() ? Json(nullptr) : Json(value);
}

template <class Row>
Json array(const std::vector<Row>& rows)
{
    Json out = Json::array();
    for (const auto& row : rows)
        out.push_back(to_json(row));
    return out;
}

template <class Row>
std::vector<Field> fields(std::span<const Column<Row>> columns)
{
    std::vector<Field> out;
    for (const auto& column : columns)
        out.push_back({std::string(column.name), std::string(column.header), column.unit, column.shown,
                       std::string(column.reason), column.fields != nullptr ? column.fields() : std::vector<Field>{}});
    return out;
}

template <class Row>
Json values(std::span<const Column<Row>> columns, const Row& row)
{
    // Names are known to differ: the members are appended without the search that Json's own insertion makes.
    Json::object_t members;
    members.reserve(columns.size());
    for (const auto& column : columns)
        members.emplace_back(std::string(column.name), column.get(row));
    return Json(std::move(members));
}

}  // namespace ipsecgw::cli
