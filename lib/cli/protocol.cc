#include "cli/protocol.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace ipsecgw::cli {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr Argument kSaArguments[] = {
    {"sa", Argument::Kind::kPosition, "[SPI|NAME]", "only SAs with this SPI (0x... or decimal) or name, in detail"}};
constexpr Argument kPolicyArguments[] = {
    {"policy", Argument::Kind::kPosition, "[ID|NAME]", "only the policy with this id or name, in detail"}};
constexpr Argument kPortArguments[] = {{"port", Argument::Kind::kPosition, "[NAME]", "only this port, in detail"}};
constexpr Argument kDropsArguments[] = {
    {"all", Argument::Kind::kFlag, "[--all]", "reasons that have not happened, too"}};

constexpr Argument kStatsArguments[] = {{"stages", Argument::Kind::kFlag, "[--stages]",
                                         "where workers spend their time: cycles per packet of each stage"}};
constexpr Argument kIkeShowArguments[] = {
    {"sa", Argument::Kind::kPosition, "[NAME|[ID]]", "only IKE SAs of this connection or with this number, in detail"}};
constexpr Argument kInitiateArguments[] = {
    {"name", Argument::Kind::kPosition, "NAME", "a connection, or CONNECTION/CHILD; waits until it is up or has failed"}};
constexpr Argument kIkeArguments[] = {
    {"name", Argument::Kind::kPosition, "NAME",
     "a connection, CONNECTION/CHILD, the number of an IKE SA: [3], or of a child SA: {5}"}};

constexpr Argument kTunnelArguments[] = {
    {"tunnel", Argument::Kind::kPosition, "[NAME]", "only this tunnel, in detail"}};
constexpr Argument kExplainArguments[] = {
    {"direction", Argument::Kind::kPosition, "out|in|in-clear",
     "out: in clear from the protected side; in: inside its SA from the other; in-clear: in clear from there"},
    {"packet", Argument::Kind::kRest, "src A dst B [proto P] [sport N dport N] [length BYTES]", "the packet"}};
constexpr Argument kTraceArguments[] = {
    {"count", Argument::Kind::kValue, "[--count N]", "packets to follow, 10 without it; 0: until Ctrl-C"},
    {"write", Argument::Kind::kLocal, "[--write FILE]", "a pcapng file too, what is said of a packet as its comments; - is standard output"},
    {"filter", Argument::Kind::kRest, "[FILTER]",
     "src, dst, host PREFIX; proto P; sport, dport, port N; spi N; on PORT; drop REASON|any; all that are given must hold"}};
constexpr Argument kCaptureArguments[] = {
    {"side", Argument::Kind::kPosition, "clear|cipher|both|frames",
     "clear: before sealing and after opening; cipher: before opening and after sealing; frames: as ports receive and send them"},
    {"count", Argument::Kind::kValue, "[--count N]", "packets, 1000 without it; 0: until Ctrl-C"},
    {"snap", Argument::Kind::kValue, "[--snap BYTES]", "to keep of each packet, 2048 without it"},
    {"write", Argument::Kind::kLocal, "--write FILE", "the pcapng file; - is standard output"},
    {"filter", Argument::Kind::kRest, "[FILTER]", "as for trace start"}};
constexpr Argument kTopArguments[] = {
    {"once", Argument::Kind::kFlag, "[--once]", "one picture, for scripts: totals, and rates of one interval"},
    {"interval", Argument::Kind::kLocal, "[--interval SECONDS]", "between two pictures, 2 without it"}};

constexpr Argument kSaAddArguments[] = {
    {"words", Argument::Kind::kWords, "NAME SETTING=VALUE ...",
     "as in the configuration file: NAME direction=in spi=0x1001 ...; the key by keymat=@FILE, or keymat=@- from standard input"}};
constexpr Argument kSaReplaceArguments[] = {
    {"words", Argument::Kind::kWords, "NAME SETTING=VALUE ...",
     "as in the configuration file: NAME direction=in spi=0x1001 ...; the key by keymat=@FILE, or keymat=@- from standard input"},
    {"force", Argument::Kind::kFlag, "[--force]", "even if the configuration file or IKE has made it"}};
constexpr Argument kNameArguments[] = {
    {"words", Argument::Kind::kWords, "NAME", "its name"},
    {"force", Argument::Kind::kFlag, "[--force]", "even if the configuration file or IKE has made it"}};
constexpr Argument kPolicyAddArguments[] = {
    {"words", Argument::Kind::kWords, "NAME SETTING=VALUE ...",
     "as in the configuration file: NAME action=protect local_ts=10.1.0.0/16 remote_ts=10.2.0.0/16,10.3.0.0/16 sa=... sa_in=..."}};
