// Every setting of the file, as data: the same table drives the parser, its hints and the test of config/README.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ipsecgw::config {

enum class Kind : uint8_t {
    kText,         // a string
    kTexts,        // a string, or a list of strings
    kSecret,       // a string that is never shown
    kNumber,       // an integer, or a string with one
    kTime,         // seconds as kNumber, or a string with a unit: "90s", "10m", "4h", "1d"
    kFlag,         // true or false; "yes" and "no" as in swanctl.conf
    kWord,         // one of a few strings
    kGroup,        // { ... }
    kFlagOrGroup,  // true, false or { ... }
    kGroups,       // ( { ... }, ... )
};

/// What the table says of one setting.
struct Spec {
    std::string_view name;
    Kind kind = Kind::kText;
    bool is_required = false;
    std::string_view fallback = {};  // default as the reference prints it
    std::string_view range = {};  // kWord: "in|out"; kNumber: text for the reference, made from min and max when empty
    uint64_t min = 0;
    uint64_t max = 0;

    [[nodiscard]] std::vector<std::string> words() const;
    [[nodiscard]] std::string type_text() const;   // "number"
    [[nodiscard]] std::string range_text() const;  // "256 to 4294967295"
};

/// One row of the reference: a setting and the section ("sas", "sas.udp_encap", "" for the top level) it stands in.
struct SchemaRow {
    std::string section;
    Spec spec;
};
std::vector<SchemaRow> schema();

}  // namespace ipsecgw::config
