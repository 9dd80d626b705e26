// A hash table of pointers that workers read without a lock while one writer changes it.
#pragma once

#include <atomic>
#include <bit>
#include <cassert>
#include <cstdint>
#include <new>
#include <utility>

#include <rte_common.h>
#include <rte_prefetch.h>

#include "base/result.h"
#include "dpdk/qsbr.h"
#include "sa/sa_memory_internal.h"

namespace ipsecgw::sa {

/// Open addressing with linear probing; each entry is one word: 48 bits of pointer and 16 bits of hash, so that a probe touches one
/// line of the table and, almost always, only the object it is looking for. At most half of the entries are not empty, whatever was
/// erased: when they pass that, the table is rebuilt aside and swapped in, which costs O(1) amortized per change.
///
/// `Traits` has `Object` and `static uint64_t hash(const Object&)`; the hash must be good in its high and its low bits.
/// The table does not own its objects: erase, then retire them.
///
/// Threads: find and prefetch by any reader registered with the Reclaimer's Qsbr; everything else by the one writer.
template <class Traits>
class PointerTable {
 public:
    using Object = typename Traits::Object;

    explicit PointerTable(dpdk::Reclaimer& reclaimer) : reclaimer_(reclaimer) {}
    /// No reader may be left.
    ~PointerTable() { release(index_.load(std::memory_order_relaxed)); }
    PointerTable(const PointerTable&) = delete;
    PointerTable& operator=(const PointerTable&) = delete;

    /// The object with `hash` that `matches`, or null. Not before the first successful reserve().
    template <class Matches>
    [[nodiscard]] Object* find(uint64_t hash, const Matches& matches) const noexcept
    {
        const Index* index = index_.load(std::memory_order_acquire);
        const Entry* entries = index->entries();
        for (uint64_t i = hash >> index->shift;; i++) {
            // Acquire: whoever sees the pointer sees the object behind it.
            const uint64_t entry = entries[i & index->mask].load(std::memory_order_acquire);
            if (entry == kEmpty)
                return nullptr;
            if (((entry ^ tag(hash)) & ~kPointerMask) == 0 && matches(*pointer(entry)))
                return pointer(entry);
        }
    }

    void prefetch(uint64_t hash) const noexcept
    {
        const Index* index = index_.load(std::memory_order_acquire);
        rte_prefetch0(index->entries() + (hash >> index->shift));
    }

    /// Makes room for one more object; the only call that can fail. False: no memory, nothing changed.
    [[nodiscard]] bool reserve()
    {
        const Index* index = index_.load(std::memory_order_relaxed);
        if (index != nullptr && (live_ + erased_ + 1) * 2 <= index->mask + 1)
            return true;
        return rebuild(std::bit_ceil((live_ + 1) * 3));
    }

    /// Publishes `object`, which is not in the table, after a successful reserve(). False: its address does not fit 48 bits.
    [[nodiscard]] bool insert(Object* object) noexcept
    {
        if ((reinterpret_cast<uintptr_t>(object) & ~kPointerMask) != 0)
            return false;
        Index* index = index_.load(std::memory_order_relaxed);
        const uint64_t hash = Traits::hash(*object);
        for (uint64_t i = hash >> index->shift;; i++) {
            Entry& entry = index->entries()[i & index->mask];
            const uint64_t now = entry.load(std::memory_order_relaxed);
            if (now != kEmpty && now != kErased)
                continue;
            erased_ -= now == kErased ? 1 : 0;
            live_++;
            entry.store(encode(object, hash), std::memory_order_release);
            return true;
        }
    }

    /// Publishes `next` in place of `old`, which is in the table and has the same hash. `next` fits 48 bits as insert() asks.
    void replace(const Object* old, Object* next) noexcept
    {
        assert((reinterpret_cast<uintptr_t>(next) & ~kPointerMask) == 0);
        const uint64_t hash = Traits::hash(*old);
        Index* index = index_.load(std::memory_order_relaxed);
        index->entries()[position(*index, old, hash)].store(encode(next, hash), std::memory_order_release);
    }

