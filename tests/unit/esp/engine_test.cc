#include "esp/engine.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rte_cryptodev.h>
#include <rte_dev.h>
#include <rte_malloc.h>
#include <rte_mempool.h>

#include "esp/engine_self_test_internal.h"
#include "support/allocations.h"
#include "unit/esp/engine_packets.h"
#include "unit/esp/shared_engines.h"

namespace ipsecgw::esp {
namespace {

using model::Direction;
using model::Encryption;
using model::EngineChoice;
using model::EspSuite;
using model::Integrity;
using testing::HasSubstr;

std::vector<uint8_t> random_text(const EspSuite& suite, Random& random, uint32_t limit)
{
    const uint32_t align = suite.layout().align_bytes;
    return random.bytes((random.below(limit / align) + 1) * align);
}

EngineInfo info_of(const Engines& of, std::string_view name)
{
    for (auto& engine : of.list())
        if (engine.name == name)
            return engine;
    ADD_FAILURE() << "no engine " << name;
    return {};
}

TEST(Engines, ListsEachAndOpensslDoesAll)
{
    const auto list = engines().list();
    ASSERT_EQ(list.size(), 4u);
    for (const auto& engine : list)
        std::printf("  %-10s %-8s %s\n", engine.name.c_str(), engine.usable ? "usable" : "absent",
                    engine.reason.c_str());
    const auto openssl = std::find_if(list.begin(), list.end(), [](const auto& e) { return e.name == "openssl"; });
    ASSERT_NE(openssl, list.end());
    EXPECT_TRUE(openssl->usable);
    const size_t all = model::all_esp_suites().size();
    EXPECT_EQ(openssl->reason, std::to_string(all) + " of " + std::to_string(all) + " algorithms");
    for (const auto& engine : list)
        EXPECT_THAT(engine.reason, Not(HasSubstr("self test failed")));
}

TEST(Engines, SealOpensWithEveryOtherEngine)
{
    Random random(1);
    for (const auto& suite : model::all_esp_suites())
        for (const bool esn : {false, true})
            for (const auto sealer : kChoices)
                for (const auto opener : kChoices) {
                    SCOPED_TRACE(suite.name() + (esn ? " esn" : ""));
                    const auto keymat = random.bytes(suite.layout().keymat_bytes());
                    const auto seal = key_with(sealer, suite, keymat, esn, Direction::kOutbound);
                    const auto open = key_with(opener, suite, keymat, esn, Direction::kInbound);
                    if (seal == nullptr || open == nullptr)
                        continue;
                    EXPECT_EQ(seal->open, nullptr);
                    EXPECT_EQ(open->seal, nullptr);
                    for (const size_t size : {1u, 2u, 7u, 9u, 17u, 31u, 63u, 64u}) {
                        std::vector<TestPacket> packets;
                        for (size_t i = 0; i < size; i++)
                            packets.emplace_back(suite, random_text(suite, random, i % 4 == 0 ? 9000 : 400),
                                                 esn ? random.below(UINT32_MAX) : 0, random);
                        const auto headers = packets.front().header();
                        ASSERT_EQ(seal->seal(*seal, texts(packets)), all_of(size));
                        EXPECT_EQ(packets.front().header(), headers);
                        ASSERT_EQ(open->open(*open, texts(packets)), all_of(size));
                        for (auto& packet : packets) {
                            EXPECT_TRUE(packet.text_is_plain());
                            EXPECT_TRUE(packet.guards_hold());
                        }
                        EXPECT_EQ(packets.front().header(), headers);
                    }
                }
}

TEST(Engines, EnciphersEverySuiteButGmacAndNull)
{
    Random random(2);
    for (const auto& suite : model::all_esp_suites())
        for (const auto choice : kChoices) {
            const auto keymat = random.bytes(suite.layout().keymat_bytes());
            const auto seal = key_with(choice, suite, keymat, false, Direction::kOutbound);
            if (seal == nullptr)
                continue;
            std::vector<TestPacket> packets;
            packets.emplace_back(suite, random.bytes(64), 0, random);
            ASSERT_EQ(seal->seal(*seal, texts(packets)), 1u);
            const bool clear = suite.encryption == Encryption::kAesGmac || suite.encryption == Encryption::kNull;
            EXPECT_EQ(packets[0].text_is_plain(), clear) << suite.name();
        }
}

TEST(Engines, AFlippedBitFailsAloneInItsBurst)
{
    Random random(3);
    for (const auto& suite : model::all_esp_suites())
        for (const bool esn : {false, true})
            for (const auto choice : kChoices) {
                SCOPED_TRACE(suite.name() + (esn ? " esn" : ""));
                const auto keymat = random.bytes(suite.layout().keymat_bytes());
                const auto seal = key_with(choice, suite, keymat, esn, Direction::kOutbound);
                const auto open = key_with(choice, suite, keymat, esn, Direction::kInbound);
                if (seal == nullptr || open == nullptr)
                    continue;
                constexpr size_t kSize = 5;
                // Every byte of a short packet, each in a fresh burst, at a changing place in it.
                const size_t wire = TestPacket(suite, random.bytes(48), 0, random).wire().size();
                for (size_t byte = 0; byte < wire + (esn ? 4 : 0); byte++) {
                    std::vector<TestPacket> packets;
                    for (size_t i = 0; i < kSize; i++)
                        packets.emplace_back(suite, random.bytes(48), esn ? 7 : 0, random);
                    ASSERT_EQ(seal->seal(*seal, texts(packets)), all_of(kSize));
                    const size_t victim = byte % kSize;
                    if (byte < wire)
                        packets[victim].wire()[byte] ^= static_cast<uint8_t>(1u << random.below(8));
                    else
                        packets[victim].set_sequence_high(7u ^ (1u << (8 * (byte - wire))));
                    EXPECT_EQ(open->open(*open, texts(packets)), all_of(kSize) & ~(uint64_t{1} << victim)) << byte;
                    for (size_t i = 0; i < kSize; i++)
                        EXPECT_TRUE(i == victim || packets[i].text_is_plain());
                }
            }
}

TEST(Engines, ABurstOfForgeriesYieldsNothing)
{
    Random random(4);
    for (const auto& suite : model::all_esp_suites())
        for (const auto choice : kChoices) {
            const auto keymat = random.bytes(suite.layout().keymat_bytes());
            const auto open = key_with(choice, suite, keymat, false, Direction::kInbound);
            if (open == nullptr)
                continue;
            std::vector<TestPacket> packets;
            for (size_t i = 0; i < 64; i++)
                packets.emplace_back(suite, random_text(suite, random, 300), 0, random);
            EXPECT_EQ(open->open(*open, texts(packets)), 0u) << suite.name();
        }
}

TEST(Engines, ChoiceIsExplained)
{
    Random random(5);
    const EspSuite suite{Encryption::kAesGcm16, 128, Integrity::kNone};
    const auto keymat = random.bytes(suite.layout().keymat_bytes());
    auto automatic = engines().key(suite, keymat, false, Direction::kInbound, EngineChoice::kAuto);
    ASSERT_TRUE(automatic);
    EXPECT_THAT(automatic->reason, testing::StartsWith(std::string("auto: ") + automatic->context->engine));
    auto openssl = engines().key(suite, keymat, false, Direction::kInbound, EngineChoice::kOpenssl);
    ASSERT_TRUE(openssl);
    EXPECT_EQ(openssl->reason, "openssl, as configured");
    EXPECT_STREQ(openssl->context->engine, "openssl");
}

TEST(Engines, RefusesKeyingMaterialOfAnotherLength)
{
    for (const auto& suite : model::all_esp_suites())
        for (const int change : {-1, 1}) {
            const std::vector<uint8_t> keymat(static_cast<size_t>(suite.layout().keymat_bytes() + change));
            const auto keyed = engines().key(suite, keymat, false, Direction::kInbound, EngineChoice::kAuto);
            ASSERT_FALSE(keyed);
            EXPECT_EQ(keyed.error().code, base::ErrorCode::kInvalidArgument);
        }
}

TEST(Engines, WithoutCpuCryptoOpensslIsTaken)
{
    auto only = Engines::create({.cpu_crypto = false});
    ASSERT_TRUE(only);
    for (const auto& engine : (*only)->list())
        EXPECT_EQ(engine.usable, engine.name == "openssl") << engine.reason;
    const EspSuite suite{Encryption::kAesGcm16, 256, Integrity::kNone};
    const std::vector<uint8_t> keymat(36);
    const auto keyed = (*only)->key(suite, keymat, false, Direction::kOutbound, EngineChoice::kAuto);
    ASSERT_TRUE(keyed);
    EXPECT_STREQ(keyed->context->engine, "openssl");
    EXPECT_THAT(keyed->reason, HasSubstr("switched off"));
    const auto refused = (*only)->key(suite, keymat, false, Direction::kOutbound, EngineChoice::kCpuCrypto);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, base::ErrorCode::kUnsupported);
}

TEST(Engines, TwoLiveInOneProcess)
{
    auto second = Engines::create({.max_sas = 4});
    ASSERT_TRUE(second);
    const auto first = engines().list(), other = (*second)->list();
    for (size_t i = 0; i < first.size(); i++)
        EXPECT_EQ(first[i].usable, other[i].usable) << other[i].reason;
    second->reset();
    auto third = Engines::create({.max_sas = 4});
    ASSERT_TRUE(third);
    EXPECT_EQ(info_of(**third, "aesni_gcm").reason, other[1].reason) << "the name is free again";
}

TEST(Engines, TakesADeviceThatEalMade)
{
    if (rte_cryptodev_driver_id_get("crypto_aesni_gcm") < 0)
        GTEST_SKIP() << "no CPU crypto here";
    ASSERT_EQ(rte_eal_hotplug_add("vdev", "crypto_aesni_gcm7", ""), 0);  // what --vdev does
    for (int round = 0; round < 2; round++) {
        auto taking = Engines::create({.max_sas = 4});
        ASSERT_TRUE(taking);
        EXPECT_THAT(info_of(**taking, "aesni_gcm").reason, HasSubstr("device crypto_aesni_gcm7,"))
            << "and again when it is free";
    }
    EXPECT_GE(rte_cryptodev_get_dev_id("crypto_aesni_gcm7"), 0) << "not ours to remove";
    ASSERT_EQ(rte_eal_hotplug_remove("vdev", "crypto_aesni_gcm7"), 0);
}

/// Times the bytes of `key` stand in a session pool.
size_t count_in_sessions(std::span<const uint8_t> key)
{
    struct Search {
        std::span<const uint8_t> key;
        size_t found = 0;
    } search{key};
    rte_mempool_walk(
        [](rte_mempool* pool, void* walking) {
            if (!std::string_view(pool->name).starts_with("gw_sessions"))
                return;
            rte_mempool_obj_iter(
                pool,
                [](rte_mempool* of, void* argument, void* object, unsigned) {
                    auto& in = *static_cast<Search*>(argument);
                    const std::string_view memory(static_cast<const char*>(object), of->elt_size);
                    const std::string_view wanted(reinterpret_cast<const char*>(in.key.data()), in.key.size());
                    in.found += memory.find(wanted) != std::string_view::npos;
                },
                walking);
        },
        &search);
    return search.found;
}

TEST(Engines, DestroyingAContextWipesItsSession)
{
    Random random(10);
    for (const auto& suite : {EspSuite{Encryption::kAesGcm16, 128, Integrity::kNone},
                              EspSuite{Encryption::kChaCha20Poly1305, 256, Integrity::kNone},
                              EspSuite{Encryption::kAesCbc, 128, Integrity::kHmacSha256}}) {
        // The first 16 bytes of an AES key are its first round key.
        const auto keymat = random.bytes(suite.layout().keymat_bytes());
        const auto key = std::span(keymat).first(16);
        auto context = key_with(EngineChoice::kCpuCrypto, suite, keymat, false, Direction::kOutbound);
        if (context == nullptr)
            continue;
        EXPECT_EQ(count_in_sessions(key), 1u) << suite.name();
        context.reset();
        EXPECT_EQ(count_in_sessions(key), 0u) << suite.name();
    }
}

TEST(Engines, SessionsRunOutForCpuCryptoOnlyAndComeBack)
{
    auto small = Engines::create({.workers = 1, .max_sas = 100});
    ASSERT_TRUE(small);
    if (const auto gcm = info_of(**small, "aesni_gcm"); !gcm.usable)
        GTEST_SKIP() << gcm.reason;
    // Both devices do it, and vaes_gcm does not.
    const EspSuite suite{Encryption::kAesGmac, 128, Integrity::kNone};
    const std::vector<uint8_t> keymat(20);
    for (int round = 0; round < 2; round++) {
        std::vector<sa::CipherContextPtr> held;
        for (;;) {
            auto keyed = (*small)->key(suite, keymat, false, Direction::kInbound, EngineChoice::kCpuCrypto);
            if (!keyed) {
                EXPECT_EQ(keyed.error().code, base::ErrorCode::kResourceExhausted);
                break;
            }
            held.push_back(std::move(keyed->context));
        }
        EXPECT_EQ(held.size(), 404u) << "200 of each device, and 2 the self test has left";
        const auto keyed = (*small)->key(suite, keymat, false, Direction::kInbound, EngineChoice::kAuto);
        ASSERT_TRUE(keyed) << "auto goes on without";
        EXPECT_STREQ(keyed->context->engine, "openssl");
    }
}

TEST(Engines, ShareableContextsRunOnThreadsWithoutEal)
{
    Random random(6);
    for (const auto& suite : model::all_esp_suites()) {
        const auto keymat = random.bytes(suite.layout().keymat_bytes());
        const auto seal = key_with(EngineChoice::kCpuCrypto, suite, keymat, false, Direction::kOutbound);
        const auto open = key_with(EngineChoice::kCpuCrypto, suite, keymat, false, Direction::kInbound);
        if (seal == nullptr || open == nullptr)
            continue;
        EXPECT_EQ(seal->shareable, suite.encryption != Encryption::kAesCbc);
        ASSERT_TRUE(open->shareable);
        std::vector<std::thread> threads;
        for (uint32_t thread = 0; thread < 3; thread++)
            threads.emplace_back([&suite, &seal, &open, thread] {
                Random own(thread);
                std::vector<TestPacket> packets;
                for (size_t i = 0; i < 32; i++)
                    packets.emplace_back(suite, random_text(suite, own, 600), 0, own);
                const bool seals = seal->shareable || thread == 0;
                for (int round = 0; seals && round < 20; round++) {
                    EXPECT_EQ(seal->seal(*seal, texts(packets)), all_of(32));
                    EXPECT_EQ(open->open(*open, texts(packets)), all_of(32));
                }
                for (auto& packet : packets)
                    EXPECT_TRUE(packet.text_is_plain());
            });
        for (auto& thread : threads)
            thread.join();
    }
}

TEST(Engines, NoBurstAllocates)
{
    if (!test::can_count_allocations())
        GTEST_SKIP() << "a sanitizer owns malloc";
    Random random(7);
    const auto rte_allocations = [] {
        rte_malloc_socket_stats stats{};
        rte_malloc_get_socket_stats(0, &stats);
        return stats.alloc_count;
    };
    for (const auto& suite : model::all_esp_suites())
        for (const bool esn : {false, true})
            for (const auto choice : kChoices) {
                SCOPED_TRACE(suite.name());
                const auto keymat = random.bytes(suite.layout().keymat_bytes());
                const auto seal = key_with(choice, suite, keymat, esn, Direction::kOutbound);
                const auto open = key_with(choice, suite, keymat, esn, Direction::kInbound);
                if (seal == nullptr || open == nullptr)
                    continue;
                std::vector<TestPacket> packets;
                for (size_t i = 0; i < 64; i++)
                    packets.emplace_back(suite, random_text(suite, random, 2000), esn ? 1 : 0, random);
                const auto burst = texts(packets);
                // A thread's first burst sets up the cipher library's state for it.
                EXPECT_EQ(seal->seal(*seal, burst), all_of(64));
                EXPECT_EQ(open->open(*open, burst), all_of(64));
                const uint64_t before = test::allocations();
                const auto rte_before = rte_allocations();
                for (int round = 0; round < 3; round++) {
                    EXPECT_EQ(seal->seal(*seal, burst), all_of(64));
                    EXPECT_EQ(open->open(*open, burst), all_of(64));
                    packets[round].icv()[0] ^= 1;
                    EXPECT_EQ(seal->seal(*seal, burst), all_of(64));
                    packets[7].icv()[0] ^= 1;
                    EXPECT_EQ(open->open(*open, burst), all_of(64) & ~(uint64_t{1} << 7));
                    std::memcpy(packets[7].text(), packets[7].plain().data(), packets[7].plain().size());
                }
                EXPECT_EQ(test::allocations(), before);
                EXPECT_EQ(rte_allocations(), rte_before);
            }
}

TEST(Engines, APreparedThreadDoesNotAllocateAtItsFirstBurst)
{
    if (!test::can_count_allocations())
        GTEST_SKIP() << "a sanitizer owns malloc";
    Random random(9);
    for (const auto& suite : model::all_esp_suites()) {
        const auto keymat = random.bytes(suite.layout().keymat_bytes());
        const auto seal = key_with(EngineChoice::kAuto, suite, keymat, false, Direction::kOutbound);
        std::vector<TestPacket> packets;
        for (size_t i = 0; i < 32; i++)
            packets.emplace_back(suite, random_text(suite, random, 300), 0, random);
        const auto burst = texts(packets);
        std::thread([&seal, &burst] {
            engines().prepare_thread();
            const uint64_t before = test::allocations();
            const uint64_t done = seal->seal(*seal, burst);
            const uint64_t after = test::allocations();
            EXPECT_EQ(done, all_of(32));
            EXPECT_EQ(after, before);
        }).join();
    }
}

TEST(Engines, CbcIvsAreFreshAndUnpredictable)
{
    Random random(8);
    const EspSuite suite{Encryption::kAesCbc, 128, Integrity::kHmacSha256};
    const auto keymat = random.bytes(suite.layout().keymat_bytes());
    for (const auto choice : kChoices) {
        std::set<std::array<uint8_t, 16>> seen;
        for (int context = 0; context < 2; context++) {
            const auto seal = key_with(choice, suite, keymat, false, Direction::kOutbound);
            if (seal == nullptr)
                continue;
            std::vector<TestPacket> packets;
            for (size_t i = 0; i < 64; i++)
                packets.emplace_back(suite, random.bytes(16), 0, random);
            ASSERT_EQ(seal->seal(*seal, texts(packets)), all_of(64));
            for (auto& packet : packets) {
                std::array<uint8_t, 16> iv;
                std::copy_n(packet.iv(), iv.size(), iv.begin());
                EXPECT_TRUE(seen.insert(iv).second);
            }
        }
    }
}

TEST(EngineSelfTest, CatchesAnEngineThatCiphersWrongly)
{
    // A key with one bit changed stands for a broken implementation.
    const auto broken_when = [](Direction direction) {
        return [direction](const KeyRequest& request) {
            std::vector<uint8_t> keymat(request.keymat.begin(), request.keymat.end());
            if (request.direction == direction)
                keymat[0] ^= 1;
            auto keyed = engines().key(request.suite, keymat, request.esn, request.direction, EngineChoice::kOpenssl);
            return base::Result<sa::CipherContextPtr>(std::move(keyed->context));
        };
    };
    for (const auto& suite : model::all_esp_suites()) {
        EXPECT_FALSE(self_test(suite, broken_when(Direction::kOutbound))) << suite.name();
        EXPECT_FALSE(self_test(suite, broken_when(Direction::kInbound))) << suite.name();
    }
}

}  // namespace
}  // namespace ipsecgw::esp
