// The one reader for foreign bytes: every access is checked, and a read past the end is remembered instead of made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/byte_order.h"

namespace ipsecgw::base {

/// Reads network-order fields from the front of a byte range that it does not own.
///
/// A read of more than there is returns 0 or an empty span, takes nothing, and makes `ok()` false for good, so that a
/// parser reads a whole structure and asks once. A structure with a length of its own is read through `take(n)`, so
/// that what stands in it cannot reach past it.
class ByteReader {
  public:
    constexpr ByteReader() = default;
    constexpr explicit ByteReader(std::span<const uint8_t> bytes) noexcept : rest_(bytes) {}

    /// Nothing was read that was not there.
    [[nodiscard]] constexpr bool ok() const noexcept { return ok_; }
    [[nodiscard]] constexpr size_t remaining() const noexcept { return rest_.size(); }
    /// Everything was read, and nothing more.
    [[nodiscard]] constexpr bool is_at_end() const noexcept { return ok_ && rest_.empty(); }

    uint8_t u8() noexcept
    {
        const auto field = bytes(1);
        return field.empty() ? uint8_t{0} : field[0];
    }
    uint16_t u16() noexcept
    {
        const auto field = bytes(2);
        return field.empty() ? uint16_t{0} : load_be16(field.data());
    }
    uint32_t u32() noexcept
    {
        const auto field = bytes(4);
        return field.empty() ? 0 : load_be32(field.data());
    }
    uint64_t u64() noexcept
    {
        const auto field = bytes(8);
        return field.empty() ? 0 : load_be64(field.data());
    }

    /// The next `count` bytes, or none when there are fewer.
    constexpr std::span<const uint8_t> bytes(size_t count) noexcept
    {
        if (!ok_ || count > rest_.size()) {
            fail();
            return {};
        }
        const auto field = rest_.first(count);
        rest_ = rest_.subspan(count);
        return field;
    }
    /// All that is left.
    constexpr std::span<const uint8_t> rest() noexcept { return bytes(rest_.size()); }
    constexpr void skip(size_t count) noexcept { (void)bytes(count); }

    /// A reader of the next `count` bytes, which this one passes. When there are fewer both fail.
    constexpr ByteReader take(size_t count) noexcept
    {
        ByteReader inner(bytes(count));
        inner.ok_ = ok_;
        return inner;
    }
    /// Makes `ok()` false: for a value that says the structure is wrong. Nothing can be read any more.
    constexpr void fail() noexcept
    {
        ok_ = false;
        rest_ = {};
    }

  private:
    std::span<const uint8_t> rest_;
    bool ok_ = true;
};

}  // namespace ipsecgw::base
