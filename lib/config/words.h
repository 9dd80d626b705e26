// Single objects in the configuration's words, as a command line has them: "spi=0x1001", "lifetime.hard_seconds=3600".
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "model/gateway.h"

namespace ipsecgw::config {

/// Each reads SETTING=VALUE words: the names are the file's, a setting of a group is GROUP.SETTING, items of a list stand
/// between commas, flags are true, false, yes or no. The first word may be the value alone of what the object is called by: an SA's or
/// policy's name, a route's prefix, a neighbour's address. Values are checked as in a file, and the object by itself;
/// what it says of others (the SAs of a policy, the port of a route) is not. kInvalidArgument says all that is wrong, without any key.
///
/// Keys stand in the words: a keymat_file is refused, since who reads it would not be who asked. `settings` gives SAs what they leave
/// open. Threads: any; no state is kept.
base::Result<model::SaParams> sa_from_words(std::span<const std::string> words, const model::Settings& settings);
base::Result<model::Policy> policy_from_words(std::span<const std::string> words);
base::Result<model::Route> route_from_words(std::span<const std::string> words);
base::Result<model::Neighbour> neighbour_from_words(std::span<const std::string> words);

/// What the words call an object by, where that is all there is to say: the value of `setting` or the first word alone.
base::Result<std::string> name_from_words(std::span<const std::string> words, std::string_view setting);
/// A neighbour's port and address; its MAC may be left out.
base::Result<model::Neighbour> neighbour_name_from_words(std::span<const std::string> words);

}  // namespace ipsecgw::config
