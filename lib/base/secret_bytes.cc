#include "base/secret_bytes.h"

#include <string.h>

#include <algorithm>
#include <utility>

namespace ipsecgw::base {

void wipe(std::span<uint8_t> bytes) noexcept
{
    if (!bytes.empty())
        explicit_bzero(bytes.data(), bytes.size());
}

bool equal_constant_time(std::span<const uint8_t> a, std::span<const uint8_t> b) noexcept
{
    if (a.size() != b.size())
        return false;
    uint8_t difference = 0;
    for (size_t i = 0; i < a.size(); i++)
        difference = static_cast<uint8_t>(difference | (a[i] ^ b[i]));
    return difference == 0;
}

SecretBytes::SecretBytes(size_t size) : data_(std::make_unique<uint8_t[]>(size)), size_(size) {}

SecretBytes::SecretBytes(std::span<const uint8_t> source) : SecretBytes(source.size())
{
    std::copy(source.begin(), source.end(), data_.get());
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0))
{
}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept
{
    if (this != &other) {
        wipe(mutable_view());
        data_ = std::move(other.data_);
        size_ = std::exchange(other.size_, 0);
    }
    return *this;
}

SecretBytes::~SecretBytes() { wipe(mutable_view()); }

}  // namespace ipsecgw::base
