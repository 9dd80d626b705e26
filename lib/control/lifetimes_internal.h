// When SAs end: by time, by packets, by bytes (RFC 4301 section 4.4.2.1).
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/listeners.h"
#include "control/sa_table_internal.h"

namespace ipsecgw::control {

/// Time limits are timers. Packet and byte limits are counted by workers, which stop at the hard packet limit by
/// themselves (inbound: at the hard byte limit too); here they are looked at in turn, up to kLooksPerRound SAs each
/// kRoundNs, which is when a soft limit is noticed and an outbound SA stops at its hard byte limit.
class Lifetimes {
  public:
    static constexpr uint64_t kRoundNs = 100'000'000;
    static constexpr size_t kLooksPerRound = 4096;

    using End = SaEnd;  // kHard: the SA is to be stopped; kExhausted: it has stopped by itself
    struct Expiry {
        SaRecord* sa;
        End end;
        std::string what;  // "3600 seconds", "1000000 packets"
    };

    void track(SaRecord& sa);
    void untrack(SaRecord& sa);
    /// What has ended since the last call. Each end is said once.
    std::vector<Expiry> tick(uint64_t now_ns);
    /// A port has noticed an end first; nothing when it has been said already.
    std::optional<Expiry> note(SaRecord& sa, End end, std::string what);
    [[nodiscard]] uint64_t next_ns() const;

  private:
    void tick_timers(uint64_t now_ns, std::vector<Expiry>& out);
    void untrack_counted(SaRecord& sa);
    void look(SaRecord& sa, std::vector<Expiry>& out);

    std::set<std::pair<uint64_t, SaRecord*>> timers_;
    std::vector<SaRecord*> counted_;
    size_t cursor_ = 0;
    uint64_t next_round_ns_ = 0;
};

}  // namespace ipsecgw::control
