// From EAL's words to an operator's: apart from Eal so that it is tested without starting one.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ipsecgw::dpdk {

/// What is known when rte_eal_init has failed.
struct EalFailure {
    int error = 0;         // rte_errno; several causes share a value, so the log decides first
    std::string_view log;  // what EAL logged until then
    bool without_huge_pages = false;
    bool root = false;
};

base::Error explain(const EalFailure& failure);

}  // namespace ipsecgw::dpdk
