// A hash table of pointers that workers read without a lock while one writer changes it.
#pragma once

#include <atomic>
#include <bit>
#include <cassert>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <rte_common.h>
#include <rte_prefetch.h>

#include "base/result.h"
#include "dpdk/qsbr.h"
#include "dpdk/table_memory.h"

namespace ipsecgw::sa {

/// Open addressing with linear probing; each entry is one word: 48 bits of pointer and 16 bits of hash, so that a probe
/// touches one line of the table and, almost always, only the object it is looking for. At most half of the entries are
/// not empty, whatever was erased: when they pass that, the table is rebuilt aside and swapped in, which costs O(1)
/// amortized per change.
///
/// `Traits` has `Object` and `static uint64_t hash(const Object&)`; the hash must be good in its high and its low bits.
/// The table does not own its objects: erase, then retire them.
///
/// Threads: find and prefetch by any reader registered with the Reclaimer's Qsbr; everything else by the one writer.
///
/// Memory order: an object is finished before the release store of its entry, and find() acquires each entry, so whoever
/// sees a pointer sees the object. The same with a rebuilt table: its entries are stored relaxed, then `index_` releases
/// all of them, and readers acquire it. A probe loads entries one by one while others change: an object it must find is
/// one published before it and not erased since. No entry before such an object is empty, for the writer empties an entry
/// only when the one behind it is empty, and the reader cannot see an entry older than it was at that publication.
/// prefetch_object() looks at nothing behind the pointer. What is erased or replaced lives on for a grace period
/// (dpdk::Qsbr), and so does the old table.
template <class Traits>
class PointerTable {
  public:
    using Object = typename Traits::Object;

    explicit PointerTable(dpdk::Reclaimer& reclaimer) : reclaimer_(reclaimer) {}
    /// No reader may be left.
    ~PointerTable() { release(current()); }
    PointerTable(const PointerTable&) = delete;
    PointerTable& operator=(const PointerTable&) = delete;

    /// The object with `hash` that `matches`, or null. Not before the first successful reserve().
    template <class Matches>
    [[nodiscard]] Object* find(uint64_t hash, const Matches& matches) const noexcept
    {
        const Index index(index_.load(std::memory_order_acquire));
        for (uint64_t i = index.home(hash);; i++) {
            // Acquire: whoever sees the pointer sees the object behind it.
            const uint64_t entry = index.at(i).load(std::memory_order_acquire);
            if (entry == kEmpty)
                return nullptr;
            if (((entry ^ tag(hash)) & ~kPointerMask) == 0 && matches(*pointer(entry)))
                return pointer(entry);
        }
    }

    void prefetch(uint64_t hash) const noexcept
    {
        const Index index(index_.load(std::memory_order_acquire));
        rte_prefetch0(&index.at(index.home(hash)));
    }

    /// The same for the object itself, when the table's own line is there: two lines of what most probably is found.
    void prefetch_object(uint64_t hash) const noexcept
    {
        const Index index(index_.load(std::memory_order_acquire));
        const uint64_t entry = index.at(index.home(hash)).load(std::memory_order_relaxed) & kPointerMask;
        rte_prefetch0(reinterpret_cast<const void*>(entry));
        rte_prefetch0(reinterpret_cast<const void*>(entry + RTE_CACHE_LINE_SIZE));
    }

    /// Makes room for one more object; the only call that can fail. False: no memory, nothing changed.
    [[nodiscard]] bool reserve()
    {
        if ((live_ + erased_ + 1) * 2 <= capacity())
            return true;
        return rebuild(std::bit_ceil((live_ + 1) * 3));
    }

    /// Makes room for that many at once, so that no later change has to copy the table while it grows. False: no
    /// memory, nothing changed; the table will grow as objects come.
    [[nodiscard]] bool reserve_for(uint64_t objects)
    {
        const uint64_t entries = std::bit_ceil(objects * 3);
        return entries <= capacity() || rebuild(entries);
    }

    /// Publishes `object`, which is not in the table, after a successful reserve(). False: its address does not fit 48
    /// bits.
    [[nodiscard]] bool insert(Object* object) noexcept
    {
        if ((reinterpret_cast<uintptr_t>(object) & ~kPointerMask) != 0)
            return false;
        const Index index = current();
        const uint64_t hash = Traits::hash(*object);
        for (uint64_t i = index.home(hash);; i++) {
            Entry& entry = index.at(i);
            const uint64_t now = entry.load(std::memory_order_relaxed);
            if (now != kEmpty && now != kErased)
                continue;
            erased_ -= now == kErased ? 1 : 0;
            live_++;
            entry.store(encode(object, hash), std::memory_order_release);
            return true;
        }
    }

