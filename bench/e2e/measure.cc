#include "measure.h"

#include <algorithm>
#include <barrier>
#include <memory>
#include <optional>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "base/text.h"
#include "churn.h"
#include "rig.h"
#include "traffic.h"
#include "window.h"

namespace ipsecgw::bench {

using base::Error;
using base::ErrorCode;

namespace {

constexpr uint32_t kWarmUpBursts = 4000;
constexpr uint32_t kApartBursts = 2000;  // of a window of what is measured apart

/// One worker under load; runs on its lcore.
class Driver {
  public:
    Driver(const Case& what, const Effort& effort, Rig& rig, Traffic traffic, std::barrier<>& start)
        : what_(what), effort_(effort), rig_(rig), traffic_(std::move(traffic)), start_(start)
    {
    }

    void run(uint16_t worker)
    {
        worker_ = &rig_.worker(worker);
        rig_.engines().prepare_thread();
        // Takes long, and reads no table: offline, so that what is replaced meanwhile can go.
        measure_apart();
        rig_.qsbr().online(worker);
        for (uint32_t i = 0; i < kWarmUpBursts && !error_; i++)
            turn();
        for (uint32_t i = 0; i < effort_.windows; i++) {
            start_.arrive_and_wait();
            if (!error_)
                windows_.push_back(window());
        }
        rig_.qsbr().offline(worker);
    }

    [[nodiscard]] const std::vector<Window>& windows() const { return windows_; }
    [[nodiscard]] const std::vector<double>& port() const { return port_; }
    [[nodiscard]] const std::vector<double>& cipher() const { return cipher_; }
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }

  private:
    /// Cycles of one turn over one burst.
    uint64_t turn()
    {
        if (auto fed = traffic_.feed(what_.burst); !fed) {
            error_ = fed.error();
            return 0;
        }
        const uint64_t begin = rte_rdtsc_precise();
        const uint32_t taken = worker_->turn();
        const uint64_t cycles = rte_rdtsc_precise() - begin;
        const uint32_t sent = traffic_.drain();
        if (taken != what_.burst || sent != what_.burst)
            error_ = Error{ErrorCode::kIo, base::format("of %u packets %u came out", what_.burst, sent)};
        return cycles;
    }

    Window window()
    {
        const auto goal = static_cast<uint64_t>(effort_.window_ms * static_cast<double>(rte_get_tsc_hz()) / 1000);
        Window all(what_.burst);
        Stages before = Stages::of(*worker_);
        const uint64_t begin = rte_rdtsc();
        while (all.cycles() < goal && !error_) {
            all.add_turn(turn());
            if (worker_->stages().packets() == before.packets)
                continue;
            const Stages now = Stages::of(*worker_);
            all.add_timed(now.since(before));
            before = now;
        }
        all.close(rte_rdtsc() - begin);
        return all;
    }

    /// What is measured apart, with interruptions left out as in a window.
    void measure_apart()
    {
        for (uint32_t i = 0; i < effort_.windows; i++) {
            Window port(what_.burst), cipher(what_.burst);
            for (uint32_t burst = 0; burst < kApartBursts; burst++) {
                // A model port does the gateway's work inside these calls.
                if (what_.kind == Kind::kSoftware && traffic_.feed(what_.burst)) {
                    port.add_turn(traffic_.pass_burst());
                    traffic_.drain();
                    cipher.add_turn(traffic_.cipher_burst());
                }
            }
            port.close(0);
            cipher.close(0);
            port_.push_back(port.per_packet());
            cipher_.push_back(cipher.per_packet());
        }
    }

