// The one builder of wire formats: appends network-order fields, and fills lengths in when what they count is complete.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "base/byte_order.h"

namespace ipsecgw::base {

/// Appends to a buffer of its own. A length that does not fit its field makes `ok()` false for good; the bytes must
/// then not be used.
class ByteWriter {
  public:
    /// The length field of a structure that is being written: it gets its value at `close()` or when the scope ends.
    /// Scopes of one writer end in the reverse order of their begin.
    class LengthScope {
      public:
        LengthScope(LengthScope&& other) noexcept
            : writer_(std::exchange(other.writer_, nullptr)), field_(other.field_), from_(other.from_)
        {
        }
        LengthScope& operator=(LengthScope&&) = delete;
        LengthScope(const LengthScope&) = delete;
        LengthScope& operator=(const LengthScope&) = delete;
        ~LengthScope() { close(); }

        void close() noexcept
        {
            if (writer_ != nullptr)
                std::exchange(writer_, nullptr)->set_length(field_, from_);
        }

      private:
        friend class ByteWriter;
        LengthScope(ByteWriter& writer, size_t field, size_t from) noexcept
            : writer_(&writer), field_(field), from_(from)
        {
        }

        ByteWriter* writer_;
        size_t field_;
        size_t from_;
    };

    [[nodiscard]] bool ok() const noexcept { return ok_; }
    [[nodiscard]] size_t size() const noexcept { return bytes_.size(); }
    [[nodiscard]] std::span<const uint8_t> view() const noexcept { return bytes_; }
    /// The buffer; the writer is empty afterwards.
    [[nodiscard]] std::vector<uint8_t> take() noexcept { return std::exchange(bytes_, {}); }
    void reserve(size_t bytes) { bytes_.reserve(bytes); }

    void u8(uint8_t v) { bytes_.push_back(v); }
    void u16(uint16_t v) { store_be16(extend(2), v); }
    void u32(uint32_t v) { store_be32(extend(4), v); }
    void u64(uint64_t v) { store_be64(extend(8), v); }
    void bytes(std::span<const uint8_t> source) { bytes_.insert(bytes_.end(), source.begin(), source.end()); }
    void zeros(size_t count) { bytes_.resize(bytes_.size() + count); }

    /// A 16-bit field that will hold the number of bytes from `counted_from`, an offset of this writer, to where the
    /// scope ends.
    [[nodiscard]] LengthScope length16(size_t counted_from)
    {
        const size_t field = size();
        u16(0);
        return LengthScope(*this, field, counted_from);
    }
    /// A 16-bit field that will hold the number of bytes that follow it.
    [[nodiscard]] LengthScope length16() { return length16(size() + 2); }

    /// Overwrites bytes already written; `offset` and what follows must be there.
    void set_u8(size_t offset, uint8_t v) { bytes_.at(offset) = v; }
    void set_u32(size_t offset, uint32_t v)
    {
        (void)bytes_.at(offset + 3);
        store_be32(bytes_.data() + offset, v);
    }

  private:
    uint8_t* extend(size_t count)
    {
        bytes_.resize(bytes_.size() + count);
        return bytes_.data() + bytes_.size() - count;
    }
    void set_length(size_t field, size_t from) noexcept
    {
        const size_t length = bytes_.size() - from;
        ok_ = ok_ && length <= std::numeric_limits<uint16_t>::max();
        store_be16(bytes_.data() + field, static_cast<uint16_t>(length));
    }

    std::vector<uint8_t> bytes_;
    bool ok_ = true;
};

}  // namespace ipsecgw::base
