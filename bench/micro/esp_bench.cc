// seal_burst and open_burst by algorithm, engine and inner packet size, and the framing alone under a cipher that does
// nothing.
//
// Bursts of 32 over one SA, packets warm in the cache. Time and cycles (TSC) are those of the burst function only;
// making the packets is outside. Gbit/s counts inner IP bytes.
#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include <benchmark/benchmark.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include "esp/drop_sink.h"
#include "esp/engine.h"
#include "esp/factory.h"
#include "esp/open.h"
#include "esp/outer_header.h"
#include "esp/seal.h"

namespace {

using namespace ipsecgw;

constexpr size_t kBurst = 32;
constexpr uint32_t kSizes[] = {64, 512, 1420};
const char* const kSuites[] = {"aes128gcm16",   "aes256gcm16",      "aes128gmac", "chacha20poly1305",
                               "aes128-sha256", "aes128ctr-sha256", "null-sha256"};

template <class T>
T take(base::Result<T> result)
{
    if (!result)
        throw std::runtime_error(result.error().what);
    return std::move(result).value();
}

esp::Engines& engines()
{
    static const std::unique_ptr<esp::Engines> made = take(esp::Engines::create({}));
    return *made;
}

/// A burst of IPv4 packets that can be made as new again and again.
class Packets {
  public:
    explicit Packets(uint32_t bytes) : bytes_(bytes)
    {
        static rte_mempool* const pool =
            rte_pktmbuf_pool_create("bench", 1023, 0, 128, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
        if (pool == nullptr || rte_pktmbuf_alloc_bulk(pool, all_.data(), kBurst) != 0)
            throw std::runtime_error("no mbufs");
        header_ = {0x45, 0, static_cast<uint8_t>(bytes >> 8), static_cast<uint8_t>(bytes), 0, 0, 0x40, 0, 64, 17};
    }
    ~Packets() { rte_pktmbuf_free_bulk(all_.data(), kBurst); }
    Packets(const Packets&) = delete;
    Packets& operator=(const Packets&) = delete;

    std::span<rte_mbuf*> renew()
    {
        burst_ = all_;
        for (rte_mbuf* m : burst_) {
            rte_pktmbuf_reset_headroom(m);
            m->data_len = static_cast<uint16_t>(bytes_);
            m->pkt_len = bytes_;
            m->l3_len = 20;
            std::memcpy(rte_pktmbuf_mtod(m, uint8_t*), header_.data(), header_.size());
        }
        return burst_;
    }

  private:
    uint32_t bytes_;
    std::array<uint8_t, 20> header_;
    std::array<rte_mbuf*, kBurst> all_;
    std::array<rte_mbuf*, kBurst> burst_;
};

uint64_t do_nothing(sa::CipherContext&, std::span<const sa::EspText> texts) noexcept
{
    return texts.size() == 64 ? ~uint64_t{0} : (uint64_t{1} << texts.size()) - 1;
}

sa::CipherContextPtr null_context()
{
    auto* context = new sa::CipherContext;
    context->seal = context->open = do_nothing;
    context->destroy = [](sa::CipherContext* c) noexcept { delete c; };
    context->engine = "none";
    context->shareable = true;
    return sa::CipherContextPtr(context);
}

struct Pair {
    sa::OutboundSaPtr out;
    sa::InboundSaPtr in;
};

model::SaParams outbound(const char* proposal)
{
    model::SaParams params;
    params.spi = 0xc1f00a21;
    params.suite = take(model::parse_esp_suite(proposal));
    params.keymat = base::SecretBytes(params.suite.layout().keymat_bytes());
    params.local = take(net::IpAddress::parse("192.0.2.1"));
    params.remote = take(net::IpAddress::parse("198.51.100.7"));
    params.esn = true;  // no end in sight
    return params;
}

model::SaParams mirrored(const model::SaParams& out)
{
    model::SaParams in = out.clone();
    in.direction = model::Direction::kInbound;
    std::swap(in.local, in.remote);
    return in;
}

Pair keyed(const model::SaParams& params)
{
    return {take(esp::build_outbound(params, 1, engines(), -1)).sa,
            take(esp::build_inbound(mirrored(params), 0, engines(), -1)).sa};
}

/// The same SAs with the cipher taken out.
Pair framing_only(const model::SaParams& params)
{
    Pair pair = keyed(params);
    pair.in->cipher->destroy(pair.in->cipher);
    pair.in->cipher = null_context().release();
    std::array<sa::CipherContextPtr, 1> contexts = {null_context()};
    sa::OutboundSaPtr out = take(sa::allocate_outbound(contexts, 1, -1));
    const sa::OutboundSa& from = *pair.out;
    out->spi = from.spi;
    out->flags = from.flags;
    out->iv_bytes = from.iv_bytes;
    out->icv_bytes = from.icv_bytes;
    out->align_bytes = from.align_bytes;
    out->outer_bytes = from.outer_bytes;
    out->df = from.df;
    out->last_sequence = from.last_sequence;
    std::memcpy(out->outer, from.outer, sizeof out->outer);
    pair.out = std::move(out);
    return pair;
}

/// An outer header in front of a packet was 20 bytes and UDP at most: what open wants to know.
void set_l3_len(std::span<rte_mbuf*> burst, uint32_t bytes)
{
    for (rte_mbuf* m : burst)
        m->l3_len = bytes & 0x1ff;
}

/// Cycles of the bursts of one run. The best burst is there for machines that do other things too.
struct Spent {
    uint64_t sum = 0;
    uint64_t best = UINT64_MAX;

