// From one worker to the control thread: records with their bytes, bounded.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "trace/record.h"

namespace ipsecgw::trace {

/// One writer, one reader, no lock; what does not fit is counted.
/// Threads: put() by one, take() and lost() by another.
class RecordRing {
  public:
    /// Room for so many records (a power of two) of up to `snap` bytes each.
    RecordRing(uint32_t records, uint16_t snap)
        : mask_(std::bit_ceil(records) - 1),
          snap_(snap),
          stride_((sizeof(Record) + snap + alignof(Record) - 1) / alignof(Record) * alignof(Record)),
          slots_(stride_ * (size_t{mask_} + 1))
    {
    }

    bool put(Record record, std::span<const uint8_t> bytes) noexcept
    {
        const uint32_t head = head_.load(std::memory_order_relaxed);
        if (head - tail_.load(std::memory_order_acquire) > mask_) {
            lost_.store(lost_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
            return false;
        }
        record.captured = static_cast<uint16_t>(std::min<size_t>(bytes.size(), snap_));
        std::byte* slot = at(head);
        std::memcpy(slot, &record, sizeof record);
        std::memcpy(slot + sizeof record, bytes.data(), record.captured);
        // Release: the reader that sees the new head sees the slot.
        head_.store(head + 1, std::memory_order_release);
        return true;
    }

    /// The oldest record and its bytes, copied out. False: there is none.
    bool take(Record& record, std::vector<uint8_t>& bytes)
    {
        const uint32_t tail = tail_.load(std::memory_order_relaxed);
        if (tail == head_.load(std::memory_order_acquire))
            return false;
        const std::byte* slot = at(tail);
        std::memcpy(&record, slot, sizeof record);
        const auto* text = reinterpret_cast<const uint8_t*>(slot + sizeof record);
        bytes.assign(text, text + record.captured);
        tail_.store(tail + 1, std::memory_order_release);
        return true;
    }

    [[nodiscard]] uint64_t lost() const noexcept { return lost_.load(std::memory_order_relaxed); }

  private:
    std::byte* at(uint32_t index) noexcept { return slots_.data() + size_t{index & mask_} * stride_; }

    const uint32_t mask_;
    const uint16_t snap_;
    const size_t stride_;
    std::vector<std::byte> slots_;
    alignas(64) std::atomic<uint32_t> head_{0};  // the writer's
    std::atomic<uint64_t> lost_{0};              // the writer's
    alignas(64) std::atomic<uint32_t> tail_{0};  // the reader's
};

}  // namespace ipsecgw::trace
