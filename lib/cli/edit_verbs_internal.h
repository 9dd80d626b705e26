// What changes the gateway: single objects, many of them, and its configuration.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/verbs.h"

namespace ipsecgw::cli {

base::Result<Reply> sa_add(const Source& source, const Json& args);
base::Result<Reply> sa_replace(const Source& source, const Json& args);
base::Result<Reply> sa_del(const Source& source, const Json& args);
base::Result<Reply> policy_add(const Source& source, const Json& args);
base::Result<Reply> policy_del(const Source& source, const Json& args);
base::Result<Reply> route_add(const Source& source, const Json& args);
base::Result<Reply> route_del(const Source& source, const Json& args);
base::Result<Reply> neigh_add(const Source& source, const Json& args);
base::Result<Reply> neigh_del(const Source& source, const Json& args);

/// `words` are lines. Each is done or refused by itself; rows are the refused ones. Routes become true soon,
/// and at once with a batch of no lines.
base::Result<Reply> batch(const Source& source, const Json& args);

base::Result<Reply> reload(const Source& source, const Json& args);
base::Result<Reply> config_diff(const Source& source, const Json& args);

}  // namespace ipsecgw::cli
