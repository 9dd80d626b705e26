// What gwctl and the gateway agree on: commands, fields of a listing, errors. README.md describes it for other clients.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace ipsecgw::cli {

/// Keeps the order of members, so that output reads as the fields are listed.
using Json = nlohmann::ordered_json;

inline constexpr size_t kMaxRequestBytes = 16 * 1024;
inline constexpr std::string_view kDefaultSocket = "/run/ipsec-gw/ipsec-gw.sock";

struct Argument {
    /// A position is a word of the command line, a flag is given or not, a value follows its flag ("--count 3"), the rest is
    /// all words that are left as one text, kWords the same as an array. kLocal is a value gwctl keeps to itself.
    enum class Kind : uint8_t { kPosition, kFlag, kValue, kRest, kWords, kLocal };
    std::string_view name;   // in the request's "args"
    Kind kind;
    std::string_view usage;  // "[SPI|NAME]", "[--all]"
    std::string_view help;
};

struct Command {
    /// kList answers any number of rows, kOne exactly one, kNone none (it is done, or there is an error), kStream rows as they come, each with a line for people in its
    /// "text"; kScreen is gwctl's own affair, made of other commands' answers.
    enum class Shape : uint8_t { kList, kOne, kNone, kStream, kScreen };
    std::string_view name;   // "sa show"
    Shape shape;
    std::string_view help;
    std::span<const Argument> arguments;
};

/// The words of a line as a shell would have them: blanks separate, quotes of both kinds hold together, a # at the start of a word
/// ends the line. kInvalidArgument when a quote is not closed.
base::Result<std::vector<std::string>> split_words(std::string_view line);

/// Every command there is. A new one is a row here and a function in verbs.cc.
std::span<const Command> commands() noexcept;
/// Null: there is none of this name.
const Command* find_command(std::string_view name) noexcept;
/// For a name that find_command() does not know.
base::Error unknown_command(std::string_view name);

/// How a value is to be read, and how a person gets to see it.
enum class Unit : uint8_t {
    kText,     // string
    kCount,    // integer
    kDecimal,  // number; one digit behind the point
    kBytes,    // integer; "2.71 G"
    kSeconds,  // integer; "41m"
    kFlag,     // boolean; "yes", "no"
    kList,     // array of strings; "a,b"
    kCounts,   // object: word to integer
    kRows,     // array of objects with fields of their own
};

/// Where people see a field; machines see all.
enum class Shown : uint8_t { kBoth, kTable, kDetail, kNowhere };

/// One field of a listing. A value may be null: there is none.
struct Field {
    std::string name;           // JSON member
    std::string header;         // column header; the unit in it, where a value does not carry its own
    Unit unit = Unit::kText;
    Shown shown = Shown::kBoth;
    std::string reason;         // member that explains the value, shown behind it in the detail view; may be empty
    std::vector<Field> fields;  // of kRows
};

Json to_json(const std::vector<Field>& fields);
/// kInvalidArgument when it is not what to_json() writes.
base::Result<std::vector<Field>> fields_from_json(const Json& json);

Json to_json(const base::Error& error);
/// Takes what it finds; an answer of an unknown form becomes kInternal.
base::Error error_from_json(const Json& json);

/// One line of the protocol, newline included. Bytes that are no UTF-8 are replaced.
std::string to_line(const Json& json);

}  // namespace ipsecgw::cli
