#include <cstdint>
#include <string>

#include <rte_common.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include "base/secret_bytes.h"
#include "base/text.h"
#include "sa/sa_memory_internal.h"

namespace ipsecgw::sa {

void* allocate_sa_memory(const char* type, size_t bytes, int socket) noexcept
{
    return rte_zmalloc_socket(type, bytes, RTE_CACHE_LINE_SIZE, socket < 0 ? SOCKET_ID_ANY : socket);
}

void free_sa_memory(void* memory, size_t bytes) noexcept
{
    if (memory == nullptr)
        return;
    base::wipe({static_cast<uint8_t*>(memory), bytes});
    rte_free(memory);
}

base::Error out_of_sa_memory(const char* what, int socket)
{
    const std::string where = socket < 0 ? "" : base::format(" on NUMA node %d", socket);
    return {base::ErrorCode::kResourceExhausted, base::format("no memory for %s%s", what, where.c_str()),
            "give EAL more memory (-m or --socket-mem, and huge pages to match), or remove SAs and policies"};
}

}  // namespace ipsecgw::sa
