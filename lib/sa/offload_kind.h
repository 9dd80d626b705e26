// Who does the work of an SA: chosen once, when it is installed.
#pragma once

#include <cstdint>
#include <string_view>

namespace ipsecgw::sa {

enum class OffloadKind : uint8_t {
    kSoftware,
    kLookAside,     // gateway frames, a crypto device ciphers asynchronously
    kInlineCrypto,  // gateway frames, the port ciphers
    kFullProtocol,  // the port does it all: frames, ciphers, checks replay
};

constexpr std::string_view to_string(OffloadKind kind) noexcept
{
    switch (kind) {
        case OffloadKind::kSoftware:
            return "software";
        case OffloadKind::kLookAside:
            return "look-aside";
        case OffloadKind::kInlineCrypto:
            return "inline-crypto";
        case OffloadKind::kFullProtocol:
            return "full-protocol";
    }
    return "";
}

/// What a port reports with a packet of a session, and what finds the SA again: slot and generation, never a pointer. A tag whose
/// generation is not the slot's is stale.
struct SaTag {
    uint32_t slot = 0;
    uint32_t generation = 0;

    [[nodiscard]] constexpr uint64_t value() const noexcept { return uint64_t{generation} << 32 | slot; }
    static constexpr SaTag from(uint64_t value) noexcept
    {
        return {static_cast<uint32_t>(value), static_cast<uint32_t>(value >> 32)};
    }
    bool operator==(const SaTag&) const = default;
};

}  // namespace ipsecgw::sa
