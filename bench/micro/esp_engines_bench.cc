// Cipher engines: TSC cycles per packet and Gbit/s of text, per engine, suite, direction, size and burst.
//
//     bench_esp_engines --benchmark_filter='aesni_gcm/aes128gcm16/seal/.*burst:32'
//
// "size" is the text in bytes (the inner packet with its trailer), "burst" the packets in a call. Packets lie in
// separate 2 KiB buffers that stay in the cache: the cost is the cipher's, not the memory's. Only the burst call is
// timed.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <unistd.h>
#include <vector>

#include <benchmark/benchmark.h>
#include <rte_cycles.h>
#include <rte_eal.h>

#include "base/byte_order.h"
#include "esp/engine_cpu_crypto_internal.h"
#include "esp/engine_mixed_internal.h"
#include "esp/engine_openssl_internal.h"
#include "esp/engine_vaes_gcm_internal.h"

namespace {

using namespace ipsecgw;
using model::Direction;

constexpr size_t kBufferBytes = 2048;
constexpr size_t kEspOffset = 128;

struct Engine {
    std::string name;
    esp::ContextMaker make;
};

struct Case {
    const Engine* engine;
    model::EspSuite suite;
    Direction direction;
    bool esn;
};

class Packets {
  public:
    Packets(const model::EspSuite& suite, size_t text_bytes, size_t count) : memory_(count * kBufferBytes, 0x5a)
    {
        const size_t align = suite.layout().align_bytes;
        for (size_t i = 0; i < count; i++) {
            uint8_t* const esp = memory_.data() + i * kBufferBytes + kEspOffset;
            base::store_be32(esp, 0x1000);
            base::store_be32(esp + 4, static_cast<uint32_t>(i));
            texts_.push_back({esp, static_cast<uint32_t>((text_bytes + align - 1) / align * align), 0});
        }
    }
    [[nodiscard]] std::span<const sa::EspText> texts() const { return texts_; }
    void save() { saved_ = memory_; }
    void restore() { std::memcpy(memory_.data(), saved_.data(), memory_.size()); }

