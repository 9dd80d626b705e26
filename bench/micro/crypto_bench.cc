// The primitives of lib/crypto: TSC cycles per packet, in place, one context per run; time per operation of key
// exchanges.
#include <array>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include "crypto/aead.h"
#include "crypto/aes.h"
#include "crypto/hmac.h"
#include "crypto/key_exchange.h"
#include "crypto/random.h"

namespace {

using namespace ipsecgw;
using crypto::Operation;

constexpr std::array<uint8_t, 64> kKey = {1, 2, 3};

uint64_t ticks() noexcept
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t value;
    asm volatile("mrs %0, cntvct_el0" : "=r"(value));  // the generic timer, not the core's clock
    return value;
#else
#error "no cycle counter known for this architecture"
#endif
}

/// Runs `packet()` and reports the mean and, since other load only adds, the least.
template <class Packet>
void measure(benchmark::State& state, Packet packet)
{
    uint64_t total = 0, best = UINT64_MAX;
    for (auto _ : state) {
        const uint64_t start = ticks();
        benchmark::DoNotOptimize(packet());
        const uint64_t spent = ticks() - start;
        total += spent;
        best = spent < best ? spent : best;
    }
    state.counters["cycles/pkt"] = static_cast<double>(total) / static_cast<double>(state.iterations());
    state.counters["best"] = static_cast<double>(best);
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

void aead_seal(benchmark::State& state, crypto::AeadAlgorithm algorithm, size_t key_bytes)
{
    auto aead = crypto::Aead::create(algorithm, Operation::kSeal, std::span(kKey).first(key_bytes), 16);
    std::vector<uint8_t> text(static_cast<size_t>(state.range(0)));
    const std::array<uint8_t, 12> nonce{}, aad{};
    std::array<uint8_t, 16> tag;
    measure(state, [&] { return aead->seal({nonce.data(), std::span(aad).first(8)}, text, tag.data()); });
}

void aead_open(benchmark::State& state, crypto::AeadAlgorithm algorithm, size_t key_bytes)
{
    // A forgery costs what an authentic packet does: the text is deciphered while it is authenticated.
    auto aead = crypto::Aead::create(algorithm, Operation::kOpen, std::span(kKey).first(key_bytes), 16);
    std::vector<uint8_t> text(static_cast<size_t>(state.range(0)));
    const std::array<uint8_t, 12> nonce{}, aad{};
    const std::array<uint8_t, 16> tag{};
    measure(state, [&] { return aead->open({nonce.data(), std::span(aad).first(8)}, text, tag.data()); });
}

void aes(benchmark::State& state, crypto::AesMode mode, Operation operation, size_t key_bytes)
{
    auto cipher = crypto::Aes::create(mode, operation, std::span(kKey).first(key_bytes));
    std::vector<uint8_t> text((static_cast<size_t>(state.range(0)) + 15) / 16 * 16);
    const std::array<uint8_t, 16> iv{};
    measure(state, [&] { return cipher->crypt(iv.data(), text); });
}

void hmac(benchmark::State& state, crypto::Hash hash)
{
    const crypto::Hmac mac(hash, std::span(kKey).first(32));
    const std::vector<uint8_t> text(static_cast<size_t>(state.range(0)));
    std::array<uint8_t, 16> icv;
    measure(state, [&] {
        mac.compute(text, {}, icv);
        return icv[0];
    });
}

void iv_source(benchmark::State& state)
{
    auto ivs = crypto::IvSource::create();
    std::array<uint8_t, 16> iv;
    for (auto _ : state)
        benchmark::DoNotOptimize(ivs->next(iv.data()));
}

/// What one end of an exchange pays: a key pair, which may be made ahead, and the secret.
void key_pair(benchmark::State& state)
{
    const auto method = static_cast<uint16_t>(state.range(0));
    for (auto _ : state)
        benchmark::DoNotOptimize(crypto::KeyExchange::create(method).has_value());
}

void shared_secret(benchmark::State& state)
{
    const auto method = static_cast<uint16_t>(state.range(0));
    const auto ours = crypto::KeyExchange::create(method), theirs = crypto::KeyExchange::create(method);
    for (auto _ : state)
        benchmark::DoNotOptimize(ours->shared_secret(theirs->public_value()).has_value());
}

void methods(benchmark::internal::Benchmark* bench)
{
    bench->Unit(benchmark::kMicrosecond)->ArgName("method");
    for (const int64_t method : {14, 15, 16, 19, 20, 21, 31, 32})
        bench->Arg(method);
}

void sizes(benchmark::internal::Benchmark* bench)
{
    for (const int64_t size : {64, 256, 512, 1024, 1420})
        bench->Arg(size);
}

using crypto::AeadAlgorithm;
using crypto::AesMode;
using crypto::Hash;

BENCHMARK_CAPTURE(aead_seal, aes128gcm, AeadAlgorithm::kAesGcm, 16)->Apply(sizes);
BENCHMARK_CAPTURE(aead_open, aes128gcm, AeadAlgorithm::kAesGcm, 16)->Apply(sizes);
BENCHMARK_CAPTURE(aead_seal, aes256gcm, AeadAlgorithm::kAesGcm, 32)->Apply(sizes);
BENCHMARK_CAPTURE(aead_open, aes256gcm, AeadAlgorithm::kAesGcm, 32)->Apply(sizes);
BENCHMARK_CAPTURE(aead_seal, chacha20poly1305, AeadAlgorithm::kChaCha20Poly1305, 32)->Apply(sizes);
BENCHMARK_CAPTURE(aead_open, chacha20poly1305, AeadAlgorithm::kChaCha20Poly1305, 32)->Apply(sizes);
BENCHMARK_CAPTURE(aes, aes128cbc_encrypt, AesMode::kCbc, Operation::kSeal, 16)->Apply(sizes);
BENCHMARK_CAPTURE(aes, aes128cbc_decrypt, AesMode::kCbc, Operation::kOpen, 16)->Apply(sizes);
BENCHMARK_CAPTURE(aes, aes128ctr, AesMode::kCtr, Operation::kSeal, 16)->Apply(sizes);
BENCHMARK_CAPTURE(hmac, sha256, Hash::kSha256)->Apply(sizes);
BENCHMARK_CAPTURE(hmac, sha384, Hash::kSha384)->Apply(sizes);
BENCHMARK_CAPTURE(hmac, sha512, Hash::kSha512)->Apply(sizes);
BENCHMARK(iv_source);
BENCHMARK(key_pair)->Apply(methods);
BENCHMARK(shared_secret)->Apply(methods);

}  // namespace

BENCHMARK_MAIN();
