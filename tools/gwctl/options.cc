#include "gwctl/options.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace ipsecgw::gwctl {

using base::Error;
using base::ErrorCode;
using base::Result;
using cli::Argument;
using cli::Command;

namespace {

/// The words, sorted by what they are before they are understood.
struct Sorted {
    std::vector<std::string_view> plain;
    std::vector<std::string_view> flags;  // of commands: "--all"
    std::vector<std::pair<std::string_view, std::string_view>> values;  // "--count", "3"
    std::optional<std::string_view> socket;
    bool json = false, help = false, version = false;
};

/// A value follows it, in whatever command has it.
bool takes_value(std::string_view name)
{
    for (const auto& command : cli::commands())
        for (const auto& argument : command.arguments)
            if ((argument.kind == Argument::Kind::kValue || argument.kind == Argument::Kind::kLocal) && argument.name == name)
                return true;
    return false;
}

Result<Sorted> sort(std::span<const std::string_view> words)
{
    Sorted out;
    bool options_end = false;
    for (size_t i = 0; i < words.size(); i++) {
        const auto word = words[i];
        if (options_end || word.size() < 2 || word[0] != '-')
            out.plain.push_back(word);
        else if (word == "--")
            options_end = true;
        else if (word == "-j" || word == "--json")
            out.json = true;
        else if (word == "-h" || word == "--help")
            out.help = true;
        else if (word == "--version")
            out.version = true;
        else if (word.starts_with("--socket="))
            out.socket = word.substr(9);
        else if (word == "--socket") {
            if (i + 1 == words.size())
                return Error{ErrorCode::kInvalidArgument, "--socket wants a path", "write --socket PATH"};
            out.socket = words[++i];
        } else if (const size_t equals = word.find('='); equals != std::string_view::npos && takes_value(word.substr(2, equals - 2)))
            out.values.emplace_back(word.substr(0, equals), word.substr(equals + 1));
        else if (word.starts_with("--") && takes_value(word.substr(2))) {
            if (i + 1 == words.size())
                return Error{ErrorCode::kInvalidArgument, std::string(word) + " wants a value", "gwctl help"};
            out.values.emplace_back(word, words[i + 1]);
            i++;
        } else
            out.flags.push_back(word);
    }
    return out;
}

/// The command the words start with; drops its words. Null without words.
Result<const Command*> take_command(std::vector<std::string_view>& plain)
{
    if (plain.empty())
        return static_cast<const Command*>(nullptr);
    for (const size_t count : {size_t{2}, size_t{1}}) {
        if (plain.size() < count)
            continue;
        const std::string name = count == 2 ? std::string(plain[0]) + " " + std::string(plain[1]) : std::string(plain[0]);
        if (const auto* command = cli::find_command(name)) {
            plain.erase(plain.begin(), plain.begin() + static_cast<long>(count));
            return command;
        }
    }
    std::string name(plain[0]);
    if (plain.size() > 1)
        name += " " + std::string(plain[1]);
    return cli::unknown_command(name);
}

Result<void> take_positions(const Command& command, const std::vector<std::string_view>& plain, Invocation& out)
{
    size_t taken = 0;
    for (const auto& argument : command.arguments) {
        if (argument.kind == Argument::Kind::kRest && taken < plain.size()) {
            std::vector<std::string> rest(plain.begin() + static_cast<long>(taken), plain.end());
            out.args[std::string(argument.name)] = base::join(rest, " ");
            taken = plain.size();
        }
        if (argument.kind == Argument::Kind::kWords) {
            out.args[std::string(argument.name)] =
                std::vector<std::string>(plain.begin() + static_cast<long>(taken), plain.end());
            taken = plain.size();
        }
        if (argument.kind == Argument::Kind::kPosition && taken < plain.size()) {
            out.args[std::string(argument.name)] = std::string(plain[taken++]);
            out.is_detailed = true;
        }
    }
    if (taken < plain.size())
        return Error{ErrorCode::kInvalidArgument,
                     std::string(command.name) + ": there is a word too many: \"" + std::string(plain[taken]) + "\"",
                     "gwctl help " + std::string(command.name)};
    return {};
}

Result<void> take_flags(const Command* command, const std::vector<std::string_view>& flags, Invocation& out)
{
    for (const auto flag : flags) {
        std::vector<std::string> known = {"--json", "--socket", "--help", "--version"};
        bool is_known = false;
        for (const auto& argument : command != nullptr ? command->arguments : std::span<const Argument>{}) {
            if (argument.kind != Argument::Kind::kFlag)
                continue;
            known.push_back("--" + std::string(argument.name));
            if (known.back() != flag)
                continue;
            out.args[std::string(argument.name)] = true;
            is_known = true;
        }
        if (is_known)
            continue;
        const auto near = base::nearest(flag, known);
        return Error{ErrorCode::kInvalidArgument, "there is no option " + std::string(flag) + " here",
                     near ? "did you mean " + *near + "?" : "gwctl help"};
    }
    return {};
}

Result<void> take_values(const Command* command, const Sorted& sorted, Invocation& out)
{
    for (const auto& [name, value] : sorted.values) {
        bool is_known = false;
        for (const auto& argument : command != nullptr ? command->arguments : std::span<const Argument>{}) {
            if ("--" + std::string(argument.name) != name)
                continue;
            is_known = argument.kind == Argument::Kind::kValue || argument.kind == Argument::Kind::kLocal;
            if (argument.kind == Argument::Kind::kLocal)
                out.local[std::string(argument.name)] = value;
            else if (is_known)
                out.args[std::string(argument.name)] = std::string(value);
        }
        if (!is_known)
            return Error{ErrorCode::kInvalidArgument, "there is no option " + std::string(name) + " here", "gwctl help"};
    }
    return {};
}

std::string usage_of(const Command& command)
{
    std::string out(command.name);
    for (const auto& argument : command.arguments)
        if (!argument.usage.empty())
            out += " " + std::string(argument.usage);
    return out;
}

/// "  left   right" lines, the right side aligned.
std::string two_columns(const std::vector<std::pair<std::string, std::string>>& rows)
{
    size_t width = 0;
    for (const auto& row : rows)
        width = std::max(width, row.first.size());
    std::string out;
    for (const auto& [left, right] : rows)
        out += "  " + left + std::string(width - left.size() + 2, ' ') + right + "\n";
    return out;
}

}  // namespace

