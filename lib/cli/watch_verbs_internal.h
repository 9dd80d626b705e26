// What `gwctl tunnel show`, `explain`, `trace` and `capture` ask.
#pragma once

#include "base/result.h"
#include "cli/verbs.h"

namespace ipsecgw::cli {

base::Result<Reply> tunnel_show(const Source& source, const Json& args);
base::Result<Reply> explain(const Source& source, const Json& args);
base::Result<Reply> trace_start(const Source& source, const Json& args);
base::Result<Reply> capture(const Source& source, const Json& args);

/// A row as the verbs write it.
Json tunnel_json(const control::TunnelStatus& row);
Json explain_json(const control::ExplainStatus& row);

}  // namespace ipsecgw::cli
