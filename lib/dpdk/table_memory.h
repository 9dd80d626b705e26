// Memory of tables and SAs: many small objects that packets reach at random, so on huge pages wherever there are some.
#pragma once

#include <cstddef>

namespace ipsecgw::dpdk {

/// `bytes` of zeros, aligned to a cache line, on NUMA node `socket` (-1: any); null when there is no memory.
///
/// From EAL's heap where EAL has huge pages; without (--no-huge), from the system's transparent ones. Objects up to
/// 16 KiB are cut from chunks and stand next to each other: with 4 KiB pages and a hundred thousand SAs each packet
/// would miss the TLB several times.
///
/// Threads: any, at any time; not for packets. What was freed is kept for the next object of its size, and the chunks
/// until the process ends.
void* allocate_table_memory(size_t bytes, int socket) noexcept;

/// Wipes and frees what allocate_table_memory() gave for `bytes`. Null is ignored.
void free_table_memory(void* memory, size_t bytes) noexcept;

}  // namespace ipsecgw::dpdk