    /// Unpublishes `object`, which is in the table.
    void erase(const Object* object) noexcept
    {
        Index* index = index_.load(std::memory_order_relaxed);
        Entry* entries = index->entries();
        uint64_t i = position(*index, object, Traits::hash(*object));
        live_--;
        if (entries[(i + 1) & index->mask].load(std::memory_order_relaxed) != kEmpty) {
            entries[i].store(kErased, std::memory_order_release);
            erased_++;
            return;
        }
        // No probe goes on past this entry, so it, and the erased ones that end here, can be empty again.
        entries[i].store(kEmpty, std::memory_order_release);
        for (i = (i - 1) & index->mask; entries[i].load(std::memory_order_relaxed) == kErased; i = (i - 1) & index->mask) {
            entries[i].store(kEmpty, std::memory_order_release);
            erased_--;
        }
    }

    /// Writer: calls `visit(Object&)` for each object, in no order.
    template <class Visit>
    void for_each(Visit&& visit) const
    {
        const Index* index = index_.load(std::memory_order_relaxed);
        for (uint64_t i = 0; index != nullptr && i <= index->mask; i++)
            if (const uint64_t entry = index->entries()[i].load(std::memory_order_relaxed); entry != kEmpty && entry != kErased)
                visit(*pointer(entry));
    }

    [[nodiscard]] uint64_t size() const noexcept { return live_; }
    /// Entries allocated.
    [[nodiscard]] uint64_t capacity() const noexcept
    {
        const Index* index = index_.load(std::memory_order_relaxed);
        return index == nullptr ? 0 : index->mask + 1;
    }

 private:
    using Entry = std::atomic<uint64_t>;

    // The entries follow it in memory.
    struct alignas(RTE_CACHE_LINE_SIZE) Index {
        uint64_t mask;   // entries - 1
        uint32_t shift;  // 64 - log2(entries)

        [[nodiscard]] Entry* entries() noexcept { return reinterpret_cast<Entry*>(this + 1); }
        [[nodiscard]] const Entry* entries() const noexcept { return reinterpret_cast<const Entry*>(this + 1); }
        static size_t bytes(uint64_t count) noexcept { return sizeof(Index) + count * sizeof(Entry); }
    };

    static constexpr uint64_t kEmpty = 0;
    static constexpr uint64_t kErased = 1;  // its tag is 0, which no object has
    static constexpr uint64_t kPointerMask = (uint64_t{1} << 48) - 1;
    static constexpr uint64_t kMinEntries = 8;

    static uint64_t tag(uint64_t hash) noexcept { return (hash | 1) << 48; }
    static uint64_t encode(const Object* object, uint64_t hash) noexcept
    {
        return reinterpret_cast<uintptr_t>(object) | tag(hash);
    }
    static Object* pointer(uint64_t entry) noexcept { return reinterpret_cast<Object*>(entry & kPointerMask); }

    static uint64_t position(const Index& index, const Object* object, uint64_t hash) noexcept
    {
        uint64_t i = hash >> index.shift;
        while (index.entries()[i & index.mask].load(std::memory_order_relaxed) != encode(object, hash))
            i++;
        return i & index.mask;
    }

    bool rebuild(uint64_t count)
    {
        count = count < kMinEntries ? kMinEntries : count;
        void* memory = allocate_sa_memory("pointer_table", Index::bytes(count), -1);
        if (memory == nullptr)
            return false;
        auto* next = new (memory) Index{count - 1, static_cast<uint32_t>(64 - std::countr_zero(count))};
        for (uint64_t i = 0; i < count; i++)
            new (next->entries() + i) Entry(kEmpty);
        for_each([next](const Object& object) {
            const uint64_t hash = Traits::hash(object);
            uint64_t i = hash >> next->shift;
            while (next->entries()[i & next->mask].load(std::memory_order_relaxed) != kEmpty)
                i++;
            next->entries()[i & next->mask].store(encode(&object, hash), std::memory_order_relaxed);
        });
        erased_ = 0;
        Index* old = index_.exchange(next, std::memory_order_acq_rel);
        if (old != nullptr)
            reclaimer_.retire([old] { release(old); });
        return true;
    }

    static void release(Index* index) noexcept
    {
        if (index != nullptr)
            free_sa_memory(index, Index::bytes(index->mask + 1));
    }

    // What readers load stands apart from what the writer counts.
    alignas(RTE_CACHE_LINE_SIZE) std::atomic<Index*> index_{nullptr};
    alignas(RTE_CACHE_LINE_SIZE) dpdk::Reclaimer& reclaimer_;
    uint64_t live_ = 0;
    uint64_t erased_ = 0;
};

}  // namespace ipsecgw::sa
