#include "gwctl/render.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <utility>

#include "base/text.h"

namespace ipsecgw::gwctl {

using cli::Field;
using cli::Json;
using cli::Shown;
using cli::Unit;

namespace {

constexpr const char* kGap = "  ";

bool is_right_aligned(const Field& field)
{
    return field.unit == Unit::kCount || field.unit == Unit::kBytes || field.unit == Unit::kDecimal;
}

bool is_in_table(const Field& field) { return field.shown == Shown::kBoth || field.shown == Shown::kTable; }
bool is_in_detail(const Field& field) { return field.shown == Shown::kBoth || field.shown == Shown::kDetail; }

std::string printable(std::string text)
{
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            c = '?';
    return text;
}

std::string text_of(const Json& value) { return printable(value.is_string() ? value.get<std::string>() : value.dump()); }

std::string list(const Json& value)
{
    std::vector<std::string> parts;
    for (const auto& part : value)
        parts.push_back(text_of(part));
    return parts.empty() ? "-" : base::join(parts, ",");
}

std::string counts(const Json& value)
{
    std::vector<std::string> parts;
    for (const auto& [word, count] : value.items())
        parts.push_back(count.dump() + " " + printable(word));
    return parts.empty() ? "-" : base::join(parts);
}

std::string lower(std::string text)
{
    // Only what stands before a unit: "(Mbit/s)" stays.
    for (size_t i = 0; i < text.size() && text[i] != '('; i++)
        text[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[i])));
    return text;
}

}  // namespace

std::string human_bytes(uint64_t bytes)
{
    if (bytes < 1000)
        return std::to_string(bytes);
    static constexpr char kPrefixes[] = {'k', 'M', 'G', 'T', 'P', 'E'};
    double value = static_cast<double>(bytes) / 1000;
    size_t prefix = 0;
    // What would be rounded to 1000 is 1.00 of the next prefix.
    while (value >= 999.5 && prefix + 1 < sizeof kPrefixes) {
        value /= 1000;
        prefix++;
    }
    const int digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    return base::format("%.*f %c", digits, value, kPrefixes[prefix]);
}

std::string human_seconds(uint64_t seconds)
{
    const uint64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
    const auto two = [](uint64_t big, char big_unit, uint64_t small, char small_unit) {
        std::string out = std::to_string(big) + big_unit;
        return small == 0 ? out : out + std::to_string(small) + small_unit;
    };
    if (minutes == 0)
        return std::to_string(seconds) + "s";
    if (hours == 0)
        return std::to_string(minutes) + "m";
    return days == 0 ? two(hours, 'h', minutes % 60, 'm') : two(days, 'd', hours % 24, 'h');
}

std::string human(const Field& field, const Json& row)
{
    const auto found = row.find(field.name);
    if (found == row.end() || found->is_null())
        return "-";
    const Json& value = *found;
    switch (field.unit) {
        case Unit::kBytes:
            return value.is_number_unsigned() ? human_bytes(value.get<uint64_t>()) : text_of(value);
        case Unit::kSeconds:
            return value.is_number_unsigned() ? human_seconds(value.get<uint64_t>()) : text_of(value);
        case Unit::kDecimal:
            return value.is_number() ? base::format("%.1f", value.get<double>()) : text_of(value);
        case Unit::kFlag:
            return value.is_boolean() ? (value.get<bool>() ? "yes" : "no") : text_of(value);
        case Unit::kList:
            return value.is_array() ? list(value) : text_of(value);
        case Unit::kCounts:
            return value.is_object() ? counts(value) : text_of(value);
        case Unit::kText:
        case Unit::kCount:
        case Unit::kRows:
            return text_of(value);
    }
    return text_of(value);
}

Table::Table(std::vector<Field> fields) : fields_(std::move(fields))
{
    std::erase_if(fields_, [](const Field& field) { return !is_in_table(field) || field.unit == Unit::kRows; });
    for (const auto& field : fields_)
        widths_.push_back(field.header.size());
}

void Table::add(const Json& row)
{
    std::vector<std::string> cells;
    for (size_t i = 0; i < fields_.size(); i++) {
        cells.push_back(human(fields_[i], row));
        widths_[i] = std::max(widths_[i], cells[i].size());
    }
    rows_.push_back(std::move(cells));
}

void Table::append_line(std::string& out, const std::vector<std::string>& cells) const
{
    for (size_t i = 0; i < cells.size(); i++) {
        const std::string padding(widths_[i] - cells[i].size(), ' ');
        if (i > 0)
            out += kGap;
        out += is_right_aligned(fields_[i]) ? padding + cells[i] : cells[i] + padding;
    }
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
}

std::string Table::text() const
{
    std::vector<std::string> header;
    for (const auto& field : fields_)
        header.push_back(field.header);
    std::string out;
    append_line(out, header);
    for (const auto& row : rows_)
        append_line(out, row);
    return out;
}

std::string detail(const std::vector<Field>& fields, const Json& row)
{
    size_t width = 0;
    for (const auto& field : fields)
        if (is_in_detail(field) && field.unit != Unit::kRows)
            width = std::max(width, field.header.size());
    std::string out, tables;
    for (const auto& field : fields) {
        if (!is_in_detail(field))
            continue;
        if (field.unit == Unit::kRows) {
            Table table(field.fields);
            if (const auto rows = row.find(field.name); rows != row.end())
                for (const auto& nested : *rows)
                    table.add(nested);
            tables += "\n" + table.text();
            continue;
        }
        std::string value = human(field, row);
        const auto reason = row.find(field.reason);
        if (!field.reason.empty() && reason != row.end() && !reason->is_null())
            value += ": " + text_of(*reason);
        out += lower(field.header) + std::string(width - field.header.size(), ' ') + kGap + value + "\n";
    }
    return out + tables;
}

}  // namespace ipsecgw::gwctl
