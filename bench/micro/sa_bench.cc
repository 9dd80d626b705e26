// Replay window, SAD and SPD look-up, and the cost of a change, by size.
//
// Look-ups go through bursts of 32 in random order over the whole table, as a worker does: prefetch all, then find all. Cycles are
// TSC cycles per packet (or per change).
#include <array>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include <benchmark/benchmark.h>
#include <rte_cycles.h>
#include <rte_eal.h>

#include "dpdk/qsbr.h"
#include "sa/inbound_sa.h"
#include "sa/replay_window.h"
#include "sa/sad.h"
#include "sa/spd.h"

namespace {

using namespace ipsecgw;

constexpr size_t kBurst = 32;
constexpr size_t kKeys = size_t{1} << 20;  // a multiple of kBurst

template <class T>
T take(base::Result<T> result)
{
    if (!result)
        throw std::runtime_error(result.error().what);
    return std::move(result).value();
}

// Cycles of a loop over items, as a counter of the benchmark.
class Cycles {
 public:
    explicit Cycles(benchmark::State& state) : state_(state), start_(rte_rdtsc()) {}
    void done(uint64_t items_per_iteration)
    {
        const auto items = static_cast<double>(static_cast<uint64_t>(state_.iterations()) * items_per_iteration);
        state_.counters["cycles"] = static_cast<double>(rte_rdtsc() - start_) / items;
        state_.SetItemsProcessed(static_cast<int64_t>(items));
    }

 private:
    benchmark::State& state_;
    uint64_t start_;
};

// No reader is online, so what is retired is freed at the next poll.
struct Grace {
    std::unique_ptr<dpdk::Qsbr> qsbr = take(dpdk::Qsbr::create(1));
    dpdk::Reclaimer reclaimer{*qsbr};
};

void replay_in_order(benchmark::State& state)
{
    const auto packets = static_cast<uint16_t>(state.range(0));
    std::vector<uint64_t> words(sa::ReplayWindow::words_needed(packets));
    sa::ReplayWindow window;
    window.attach(packets, words);
    uint64_t sequence = 0;
    Cycles cycles(state);
    for (auto _ : state) {
        for (size_t i = 0; i < kBurst; i++)
            benchmark::DoNotOptimize(window.check(window.infer_esn(static_cast<uint32_t>(sequence + 1 + i))));
        for (size_t i = 0; i < kBurst; i++)
            benchmark::DoNotOptimize(window.commit(++sequence));
    }
    cycles.done(kBurst);
}
BENCHMARK(replay_in_order)->ArgName("window")->Arg(0)->Arg(64)->Arg(1024)->Arg(4096);

void replay_reordered(benchmark::State& state)
{
    const auto packets = static_cast<uint16_t>(state.range(0));
    std::vector<uint64_t> words(sa::ReplayWindow::words_needed(packets));
    sa::ReplayWindow window;
    window.attach(packets, words);
    std::array<uint8_t, 4096> jitter;
    std::mt19937 random(1);
    for (auto& j : jitter)
        j = static_cast<uint8_t>(random() % 32);
    uint64_t base = 32;
    Cycles cycles(state);
    for (auto _ : state)
        for (size_t i = 0; i < kBurst; i++, base++) {
            const uint64_t sequence = window.infer_esn(static_cast<uint32_t>(base - jitter[base % jitter.size()]));
            if (window.check(sequence) == sa::Replay::kFresh)
                benchmark::DoNotOptimize(window.commit(sequence));
        }
    cycles.done(kBurst);
}
BENCHMARK(replay_reordered)->ArgName("window")->Arg(64)->Arg(4096);

// A SAD of `count` SAs, kept from one benchmark to the next: a million take a while.
class FilledSad {
 public:
    static FilledSad& of(uint32_t count)
    {
        static std::unique_ptr<FilledSad> filled;
        if (!filled || filled->sad->inbound_count() != count) {
            filled.reset();
            filled = std::make_unique<FilledSad>(count);
        }
        return *filled;
    }

    explicit FilledSad(uint32_t count) : sad(take(sa::Sad::create(count + 1, grace.reclaimer)))
    {
        std::mt19937 random(count);
        std::vector<uint32_t> used;
        while (sad->inbound_count() < count) {
            auto sa = take(sa::allocate_inbound(64, true, -1));
            const auto spi = static_cast<uint32_t>(random());
            sa->spi = spi;
            if (sad->publish(std::move(sa)))
                used.push_back(spi);
        }
        grace.reclaimer.poll(SIZE_MAX);
        spis.resize(kKeys);
        for (auto& spi : spis)
            spi = used[random() % used.size()];
    }

