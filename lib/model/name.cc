#include "model/name.h"

#include <algorithm>

namespace ipsecgw::model {

base::Result<void> check_name(std::string_view name)
{
    static constexpr const char* kHint = "use 1 to 63 letters, digits, dots, dashes or underscores";
    if (name.empty())
        return base::Error{base::ErrorCode::kInvalidArgument, "it is empty", kHint};
    if (name.size() > kMaxNameBytes)
        return base::Error{base::ErrorCode::kInvalidArgument, "it is longer than 63 bytes", kHint};
    const auto is_foreign = [](char c) {
        return c <= ' ' || c > '~' || c == '"' || c == '\'' || c == '\\' || c == ',';
    };
    if (std::any_of(name.begin(), name.end(), is_foreign))
        return base::Error{base::ErrorCode::kInvalidArgument,
                           "it has a space, quote, comma, backslash or non-ASCII character", kHint};
    return {};
}

}  // namespace ipsecgw::model
