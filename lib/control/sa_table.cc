#include <algorithm>
#include <utility>

#include <rte_cycles.h>

#include "base/clock.h"
#include "control/sa_table_internal.h"

namespace ipsecgw::control {
namespace {

void add(SaCounts& sum, const sa::SaCounters& counters)
{
    sum.packets += counters.packets.get();
    sum.bytes += counters.bytes.get();
    sum.last_used_tsc = std::max(sum.last_used_tsc, counters.last_used_tsc.get());
}

void add(SaCounts& sum, const sa::SaDrops& drops)
{
    for (size_t i = 0; i < sum.drops.size(); i++)
        sum.drops[i] += drops.get(static_cast<telemetry::Drop>(i));
}

}  // namespace

SaCounts read_counts(const sa::InboundSa& sa)
{
    SaCounts counts;
    add(counts, sa.counters);
    add(counts, sa.drops);
    counts.sequence = sa.replay.highest();
    return counts;
}

SaCounts read_counts(const sa::OutboundSa& sa)
{
    SaCounts counts;
    for (uint16_t worker = 0; worker < sa.workers; worker++)
        add(counts, sa.counters(worker));
    add(counts, sa.drops);
    // A burst that does not fit any more has moved the counter past the end.
    const uint64_t next = sa.next_sequence.load(std::memory_order_relaxed);
    counts.sequence = std::min(next - 1, sa.last_sequence);
    return counts;
}

SaCounts SaRecord::counts() const
{
    if (final_counts && final_counts->taken)
        return final_counts->counts;
    if (inbound != nullptr)
        return read_counts(*inbound);
    SaCounts sum = read_counts(*outbound);
    sum.packets += carried.packets;
    sum.bytes += carried.bytes;
    sum.last_used_tsc = std::max(sum.last_used_tsc, carried.last_used_tsc);
    for (size_t i = 0; i < sum.drops.size(); i++)
        sum.drops[i] += carried.drops[i];
    return sum;
}

void add_port_counts(const offload::Installed& installed, model::Direction direction, SaCounts& counts)
{
    const auto statistics = installed.statistics();
    if (!statistics)
        return;
    // Inbound, those it delivered with a mark are among the errors it counts. Outbound, workers counted what they gave
    // it.
    uint64_t& rejected = counts.drops[static_cast<size_t>(telemetry::Drop::kPortRejected)];
    rejected = std::max(rejected, statistics->errors);
    if (direction == model::Direction::kOutbound)
        counts.packets -= std::min(counts.packets, statistics->errors);
}

SaCounts SaRecord::counts_with_port() const
{
    SaCounts sum = counts();
    if (kind == sa::OffloadKind::kFullProtocol && installed != nullptr)
        add_port_counts(*installed, params.direction, sum);
    return sum;
}

bool SaRecord::is_exhausted() const
{
    return outbound != nullptr && outbound->next_sequence.load(std::memory_order_relaxed) > outbound->last_sequence;
}

uint64_t idle_ns(uint64_t last_used_tsc)
{
    if (last_used_tsc == 0)
        return kNever;
    const uint64_t now = rte_rdtsc();  // TSCs of two cores may differ by a few ticks
    const double ticks = now > last_used_tsc ? static_cast<double>(now - last_used_tsc) : 0;
    return static_cast<uint64_t>(ticks / static_cast<double>(rte_get_tsc_hz()) *
                                 static_cast<double>(base::kNsPerSecond));
}

SaRecord* SaTable::find(std::string_view name)
{
    const auto it = records_.find(name);
    return it == records_.end() ? nullptr : &it->second;
}

SaRecord& SaTable::insert(SaRecord record)
{
    std::string name = record.params.name;
    SaRecord& stored = records_.emplace(std::move(name), std::move(record)).first->second;
    by_spi_.emplace(stored.params.spi, &stored);
    return stored;
}

void SaTable::rename(SaRecord& record, std::string to)
{
    auto node = records_.extract(records_.find(record.params.name));
    record.params.name = to;
    node.key() = std::move(to);
    records_.insert(std::move(node));
}

void SaTable::erase(std::string_view name)
{
    const auto it = records_.find(name);
    if (it == records_.end())
        return;
    auto [first, last] = by_spi_.equal_range(it->second.params.spi);
    for (; first != last; ++first)
        if (first->second == &it->second) {
            by_spi_.erase(first);
            break;
        }
    records_.erase(it);
}

}  // namespace ipsecgw::control