    Grace grace;
    std::unique_ptr<sa::Sad> sad;
    std::vector<uint32_t> spis;
};

void sad_find(benchmark::State& state)
{
    const FilledSad& filled = FilledSad::of(static_cast<uint32_t>(state.range(0)));
    const bool prefetch = state.range(1) != 0;
    size_t at = 0;
    Cycles cycles(state);
    for (auto _ : state) {
        const uint32_t* spis = &filled.spis[at];
        if (prefetch)
            for (size_t i = 0; i < kBurst; i++)
                filled.sad->prefetch(spis[i]);
        for (size_t i = 0; i < kBurst; i++)
            benchmark::DoNotOptimize(filled.sad->find(spis[i]));
        at = (at + kBurst) % kKeys;
    }
    cycles.done(kBurst);
}
BENCHMARK(sad_find)->ArgNames({"sas", "prefetch"})->ArgsProduct({{1, 1000, 100'000, 1'000'000}, {0, 1}});

void sad_find_unknown(benchmark::State& state)
{
    const FilledSad& filled = FilledSad::of(static_cast<uint32_t>(state.range(0)));
    std::mt19937 random(99);
    std::vector<uint32_t> spis(kKeys);
    for (auto& spi : spis)
        spi = static_cast<uint32_t>(random());
    size_t at = 0;
    Cycles cycles(state);
    for (auto _ : state) {
        for (size_t i = 0; i < kBurst; i++)
            filled.sad->prefetch(spis[at + i]);
        for (size_t i = 0; i < kBurst; i++)
            benchmark::DoNotOptimize(filled.sad->find(spis[at + i]));
        at = (at + kBurst) % kKeys;
    }
    cycles.done(kBurst);
}
BENCHMARK(sad_find_unknown)->ArgName("sas")->Arg(1)->Arg(1'000'000);

void sad_replace(benchmark::State& state)
{
    FilledSad& filled = FilledSad::of(static_cast<uint32_t>(state.range(0)));
    uint64_t slowest = 0;
    uint32_t spi = 256;
    Cycles cycles(state);
    for (auto _ : state) {
        const uint64_t start = rte_rdtsc();
        auto sa = take(sa::allocate_inbound(64, true, -1));
        sa->spi = spi;
        if (filled.sad->publish(std::move(sa)))
            static_cast<void>(filled.sad->retire_inbound(spi));
        filled.grace.reclaimer.poll();
        spi++;
        slowest = std::max(slowest, rte_rdtsc() - start);
    }
    cycles.done(1);
    state.counters["slowest_us"] = static_cast<double>(slowest) * 1e6 / static_cast<double>(rte_get_tsc_hz());
}
BENCHMARK(sad_replace)->ArgName("sas")->Arg(1000)->Arg(1'000'000);

net::Prefix ipv4_prefix(uint32_t address_value, uint8_t length)
{
    const uint32_t be = __builtin_bswap32(address_value);
    return net::Prefix{net::IpAddress::v4(&be), length};
}

// `count` policies over `tuples` pairs of prefix lengths, all of one priority: no early exit, the longest prefixes win.
class FilledSpd {
 public:
    static FilledSpd& of(uint32_t count, uint32_t tuples)
    {
        static std::unique_ptr<FilledSpd> filled;
        if (!filled || filled->spd->count() != count || filled->tuples != tuples) {
            filled.reset();
            filled = std::make_unique<FilledSpd>(count, tuples);
        }
        return *filled;
    }

    FilledSpd(uint32_t count, uint32_t tuples_in) : spd(take(sa::Spd::create(1, grace.reclaimer))), tuples(tuples_in)
    {
        for (uint32_t i = 0; i < count; i++)
            take(spd->add(policy(i)));
        grace.reclaimer.poll(SIZE_MAX);
        std::mt19937 random(count);
        packets.resize(kKeys / 16);
        for (auto& packet : packets) {
            const auto p = policy(static_cast<uint32_t>(random()) % count);
            std::memcpy(packet.source, p.local[0].prefix.address.data(), 16);
            std::memcpy(packet.destination, p.remote[0].prefix.address.data(), 16);
            packet.family = net::Family::kIpv4;
            packet.protocol = 17;
            packet.source_port = static_cast<uint16_t>(random());
            packet.destination_port = static_cast<uint16_t>(random());
            packet.ports_known = true;
        }
    }

    [[nodiscard]] model::Policy policy(uint32_t i) const
    {
        model::Policy p;
        p.name = "p" + std::to_string(i);
        p.action = model::Action::kProtect;
        const uint32_t shape = i % tuples;
        p.local = {{ipv4_prefix(0x0a000000 + (i << 7), static_cast<uint8_t>(25 + shape % 8)), 0, {}}};
        p.remote = {{ipv4_prefix(0xc0000000 + (i << 7), static_cast<uint8_t>(25 + shape / 8 % 8)), 0, {}}};
        return p;
    }

    Grace grace;
    std::unique_ptr<sa::Spd> spd;
    std::vector<sa::FlowKey> packets;
    uint32_t tuples;
};

void spd_match(benchmark::State& state)
{
    const FilledSpd& filled = FilledSpd::of(static_cast<uint32_t>(state.range(0)), static_cast<uint32_t>(state.range(1)));
    size_t at = 0;
    Cycles cycles(state);
    for (auto _ : state) {
        for (size_t i = 0; i < kBurst; i++)
            benchmark::DoNotOptimize(filled.spd->match_outbound(filled.packets[at + i]));
        at = (at + kBurst) % filled.packets.size();
    }
    cycles.done(kBurst);
}
BENCHMARK(spd_match)
    ->ArgNames({"policies", "tuples"})
    ->Args({1, 1})
    ->Args({1000, 1})
    ->Args({1000, 8})
    ->Args({1000, 32})
    ->Args({100'000, 1})
    ->Args({100'000, 8})
    ->Args({100'000, 32});

void spd_add_remove(benchmark::State& state)
{
    FilledSpd& filled = FilledSpd::of(static_cast<uint32_t>(state.range(0)), 8);
    const auto policies = static_cast<uint32_t>(state.range(0));
    uint64_t slowest = 0;
    uint32_t i = 0;
    Cycles cycles(state);
    for (auto _ : state) {
        const auto extra = filled.policy(policies + i++ % 10'000);
        const uint64_t start = rte_rdtsc();
        take(filled.spd->add(extra));
        static_cast<void>(filled.spd->remove(extra.name));
        filled.grace.reclaimer.poll();
        slowest = std::max(slowest, rte_rdtsc() - start);
    }
    cycles.done(2);
    state.counters["slowest_us"] = static_cast<double>(slowest) * 1e6 / static_cast<double>(rte_get_tsc_hz());
}
BENCHMARK(spd_add_remove)->ArgName("policies")->Arg(1000)->Arg(100'000);

void selector_set(benchmark::State& state)
{
    std::vector<sa::SelectorSet::Pair> pairs;
    for (uint32_t i = 0; i < state.range(0); i++)
        pairs.push_back({{ipv4_prefix(0xc0000000 + (i << 8), 24), 0, {}}, {ipv4_prefix(0x0a000000 + (i << 8), 24), 0, {}}});
    const sa::SelectorSet set(pairs);
    sa::FlowKey packet{};
    std::memcpy(packet.source, pairs.back().remote.prefix.address.data(), 16);
    std::memcpy(packet.destination, pairs.back().local.prefix.address.data(), 16);
    packet.family = net::Family::kIpv4;
    Cycles cycles(state);
    for (auto _ : state)
        for (size_t i = 0; i < kBurst; i++)
            benchmark::DoNotOptimize(set.allows(packet));
    cycles.done(kBurst);
}
BENCHMARK(selector_set)->ArgName("pairs")->Arg(1)->Arg(8);

}  // namespace

int main(int argc, char** argv)
{
    const std::string prefix = "--file-prefix=gwbench" + std::to_string(getpid());
    const char* const words[] = {argv[0],
                                 "--no-huge",
                                 "--no-shconf",
                                 "--no-pci",
                                 "--no-telemetry",
                                 "--lcores=0@0",
                                 "-m",
                                 "1024",
                                 "--log-level=lib.*:error",
                                 "--log-level=pmd.*:error",
                                 prefix.c_str()};
    std::vector<char*> args;
    for (const char* word : words)
        args.push_back(const_cast<char*>(word));
    if (rte_eal_init(static_cast<int>(args.size()), args.data()) < 0)
        return 2;
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 2;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
