// The composition root: makes everything a running gateway consists of, in order, and takes it down in reverse.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/reloader.h"
#include "app/watchdog.h"
#include "base/result.h"
#include "cli/control_source.h"
#include "cli/daemon_source.h"
#include "cli/server.h"
#include "cli/telemetry.h"
#include "control/control_plane.h"
#include "control/event_loop.h"
#include "dpdk/mbuf_pool.h"
#include "dpdk/port.h"
#include "dpdk/port_events.h"
#include "dpdk/qsbr.h"
#include "esp/engine.h"
#include "iked/daemon.h"
#include "metrics/collector.h"
#include "metrics/http_server.h"
#include "model/gateway.h"
#include "offload/rte_security_provider.h"
#include "offload/steering.h"
#include "route/tables.h"
#include "sa/sad.h"
#include "sa/spd.h"
#include "worker/dataplane.h"
#include "worker/punt.h"
#include "worker/worker.h"

namespace ipsecgw::app {

/// A running gateway. Several may live in one process, on lcores and ports of their own.
///
/// Threads: start and stop by the main lcore's thread. It runs a control thread and one worker on each lcore given.
class Gateway {
  public:
    /// What the process gives to it.
    struct Host {
        std::string name;              // unique in the process: names of its DPDK objects begin with it
        std::vector<unsigned> lcores;  // of the workers; launched and free to take
        std::string version;
        uint64_t watchdog_ns = 0;     // how often somebody wants to hear `alive`; 0: never
        std::function<void()> alive;  // called by the control thread while it and every worker turn
        std::string save_keys;  // file for Wireshark's tables of keys; empty: none
        std::string config_file;  // to read again; empty: there is none
    };
    /// Every lcore of EAL but the main one.
    static std::vector<unsigned> worker_lcores();
    /// EAL has started. Logs one line a step. On an error everything done so far is undone, and the error says what to
    /// do.
    static base::Result<std::unique_ptr<Gateway>> start(model::Gateway config, Host host);
    /// Stops it when that has not been done.
    ~Gateway();
    Gateway(const Gateway&) = delete;
    Gateway& operator=(const Gateway&) = delete;

    /// IKE SAs first, whose peers are told, for kFarewell at most; then control, workers, ports; one line a step.
    void stop();
    static constexpr std::chrono::seconds kFarewell{3};

    /// Reads the configuration file again and does what has changed in it; the log tells what came of it. Returns at once.
    void reload();

  private:
    explicit Gateway(Host host) : host_(std::move(host)) {}

    // The steps of a start, in this order.
    base::Result<void> make_engines(const model::Gateway& config);
    base::Result<void> make_pool(const model::Gateway& config);
    base::Result<void> open_ports(const model::Gateway& config);
    base::Result<void> make_tables(const model::Gateway& config);
    base::Result<void> make_workers();
    base::Result<void> start_ports();
    void make_steering();
    base::Result<void> make_provider(const model::Gateway& config);
    base::Result<void> make_control(const model::Gateway& config);
    base::Result<void> make_ike(const model::Gateway& config);
    base::Result<void> start_ike(const model::Settings& settings);
    void make_reloader();
    std::vector<base::Error> check_reload(const model::Gateway& wanted);
    std::vector<control::Change> compare_reload(const model::Gateway& wanted);
    Reloader::Applied apply_reload(model::Gateway wanted);
    base::Result<void> launch_workers();
    base::Result<void> listen(const model::Gateway& config);
    base::Result<void> serve_metrics(const model::Metrics& settings);
    base::Result<void> start_control();

    bool before_sleep();
    void end_ike();

    Host host_;
    // In the order they are made: what stands below uses what stands above.
    std::unique_ptr<esp::Engines> engines_;
    std::unique_ptr<dpdk::MbufPool> pool_;
    std::vector<dpdk::Port> ports_;
    std::unique_ptr<dpdk::PortEvents> port_events_;
    std::vector<uint8_t> rss_key_;
    std::unique_ptr<offload::Steering> steering_;
    std::unique_ptr<offload::RteSecurityProvider> provider_;
    std::unique_ptr<dpdk::Qsbr> qsbr_;
    std::unique_ptr<dpdk::Reclaimer> reclaimer_;
    std::unique_ptr<sa::Sad> sad_;
    std::unique_ptr<sa::Spd> spd_;
    std::unique_ptr<route::Tables> tables_;
    std::unique_ptr<worker::PuntQueue> punt_;
    worker::DataPlane data_;
    std::vector<std::unique_ptr<worker::Worker>> workers_;
    std::unique_ptr<control::EventLoop> loop_;
    std::unique_ptr<control::ControlPlane> control_;
    std::unique_ptr<iked::Daemon> ike_;  // null: no connection is configured, so nobody negotiates
    std::unique_ptr<cli::DaemonSource> ike_source_;
    std::unique_ptr<cli::ControlEditor> editor_;
    std::unique_ptr<Reloader> reloader_;
    std::unique_ptr<cli::ControlSource> source_;
    std::unique_ptr<cli::Server> server_;
    std::unique_ptr<cli::TelemetryCommands> telemetry_;
    std::unique_ptr<metrics::Collector> collector_;
    std::unique_ptr<metrics::HttpServer> metrics_;  // null: none is configured
    std::unique_ptr<Watchdog> watchdog_;

    model::Gateway started_;  // settings and ports of the start
    size_t ports_started_ = 0;
    size_t workers_launched_ = 0;
    std::thread control_thread_;
    // The control thread's.
    uint64_t tick_ns_ = UINT64_MAX;  // when the timer is armed for; UINT64_MAX: not armed
    uint64_t tick_timer_ = 0;
    bool ike_is_ending_ = false;
    uint32_t ike_sas_at_end_ = 0;
    std::promise<void> ike_ended_;
};

}  // namespace ipsecgw::app
