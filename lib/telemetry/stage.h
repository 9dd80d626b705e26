// The stages a packet passes in a worker, for accounts of time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ipsecgw::telemetry {

enum class Stage : uint8_t {
    kRx,        // the ports' receive calls, and taking from rings
    kClassify,  // Ethernet and IP headers
    kLookUp,    // SAD, SPD, selectors
    kEsp,       // grouping, framing, sequence numbers, replay window
    kCipher,    // the engine
    kForward,   // route, neighbour, Ethernet header, what else leaves
    kTx,        // the ports' transmit calls, and passing on to other workers
    kCount,
};
inline constexpr size_t kStageCount = static_cast<size_t>(Stage::kCount);

/// Word for listings: "rx", "classify", "look-up", ...
constexpr std::string_view stage_name(Stage stage) noexcept
{
    constexpr std::array<std::string_view, kStageCount> kNames = {"rx",     "classify", "look-up", "esp",
                                                                  "cipher", "forward",  "tx"};
    return kNames[static_cast<size_t>(stage)];
}

}  // namespace ipsecgw::telemetry
