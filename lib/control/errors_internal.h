// What validate() found, as the one Error a caller gets.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace ipsecgw::control {

/// "SA \"east-in\": spi: must be 256 or more; keymat: ...", with the first hint. `errors` is not empty.
inline base::Error all_of(const char* kind, const std::string& name, const std::vector<base::Error>& errors)
{
    std::vector<std::string> parts;
    for (const auto& error : errors)
        parts.push_back(error.what);
    return {errors.front().code, base::format("%s \"%s\": %s", kind, name.c_str(), base::join(parts, "; ").c_str()),
            errors.front().hint};
}

}  // namespace ipsecgw::control