Result<Invocation> parse(std::span<const std::string_view> words, std::optional<std::string_view> environment)
{
    Sorted sorted = GW_TRY(sort(words));
    Invocation out;
    out.json = sorted.json;
    out.socket = sorted.socket.value_or(environment.value_or(cli::kDefaultSocket));
    const bool asks_help = !sorted.plain.empty() && sorted.plain[0] == "help";
    if (asks_help)
        sorted.plain.erase(sorted.plain.begin());
    if (sorted.version) {
        out.wants = Invocation::Wants::kVersion;
        return out;
    }
    if (sorted.plain.size() == 1 && sorted.plain[0] == "-")
        sorted.plain = {"batch", "-"};
    out.command = GW_TRY(take_command(sorted.plain));
    if (asks_help || sorted.help) {
        out.wants = Invocation::Wants::kHelp;
        return out;
    }
    GW_TRY(take_flags(out.command, sorted.flags, out));
    GW_TRY(take_values(out.command, sorted, out));
    if (out.command == nullptr)
        return Error{ErrorCode::kInvalidArgument, "which command?", "gwctl help lists them"};
    if (out.socket.empty())
        return Error{ErrorCode::kInvalidArgument, "the socket's path is empty", "write --socket PATH"};
    GW_TRY(take_positions(*out.command, sorted.plain, out));
    return out;
}

std::string help(const Command* command)
{
    if (command != nullptr) {
        std::vector<std::pair<std::string, std::string>> rows;
        for (const auto& argument : command->arguments)
            if (!argument.usage.empty())
                rows.emplace_back(argument.usage, argument.help);
        if (command->shape != Command::Shape::kNone)
            rows.emplace_back("-j", "JSON: " + std::string(command->shape == Command::Shape::kOne ? "an object" : "an array"));
        return "usage: gwctl " + usage_of(*command) + " [-j]\n" + std::string(command->help) + "\n\n" + two_columns(rows);
    }
    std::vector<std::pair<std::string, std::string>> rows;
    for (const auto& known : cli::commands())
        rows.emplace_back(usage_of(known), known.help);
    rows.emplace_back("help [COMMAND]", "this text, or a command's own");
    return "usage: gwctl [--socket PATH] [-j] COMMAND\nAsks a running ipsec-gw.\n\ncommands:\n" + two_columns(rows) +
           "\noptions:\n" +
           two_columns({{"-j", "JSON, for machines"},
                        {"--socket PATH", "the gateway's control socket; else $IPSEC_GW_SOCKET, else " +
                                              std::string(cli::kDefaultSocket)},
                        {"--help", "this text, or a command's own"},
                        {"--version", "gwctl's version"}}) +
           "\nexit status: 0 done, 1 the gateway refused, 2 usage, 3 no gateway to talk to\n";
}

}  // namespace ipsecgw::gwctl
