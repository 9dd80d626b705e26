// Hex to bytes for test vectors.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace ipsecgw::test {

/// Throws on anything that is not hex: a mistyped vector must not pass for an empty one.
inline std::vector<uint8_t> hex(std::string_view text)
{
    if (text.empty())
        return {};
    const auto bytes = base::decode_hex(text);
    if (!bytes)
        throw std::invalid_argument("not hex: " + std::string(text));
    return {bytes->view().begin(), bytes->view().end()};
}

inline std::vector<uint8_t> bytes_of(std::string_view text)
{
    return {text.begin(), text.end()};
}

/// first, first + 1, ...
inline std::vector<uint8_t> counting(size_t size, uint8_t first = 0)
{
    std::vector<uint8_t> bytes(size);
    for (auto& byte : bytes)
        byte = first++;
    return bytes;
}

}  // namespace ipsecgw::test
