// Two engines back to back, without wire or data path: what IKE itself costs. Both ends run here, so one gateway does
// about twice the rate.
#include <deque>
#include <malloc.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "crypto/random.h"
#include "ike/credentials.h"
#include "ike/engine.h"
#include "model/ike_connection.h"

namespace {

using namespace ipsecgw;

class BenchHost : public ike::Host {
  public:
    base::Result<uint32_t> reserve_spi(const net::IpAddress&, const net::IpAddress&) override { return next_spi_++; }
    void release_spi(uint32_t) override {}
    bool random(std::span<uint8_t> bytes) override { return crypto::random_bytes(bytes); }
    uint64_t last_inbound_ns(uint32_t) override { return 0; }
    uint64_t last_use_ns(ike::ChildSaId) override { return 0; }
    base::Result<net::IpAddress> source_address(const net::IpAddress&) override
    {
        return base::Error{base::ErrorCode::kNotFound, "no route"};
    }
    int64_t unix_seconds() override { return 1'800'000'000; }

  private:
    uint32_t next_spi_ = 0x1000;
};

struct End {
    explicit End(const char* address_text) : address(net::IpAddress::parse(address_text).value())
    {
        model::SharedSecret secret;
        const uint8_t bytes[] = "a secret of no importance";
        secret.secret = base::SecretBytes(bytes);
        credentials.add_secret(std::move(secret));
        options.cookie_threshold = options.half_open_per_address = 1'000'000;
        engine = std::make_unique<ike::Engine>(options, host, credentials);
    }

    net::IpAddress address;
    BenchHost host;
    ike::Credentials credentials;
    ike::EngineOptions options;
    std::unique_ptr<ike::Engine> engine;
};

/// Initiator and responder, and what they send each other.
struct Pair {
    Pair()
    {
        auto accepting = connection("peers", right, left);
        accepting.remote.id = model::Identity::parse("*.example.org").value();
        load(right, accepting);
    }

    model::IkeConnection connection(const std::string& name, const End& own, const End& peer) const
    {
        model::IkeConnection out;
        out.name = name;
        out.local_addrs = {{own.address, 32}};
        out.remote_addrs = {{peer.address, 32}};
        out.proposals = model::parse_ike_proposals("aes128gcm16-prfsha256-x25519").value();
        out.local.auth.method = out.remote.auth.method = model::AuthMethod::kPsk;
        out.local.id = model::Identity::parse(name + ".example.org").value();
        out.remote.id = model::Identity::parse("peers.example.org").value();
        out.rekey_time_s = 0;  // rekeyings are those that are measured
        model::ChildConfig child;
        child.name = "net";
        child.time_s = {0, {}, {}};
        child.esp_proposals = model::parse_esp_proposals("aes128gcm16").value();
        child.local_ts = child.remote_ts = {model::ChildSelector::parse("10.0.0.0/8").value()};
        out.children.push_back(std::move(child));
        return out;
    }
    void load(End& end, const model::IkeConnection& what)
    {
        if (!end.engine->load(std::make_shared<const model::IkeConnection>(what), {now_ns, effects}))
            std::abort();
        effects.clear();
    }
    void carry(ike::Effects& done)
    {
        for (auto& effect : done) {
            if (auto* send = std::get_if<ike::Send>(&effect))
                wire.push_back(std::move(*send));
            else if (std::holds_alternative<ike::ChildUp>(effect))
                ups++;
            else if (std::holds_alternative<ike::ChildRekeyed>(effect))
                rekeys++;
        }
        done.clear();
    }
    void run()
    {
        carry(effects);
        while (!wire.empty()) {
            const ike::Send message = std::move(wire.front());
            wire.pop_front();
            End& to = message.remote.address == left.address ? left : right;
            to.engine->receive({message.remote, message.local, message.bytes}, {now_ns, effects});
            carry(effects);
        }
    }
    std::string add_tunnel()
    {
        std::string name = "site-" + std::to_string(++last);
        load(left, connection(name, left, right));
        return name;
    }
    void bring_up(const std::string& name)
    {
        if (!left.engine->initiate(name, "net", {now_ns, effects}))
            std::abort();
        run();
    }

    End left{"192.0.2.1"}, right{"192.0.2.2"};
    ike::Effects effects;
    std::deque<ike::Send> wire;
    uint64_t now_ns = 1'000'000'000'000;
    uint64_t ups = 0, rekeys = 0;
    uint32_t last = 0;
};

/// IKE_SA_INIT and IKE_AUTH of x25519, AES-128-GCM and a PSK: an IKE SA with one child.
void SetUp(benchmark::State& state)
{
    Pair pair;
    for (auto _ : state) {
        state.PauseTiming();
        const auto name = pair.add_tunnel();
        state.ResumeTiming();
        pair.bring_up(name);
    }
    if (pair.ups != 2 * static_cast<uint64_t>(state.iterations()))
        state.SkipWithError("a tunnel did not come up");
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(SetUp);

/// CREATE_CHILD_SA without PFS, and the Delete of the old child, of one among range(0) tunnels.
void RekeyChild(benchmark::State& state)
{
    Pair pair;
    std::vector<std::string> names;
    for (int64_t i = 0; i < state.range(0); i++)
        pair.bring_up(names.emplace_back(pair.add_tunnel()));
    size_t next = 0;
    for (auto _ : state) {
        ike::Selection which;
        which.connection = names[next++ % names.size()];
        which.child = "net";
        benchmark::DoNotOptimize(pair.left.engine->rekey(which, {pair.now_ns, pair.effects}).has_value());
        pair.run();
        pair.now_ns += 10'000'000'000;  // what was replaced has drained
        pair.left.engine->tick({pair.now_ns, pair.effects});
        pair.right.engine->tick({pair.now_ns, pair.effects});
        pair.run();
    }
    if (pair.rekeys < 2 * static_cast<uint64_t>(state.iterations()))
        state.SkipWithError("a child was not rekeyed");
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(RekeyChild)->Arg(1)->Arg(1000);

/// Memory of tunnels that are up, in both engines together with the initiator's connections; the counter is per tunnel
/// and end.
void Memory(benchmark::State& state)
{
    for (auto _ : state) {
        Pair pair;
        const size_t before = mallinfo2().uordblks;
        for (int64_t i = 0; i < state.range(0); i++)
            pair.bring_up(pair.add_tunnel());
        state.counters["bytes/tunnel"] =
            static_cast<double>(mallinfo2().uordblks - before) / static_cast<double>(2 * state.range(0));
        if (pair.ups != 2 * static_cast<uint64_t>(state.range(0)))
            state.SkipWithError("a tunnel did not come up");
    }
}
BENCHMARK(Memory)->Arg(10'000)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