constexpr Argument kRouteAddArguments[] = {
    {"words", Argument::Kind::kWords, "PREFIX [via=ADDRESS] [port=NAME]", "a next hop, a port whose link it is, or both"}};
constexpr Argument kRouteDelArguments[] = {
    {"words", Argument::Kind::kWords, "PREFIX", "where it leads"},
    {"force", Argument::Kind::kFlag, "[--force]", "even if the configuration file or IKE has made it"}};
constexpr Argument kNeighAddArguments[] = {
    {"words", Argument::Kind::kWords, "ADDRESS port=NAME mac=MAC", "who answers for the address on the port"}};
constexpr Argument kNeighDelArguments[] = {
    {"words", Argument::Kind::kWords, "ADDRESS port=NAME", "a static one"},
    {"force", Argument::Kind::kFlag, "[--force]", "even if the configuration file or IKE has made it"}};
constexpr Argument kBatchArguments[] = {
    {"words", Argument::Kind::kWords, "FILE|-", "lines like \"sa add ...\" and \"route del ...\"; - is standard input"}};

constexpr Command kCommands[] = {
    {"sa show", Command::Shape::kList, "security associations with their counters", kSaArguments},
    {"sa add", Command::Shape::kNone, "install an SA", kSaAddArguments},
    {"sa replace", Command::Shape::kNone, "put an SA in the place of the one of its name, without a gap", kSaReplaceArguments},
    {"sa del", Command::Shape::kNone, "remove an SA: what its policies protect is dropped", kNameArguments},
    {"tunnel show", Command::Shape::kList, "what tunnels have carried, SAs that are gone included", kTunnelArguments},
    {"policy show", Command::Shape::kList, "policies in the order they are tried", kPolicyArguments},
    {"policy add", Command::Shape::kNone, "add a policy", kPolicyAddArguments},
    {"policy del", Command::Shape::kNone, "remove a policy", kNameArguments},
    {"port show", Command::Shape::kList, "ports: link, addresses, counters", kPortArguments},
    {"route show", Command::Shape::kList, "routes", {}},
    {"route add", Command::Shape::kNone, "add a route", kRouteAddArguments},
    {"route del", Command::Shape::kNone, "remove a route", kRouteDelArguments},
    {"neigh show", Command::Shape::kList, "neighbours: who answers for which next hop", {}},
    {"neigh add", Command::Shape::kNone, "add a static neighbour", kNeighAddArguments},
    {"neigh del", Command::Shape::kNone, "remove a static neighbour", kNeighDelArguments},
    {"batch", Command::Shape::kList, "many of add, replace and del, one a line; the others go on where one fails", kBatchArguments},
    {"reload", Command::Shape::kList, "read the configuration file again and do what has changed in it", {}},
    {"config diff", Command::Shape::kList, "what reload would do", {}},
    {"drops", Command::Shape::kList, "packets dropped, by reason", kDropsArguments},
    {"stats", Command::Shape::kOne, "version, uptime, workers, engines, memory", kStatsArguments},
    {"top", Command::Shape::kScreen, "a live picture: tunnels, rates, drops, workers", kTopArguments},
    {"explain", Command::Shape::kOne, "the way a packet would take, without sending it", kExplainArguments},
    {"trace start", Command::Shape::kStream, "follow packets point by point; why they are dropped", kTraceArguments},
    {"capture", Command::Shape::kStream, "packets before and after ESP, as pcapng", kCaptureArguments},
    {"ike show", Command::Shape::kList, "IKE SAs; with a name or number, their children too", kIkeShowArguments},
    {"ike initiate", Command::Shape::kOne, "bring a connection or one of its children up", kInitiateArguments},
    {"ike rekey", Command::Shape::kOne, "renew the keys of IKE SAs or of child SAs", kIkeArguments},
    {"ike terminate", Command::Shape::kOne, "delete IKE SAs or child SAs, telling the peer", kIkeArguments},
};

template <class T>
struct Word {
    T value;
    std::string_view text;
};
constexpr Word<Unit> kUnits[] = {{Unit::kText, "text"},   {Unit::kCount, "count"},     {Unit::kDecimal, "decimal"},
                                 {Unit::kBytes, "bytes"}, {Unit::kSeconds, "seconds"}, {Unit::kFlag, "flag"},
                                 {Unit::kList, "list"},   {Unit::kCounts, "counts"},   {Unit::kRows, "rows"}};
constexpr Word<Shown> kShown[] = {
    {Shown::kBoth, "both"}, {Shown::kTable, "table"}, {Shown::kDetail, "detail"}, {Shown::kNowhere, "nowhere"}};
