// Host order inside, network order on the wire: the only places where the swap happens.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace ipsecgw::base {

constexpr uint16_t swap_be16(uint16_t v) noexcept
{
    return std::endian::native == std::endian::little ? __builtin_bswap16(v) : v;
}
constexpr uint32_t swap_be32(uint32_t v) noexcept
{
    return std::endian::native == std::endian::little ? __builtin_bswap32(v) : v;
}
constexpr uint64_t swap_be64(uint64_t v) noexcept
{
    return std::endian::native == std::endian::little ? __builtin_bswap64(v) : v;
}

/// Unaligned loads and stores of network-order integers; `p` must have the bytes.
inline uint16_t load_be16(const void* p) noexcept
{
    uint16_t v;
    std::memcpy(&v, p, sizeof v);
    return swap_be16(v);
}
inline uint32_t load_be32(const void* p) noexcept
{
    uint32_t v;
    std::memcpy(&v, p, sizeof v);
    return swap_be32(v);
}
inline uint64_t load_be64(const void* p) noexcept
{
    uint64_t v;
    std::memcpy(&v, p, sizeof v);
    return swap_be64(v);
}
inline void store_be16(void* p, uint16_t v) noexcept
{
    v = swap_be16(v);
    std::memcpy(p, &v, sizeof v);
}
inline void store_be32(void* p, uint32_t v) noexcept
{
    v = swap_be32(v);
    std::memcpy(p, &v, sizeof v);
}
inline void store_be64(void* p, uint64_t v) noexcept
{
    v = swap_be64(v);
    std::memcpy(p, &v, sizeof v);
}

}  // namespace ipsecgw::base
