// Who may remove what.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "model/owner.h"

namespace ipsecgw::control {

/// `what` names the object: "SA \"east-in\"".
inline base::Result<void> check_owner(const std::string& what, model::Owner owner, std::optional<model::Owner> by)
{
    if (!by || *by == owner)
        return {};
    const char* where = owner == model::Owner::kConfig ? "it comes from the configuration file: change it there and reload"
                        : owner == model::Owner::kIke  ? "IKE has negotiated it: terminate its connection"
                                                       : "it was made over the control socket";
    return base::Error{base::ErrorCode::kPermissionDenied,
                       what + " is not " + std::string(model::to_string(*by)) + "'s but " +
                           std::string(model::to_string(owner)) + "'s",
                       std::string(where) + ", or force it"};
}

}  // namespace ipsecgw::control
