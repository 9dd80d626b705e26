// Many changes in few requests.
#pragma once

#include <cstdio>

#include "base/result.h"
#include "gwctl/client.h"

namespace ipsecgw::gwctl {

struct BatchOutcome {
    size_t lines = 0;    // that held a change
    size_t refused = 0;
};

/// Sends the lines of `in`, as many in one request as the protocol allows, and says on `errors` which were refused and why, as "NAME:LINE: ...".
/// Keys that lines name as files are read here. The error is one that ends the batch: lines before it may have been done.
base::Result<BatchOutcome> run_batch(Client& client, std::FILE* in, const char* name, std::FILE* errors);

}  // namespace ipsecgw::gwctl
