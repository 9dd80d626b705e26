// Rows as people read them: aligned tables and key/value lines, units in the header.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/protocol.h"

namespace ipsecgw::gwctl {

/// "812", "2.71 k", "27.1 M", "271 G": three digits, powers of 1000.
std::string human_bytes(uint64_t bytes);
/// "42s", "41m", "5h12m", "3d4h".
std::string human_seconds(uint64_t seconds);

/// One value for a person; "-" when there is none. Control characters become '?'.
std::string human(const cli::Field& field, const cli::Json& row);

/// Collects rows as text, since widths are known at the end only.
class Table {
 public:
    /// Columns: the fields shown in tables.
    explicit Table(std::vector<cli::Field> fields);
    void add(const cli::Json& row);
    /// Header and rows, each line with its newline.
    [[nodiscard]] std::string text() const;

 private:
    void append_line(std::string& out, const std::vector<std::string>& cells) const;

    std::vector<cli::Field> fields_;
    std::vector<size_t> widths_;
    std::vector<std::vector<std::string>> rows_;
};

/// One row as "key  value" lines; arrays of rows as tables below.
std::string detail(const std::vector<cli::Field>& fields, const cli::Json& row);

}  // namespace ipsecgw::gwctl
