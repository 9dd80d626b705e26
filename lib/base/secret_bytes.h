// Key material: wiped when it goes, never copied by accident, never printable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace ipsecgw::base {

/// Overwrites `bytes` in a way the compiler may not remove.
void wipe(std::span<uint8_t> bytes) noexcept;

/// Compares in time that depends on the lengths only.
[[nodiscard]] bool equal_constant_time(std::span<const uint8_t> a, std::span<const uint8_t> b) noexcept;

/// Owns key bytes of a fixed length. Move-only; `clone()` is the one way to copy. Memory is wiped on destruction and
/// on being overwritten. There is deliberately no stream operator.
class SecretBytes {
 public:
    SecretBytes() = default;
    explicit SecretBytes(size_t size);
    explicit SecretBytes(std::span<const uint8_t> source);
    SecretBytes(SecretBytes&& other) noexcept;
    SecretBytes& operator=(SecretBytes&& other) noexcept;
    SecretBytes(const SecretBytes&) = delete;
    SecretBytes& operator=(const SecretBytes&) = delete;
    ~SecretBytes();

    [[nodiscard]] SecretBytes clone() const { return SecretBytes(view()); }
    [[nodiscard]] size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::span<const uint8_t> view() const noexcept { return {data_.get(), size_}; }
    [[nodiscard]] std::span<uint8_t> mutable_view() noexcept { return {data_.get(), size_}; }

 private:
    std::unique_ptr<uint8_t[]> data_;
    size_t size_ = 0;
};

}  // namespace ipsecgw::base
