// From any thread to the control thread and back: one snapshot.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "control/control_plane.h"
#include "control/event_loop.h"
#include "iked/daemon.h"
#include "metrics/snapshot.h"

namespace ipsecgw::metrics {

/// Asks the control thread for a snapshot. What has no bound by the size of the machine (SAs, IKE SAs) is counted a
/// part at a time, between the loop's other work.
///
/// Threads: collect() by any; close() by any, once: no collect() waits after it. The loop and what it reads may go
/// when close() has returned and the loop has stopped.
class Collector {
  public:
    /// `daemon` may be null: no IKE daemon runs.
    Collector(control::EventLoop& loop, const control::ControlPlane& plane, const iked::Daemon* daemon)
        : shared_(std::make_shared<Shared>(loop, plane, daemon))
    {
    }
    ~Collector() { close(); }
    Collector(const Collector&) = delete;
    Collector& operator=(const Collector&) = delete;

    /// Waits at most so long; none: it took longer, or the gateway stops.
    [[nodiscard]] std::optional<Snapshot> collect(uint64_t timeout_ns);
    void close();
    /// A daemon that has started since; threads: the control thread.
    void set_daemon(const iked::Daemon* daemon) { shared_->daemon = daemon; }

  private:
    /// One snapshot in the making.
    struct Job {
        Snapshot snapshot;  // the control thread's until is_done
        uint64_t begin_ns = 0;
        ike::IkeSaId ike_cursor = 0;
        bool has_tunnels = false;
        bool has_ike = false;
        bool is_done = false;  // under Shared::mutex
    };
    struct Shared {
        Shared(control::EventLoop& l, const control::ControlPlane& p, const iked::Daemon* d)
            : loop(l), plane(p), daemon(d)
        {
        }
        control::EventLoop& loop;
        const control::ControlPlane& plane;
        const iked::Daemon* daemon;
        std::mutex mutex;
        std::condition_variable changed;
        bool closed = false;  // under mutex
    };
    static void begin(const std::shared_ptr<Shared>& shared, const std::shared_ptr<Job>& job);
    static void count_ike(const std::shared_ptr<Shared>& shared, const std::shared_ptr<Job>& job);
    static void end_when_complete(Shared& shared, Job& job);

    std::shared_ptr<Shared> shared_;
};

}  // namespace ipsecgw::metrics
