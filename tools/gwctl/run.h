// What gwctl does once its command line is understood.
#pragma once

#include <cstdio>

#include "base/result.h"
#include "gwctl/options.h"

namespace ipsecgw::gwctl {

enum class Exit : int { kOk = 0, kRefused = 1, kUsage = 2, kNoGateway = 3 };

/// Asks and prints to `out`; errors go to `errors`, in one line with a hint.
Exit run(const Invocation& invocation, std::FILE* out, std::FILE* errors);

void print(const base::Error& error, std::FILE* errors);

}  // namespace ipsecgw::gwctl
