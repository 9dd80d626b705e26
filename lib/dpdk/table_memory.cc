#include "dpdk/table_memory.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iterator>
#include <linux/mempolicy.h>
#include <map>
#include <mutex>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_malloc.h>

#include "base/secret_bytes.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) (static_cast<void>(address), static_cast<void>(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) (static_cast<void>(address), static_cast<void>(bytes))
#endif

namespace ipsecgw::dpdk {
namespace {

constexpr size_t kStep = RTE_CACHE_LINE_SIZE;  // sizes of small objects are multiples of it
constexpr size_t kSmall = 16 << 10;
constexpr size_t kHugePage = 2 << 20;
constexpr size_t kHeapChunk = 2 * kHugePage;     // taken at once
constexpr size_t kMappedChunk = 32 * kHugePage;  // pages are taken as they are written

constexpr size_t round_up(size_t bytes, size_t to) noexcept
{
    return (bytes + to - 1) / to * to;
}

/// Prefers a node as set_mempolicy(2) would; without libnuma. A kernel without NUMA refuses, and has one node.
void prefer_node(void* memory, size_t bytes, int socket) noexcept
{
    constexpr int kNodes = 8 * sizeof(unsigned long);
    if (socket < 0 || socket >= kNodes)
        return;
    const unsigned long nodes = 1ul << socket;
    static_cast<void>(syscall(SYS_mbind, memory, bytes, MPOL_PREFERRED, &nodes, kNodes + 1, 0));
}

/// What fills huge pages starts on one.
size_t mapped_bytes(size_t bytes) noexcept
{
    return round_up(bytes, bytes < kHugePage ? static_cast<size_t>(getpagesize()) : kHugePage);
}

void* map_pages(size_t wanted, int socket) noexcept
{
    const size_t bytes = mapped_bytes(wanted);
    const size_t mapped = bytes < kHugePage ? bytes : bytes + kHugePage;
    void* const all =
        mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED)
        return nullptr;
    const auto begin = reinterpret_cast<uintptr_t>(all);
    const uintptr_t start = mapped == bytes ? begin : round_up(begin, kHugePage);
    if (start != begin)
        munmap(all, start - begin);
    const uintptr_t behind = start + bytes;
    if (const size_t left = begin + mapped - behind; left != 0)
        munmap(reinterpret_cast<void*>(behind), left);
    auto* const memory = reinterpret_cast<void*>(start);
    madvise(memory, bytes, MADV_HUGEPAGE);  // may be refused: then pages are small
    madvise(memory, bytes, MADV_DONTDUMP);
    prefer_node(memory, bytes, socket);
    return memory;
}

void* take(size_t bytes, int socket) noexcept
{
    if (rte_eal_has_hugepages() != 0)
        return rte_zmalloc_socket("tables", bytes, RTE_CACHE_LINE_SIZE, socket < 0 ? SOCKET_ID_ANY : socket);
    return map_pages(bytes, socket);
}

/// What take() gave.
void give_back(void* memory, size_t bytes) noexcept
{
    if (rte_eal_has_hugepages() != 0)
        rte_free(memory);
    else
        munmap(memory, mapped_bytes(bytes));
}

/// Of one NUMA node: chunks that are cut from front to back, and what came back, by size.
class Arena {
  public:
    /// Null when what is left of the chunk, and what came back, does not do.
    void* allocate(size_t bytes) noexcept
    {
        void*& first = freed_[bytes / kStep];
        if (void* const memory = first; memory != nullptr) {
            ASAN_UNPOISON_MEMORY_REGION(memory, bytes);
            std::memcpy(&first, memory, sizeof first);
            std::memset(memory, 0, sizeof first);  // the rest has been wiped
            return memory;
        }
        if (static_cast<size_t>(end_ - next_) < bytes)
            return nullptr;
        void* const memory = next_;
        next_ += bytes;
        return memory;
    }
    /// `memory` is wiped.
    void free(void* memory, size_t bytes) noexcept
    {
        void*& first = freed_[bytes / kStep];
        std::memcpy(memory, &first, sizeof first);
        first = memory;
        ASAN_POISON_MEMORY_REGION(memory, bytes);
    }
    /// What is left of the chunk before is less than an object, and forgotten.
    void start_chunk(uint8_t* memory, size_t bytes) noexcept
    {
        next_ = memory;
        end_ = memory + bytes;
    }

  private:
    uint8_t* next_ = nullptr;
    uint8_t* end_ = nullptr;
    std::array<void*, kSmall / kStep + 1> freed_{};  // by size; each linked through its first word
};

class Arenas {
  public:
    void* allocate(size_t bytes, int socket)
    {
        const std::lock_guard lock(mutex_);
        Arena& arena = by_socket_[socket];
        void* const memory = arena.allocate(bytes);
        return memory != nullptr || !grow(arena, socket) ? memory : arena.allocate(bytes);
    }
    void free(void* memory, size_t bytes)
    {
        const std::lock_guard lock(mutex_);
        std::prev(chunks_.upper_bound(memory))->second->free(memory, bytes);
    }

  private:
    bool grow(Arena& arena, int socket)
    {
        const size_t bytes = rte_eal_has_hugepages() != 0 ? kHeapChunk : kMappedChunk;
        void* const memory = take(bytes, socket);
        if (memory == nullptr)
            return false;
        chunks_.emplace(memory, &arena);
        arena.start_chunk(static_cast<uint8_t*>(memory), bytes);
        return true;
    }

    std::mutex mutex_;
    std::map<int, Arena> by_socket_;
    std::map<void*, Arena*, std::less<>> chunks_;  // by where they begin
};

/// Like the heap, of the process; never destroyed, as what is static may still free.
Arenas& arenas()
{
    static auto* const all = new Arenas;
    return *all;
}

}  // namespace

void* allocate_table_memory(size_t bytes, int socket) noexcept
{
    bytes = round_up(bytes, kStep);
    return bytes <= kSmall ? arenas().allocate(bytes, socket) : take(bytes, socket);
}

void free_table_memory(void* memory, size_t bytes) noexcept
{
    if (memory == nullptr)
        return;
    bytes = round_up(bytes, kStep);
    base::wipe({static_cast<uint8_t*>(memory), bytes});
    if (bytes <= kSmall)
        arenas().free(memory, bytes);
    else
        give_back(memory, bytes);
}

}  // namespace ipsecgw::dpdk
