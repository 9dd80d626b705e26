// What one packet costs in instructions: seals and opens bursts of 32 under the OpenSSL engine, for an instruction counter to watch.
//
// It counts nothing itself: tools/bench-instructions runs it under an emulator that logs each instruction's address, and tells by the markers
// below which belong to a burst and which to its cipher. Printed first, one a line: "map START END FILE" for everything executable,
// "marker NAME ADDRESS"; then "case NAME BYTES PACKETS" in the order the bursts come.
#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <link.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include "esp/drop_sink.h"
#include "esp/engine.h"
#include "esp/factory.h"
#include "esp/open.h"
#include "esp/seal.h"

// Calls nobody may take out or merge: where the counter's eye falls.
extern "C" {
[[gnu::noinline]] void gw_burst_begins() { asm volatile("" ::: "memory"); }
[[gnu::noinline]] void gw_burst_ends() { asm volatile("" ::: "memory"); }
[[gnu::noinline]] void gw_cipher_begins() { asm volatile("" ::: "memory"); }
[[gnu::noinline]] void gw_cipher_ends() { asm volatile("" ::: "memory"); }
}

namespace {

using namespace ipsecgw;

constexpr size_t kBurst = 32;
constexpr uint32_t kSizes[] = {64, 512, 1420};
constexpr int kWarmUp = 2;  // bursts before the one that counts: symbols bound, counters and windows set up

template <class T>
T take(base::Result<T> result)
{
    if (!result)
        throw std::runtime_error(result.error().what);
    return std::move(result).value();
}

/// A context that says when the one behind it works.
struct Watched : sa::CipherContext {
    explicit Watched(sa::CipherContextPtr context) : behind(std::move(context))
    {
        seal = behind->seal == nullptr ? nullptr : &run<&sa::CipherContext::seal>;
        open = behind->open == nullptr ? nullptr : &run<&sa::CipherContext::open>;
        destroy = [](sa::CipherContext* self) noexcept { delete static_cast<Watched*>(self); };
        engine = behind->engine;
    }
    template <auto kFunction>
    static uint64_t run(sa::CipherContext& self, std::span<const sa::EspText> texts) noexcept
    {
        sa::CipherContext& behind = *static_cast<Watched&>(self).behind;
        gw_cipher_begins();
        const uint64_t done = (behind.*kFunction)(behind, texts);
        gw_cipher_ends();
        return done;
    }

