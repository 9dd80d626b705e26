// What `gwctl ike` asks.
#pragma once

#include "base/result.h"
#include "cli/verbs.h"

namespace ipsecgw::cli {

base::Result<Reply> ike_show(const Source& source, const Json& args);
base::Result<Reply> ike_initiate(const Source& source, const Json& args);
base::Result<Reply> ike_rekey(const Source& source, const Json& args);
base::Result<Reply> ike_terminate(const Source& source, const Json& args);

/// "east", "east/net", "[3]" (an IKE SA) or "{5}" (a child SA), as the log writes them.
base::Result<ike::Selection> selection_from(std::string_view text);

}  // namespace ipsecgw::cli
