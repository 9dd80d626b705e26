// What a validate() collects.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace ipsecgw::model {

/// Everything that is wrong with one thing; each message starts with its field, so that a front end can point at it.
class Findings {
  public:
    void add(std::string_view field, const std::string& what, std::string hint)
    {
        errors_.push_back({base::ErrorCode::kInvalidArgument, std::string(field) + ": " + what, std::move(hint)});
    }
    [[nodiscard]] std::vector<base::Error> take() { return std::move(errors_); }

  private:
    std::vector<base::Error> errors_;
};

}  // namespace ipsecgw::model
