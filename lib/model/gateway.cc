#include "model/gateway.h"

namespace ipsecgw::model {

std::string_view to_string(PortRole role) noexcept
{
    switch (role) {
        case PortRole::kProtected:
            return "protected";
        case PortRole::kUnprotected:
            return "unprotected";
        case PortRole::kBoth:
            return "both";
    }
    return "?";
}

std::string_view to_string(Direction direction) noexcept
{
    switch (direction) {
        case Direction::kInbound:
            return "in";
        case Direction::kOutbound:
            return "out";
    }
    return "?";
}

std::string_view to_string(Mode mode) noexcept
{
    switch (mode) {
        case Mode::kTunnel:
            return "tunnel";
        case Mode::kTransport:
            return "transport";
    }
    return "?";
}

std::string_view to_string(EngineChoice engine) noexcept
{
    switch (engine) {
        case EngineChoice::kAuto:
            return "auto";
        case EngineChoice::kCpuCrypto:
            return "cpu-crypto";
        case EngineChoice::kOpenssl:
            return "openssl";
        case EngineChoice::kLookAside:
            return "lookaside";
    }
    return "?";
}

}  // namespace ipsecgw::model
