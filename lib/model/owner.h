// Who made an object of the gateway's tables.
#pragma once

#include <cstdint>
#include <string_view>

namespace ipsecgw::model {

/// kConfig: the configuration file, at the start or at a reload. kIke: negotiated. kCli: by hand or script, over the control socket.
enum class Owner : uint8_t { kConfig, kIke, kCli };

constexpr std::string_view to_string(Owner owner) noexcept
{
    switch (owner) {
        case Owner::kConfig:
            return "config";
        case Owner::kIke:
            return "ike";
        case Owner::kCli:
            return "cli";
    }
    return "";
}

}  // namespace ipsecgw::model
