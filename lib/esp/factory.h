// From SaParams to the hot objects workers use: steps 1 and 2 of the path of an SA.
#pragma once

#include <string>

#include "base/result.h"
#include "esp/engine.h"
#include "model/sa_params.h"
#include "sa/inbound_sa.h"
#include "sa/outbound_sa.h"

namespace ipsecgw::esp {

struct BuiltInbound {
    sa::InboundSaPtr sa;
    std::string engine_reason;
};
struct BuiltOutbound {
    sa::OutboundSaPtr sa;
    std::string engine_reason;
};

/// `params` must be valid (model::validate). `owner` is the worker the SA will belong to. Threads: control.
///
/// Where the port ciphers, no engine is keyed and `engine_reason` is empty; but an inbound SA of kInlineCrypto has an
/// engine too, for packets that reach the gateway before the port's rule does.
base::Result<BuiltInbound> build_inbound(const model::SaParams& params, uint16_t owner, Engines& engines, int socket,
                                         sa::OffloadKind kind = sa::OffloadKind::kSoftware);
base::Result<BuiltOutbound> build_outbound(const model::SaParams& params, uint16_t workers, Engines& engines,
                                           int socket, sa::OffloadKind kind = sa::OffloadKind::kSoftware);

}  // namespace ipsecgw::esp
