// Who does the work of an SA: decided once, when it is installed, and never again per packet.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/sa_params.h"
#include "offload/provider.h"
#include "sa/offload_kind.h"

namespace ipsecgw::offload {

struct Choice {
    sa::OffloadKind kind = sa::OffloadKind::kSoftware;
    std::string reason;                    // "auto: port 0 has no security context; no look-aside device": for listings
    std::unique_ptr<Installed> installed;  // null for kSoftware and kLookAside
};

/// What there is to choose from.
struct Options {
    Provider* provider = nullptr;          // null: no port offers anything
    std::optional<Placement> placement;    // none: no route to the peer
    bool look_aside = false;               // a look-aside device takes this suite
    std::string look_aside_reason;         // which, or why none
};

/// By params.hw_offload, as the table in lib/README.md says: kNo takes software, or with EngineChoice::kLookAside a look-aside device and
/// fails without one; kCrypto and kFull take what they name or fail with the reason;
/// kAuto takes full protocol, else inline crypto, else look-aside, else software, and never fails.
base::Result<Choice> choose(const model::SaParams& params, sa::SaTag tag, const Options& options);

}  // namespace ipsecgw::offload
