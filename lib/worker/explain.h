// Which way a packet would take, by the tables that packets take it by.
#pragma once

#include <cstdint>
#include <optional>

#include "route/fib.h"
#include "sa/flow_key.h"
#include "telemetry/drop.h"
#include "worker/dataplane.h"
#include "worker/flow_cache.h"
#include "worker/own_addresses.h"

namespace ipsecgw::worker {

struct ExplainRequest {
    enum class From : uint8_t {
        kProtected,    // in clear from the protected side
        kUnprotected,  // in clear from the other side
        kSa,           // out of an inbound SA
    };
    From from = From::kProtected;
    sa::FlowKey flow{};
    uint32_t bytes = 0;  // of the IP packet
};

struct Explained {
    enum class End : uint8_t {
        kDropped,
        kSealed,
        kForwarded,  // in clear
        kOurs,       // for the gateway itself
        kAsksIke,    // no SA: dropped, and IKE learns of it
    };
    End end = End::kDropped;
    telemetry::Drop reason = telemetry::Drop::kCount;  // kDropped, kAsksIke
    const sa::PolicyEntry* policy = nullptr;           // that decided; null: none
    bool is_inbound_policy = false;                    // of the inbound SPD
    const sa::OutboundSa* sa = nullptr;                // kSealed
    Route route;                                       // of what leaves; port null: not looked at, or none
    uint32_t wire_bytes = 0;                           // of what leaves: sealed
    uint32_t inner_mtu = 0;                            // kSealed: the largest packet that leaves whole
    bool is_too_big = false;                           // fragmented before sealing where it may be, else dropped and told of
};

/// For the control thread, as the tables are now; nothing is counted, sent or remembered. A hop limit is assumed that
/// lasts. The pointers are good until the caller changes a table.
Explained explain(const DataPlane& data, const OwnAddresses& own, const ExplainRequest& request);

}  // namespace ipsecgw::worker
