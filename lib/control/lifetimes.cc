#include <algorithm>
#include <cinttypes>
#include <utility>

#include "base/clock.h"
#include "base/text.h"
#include "control/lifetimes_internal.h"

namespace ipsecgw::control {
namespace {

bool has_volume_limits(const model::Lifetime& l)
{
    return (l.soft_packets | l.hard_packets | l.soft_bytes | l.hard_bytes) != 0;
}

/// Has limits that workers count towards; without ESN the sequence numbers themselves are one (RFC 4303 section 3.3.3).
bool is_counted(const SaRecord& sa)
{
    return has_volume_limits(sa.params.lifetime) || (!sa.is_inbound() && !sa.params.esn);
}

/// "1000 packets" or "1000 bytes" when a limit is reached, else nothing.
std::string reached(const SaCounts& counts, uint64_t packets, uint64_t bytes)
{
    if (packets != 0 && counts.packets >= packets)
        return base::format("%" PRIu64 " packets", packets);
    if (bytes != 0 && counts.bytes >= bytes)
        return base::format("%" PRIu64 " bytes", bytes);
    return {};
}

}  // namespace

void Lifetimes::track(SaRecord& sa)
{
    const model::Lifetime& l = sa.params.lifetime;
    const auto due = [&](uint32_t seconds) {
        return seconds == 0 ? kNever : sa.installed_ns + seconds * base::kNsPerSecond;
    };
    sa.soft_ns = due(l.soft_seconds);
    sa.hard_ns = due(l.hard_seconds);
    for (const uint64_t when : {sa.soft_ns, sa.hard_ns})
        if (when != kNever)
            timers_.emplace(when, &sa);
    if (is_counted(sa)) {
        sa.counted_index = counted_.size();
        counted_.push_back(&sa);
    }
}

void Lifetimes::untrack(SaRecord& sa)
{
    timers_.erase({sa.soft_ns, &sa});
    timers_.erase({sa.hard_ns, &sa});
    sa.soft_ns = sa.hard_ns = kNever;
    untrack_counted(sa);
}

void Lifetimes::untrack_counted(SaRecord& sa)
{
    if (sa.counted_index == SaRecord::kNotCounted)
        return;
    SaRecord* last = counted_.back();
    counted_[sa.counted_index] = last;
    last->counted_index = sa.counted_index;
    counted_.pop_back();
    sa.counted_index = SaRecord::kNotCounted;
}

std::vector<Lifetimes::Expiry> Lifetimes::tick(uint64_t now_ns)
{
    std::vector<Expiry> out;
    tick_timers(now_ns, out);
    if (counted_.empty() || now_ns < next_round_ns_)
        return out;
    next_round_ns_ = now_ns + kRoundNs;
    // A look may untrack, which moves the last SA into the gap: it is seen in this round or the next.
    for (size_t looks = std::min(counted_.size(), kLooksPerRound); looks > 0 && !counted_.empty(); looks--) {
        cursor_ = cursor_ < counted_.size() ? cursor_ : 0;
        look(*counted_[cursor_++], out);
    }
    return out;
}

std::optional<Lifetimes::Expiry> Lifetimes::note(SaRecord& sa, End end, std::string what)
{
    if (sa.expired || (end == End::kSoft && std::exchange(sa.soft_reported, true)))
        return std::nullopt;
    switch (end) {
        case End::kSoft:
            break;
        case End::kHard:
        case End::kPortLost:
            untrack(sa);
            break;
        case End::kExhausted:
            if (sa.counted_index == SaRecord::kNotCounted && sa.is_exhausted())
                return std::nullopt;
            untrack_counted(sa);
            break;
    }
    return Expiry{&sa, end, std::move(what)};
}

void Lifetimes::tick_timers(uint64_t now_ns, std::vector<Expiry>& out)
{
    while (!timers_.empty() && timers_.begin()->first <= now_ns) {
        SaRecord& sa = *timers_.begin()->second;
        if (sa.hard_ns <= now_ns) {
            untrack(sa);
            out.push_back({&sa, End::kHard, base::format("%u seconds", sa.params.lifetime.hard_seconds)});
            continue;
        }
        timers_.erase(timers_.begin());
        sa.soft_ns = kNever;
        if (!std::exchange(sa.soft_reported, true))
            out.push_back({&sa, End::kSoft, base::format("%u seconds", sa.params.lifetime.soft_seconds)});
    }
}

void Lifetimes::look(SaRecord& sa, std::vector<Expiry>& out)
{
    const model::Lifetime& l = sa.params.lifetime;
    if (!has_volume_limits(l) && !sa.is_exhausted())
        return;  // the usual case, without the counters' cache lines
    const SaCounts counts = sa.counts();
    auto hard = reached(counts, l.hard_packets, l.hard_bytes);
    // Its owner drops a packet that does not fit into what is left of the bytes, and so may never get to the limit
    // itself.
    if (hard.empty() && sa.is_inbound() && l.hard_bytes != 0 &&
        counts.drops[static_cast<size_t>(telemetry::Drop::kExpired)] != 0)
        hard = base::format("%" PRIu64 " bytes", l.hard_bytes);
    if (hard.empty() && sa.is_exhausted()) {
        // Numbers of packets that failed later count too, so this end may come before `packets` says so.
        if (!sa.outbound->limited_by_lifetime) {
            untrack_counted(sa);
            out.push_back({&sa, End::kExhausted, "all sequence numbers"});
            return;
        }
        hard = base::format("%" PRIu64 " packets", l.hard_packets);
    }
    if (!hard.empty()) {
        untrack(sa);
        out.push_back({&sa, End::kHard, std::move(hard)});
        return;
    }
    if (sa.soft_reported)
        return;
    if (auto soft = reached(counts, l.soft_packets, l.soft_bytes); !soft.empty()) {
        sa.soft_reported = true;
        out.push_back({&sa, End::kSoft, std::move(soft)});
    }
}

uint64_t Lifetimes::next_ns() const
{
    const uint64_t timer = timers_.empty() ? kNever : timers_.begin()->first;
    return counted_.empty() ? timer : std::min(timer, next_round_ns_);
}

}  // namespace ipsecgw::control