    const Case& what_;
    const Effort& effort_;
    Rig& rig_;
    Traffic traffic_;
    std::barrier<>& start_;
    worker::Worker* worker_ = nullptr;
    std::vector<Window> windows_;
    std::vector<double> port_, cipher_;
    std::optional<Error> error_;
};

using Drivers = std::vector<std::unique_ptr<Driver>>;

bool all_done(const std::vector<unsigned>& lcores)
{
    return std::all_of(lcores.begin(), lcores.end(),
                       [](unsigned lcore) { return rte_eal_get_lcore_state(lcore) == WAIT; });
}

/// `meanwhile` is what this thread does until the workers are done.
base::Result<void> run_all(Drivers& drivers, Churn& meanwhile)
{
    unsigned lcore = rte_get_next_lcore(-1, 1, 0);
    std::vector<unsigned> launched;
    struct Job {
        Driver* driver;
        uint16_t worker;
    };
    std::vector<Job> jobs;
    for (const auto& driver : drivers)
        jobs.push_back({driver.get(), static_cast<uint16_t>(jobs.size())});
    for (Job& job : jobs) {
        const auto run = [](void* given) {
            const Job& mine = *static_cast<const Job*>(given);
            mine.driver->run(mine.worker);
            return 0;
        };
        rte_eal_remote_launch(run, &job, lcore);
        launched.push_back(lcore);
        lcore = rte_get_next_lcore(lcore, 1, 0);
    }
    const auto replaced = meanwhile.run([&] { return all_done(launched); });
    for (const unsigned one : launched)
        rte_eal_wait_lcore(one);
    GW_TRY(replaced);
    for (const auto& driver : drivers)
        if (driver->error())
            return *driver->error();
    return {};
}

Figure apart(const Drivers& drivers, const std::vector<double>& (Driver::*of)() const)
{
    std::vector<double> all;
    for (const auto& driver : drivers)
        all.insert(all.end(), ((*driver).*of)().begin(), ((*driver).*of)().end());
    return Figure::of(all);
}

void summarize(const Drivers& drivers, uint32_t windows, Result& result)
{
    const auto hz = static_cast<double>(rte_get_tsc_hz());
    const auto workers = static_cast<double>(drivers.size());
    std::vector<double> cycles, own, rates, wall_rates;
    Stages stages;
    for (uint32_t i = 0; i < windows; i++) {
        double sum = 0, own_sum = 0, rate = 0, wall_rate = 0;
        for (const auto& driver : drivers) {
            const Window& window = driver->windows()[i];
            sum += window.per_packet();
            own_sum += window.own();
            rate += hz / window.per_packet();
            wall_rate += hz / window.wall_per_packet();
            stages.add(window.stages());
            result.interrupted_share += window.interrupted_share() / workers / windows;
        }
        cycles.push_back(sum / workers);
        own.push_back(own_sum / workers);
        rates.push_back(rate / 1e6);
        wall_rates.push_back(wall_rate / 1e6);
    }
    result.gateway = Figure::of(cycles);
    result.own = Figure::of(own);
    for (size_t i = 0; i < result.stages.size(); i++)
        result.stages[i] = stages.per_packet(static_cast<telemetry::Stage>(i));
    result.mpps = *std::max_element(rates.begin(), rates.end());
    result.wall_mpps = Figure::of(wall_rates).median;
}

}  // namespace

double Result::gbps() const
{
    return mpps * frame_bytes * 8 / 1000;
}

base::Result<Result> measure(const Case& what, const Effort& effort)
{
    if (what.workers + 1u > rte_lcore_count())
        return Error{ErrorCode::kUnavailable, base::format("%u workers and %u lcores", what.workers, rte_lcore_count()),
                     "one lcore more than workers, see --lcores"};
    auto rig = GW_TRY(Rig::create(what));
    Result result;
    result.what = what;
    result.bytes_per_sa = rig->bytes_per_sa();
    result.engine = rig->first_sa().engine;
    result.frame_bytes = what.mix.mean_bytes();
    std::barrier start(what.workers);
    Drivers drivers;
    for (uint16_t worker = 0; worker < what.workers; worker++)
        drivers.push_back(
            std::make_unique<Driver>(what, effort, *rig, GW_TRY(Traffic::create(what, *rig, worker)), start));
    Churn churn(what, *rig);
    if (auto ran = run_all(drivers, churn); !ran)
        return Error{ran.error().code, what.name() + ": " + ran.error().what, "drops: " + rig->drops()};
    summarize(drivers, effort.windows, result);
    result.churn_rate = churn.rate();
    result.policy_change_rate = churn.policy_rate();
    result.port = apart(drivers, &Driver::port);
    result.cipher = apart(drivers, &Driver::cipher);
    return result;
}

}  // namespace ipsecgw::bench
