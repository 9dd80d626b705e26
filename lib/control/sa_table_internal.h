// The cold records of SAs: what the control thread knows beside the hot objects workers use.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "control/key_prints_internal.h"
#include "dpdk/security.h"
#include "model/owner.h"
#include "model/sa_params.h"
#include "offload/provider.h"
#include "sa/inbound_sa.h"
#include "sa/outbound_sa.h"

namespace ipsecgw::control {

inline constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

struct Tunnel;

/// An SA's counters at one moment, over all workers.
struct SaCounts {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    uint64_t last_used_tsc = 0;  // 0: never
    uint64_t sequence = 0;       // inbound: highest authentic; outbound: last used
    std::array<uint64_t, telemetry::kSaDropCount> drops{};
};

/// What an inbound SA had counted when the last worker let go of it. Filled after the grace period, so it is exact.
struct FinalCounts {
    bool taken = false;
    SaCounts counts;
};

struct SaRecord {
    model::SaParams params;            // without the keying material, which only the cipher context keeps
    sa::InboundSa* inbound = nullptr;  // one of the two; owned by the Sad
    sa::OutboundSa* outbound = nullptr;
    uint16_t owner = 0;  // inbound: worker index
    std::string algorithm;
    std::string engine;
    std::string engine_reason;
    sa::OffloadKind kind = sa::OffloadKind::kSoftware;
    std::string offload_reason;
    std::shared_ptr<offload::Installed> installed;  // what a port holds of it; null: nothing
    std::string steering;                           // inbound: how packets find the owner
    dpdk::FlowRule steering_rule;                   // of a software SA
    sa::OutboundSaPtr standby;  // outbound, inline crypto of auto: takes over when the port loses the SA
    SaCounts carried;           // of the hot objects before this one
    bool is_port_lost = false;
    uint64_t installed_ns = 0;
    std::shared_ptr<Tunnel> tunnel;  // whose counters it adds to
    mutable uint64_t walk = 0;       // the last walk over all SAs that has seen it (tunnels_internal.h)
    model::Owner made_by = model::Owner::kConfig;
    KeyPrint key_print{};  // of the keying material that is wiped here

    // Lifetimes'.
    uint64_t soft_ns = kNever;  // when the time limits are due; kNever: none, or dealt with
    uint64_t hard_ns = kNever;
    size_t counted_index = kNotCounted;  // place in the list of SAs with limits that workers count towards
    bool soft_reported = false;
    bool expired = false;
    std::shared_ptr<FinalCounts> final_counts;  // inbound, expired: the hot object goes before the record does

    static constexpr size_t kNotCounted = std::numeric_limits<size_t>::max();

    [[nodiscard]] bool is_inbound() const noexcept { return params.direction == model::Direction::kInbound; }
    /// What workers have counted.
    [[nodiscard]] SaCounts counts() const;
    /// With what the port has counted that does this SA's work; asks it.
    [[nodiscard]] SaCounts counts_with_port() const;
    /// Outbound: no sequence number is left (RFC 4303 section 3.3.3), by the number space or the hard packet limit.
    [[nodiscard]] bool is_exhausted() const;
};

/// Adds what a port has refused of an SA it does all the work of.
void add_port_counts(const offload::Installed& installed, model::Direction direction, SaCounts& counts);

SaCounts read_counts(const sa::InboundSa& sa);
SaCounts read_counts(const sa::OutboundSa& sa);

/// Nanoseconds since a worker noted this TSC value; kNever for 0.
uint64_t idle_ns(uint64_t last_used_tsc);

/// Records by name, in name order, and by SPI. Addresses of records are stable.
class SaTable {
  public:
    using Map = std::map<std::string, SaRecord, std::less<>>;

    [[nodiscard]] SaRecord* find(std::string_view name);
    SaRecord& insert(SaRecord record);
    /// `to` is free. What refers to the SA by name, a policy for instance, does not follow.
    void rename(SaRecord& record, std::string to);
    void erase(std::string_view name);

    [[nodiscard]] const Map& all() const noexcept { return records_; }
    [[nodiscard]] const std::multimap<uint32_t, SaRecord*>& by_spi() const noexcept { return by_spi_; }

  private:
    Map records_;
    std::multimap<uint32_t, SaRecord*> by_spi_;
};

}  // namespace ipsecgw::control
