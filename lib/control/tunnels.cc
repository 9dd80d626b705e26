#include <algorithm>
#include <utility>

#include "control/tunnels_internal.h"

namespace ipsecgw::control {
namespace {

void add(SaCounts& sum, const SaCounts& more)
{
    sum.packets += more.packets;
    sum.bytes += more.bytes;
    for (size_t i = 0; i < sum.drops.size(); i++)
        sum.drops[i] += more.drops[i];
}

/// No number below zero: what a port counts may lag behind.
void subtract(SaCounts& from, const SaCounts& less)
{
    from.packets -= std::min(from.packets, less.packets);
    from.bytes -= std::min(from.bytes, less.bytes);
    for (size_t i = 0; i < from.drops.size(); i++)
        from.drops[i] -= std::min(from.drops[i], less.drops[i]);
}

TunnelSide& side_of(Tunnel& tunnel, const SaRecord& record)
{
    return tunnel.sides[static_cast<size_t>(record.params.direction)];
}

/// Reads an SA's last counts when no worker counts any more.
std::function<SaCounts()> reader_of(const SaRecord& record, const SaCounts& noted)
{
    if (record.final_counts != nullptr)
        return [last = record.final_counts, noted] { return last->taken ? last->counts : noted; };
    auto port = record.kind == sa::OffloadKind::kFullProtocol ? record.installed : nullptr;
    if (record.inbound != nullptr)
        return [sa = record.inbound, port = std::move(port)] {
            SaCounts counts = read_counts(*sa);
            if (port != nullptr)
                add_port_counts(*port, model::Direction::kInbound, counts);
            return counts;
        };
    return [sa = record.outbound, carried = record.carried, port = std::move(port)] {
        SaCounts counts = read_counts(*sa);
        add(counts, carried);
        if (port != nullptr)
            add_port_counts(*port, model::Direction::kOutbound, counts);
        return counts;
    };
}

TunnelStatus status_of(const Tunnel& tunnel, model::Direction direction, uint64_t walk, uint64_t now_ns)
{
    const TunnelSide& side = tunnel.sides[static_cast<size_t>(direction)];
    const SaCounts total = side.total(walk);
    TunnelStatus row;
    row.name = tunnel.name;
    row.direction = direction;
    row.sas = side.sas;
    row.installs = side.installs;
    row.rekeys = side.rekeys;
    row.packets = total.packets;
    row.bytes = total.bytes;
    row.drops = total.drops;
    if (side.walk == walk && side.oldest_ns != kNever)
        row.oldest_seconds = (now_ns - std::min(now_ns, side.oldest_ns)) / base::kNsPerSecond;
    return row;
}

}  // namespace

void TunnelSide::begin(uint64_t number)
{
    if (walk == number)
        return;
    walk = number;
    seen = {};
    moved = {};
    oldest_ns = kNever;
}

SaCounts TunnelSide::total(uint64_t number) const
{
    SaCounts sum = retired;
    if (walk == number) {
        subtract(sum, moved);
        add(sum, seen);
    }
    return sum;
}

std::shared_ptr<Tunnel> Tunnels::find_or_make(const std::string& name)
{
    if (const auto known = tunnels_.find(name); known != tunnels_.end())
        return known->second;
    if (tunnels_.size() >= max_ && !forget_idle())
        return others_;
    auto tunnel = std::make_shared<Tunnel>();
    tunnel->name = name;
    return tunnels_.emplace(name, std::move(tunnel)).first->second;
}

bool Tunnels::forget_idle()
{
    while (!idle_.empty()) {
        const auto tunnel = idle_.front().lock();
        idle_.pop_front();
        if (tunnel == nullptr)
            continue;
        tunnel->is_listed_idle = false;
        if (tunnel->sas() != 0)
            continue;
        for (size_t i = 0; i < tunnel->sides.size(); i++) {
            TunnelSide& into = others_->sides[i];
            control::add(into.retired, tunnel->sides[i].retired);  // without SAs that is all
            into.installs += tunnel->sides[i].installs;
            into.rekeys += tunnel->sides[i].rekeys;
        }
        tunnels_.erase(tunnel->name);
        return true;
    }
    return false;
}

void Tunnels::add(SaRecord& record)
{
    const std::string& name = record.params.tunnel_name.empty() ? record.params.name : record.params.tunnel_name;
    record.tunnel = find_or_make(name);
    TunnelSide& side = side_of(*record.tunnel, record);
    side.installs++;
    if (side.sas != 0 && record.tunnel != others_)
        side.rekeys++;
    side.sas++;
}

void Tunnels::remove(SaRecord& record, dpdk::Reclaimer& reclaimer)
{
    Tunnel& tunnel = *record.tunnel;
    TunnelSide& side = side_of(tunnel, record);
    const SaCounts noted = record.counts_with_port();
    side.sas--;
    control::add(side.retired, noted);
    if (!asking_.empty()) {
        side.begin(walk_);
        if (record.walk != walk_)
            control::add(side.seen, noted);
        control::add(side.moved, noted);
    }
    auto settle = [weak = std::weak_ptr(record.tunnel), direction = record.params.direction, noted,
                   read = reader_of(record, noted)] {
        const auto still = weak.lock();
        if (still == nullptr)
            return;
        SaCounts late = read();
        subtract(late, noted);
        control::add(still->sides[static_cast<size_t>(direction)].retired, late);
    };
    if (record.kind == sa::OffloadKind::kLookAside && record.final_counts == nullptr) {
        std::function<bool()> is_idle;
        if (record.inbound != nullptr)
            is_idle = [sa = record.inbound] { return sa->is_idle(); };
        else
            is_idle = [sa = record.outbound] { return sa->is_idle(); };
        reclaimer.retire_when(std::move(is_idle), std::move(settle));
    } else {
        reclaimer.retire(std::move(settle));
    }
    if (tunnel.sas() == 0 && record.tunnel != others_ && !tunnel.is_listed_idle) {
        tunnel.is_listed_idle = true;
        idle_.push_back(record.tunnel);
    }
}

bool Tunnels::step(const SaTable& sas, uint64_t now_ns)
{
    if (asking_.empty()) {
        if (waiting_.empty())
            return false;
        asking_.swap(waiting_);
        walk_++;
        cursor_.clear();
    }
    const auto& all = sas.all();
    auto next = cursor_.empty() ? all.begin() : all.upper_bound(cursor_);
    size_t looked_at = 0;
    for (; next != all.end() && looked_at < kSasPerStep; ++next, ++looked_at) {
        const SaRecord& record = next->second;
        TunnelSide& side = side_of(*record.tunnel, record);
        side.begin(walk_);
        record.walk = walk_;
        control::add(side.seen, record.counts_with_port());
        side.oldest_ns = std::min(side.oldest_ns, record.installed_ns);
        if (looked_at + 1 == kSasPerStep)
            cursor_ = next->first;
    }
    if (next != all.end())
        return true;
    finish(now_ns);
    return is_counting();
}

void Tunnels::finish(uint64_t now_ns)
{
    std::vector<TunnelStatus> rows;
    rows.reserve(2 * tunnels_.size() + 2);
    const auto append = [&](const Tunnel& tunnel) {
        for (const auto direction : {model::Direction::kInbound, model::Direction::kOutbound})
            if (tunnel.sides[static_cast<size_t>(direction)].installs != 0)
                rows.push_back(status_of(tunnel, direction, walk_, now_ns));
    };
    for (const auto& [name, tunnel] : tunnels_)
        append(*tunnel);
    append(*others_);
    const auto asking = std::exchange(asking_, {});
    for (const auto& done : asking)
        done(rows);
}

}  // namespace ipsecgw::control
