// A live picture of a gateway in a terminal.
#pragma once

#include <cstdio>
#include <string>

#include "base/result.h"
#include "gwctl/client.h"
#include "gwctl/options.h"

namespace ipsecgw::gwctl {

/// What the gateway said at one moment.
struct Sample {
    double seconds = 0;  // of any clock that only grows
    cli::Json stats;     // the row of "stats"
    cli::Json tunnels = cli::Json::array(), ports = cli::Json::array(), drops = cli::Json::array();  // rows
};

struct ScreenSize {
    size_t rows = 24, columns = 80;
};

/// Totals of `now`, and rates since `before`: at most so many lines of at most so many characters.
std::string picture(const Sample& before, const Sample& now, ScreenSize size);

/// Asks and draws until q, Ctrl-C or SIGTERM; with --once, once.
base::Result<void> top(const Invocation& invocation, Client& client, std::FILE* out);

}  // namespace ipsecgw::gwctl