  private:
    std::vector<uint8_t> memory_;
    std::vector<uint8_t> saved_;
    std::vector<sa::EspText> texts_;
};

void run(benchmark::State& state, const Case& what)
{
    const auto size = static_cast<size_t>(state.range(0));
    const auto burst = static_cast<size_t>(state.range(1));
    const std::vector<uint8_t> keymat(what.suite.layout().keymat_bytes(), 0x42);
    auto seal = what.engine->make({what.suite, keymat, what.esn, Direction::kOutbound});
    auto open = what.engine->make({what.suite, keymat, what.esn, Direction::kInbound});
    if (!seal || !open) {
        state.SkipWithError("this engine does not do the suite");
        return;
    }
    Packets packets(what.suite, size, burst);
    (*seal)->seal(**seal, packets.texts());
    packets.save();
    const bool opens = what.direction == Direction::kInbound;
    sa::CipherContext& context = opens ? **open : **seal;
    const auto function = opens ? context.open : context.seal;
    const double hz = static_cast<double>(rte_get_tsc_hz());
    uint64_t cycles = 0;
    uint64_t best = UINT64_MAX;
    bool authentic = true;
    for (auto _ : state) {
        if (opens)
            packets.restore();
        const uint64_t start = rte_rdtsc();
        const uint64_t done = function(context, packets.texts());
        const uint64_t spent = rte_rdtsc() - start;
        authentic = authentic && done == esp::low_bits(burst);
        cycles += spent;
        best = std::min(best, spent);
        state.SetIterationTime(static_cast<double>(spent) / hz);
    }
    if (!authentic)
        state.SkipWithError("a packet failed");
    const double done = static_cast<double>(state.iterations()) * static_cast<double>(burst);
    state.counters["cycles/pkt"] = static_cast<double>(cycles) / done;
    state.counters["best"] = static_cast<double>(best) / static_cast<double>(burst);
    state.counters["Gbit/s"] = done * static_cast<double>(size) * 8 * hz / static_cast<double>(cycles) / 1e9;
}

base::Result<sa::CipherContextPtr> mixed(const esp::ContextMaker& many, const esp::KeyRequest& request)
{
    if (!esp::gains_from_mixing(request.suite))
        return base::Error{base::ErrorCode::kUnsupported, "not mixed"};
    return esp::mix(request, GW_TRY(many(request)), GW_TRY(esp::make_openssl_context(request)));
}

void add(const Case& what)
{
    const std::string name = what.engine->name + "/" + what.suite.name() + (what.esn ? "-esn" : "") +
                             (what.direction == Direction::kInbound ? "/open" : "/seal");
    auto* const bench =
        benchmark::RegisterBenchmark(name.c_str(), [what](benchmark::State& state) { run(state, what); });
    bench->UseManualTime()->ArgNames({"size", "burst"})->Unit(benchmark::kMicrosecond)->MinTime(0.02);
    for (const int64_t size : {64, 256, 512, 1024, 1420})
        for (const int64_t burst : {1, 2, 4, 8, 16, 32})
            bench->Args({size, burst});
}

/// Keying and destroying one context: what a rekey costs the control thread.
void add_keying(const Engine& engine, const model::EspSuite& suite)
{
    benchmark::RegisterBenchmark(("key/" + engine.name + "/" + suite.name()).c_str(), [make = engine.make,
                                                                                       suite](benchmark::State& state) {
        const std::vector<uint8_t> keymat(suite.layout().keymat_bytes(), 0x42);
        for (auto _ : state)
            if (!make({suite, keymat, false, Direction::kOutbound}))
                return state.SkipWithError("this engine does not do the suite");
    })->MinTime(0.02);
}

bool start_eal(char* program)
{
    std::vector<std::string> words = {program,
                                      "--no-huge",
                                      "--no-shconf",
                                      "--no-pci",
                                      "--no-telemetry",
                                      "-m",
                                      "256",
                                      "--lcores=0",
                                      "--log-level=lib.*:error",
                                      "--log-level=pmd.*:error",
                                      "--file-prefix=gwbench" + std::to_string(getpid())};
    std::vector<char*> args;
    for (auto& word : words)
        args.push_back(word.data());
    return rte_eal_init(static_cast<int>(args.size()), args.data()) >= 0;
}

}  // namespace

int main(int argc, char** argv)
{
    benchmark::Initialize(&argc, argv);
    if (!start_eal(argv[0])) {
        std::fprintf(stderr, "EAL did not start\n");
        return 2;
    }
    std::vector<std::unique_ptr<esp::CpuCryptoDevice>> devices;
    std::vector<Engine> engines;
    for (const char* name : {esp::kAesniGcmName, esp::kAesniMbName}) {
        auto opened = esp::CpuCryptoDevice::open({name, 1024, -1});
        if (!opened)
            continue;
        auto* const device = opened->get();
        devices.push_back(std::move(opened).value());
        engines.push_back({name, [device](const esp::KeyRequest& request) { return device->make_context(request); }});
    }
    if (esp::vaes_gcm_is_supported())
        engines.push_back({esp::kVaesGcmName,
                           [](const esp::KeyRequest& request) { return esp::make_vaes_gcm_context(request, -1); }});
    engines.push_back({esp::kOpensslName, esp::make_openssl_context});
    if (const auto many = std::find_if(engines.begin(), engines.end(),
                                       [](const Engine& engine) { return engine.name == esp::kAesniMbName; });
        many != engines.end())
        engines.push_back(
            {esp::kMixedName, [make = many->make](const esp::KeyRequest& request) { return mixed(make, request); }});
    for (const auto& suite : model::all_esp_suites())
        for (const auto& engine : engines)
            for (const auto direction : {Direction::kOutbound, Direction::kInbound})
                for (const bool esn : {false, true})
                    add({&engine, suite, direction, esn});
    for (const auto& suite : model::all_esp_suites())
        for (const auto& engine : engines)
            add_keying(engine, suite);
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    devices.clear();
    rte_eal_cleanup();
    return 0;
}