constexpr Word<ErrorCode> kCodes[] = {{ErrorCode::kInvalidArgument, "invalid-argument"},
                                      {ErrorCode::kNotFound, "not-found"},
                                      {ErrorCode::kAlreadyExists, "already-exists"},
                                      {ErrorCode::kUnsupported, "unsupported"},
                                      {ErrorCode::kResourceExhausted, "resource-exhausted"},
                                      {ErrorCode::kPermissionDenied, "permission-denied"},
                                      {ErrorCode::kUnavailable, "unavailable"},
                                      {ErrorCode::kIo, "io"},
                                      {ErrorCode::kInternal, "internal"}};

template <class T, size_t N>
std::string_view text_of(const Word<T> (&words)[N], T value)
{
    for (const auto& word : words)
        if (word.value == value)
            return word.text;
    return "";
}

template <class T, size_t N>
T value_of(const Word<T> (&words)[N], std::string_view text, T otherwise)
{
    for (const auto& word : words)
        if (word.text == text)
            return word.value;
    return otherwise;
}

/// The string member, or nothing of it.
std::string member(const Json& json, const char* name)
{
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::span<const Command> commands() noexcept { return kCommands; }

const Command* find_command(std::string_view name) noexcept
{
    for (const auto& command : kCommands)
        if (command.name == name)
            return &command;
    return nullptr;
}

Error unknown_command(std::string_view name)
{
    name = name.substr(0, 64);
    const std::string first(name.substr(0, name.find(' ')));
    std::vector<std::string> names;
    std::vector<std::string> same_start;
    for (const auto& command : kCommands) {
        names.emplace_back(command.name);
        if (command.name.starts_with(first + " "))
            same_start.emplace_back(command.name);
    }
    const std::string what = !same_start.empty() && name == first ? "\"" + first + "\" is not a whole command"
                                                                  : "there is no command \"" + std::string(name) + "\"";
    if (!same_start.empty())
        return {ErrorCode::kInvalidArgument, what, "there is: " + base::join(same_start)};
    const auto near = base::nearest(name, names);
    return {ErrorCode::kInvalidArgument, what,
            near ? "did you mean \"" + *near + "\"?" : "commands: " + base::join(names)};
}

Result<std::vector<std::string>> split_words(std::string_view line)
{
    std::vector<std::string> words;
    std::string word;
    bool has_word = false;
    char quote = 0;
    for (const char c : line) {
        const bool is_blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
        if (quote != 0) {
            if (c == quote)
                quote = 0;
            else
                word += c;
        } else if (c == '"' || c == '\'') {
            quote = c;
            has_word = true;
        } else if (is_blank) {
            if (has_word)
                words.push_back(std::exchange(word, {}));
            has_word = false;
        } else if (c == '#' && !has_word) {
            break;
        } else {
            word += c;
            has_word = true;
        }
    }
    if (quote != 0)
        return Error{ErrorCode::kInvalidArgument, "a quote is not closed", ""};
    if (has_word)
        words.push_back(std::move(word));
    return words;
}

Json to_json(const std::vector<Field>& fields)
{
    Json out = Json::array();
    for (const auto& field : fields) {
        Json row = {{"name", field.name},
                    {"header", field.header},
                    {"unit", text_of(kUnits, field.unit)},
                    {"shown", text_of(kShown, field.shown)}};
        if (!field.reason.empty())
            row["reason"] = field.reason;
        if (!field.fields.empty())
            row["fields"] = to_json(field.fields);
        out.push_back(std::move(row));
    }
    return out;
}

Result<std::vector<Field>> fields_from_json(const Json& json)
{
    const Error malformed = {ErrorCode::kInvalidArgument, "the field list is malformed",
                             "gwctl and the gateway are of different versions"};
    if (!json.is_array())
        return malformed;
    std::vector<Field> fields;
    for (const auto& row : json) {
        Field field;
        field.name = member(row, "name");
        field.header = member(row, "header");
        field.unit = value_of(kUnits, member(row, "unit"), Unit::kText);
        field.shown = value_of(kShown, member(row, "shown"), Shown::kBoth);
        field.reason = member(row, "reason");
        if (field.name.empty() || field.header.empty())
            return malformed;
        if (const auto nested = row.find("fields"); nested != row.end())
            field.fields = GW_TRY(fields_from_json(*nested));
        fields.push_back(std::move(field));
    }
    return fields;
}

Json to_json(const Error& error)
{
    Json out = {{"code", text_of(kCodes, error.code)}, {"what", error.what}};
    if (!error.hint.empty())
        out["hint"] = error.hint;
    return out;
}

Error error_from_json(const Json& json)
{
    Error error;
    error.code = value_of(kCodes, member(json, "code"), ErrorCode::kInternal);
    error.what = member(json, "what");
    error.hint = member(json, "hint");
    if (error.what.empty())
        error.what = "the gateway refused without saying why";
    return error;
}

std::string to_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace ipsecgw::cli
