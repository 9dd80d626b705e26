#include "case.h"

#include <algorithm>
#include <numeric>

#include "base/text.h"

namespace ipsecgw::bench {

using base::Error;
using base::ErrorCode;

namespace {

// Ethernet, IPv4 and UDP headers; what a port with an MTU of 1500 takes when it has been sealed.
constexpr uint64_t kShortestFrame = 14 + 20 + 8;
constexpr uint64_t kLongestFrame = 1430;

}  // namespace

base::Result<Mix> Mix::parse(std::string_view text)
{
    // Spread, so that no two bursts of a mix differ much.
    if (text == "imix")
        return Mix{"imix", {60, 576, 60, 60, 576, 60, 1420, 60, 576, 60, 60, 576}};
    const auto bytes = base::parse_unsigned(text);
    if (!bytes || *bytes < kShortestFrame || *bytes > kLongestFrame)
        return Error{ErrorCode::kInvalidArgument, "no frame size: " + std::string(text), "imix, or 42 to 1430 bytes"};
    return Mix{std::string(text), {static_cast<uint16_t>(*bytes)}};
}

double Mix::mean_bytes() const
{
    const auto sum = std::accumulate(frame_bytes.begin(), frame_bytes.end(), 0.0);
    return sum / static_cast<double>(frame_bytes.size());
}

uint16_t Mix::largest() const
{
    return *std::max_element(frame_bytes.begin(), frame_bytes.end());
}

std::string_view to_string(Kind kind) noexcept
{
    switch (kind) {
        case Kind::kSoftware:
            return "software";
        case Kind::kInlineCrypto:
            return "inline-crypto";
        case Kind::kFullProtocol:
            return "full-protocol";
    }
    return "";
}

base::Result<Kind> parse_kind(std::string_view text)
{
    for (const Kind kind : {Kind::kSoftware, Kind::kInlineCrypto, Kind::kFullProtocol})
        if (text == to_string(kind))
            return kind;
    return Error{ErrorCode::kInvalidArgument, "no kind: " + std::string(text),
                 "software, inline-crypto, full-protocol"};
}

std::string Case::name() const
{
    std::string text = direction == model::Direction::kOutbound ? "out/" : "in/";
    text += suite.name() + "/" + mix.name + "/" + std::to_string(sas) + "sa/b" + std::to_string(burst) + "/w" +
            std::to_string(workers) + "/" + std::string(to_string(kind));
    if (engine == model::EngineChoice::kOpenssl)
        text += "/openssl";
    if (churn != 0)
        text += "/churn" + std::to_string(churn);
    if (policies != 0)
        text += "/" + std::to_string(policies) + "policies";
    if (policy_changes != 0)
        text += "/changes" + std::to_string(policy_changes);
    return text;
}

}  // namespace ipsecgw::bench