    void add(benchmark::State& state, uint64_t cycles)
    {
        sum += cycles;
        best = std::min(best, cycles);
        state.SetIterationTime(static_cast<double>(cycles) / static_cast<double>(rte_get_tsc_hz()));
    }
    void report(benchmark::State& state, uint32_t inner_bytes) const
    {
        const auto packets = static_cast<double>(state.iterations()) * kBurst;
        const double seconds = static_cast<double>(sum) / static_cast<double>(rte_get_tsc_hz());
        state.counters["cycles/pkt"] = static_cast<double>(sum) / packets;
        state.counters["best"] = static_cast<double>(best) / kBurst;
        state.counters["Gbit/s"] = packets * inner_bytes * 8 / seconds / 1e9;
        state.counters["Mpkt/s"] = packets / seconds / 1e6;
    }
};

void seal(benchmark::State& state, Pair& pair, uint32_t inner_bytes)
{
    Packets packets(inner_bytes);
    esp::DropSink drops;
    Spent spent;
    for (auto _ : state) {
        const auto burst = packets.renew();
        const uint64_t start = rte_rdtsc_precise();
        const uint16_t kept = esp::seal_burst(*pair.out, 0, burst, drops);
        spent.add(state, rte_rdtsc_precise() - start);
        if (kept != kBurst)
            throw std::runtime_error("packets were dropped");
    }
    spent.report(state, inner_bytes);
}

void open(benchmark::State& state, Pair& pair, uint32_t inner_bytes)
{
    Packets packets(inner_bytes);
    esp::DropSink drops;
    Spent spent;
    const uint32_t outer_bytes = pair.out->is(sa::kSaTransport) ? 20u + pair.out->outer_bytes : pair.out->outer_bytes;
    for (auto _ : state) {
        const auto burst = packets.renew();
        if (esp::seal_burst(*pair.out, 0, burst, drops) != kBurst)
            throw std::runtime_error("packets were dropped");
        set_l3_len(burst, outer_bytes);
        const uint64_t start = rte_rdtsc_precise();
        const uint16_t kept = esp::open_burst(*pair.in, burst, drops);
        spent.add(state, rte_rdtsc_precise() - start);
        if (kept != kBurst)
            throw std::runtime_error("packets were dropped");
    }
    spent.report(state, inner_bytes);
}

/// What two reads of the clock cost, a burst's share of it: to subtract from the framing.
void clock(benchmark::State& state)
{
    Spent spent;
    for (auto _ : state) {
        const uint64_t start = rte_rdtsc_precise();
        spent.add(state, rte_rdtsc_precise() - start);
    }
    spent.report(state, 0);
}

template <class Make>
void add(const std::string& name, uint32_t inner_bytes, Make make)
{
    benchmark::RegisterBenchmark(("seal/" + name).c_str(), [=](benchmark::State& state) {
        Pair pair = make();
        seal(state, pair, inner_bytes);
    })->UseManualTime();
    benchmark::RegisterBenchmark(("open/" + name).c_str(), [=](benchmark::State& state) {
        Pair pair = make();
        open(state, pair, inner_bytes);
    })->UseManualTime();
}

void add_framing(const char* name, void (*change)(model::SaParams&))
{
    add(std::string("framing/") + name, 64, [=] {
        auto params = outbound("aes128gcm16");
        change(params);
        return framing_only(params);
    });
}

void add_all()
{
    benchmark::RegisterBenchmark("clock", clock)->UseManualTime();
    add_framing("tunnel4", [](model::SaParams&) {});
    add_framing("tunnel4-udp", [](model::SaParams& params) { params.udp = model::UdpEncapsulation{}; });
    add_framing("tunnel6", [](model::SaParams& params) {
        params.local = take(net::IpAddress::parse("2001:db8::1"));
        params.remote = take(net::IpAddress::parse("2001:db8::7"));
    });
    for (const char* suite : kSuites)
        for (const auto& [engine, choice] :
             {std::pair{"auto", model::EngineChoice::kAuto}, std::pair{"openssl", model::EngineChoice::kOpenssl}})
            for (const uint32_t bytes : kSizes)
                add(std::string(suite) + "/" + engine + "/" + std::to_string(bytes), bytes, [=, choice = choice] {
                    auto params = outbound(suite);
                    params.engine = choice;
                    return keyed(params);
                });
}

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
                                 "256",
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
    add_all();
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
