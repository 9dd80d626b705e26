#include "ike/status.h"

namespace ipsecgw::ike {

std::string_view to_string(IkeState state) noexcept
{
    switch (state) {
        case IkeState::kConnecting:
            return "CONNECTING";
        case IkeState::kEstablished:
            return "ESTABLISHED";
        case IkeState::kRekeying:
            return "REKEYING";
        case IkeState::kRekeyed:
            return "REKEYED";
        case IkeState::kDeleting:
            return "DELETING";
    }
    return "?";
}

std::string_view to_string(ChildState state) noexcept
{
    switch (state) {
        case ChildState::kInstalled:
            return "INSTALLED";
        case ChildState::kRekeying:
            return "REKEYING";
        case ChildState::kRekeyed:
            return "REKEYED";
        case ChildState::kDeleting:
            return "DELETING";
        case ChildState::kDeleted:
            return "DELETED";
    }
    return "?";
}

}  // namespace ipsecgw::ike
