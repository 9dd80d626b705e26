// Memory of tables and SAs: many small objects that packets reach at random, so on huge pages wherever there are some.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

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

/// A number of objects there, that stays.
template <class T>
class TableArray {
  public:
    /// Default-constructed. Throws std::bad_alloc, as a vector does.
    explicit TableArray(size_t count) : count_(count)
    {
        static_assert(std::is_trivially_destructible_v<T>);
        first_ = static_cast<T*>(allocate_table_memory(count * sizeof(T), -1));
        if (first_ == nullptr)
            throw std::bad_alloc();
        std::uninitialized_value_construct_n(first_, count);
    }
    ~TableArray() { free_table_memory(first_, count_ * sizeof(T)); }
    TableArray(const TableArray&) = delete;
    TableArray& operator=(const TableArray&) = delete;

    [[nodiscard]] T& operator[](size_t i) noexcept { return first_[i]; }
    [[nodiscard]] const T& operator[](size_t i) const noexcept { return first_[i]; }
    [[nodiscard]] size_t size() const noexcept { return count_; }

  private:
    T* first_;
    size_t count_;
};

}  // namespace ipsecgw::dpdk
