// gwctl's command line.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/protocol.h"

namespace ipsecgw::gwctl {

struct Invocation {
    enum class Wants : uint8_t { kCommand, kHelp, kVersion };
    Wants wants = Wants::kCommand;
    const cli::Command* command = nullptr;  // null: help about everything
    cli::Json args = cli::Json::object();
    std::map<std::string, std::string, std::less<>> local;  // values of arguments that are gwctl's own
    bool json = false;
    bool is_detailed = false;               // one thing was named
    std::string socket;                     // path
};

/// `words` without the program's name. `environment` is the socket from the environment, if there; the option goes before it.
base::Result<Invocation> parse(std::span<const std::string_view> words, std::optional<std::string_view> environment);

/// What `help` and `--help` print; of one command, or of all.
std::string help(const cli::Command* command);

}  // namespace ipsecgw::gwctl