    sa::CipherContextPtr behind;
};

model::SaParams params(model::Direction direction)
{
    model::SaParams params;
    params.direction = direction;
    params.spi = 0xc1f00a21;
    params.suite = take(model::parse_esp_suite("aes128gcm16"));
    params.keymat = base::SecretBytes(params.suite.layout().keymat_bytes());
    params.local = take(net::IpAddress::parse("192.0.2.1"));
    params.remote = take(net::IpAddress::parse("198.51.100.7"));
    if (direction == model::Direction::kInbound)
        std::swap(params.local, params.remote);
    params.esn = true;
    params.replay_window = 64;
    params.engine = model::EngineChoice::kOpenssl;
    return params;
}

/// Both ends of a tunnel, their ciphers watched.
struct Tunnel {
    explicit Tunnel(esp::Engines& engines)
        : out(take(esp::build_outbound(params(model::Direction::kOutbound), 1, engines, -1)).sa),
          in(take(esp::build_inbound(params(model::Direction::kInbound), 0, engines, -1)).sa)
    {
        // The SA owns its contexts: ours takes their place and owns them.
        in->cipher = new Watched(sa::CipherContextPtr(in->cipher));
        auto** own = const_cast<sa::CipherContext**>(out->own_ciphers());
        sa::CipherContext*& sealing = out->shared_cipher != nullptr ? out->shared_cipher : own[0];
        sealing = new Watched(sa::CipherContextPtr(sealing));
    }
    sa::OutboundSaPtr out;
    sa::InboundSaPtr in;
};

/// IPv4 packets of `bytes`, made anew in the same mbufs.
class Packets {
  public:
    Packets()
    {
        rte_mempool* pool = rte_pktmbuf_pool_create("packets", 63, 0, 128, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
        if (pool == nullptr || rte_pktmbuf_alloc_bulk(pool, all_.data(), kBurst) != 0)
            throw std::runtime_error("no mbufs");
    }
    std::span<rte_mbuf*> renew(uint32_t bytes)
    {
        burst_ = all_;
        const std::array<uint8_t, 10> header = {
            0x45, 0, static_cast<uint8_t>(bytes >> 8), static_cast<uint8_t>(bytes), 0, 0, 0x40, 0, 64, 17};
        for (rte_mbuf* m : burst_) {
            rte_pktmbuf_reset_headroom(m);
            m->data_len = static_cast<uint16_t>(bytes);
            m->pkt_len = bytes;
            m->l3_len = 20;
            std::memcpy(rte_pktmbuf_mtod(m, uint8_t*), header.data(), header.size());
        }
        return burst_;
    }

  private:
    std::array<rte_mbuf*, kBurst> all_;
    std::array<rte_mbuf*, kBurst> burst_;
};

void expect_all(uint16_t kept)
{
    if (kept != kBurst)
        throw std::runtime_error("packets were dropped");
}

void run_size(Tunnel& tunnel, Packets& packets, uint32_t bytes)
{
    esp::DropSink drops;
    for (int i = 0; i <= kWarmUp; i++) {
        const bool counts = i == kWarmUp;
        auto burst = packets.renew(bytes);
        if (counts) {
            std::printf("case seal %" PRIu32 " %zu\ncase open %" PRIu32 " %zu\n", bytes, kBurst, bytes, kBurst);
            gw_burst_begins();
        }
        const uint16_t sealed = esp::seal_burst(*tunnel.out, 0, burst, drops);
        if (counts)
            gw_burst_ends();
        expect_all(sealed);
        for (rte_mbuf* m : burst)
            m->l3_len = tunnel.out->outer_bytes & 0x1ff;
        if (counts)
            gw_burst_begins();
        const uint16_t opened = esp::open_burst(*tunnel.in, burst, drops);
        if (counts)
            gw_burst_ends();
        expect_all(opened);
    }
}

void print_map()
{
    // An emulator's /proc/self/maps need not say what is executable.
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void*) {
            for (int i = 0; i < info->dlpi_phnum; i++) {
                const auto& segment = info->dlpi_phdr[i];
                if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0)
                    std::printf("map %" PRIxPTR " %" PRIxPTR " %s\n", info->dlpi_addr + segment.p_vaddr,
                                info->dlpi_addr + segment.p_vaddr + segment.p_memsz,
                                info->dlpi_name[0] != 0 ? info->dlpi_name : "program");
            }
            return 0;
        },
        nullptr);
    const std::pair<const char*, void (*)()> markers[] = {{"burst_begins", gw_burst_begins},
                                                          {"burst_ends", gw_burst_ends},
                                                          {"cipher_begins", gw_cipher_begins},
                                                          {"cipher_ends", gw_cipher_ends}};
    for (const auto& [name, function] : markers)
        std::printf("marker %s %" PRIxPTR "\n", name, reinterpret_cast<uintptr_t>(function));
}

int start_eal(const char* name)
{
    const std::string prefix = "--file-prefix=gwcount" + std::to_string(getpid());
    const char* const words[] = {name,        "--no-huge", "--no-shconf", "--no-pci",  "--no-telemetry", "--lcores=0@0",
                                 "-m",        "64",        "--log-level=*:error", prefix.c_str()};
    std::vector<char*> args;
    for (const char* word : words)
        args.push_back(const_cast<char*>(word));
    return rte_eal_init(static_cast<int>(args.size()), args.data());
}

}  // namespace

int main(int, char** argv)
try {
    if (start_eal(argv[0]) < 0)
        return 2;
    const auto engines = take(esp::Engines::create({.cpu_crypto = false}));
    Tunnel tunnel(*engines);
    Packets packets;
    print_map();
    for (const uint32_t bytes : kSizes)
        run_size(tunnel, packets, bytes);
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_instructions: %s\n", error.what());
    return 1;
}