    /// Publishes `next` in place of `old`, which is in the table and has the same hash. `next` fits 48 bits as insert()
    /// asks.
    void replace(const Object* old, Object* next) noexcept
    {
        assert((reinterpret_cast<uintptr_t>(next) & ~kPointerMask) == 0);
        const uint64_t hash = Traits::hash(*old);
        const Index index = current();
        index.at(position(index, old, hash)).store(encode(next, hash), std::memory_order_release);
    }

    /// Unpublishes `object`, which is in the table.
    void erase(const Object* object) noexcept
    {
        const Index index = current();
        uint64_t i = position(index, object, Traits::hash(*object));
        live_--;
        if (index.at(i + 1).load(std::memory_order_relaxed) != kEmpty) {
            index.at(i).store(kErased, std::memory_order_release);
            erased_++;
            return;
        }
        // No probe goes on past this entry, so it, and the erased ones that end here, can be empty again.
        index.at(i).store(kEmpty, std::memory_order_release);
        while (index.at(--i).load(std::memory_order_relaxed) == kErased) {
            index.at(i).store(kEmpty, std::memory_order_release);
            erased_--;
        }
    }

    /// Writer: calls `visit(Object&)` for each object, in no order.
    template <class Visit>
    void for_each(Visit&& visit) const
    {
        const Index index = current();
        for (uint64_t i = 0; i < index.count(); i++)
            if (const uint64_t entry = index.at(i).load(std::memory_order_relaxed); entry != kEmpty && entry != kErased)
                visit(*pointer(entry));
    }

    [[nodiscard]] uint64_t size() const noexcept { return live_; }
    /// Entries allocated.
    [[nodiscard]] uint64_t capacity() const noexcept { return current().count(); }

  private:
    using Entry = std::atomic<uint64_t>;

    // A power of two of entries, in one word: they start on a cache line, so the low bits of their address hold the
    // logarithm. A reader gets both with one load. Zero: none yet.
    class Index {
      public:
        explicit Index(uintptr_t word) : word_(word) {}
        Index(void* memory, uint64_t count)
            : word_(reinterpret_cast<uintptr_t>(memory) | static_cast<uintptr_t>(std::countr_zero(count)))
        {
        }
        [[nodiscard]] uintptr_t word() const noexcept { return word_; }
        [[nodiscard]] void* memory() const noexcept { return reinterpret_cast<void*>(word_ & ~kLogMask); }
        [[nodiscard]] uint64_t count() const noexcept { return word_ == 0 ? 0 : uint64_t{1} << (word_ & kLogMask); }
        [[nodiscard]] uint64_t home(uint64_t hash) const noexcept { return hash >> (64 - (word_ & kLogMask)); }
        /// Positions wrap around.
        [[nodiscard]] Entry& at(uint64_t i) const noexcept
        {
            return static_cast<Entry*>(memory())[i & ((uint64_t{1} << (word_ & kLogMask)) - 1)];
        }

      private:
        static constexpr uintptr_t kLogMask = 63;
        static_assert(RTE_CACHE_LINE_SIZE > kLogMask);
        uintptr_t word_;
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

    [[nodiscard]] Index current() const noexcept { return Index(index_.load(std::memory_order_relaxed)); }

    static uint64_t position(Index index, const Object* object, uint64_t hash) noexcept
    {
        uint64_t i = index.home(hash);
        while (index.at(i).load(std::memory_order_relaxed) != encode(object, hash))
            i++;
        return i;
    }

    bool rebuild(uint64_t count)
    {
        count = count < kMinEntries ? kMinEntries : count;
        void* memory = dpdk::allocate_table_memory(count * sizeof(Entry), -1);
        if (memory == nullptr)
            return false;
        // The memory comes zeroed, which is what empty entries are: those nobody uses never become resident.
        static_assert(kEmpty == 0 && sizeof(Entry) == sizeof(uint64_t) && std::is_trivially_destructible_v<Entry>);
        const Index next(memory, count);
        for_each([next](const Object& object) {
            const uint64_t hash = Traits::hash(object);
            uint64_t i = next.home(hash);
            while (next.at(i).load(std::memory_order_relaxed) != kEmpty)
                i++;
            next.at(i).store(encode(&object, hash), std::memory_order_relaxed);
        });
        erased_ = 0;
        const Index old(index_.exchange(next.word(), std::memory_order_acq_rel));
        if (old.word() != 0)
            reclaimer_.retire([old] { release(old); });
        return true;
    }

    static void release(Index index) noexcept
    {
        dpdk::free_table_memory(index.memory(), index.count() * sizeof(Entry));
    }

    // What readers load stands apart from what the writer counts.
    alignas(RTE_CACHE_LINE_SIZE) std::atomic<uintptr_t> index_{0};
    alignas(RTE_CACHE_LINE_SIZE) dpdk::Reclaimer& reclaimer_;
    uint64_t live_ = 0;
    uint64_t erased_ = 0;
};

}  // namespace ipsecgw::sa
