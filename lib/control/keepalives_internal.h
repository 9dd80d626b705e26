// NAT keepalives (RFC 3948 section 4): an idle UDP flow says one byte now and then, so that the NAT keeps its mapping.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "control/datagrams_internal.h"
#include "control/sa_table_internal.h"
#include "net/address.h"

namespace ipsecgw::control {

/// A mapping belongs to a UDP flow, which several outbound SAs may share, the old and the new one of a rekey for
/// instance: one keepalive for all.
class Keepalives {
  public:
    static constexpr size_t kLooksPerTick = 1024;

    explicit Keepalives(Datagrams& datagrams) : datagrams_(datagrams) {}

    /// 0 turns them off. Applies to SAs tracked from here on.
    void set_interval(uint32_t seconds);
    void track(SaRecord& sa);
    void untrack(SaRecord& sa);
    void tick(uint64_t now_ns);
    [[nodiscard]] uint64_t next_ns() const { return due_.empty() ? kNever : due_.begin()->first; }

  private:
    struct Flow {
        net::IpAddress local, remote;
        uint16_t local_port, remote_port;
        auto operator<=>(const Flow&) const = default;
    };
    struct State {
        std::set<const SaRecord*> sas;
        uint64_t due_ns = 0;
    };
    using FlowMap = std::map<Flow, State>;

    [[nodiscard]] static Flow flow_of(const SaRecord& sa);
    [[nodiscard]] static uint64_t last_used_ns(const State& state, uint64_t now_ns);
    void send(const Flow& flow, uint64_t now_ns);

    Datagrams& datagrams_;
    uint64_t interval_ns_ = 0;
    FlowMap flows_;
    std::set<std::pair<uint64_t, FlowMap::value_type*>> due_;
};

}  // namespace ipsecgw::control
