// Where SAs and their indexes live: DPDK's heap, so that workers reach them through huge pages of the right NUMA node.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace ipsecgw::sa {

/// Zeroed and cache-line aligned, or null. `socket` -1: any node.
void* allocate_sa_memory(const char* type, size_t bytes, int socket) noexcept;
/// Wipes `bytes`, then frees.
void free_sa_memory(void* memory, size_t bytes) noexcept;
/// The error to return when there was none for `what`.
base::Error out_of_sa_memory(const char* what, int socket);

}  // namespace ipsecgw::sa
