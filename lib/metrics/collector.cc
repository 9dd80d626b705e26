#include "metrics/collector.h"

#include <chrono>
#include <utility>

#include "base/clock.h"

namespace ipsecgw::metrics {

namespace {
constexpr size_t kIkeSasPerTurn = 4096;
}

std::optional<Snapshot> Collector::collect(uint64_t timeout_ns)
{
    const auto job = std::make_shared<Job>();
    std::unique_lock lock(shared_->mutex);
    if (shared_->closed)
        return std::nullopt;
    job->begin_ns = base::monotonic_ns();
    shared_->loop.post([shared = shared_, job] { begin(shared, job); });
    shared_->changed.wait_for(lock, std::chrono::nanoseconds(timeout_ns), [&] { return job->is_done || shared_->closed; });
    if (!job->is_done)
        return std::nullopt;
    return std::move(job->snapshot);
}

void Collector::close()
{
    const std::lock_guard lock(shared_->mutex);
    shared_->closed = true;
    shared_->changed.notify_all();
}

// On the control thread, from here on.

void Collector::begin(const std::shared_ptr<Shared>& shared, const std::shared_ptr<Job>& job)
{
    Snapshot& snapshot = job->snapshot;
    snapshot.stats = shared->plane.stats();
    snapshot.ports = shared->plane.list_ports();
    snapshot.drops = shared->plane.drops_by_worker();
    shared->plane.count_tunnels([shared, job](std::vector<control::TunnelStatus> tunnels) {
        job->snapshot.tunnels = std::move(tunnels);
        job->has_tunnels = true;
        end_when_complete(*shared, *job);
    });
    if (shared->daemon == nullptr) {
        job->has_ike = true;
        return;
    }
    snapshot.ike.emplace().stats = shared->daemon->stats();
    count_ike(shared, job);
}

void Collector::count_ike(const std::shared_ptr<Shared>& shared, const std::shared_ptr<Job>& job)
{
    job->ike_cursor = shared->daemon->count_states(job->ike_cursor, kIkeSasPerTurn, job->snapshot.ike->states);
    if (job->ike_cursor != 0) {
        shared->loop.arm(base::monotonic_ns(), [shared, job] { count_ike(shared, job); });
        return;
    }
    job->has_ike = true;
    end_when_complete(*shared, *job);
}

void Collector::end_when_complete(Shared& shared, Job& job)
{
    if (!job.has_ike || !job.has_tunnels)
        return;
    job.snapshot.seconds =
        static_cast<double>(base::monotonic_ns() - job.begin_ns) / static_cast<double>(base::kNsPerSecond);
    const std::lock_guard lock(shared.mutex);
    job.is_done = true;
    shared.changed.notify_all();
}

}  // namespace ipsecgw::metrics
