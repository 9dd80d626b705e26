// What is measured: one case is one gateway under one kind of load.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/sa_params.h"

namespace ipsecgw::bench {

/// Lengths of clear frames, Ethernet header included and FCS not, in the order they are sent, again and again.
struct Mix {
    std::string name;  // "60", "imix", "1420"
    std::vector<uint16_t> frame_bytes;

    /// A length, or "imix": 7:4:1 of 60, 576 and 1420.
    static base::Result<Mix> parse(std::string_view text);
    [[nodiscard]] double mean_bytes() const;
    [[nodiscard]] uint16_t largest() const;
};

/// Who does the work of the SAs. The inline kinds use the model port with a cipher that does nothing.
enum class Kind : uint8_t { kSoftware, kInlineCrypto, kFullProtocol };
std::string_view to_string(Kind kind) noexcept;
base::Result<Kind> parse_kind(std::string_view text);

struct Case {
    model::Direction direction = model::Direction::kOutbound;
    model::EspSuite suite;
    Mix mix;
    uint32_t sas = 1;  // each packet takes one of them at random
    uint16_t burst = 32;
    uint16_t workers = 1;
    Kind kind = Kind::kSoftware;
    model::EngineChoice engine = model::EngineChoice::kAuto;
    uint32_t churn = 0;  // SAs replaced a second meanwhile
    uint32_t policies = 0;        // in the SPD; at least one for each SA. Those beyond match no packet
    uint32_t policy_changes = 0;  // policies added and removed a second meanwhile

    [[nodiscard]] uint32_t all_policies() const { return policies > sas ? policies : sas; }
    /// "out/aes128gcm16/imix/1000sa/b32/w1/software".
    [[nodiscard]] std::string name() const;
};

/// How long and how often.
struct Effort {
    uint32_t windows = 11;
    double window_ms = 20;  // of measured time
};

}  // namespace ipsecgw::bench
