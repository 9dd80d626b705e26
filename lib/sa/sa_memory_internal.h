// Objects in the memory of tables, and what is said when there is none.
#pragma once

#include <new>

#include "base/result.h"
#include "base/text.h"
#include "dpdk/table_memory.h"

namespace ipsecgw::sa {

/// For objects whose owner has no other way to fail. Free with dpdk::free_table_memory().
inline void* table_memory_or_throw(size_t bytes)
{
    void* const memory = dpdk::allocate_table_memory(bytes, -1);
    if (memory == nullptr)
        throw std::bad_alloc();
    return memory;
}

/// The error to return when there was no memory for `what`; `socket` -1: on any node.
inline base::Error out_of_sa_memory(const char* what, int socket)
{
    const std::string where = socket < 0 ? "" : base::format(" on NUMA node %d", socket);
    return {base::ErrorCode::kResourceExhausted, base::format("no memory for %s%s", what, where.c_str()),
            "give EAL more memory (-m or --socket-mem, and huge pages to match; with --no-huge it is the machine's), or "
            "remove SAs and policies"};
}

}  // namespace ipsecgw::sa
