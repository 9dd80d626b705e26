#include "app/gateway.h"

#include <algorithm>
#include <map>
#include <pthread.h>
#include <set>
#include <signal.h>
#include <sys/epoll.h>
#include <utility>

#include <rte_launch.h>
#include <rte_lcore.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/random.h"
#include "metrics/exposition.h"
#include "route/neighbour_discovery.h"
#include "route/resolver.h"
#include "worker/packet_info.h"

namespace ipsecgw::app {
namespace {

constexpr uint32_t kPuntRing = 4096;
constexpr uint64_t kScrapeNs = 8 * base::kNsPerSecond;  // Prometheus waits 10 s unless told otherwise
constexpr size_t kRssKeyBytes = 64;  // ports take 40 to 52

using base::Error;
using base::ErrorCode;
using base::LogLevel;

int run_worker(void* worker)
{
    static_cast<worker::Worker*>(worker)->run();
    return 0;
}

std::string lcore_list(const std::vector<unsigned>& lcores)
{
    std::vector<std::string> words;
    for (const unsigned lcore : lcores)
        words.push_back(std::to_string(lcore));
    return base::join(words);
}

const char* plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/// Two ports of a configuration that mean one device would share its queues.
base::Result<void> check_devices(const model::Gateway& config)
{
    std::map<uint16_t, std::string> seen;
    for (const auto& port : config.ports) {
        auto id = dpdk::Port::find(port.device);
        if (!id)
            return Error{id.error().code, "port " + port.name + ": " + id.error().what, id.error().hint};
        const auto [other, is_new] = seen.emplace(*id, port.name);
        if (!is_new)
            return Error{ErrorCode::kInvalidArgument,
                         "ports " + other->second + " and " + port.name + " are the same device, " + port.device, ""};
    }
    return {};
}

/// Which engine ciphers how many SAs, and why: a line for each distinct choice.
void log_choices(const control::ControlPlane& control)
{
    using Choices = std::map<std::pair<std::string, std::string>, size_t>;  // what, why
    constexpr size_t kPage = 1024;
    Choices engines, offloads;
    std::string after;
    for (auto page = control.list_sas(after, kPage); !page.empty(); page = control.list_sas(after, kPage)) {
        for (const auto& sa : page) {
            engines[{sa.algorithm + " by " + sa.engine, sa.engine_reason}]++;
            offloads[{std::string(sa.offload), sa.offload_reason}]++;
        }
        after = page.back().name;
    }
    for (const Choices* choices : {&engines, &offloads})
        for (const auto& [choice, count] : *choices)
            base::log(LogLevel::kInfo, "%zu SA%s %s%s", count, plural(count), choice.first.c_str(),
                      choice.second.empty() ? "" : (" (" + choice.second + ")").c_str());
}

}  // namespace

std::vector<unsigned> Gateway::worker_lcores()
{
    std::vector<unsigned> lcores;
    for (unsigned lcore = rte_get_next_lcore(-1, 1, 0); lcore < RTE_MAX_LCORE; lcore = rte_get_next_lcore(lcore, 1, 0))
        lcores.push_back(lcore);
    return lcores;
}

base::Result<std::unique_ptr<Gateway>> Gateway::start(model::Gateway config, Host host)
{
    if (host.lcores.empty())
        return Error{ErrorCode::kInvalidArgument, "there is no lcore for a worker", "give at least two lcores: -l 0-1"};
    std::unique_ptr<Gateway> gateway(new Gateway(std::move(host)));
    GW_TRY(check_devices(config));
    gateway->started_.settings = config.settings;
    gateway->started_.ports = config.ports;
    gateway->started_.metrics = config.metrics;
    GW_TRY(gateway->make_engines(config));
    GW_TRY(gateway->make_pool(config));
    GW_TRY(gateway->open_ports(config));
    GW_TRY(gateway->make_tables(config));
    GW_TRY(gateway->make_workers());
    GW_TRY(gateway->start_ports());
    gateway->make_steering();
    GW_TRY(gateway->make_provider(config));
    GW_TRY(gateway->make_control(config));
    GW_TRY(gateway->make_ike(config));
    GW_TRY(gateway->launch_workers());
    GW_TRY(gateway->listen(config));
    GW_TRY(gateway->start_control());
    return gateway;
}

base::Result<void> Gateway::make_engines(const model::Gateway& config)
{
    const auto workers = static_cast<uint16_t>(host_.lcores.size());
    engines_ = GW_TRY(esp::Engines::create(
        {.workers = workers, .max_sas = config.settings.max_sas, .look_aside = config.settings.look_aside}));
    for (const auto& engine : engines_->list())
        base::log(LogLevel::kInfo, "engine %s: %s%s", engine.name.c_str(),
                  engine.usable ? "" : "not usable: ", engine.reason.c_str());
    return {};
}

base::Result<void> Gateway::make_pool(const model::Gateway& config)
{
    const auto workers = static_cast<uint16_t>(host_.lcores.size());
    dpdk::MbufDemand demand;
    demand.workers = workers;
    demand.queued = static_cast<uint32_t>(
        worker::PuntQueue::packets(kPuntRing) + route::Resolver::kMaxWaitingTotal +
        workers * worker::Worker::queued_packets(config.settings.look_aside.size(), config.settings.reassembly));
    uint16_t largest_mtu = 0;
    for (const auto& port : config.ports) {
        demand.descriptors += (uint32_t{port.rx_descriptors} + port.tx_descriptors) * workers;
        largest_mtu = std::max(largest_mtu, port.mtu);
    }
    const uint32_t count = config.settings.mbufs != 0 ? config.settings.mbufs : dpdk::MbufPool::mbufs_for(demand);
    pool_ = std::make_unique<dpdk::MbufPool>(GW_TRY(dpdk::MbufPool::create({.name = host_.name + "_mbufs",
                                                                            .count = count,
                                                                            .private_bytes = worker::kPacketInfoBytes,
                                                                            .largest_mtu = largest_mtu})));
    base::log(LogLevel::kInfo, "packet buffers: %u of %u bytes", count, dpdk::MbufPool::data_room(largest_mtu));
    return {};
}

base::Result<void> Gateway::open_ports(const model::Gateway& config)
{
    const auto workers = static_cast<uint16_t>(host_.lcores.size());
    // Random, so that nobody outside knows which worker an SPI or a flow leads to.
    rss_key_.resize(kRssKeyBytes);
    if (!crypto::random_bytes(rss_key_))
        return Error{ErrorCode::kUnavailable, "no random bytes for the ports' hash key", "check /dev/urandom"};
    for (const auto& wanted : config.ports) {
        ports_.push_back(GW_TRY(dpdk::Port::open({.name = wanted.name,
                                                  .device = wanted.device,
                                                  .workers = workers,
                                                  .mtu = wanted.mtu,
                                                  .rx_descriptors = wanted.rx_descriptors,
                                                  .tx_descriptors = wanted.tx_descriptors,
                                                  .promiscuous = wanted.promiscuous,
                                                  .rss_key = rss_key_},
                                                 pool_->get())));
        const dpdk::Port& port = ports_.back();
        worker::PortView view;
        view.index = static_cast<uint16_t>(data_.ports.size());
        view.port_id = port.id();
        view.name = wanted.name;
        view.role = wanted.role;
        view.mac = {port.mac()};
        view.mtu = wanted.mtu;
        view.addresses = route::with_link_local(wanted.addresses, view.mac);
        view.rx_queues = port.rx_queues();
        view.tx_queues = port.tx_queues();
        base::log(LogLevel::kInfo, "port %s: %s, driver %s, MAC %s, MTU %u, %u rx and %u tx queue%s, %s side",
                  wanted.name.c_str(), wanted.device.c_str(), port.driver().c_str(), view.mac.to_string().c_str(),
                  view.mtu, view.rx_queues, view.tx_queues, plural(view.tx_queues),
                  std::string(model::to_string(view.role)).c_str());
        data_.ports.push_back(std::move(view));
    }
    return {};
}

base::Result<void> Gateway::make_tables(const model::Gateway& config)
{
    const auto workers = static_cast<uint16_t>(host_.lcores.size());
    qsbr_ = GW_TRY(dpdk::Qsbr::create(workers));
    reclaimer_ = std::make_unique<dpdk::Reclaimer>(*qsbr_);
    sad_ = GW_TRY(sa::Sad::create(config.settings.max_sas, *reclaimer_));
    spd_ = GW_TRY(sa::Spd::create(workers, *reclaimer_));
    tables_ = GW_TRY(route::Tables::create(*reclaimer_));
    punt_ = GW_TRY(worker::PuntQueue::create(kPuntRing));
    data_.workers = workers;
    data_.sad = sad_.get();
    data_.spd = spd_.get();
    data_.tables = tables_.get();
    data_.qsbr = qsbr_.get();
    data_.punt = punt_.get();
    data_.pool = pool_->get();
    data_.engines = engines_.get();
    data_.icmp_errors = config.settings.icmp_errors;
    data_.reassembly = config.settings.reassembly;
    data_.idle_sleep_us = config.settings.idle_sleep_us;
    return {};
}

base::Result<void> Gateway::make_workers()
{
    for (uint16_t index = 0; index < data_.workers; index++) {
        const auto socket = static_cast<int>(rte_lcore_to_socket_id(host_.lcores[index]));
        workers_.push_back(GW_TRY(worker::Worker::create(data_, index, socket)));
    }
    worker::Worker::link(workers_);
    return {};
}

// After the ports have started: some take flow rules only then, and some tell their table only then.
void Gateway::make_steering()
{
    std::vector<offload::Steering::Port> outside;
    for (size_t i = 0; i < ports_.size(); i++)
        if (data_.ports[i].role != model::PortRole::kProtected)
            outside.push_back({ports_[i].id(), ports_[i].rx_queues(), offload::dialect_of(ports_[i].driver())});
    steering_ = offload::Steering::create(outside, data_.workers, rss_key_);
    for (const auto& view : data_.ports)
        if (view.role != model::PortRole::kProtected)
            base::log(LogLevel::kInfo, "steering on port %s: %s", view.name.c_str(),
                      steering_->describe(view.port_id).c_str());
}

base::Result<void> Gateway::make_provider(const model::Gateway& config)
{
    std::vector<uint16_t> outside;
    for (const auto& view : data_.ports)
        if (view.role != model::PortRole::kProtected)
            outside.push_back(view.port_id);
    port_events_ = GW_TRY(dpdk::PortEvents::create(outside));
    provider_ = GW_TRY(offload::RteSecurityProvider::create(outside, config.settings.max_sas, -1));
    for (const auto& view : data_.ports)
        if (view.role != model::PortRole::kProtected)
            base::log(LogLevel::kInfo, "offload on port %s: %s", view.name.c_str(),
                      provider_->describe(view.port_id).c_str());
    return {};
}

base::Result<void> Gateway::make_control(const model::Gateway& config)
{
    loop_ = GW_TRY(control::EventLoop::create());
    control::ControlPlane::Parts parts;
    parts.data = &data_;
    parts.reclaimer = reclaimer_.get();
    parts.engines = engines_.get();
    parts.provider = provider_.get();
    parts.steering = steering_.get();
    parts.port_events = port_events_.get();
    for (const auto& worker : workers_)
        parts.workers.push_back(worker.get());
    parts.lcores.assign(host_.lcores.begin(), host_.lcores.end());
    parts.version = host_.version;
    if (config.metrics)
        parts.max_tunnels = config.metrics->max_tunnels;
    control_ = std::make_unique<control::ControlPlane>(std::move(parts));
    GW_TRY(control_->load(config));
    const size_t routes = control_->list_routes().size();
    base::log(LogLevel::kInfo, "loaded %zu SA%s, %zu polic%s, %zu route%s (%zu connected), %zu static neighbour%s",
              config.sas.size(), plural(config.sas.size()), config.policies.size(),
              config.policies.size() == 1 ? "y" : "ies", routes, plural(routes), routes - config.routes.size(),
              config.neighbours.size(), plural(config.neighbours.size()));
    log_choices(*control_);
    return {};
}

base::Result<void> Gateway::start_ike(const model::Settings& settings)
{
    iked::Options options;
    options.save_keys = host_.save_keys;
    options.engine.retransmit_timeout_s = settings.ike_retransmit_timeout_ms / 1000.0;
    options.engine.retransmit_tries = settings.ike_retransmit_tries;
    ike_ = GW_TRY(iked::Daemon::create(*control_, std::move(options)));
    ike_source_ = std::make_unique<cli::DaemonSource>(*ike_);
    return {};
}

// Before the workers run: what the connections protect is in the SPD when the first packet comes.
base::Result<void> Gateway::make_ike(const model::Gateway& config)
{
    if (config.connections.empty())
        return {};
    GW_TRY(start_ike(config.settings));
    const auto errors = ike_->load(config);
    for (const auto& error : errors)
        base::log(LogLevel::kError, "%s%s%s", error.what.c_str(), error.hint.empty() ? "" : ": ", error.hint.c_str());
    if (!errors.empty())
        return Error{ErrorCode::kInvalidArgument,
                     base::format("%zu error%s in what IKE needs", errors.size(), plural(errors.size())),
                     "they are above"};
    base::log(LogLevel::kInfo, "loaded %zu connection%s, %zu secret%s, %zu private key%s, %zu authorit%s",
              config.connections.size(), plural(config.connections.size()), config.secrets.size(),
              plural(config.secrets.size()), config.private_keys.size(), plural(config.private_keys.size()),
              config.authorities.size(), config.authorities.size() == 1 ? "y" : "ies");
    return {};
}

base::Result<void> Gateway::start_ports()
{
    for (auto& port : ports_) {
        GW_TRY(port.start());
        ports_started_++;
    }
    return {};
}

base::Result<void> Gateway::launch_workers()
{
    for (size_t i = 0; i < workers_.size(); i++) {
        if (rte_eal_remote_launch(run_worker, workers_[i].get(), host_.lcores[i]) != 0)
            return Error{ErrorCode::kUnavailable, base::format("lcore %u is busy", host_.lcores[i]), ""};
        workers_launched_++;
    }
    base::log(LogLevel::kInfo, "%zu worker%s on lcore%s %s", workers_.size(), plural(workers_.size()),
              plural(workers_.size()), lcore_list(host_.lcores).c_str());
    return {};
}

base::Result<void> Gateway::listen(const model::Gateway& config)
{
    editor_ = std::make_unique<cli::ControlEditor>(*control_, started_.settings);
    if (!host_.config_file.empty())
        make_reloader();
    source_ = std::make_unique<cli::ControlSource>(
        cli::ControlSource::Parts{control_.get(), ike_source_.get(), editor_.get(), reloader_.get()});
    const std::string& socket = config.settings.control_socket;
    server_ = GW_TRY(cli::Server::create(*loop_, *source_, {.path = socket}));
    base::log(LogLevel::kInfo, "control socket %s", socket.c_str());
    return config.metrics ? serve_metrics(*config.metrics) : base::Result<void>();
}

base::Result<void> Gateway::serve_metrics(const model::Metrics& settings)
{
    collector_ = std::make_unique<metrics::Collector>(*loop_, *control_, ike_.get());
    metrics_ = GW_TRY(metrics::HttpServer::create(settings, [collector = collector_.get()]() -> std::optional<std::string> {
        const auto snapshot = collector->collect(kScrapeNs);
        if (!snapshot)
            return std::nullopt;
        return metrics::to_text(*snapshot);
    }));
    if (!settings.address.empty())
        base::log(LogLevel::kInfo, "metrics on %s port %u", settings.address.c_str(), settings.port);
    if (!settings.socket.empty())
        base::log(LogLevel::kInfo, "metrics on %s", settings.socket.c_str());
    return {};
}

base::Result<void> Gateway::start_control()
{
    GW_TRY(loop_->watch(punt_->event_fd(), EPOLLIN, [this](uint32_t) { punt_->woke(); }));
    // Waking is all it is for: tick() takes what ports report.
    GW_TRY(loop_->watch(port_events_->event_fd(), EPOLLIN, [](uint32_t) {}));
    loop_->set_before_sleep([this] { return before_sleep(); });
    loop_->post([this] { control_->announce(base::monotonic_ns()); });
    telemetry_ = GW_TRY(cli::TelemetryCommands::create(*loop_, *source_));
    std::vector<const worker::Worker*> watched;
    for (const auto& worker : workers_)
        watched.push_back(worker.get());
    watchdog_ = std::make_unique<Watchdog>(*loop_, std::move(watched), host_.watchdog_ns, host_.alive);
    // Signals are the process's affair: the control thread takes none, whatever its creator lets through.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    control_thread_ = std::thread([this] { loop_->run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_setname_np(control_thread_.native_handle(), "gw-control");
    return {};
}

bool Gateway::before_sleep()
{
    const uint64_t now = base::monotonic_ns();
    bool drained = control_->handle_punts(now);
    uint64_t next = control_->tick(now);
    if (ike_ != nullptr) {
        drained = ike_->work() && drained;
        next = std::min(next, ike_->next_deadline_ns());
        if (ike_is_ending_ && ike_->is_idle()) {
            ike_is_ending_ = false;
            ike_ended_.set_value();
        }
    }
    if (next != tick_ns_) {
        loop_->cancel(tick_timer_);
        tick_ns_ = next;
        // Waking is all it is for: the tick comes before the next sleep.
        tick_timer_ = next == UINT64_MAX ? 0 : loop_->arm(next, [this] { tick_ns_ = UINT64_MAX; });
    }
    return drained && punt_->prepare_to_sleep();
}

// Peers learn that the SAs are gone (RFC 7296 section 1.4.1); those that are gone themselves are not waited for.
void Gateway::end_ike()
{
    // It may have come with a reload: the control thread knows.
    loop_->post([this] {
        if (ike_ == nullptr)
            return ike_ended_.set_value();
        ike_sas_at_end_ = ike_->stats().ike_sas;
        ike_->terminate_all();
        ike_is_ending_ = true;
    });
    ike_ended_.get_future().wait_for(kFarewell);
}

void Gateway::stop()
{
    if (control_thread_.joinable()) {
        if (collector_ != nullptr)
            collector_->close();
        metrics_.reset();
        end_ike();
        loop_->stop();
        control_thread_.join();
        watchdog_.reset();
        if (ike_ != nullptr && ike_->is_idle())
            base::log(LogLevel::kInfo, "%u IKE SA%s deleted", ike_sas_at_end_, plural(ike_sas_at_end_));
        else if (ike_ != nullptr)
            base::log(LogLevel::kWarning, "%u IKE SAs deleted, %u of them without their peers' answer", ike_sas_at_end_,
                      ike_->stats().ike_sas);
        telemetry_.reset();
        server_.reset();
        reloader_.reset();
        base::log(LogLevel::kInfo, "control stopped");
    }
    if (workers_launched_ != 0) {
        for (size_t i = 0; i < workers_launched_; i++)
            workers_[i]->stop();
        for (size_t i = 0; i < workers_launched_; i++)
            rte_eal_wait_lcore(host_.lcores[i]);
        base::log(LogLevel::kInfo, "%zu worker%s stopped", workers_launched_, plural(workers_launched_));
        workers_launched_ = 0;
    }
    if (ports_started_ != 0) {
        for (auto& port : ports_)
            port.stop();
        base::log(LogLevel::kInfo, "%zu port%s stopped", ports_started_, plural(ports_started_));
        ports_started_ = 0;
    }
}

Gateway::~Gateway()
{
    stop();
}

}  // namespace ipsecgw::app
