// One writer at full speed, readers that hold what they found for a burst. What must be there is always found, and nothing a reader
// holds changes under it: run with tsan and asan.
#include <pthread.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sa/sad.h"
#include "sa/spd.h"
#include "sa_test_support.h"
#include "spd_test_support.h"

namespace ipsecgw::sa {
namespace {

using test::packet;
using test::policy;
using test::selector;

constexpr uint16_t kReaders = 3;
constexpr size_t kBurst = 32;
constexpr auto kDuration = std::chrono::milliseconds(700);

// EAL binds its main thread to one CPU and threads inherit that; readers that take turns with the writer would show little.
void use_all_cpus()
{
    cpu_set_t all;
    std::memset(&all, 0xff, sizeof all);
    pthread_setaffinity_np(pthread_self(), sizeof all, &all);
}

class Concurrency : public testing::Test {
 protected:
    using Random = std::mt19937;

    // Runs `change` over and over in this thread while each reader runs `burst`, which counts what it found wrong.
    template <class Change, class Burst>
    void run(Change change, Burst burst)
    {
        std::atomic<bool> stop{false};
        std::atomic<uint64_t> wrong{0};
        std::atomic<uint64_t> bursts{0};
        std::vector<std::thread> readers;
        for (uint16_t id = 0; id < kReaders; id++)
            readers.emplace_back([&, id] {
                use_all_cpus();
                Random random(id);
                qsbr_->online(id);
                while (!stop.load(std::memory_order_relaxed)) {
                    wrong += burst(id, random);
                    bursts++;
                    qsbr_->quiescent(id);
                }
                qsbr_->offline(id);
            });
        Random random(77);
        uint64_t changes = 0;
        for (const auto end = std::chrono::steady_clock::now() + kDuration; std::chrono::steady_clock::now() < end; changes++) {
            change(random);
            reclaimer_.poll(16);
        }
        stop = true;
        for (auto& reader : readers)
            reader.join();
        reclaimer_.poll(SIZE_MAX);
        EXPECT_EQ(reclaimer_.pending(), 0u);
        EXPECT_EQ(wrong.load(), 0u);
        RecordProperty("changes", std::to_string(changes));
        RecordProperty("bursts", std::to_string(bursts.load()));
        EXPECT_GT(changes, 100u);
        EXPECT_GT(bursts.load(), 100u);
    }

    std::unique_ptr<dpdk::Qsbr> qsbr_ = std::move(dpdk::Qsbr::create(kReaders)).value();
    dpdk::Reclaimer reclaimer_{*qsbr_};
};

uint64_t canary_of(uint32_t spi) { return spi * 0x9e3779b97f4a7c15 + 1; }

InboundSaPtr marked_inbound(uint32_t spi)
{
    auto sa = test::inbound(spi);
    sa->hard_packets = canary_of(spi);
    sa->hard_bytes = ~canary_of(spi);
    return sa;
}

bool intact(const InboundSa& sa, uint32_t spi)
{
    return sa.spi == spi && sa.hard_packets == canary_of(spi) && sa.hard_bytes == ~canary_of(spi);
}

TEST_F(Concurrency, SadFindsWhatStaysAndNeverWhatIsFreed)
{
    constexpr uint32_t kPermanent = 64;
    constexpr uint32_t kChurned = 512;
    auto sad = std::move(Sad::create(kPermanent + kChurned, reclaimer_)).value();
    for (uint32_t i = 0; i < kPermanent; i++)
        ASSERT_TRUE(sad->publish(marked_inbound(1000 + i * 9)));  // between the churned ones
    const auto churned = [](Random& random) { return static_cast<uint32_t>(1000 + 9 * (random() % kPermanent) + 1 + random() % 8); };

    run([&](Random& random) {
            const uint32_t spi = churned(random);
            if (!sad->retire_inbound(spi))
                static_cast<void>(sad->publish(marked_inbound(spi)));
            if (random() % 4096 == 0)  // a fall and a rise that rebuilds the index
                for (uint32_t i = 0; i < kPermanent * 9; i++)
                    if (i % 9 != 0)
                        static_cast<void>(sad->retire_inbound(1000 + i));
        },
        [&](uint16_t, Random& random) -> uint64_t {
            std::array<InboundSa*, kBurst> held{};
            std::array<uint32_t, kBurst> spis{};
            uint64_t wrong = 0;
            for (size_t i = 0; i < kBurst; i++) {
                spis[i] = i % 2 == 0 ? 1000 + 9 * (static_cast<uint32_t>(random()) % kPermanent) : churned(random);
                sad->prefetch(spis[i]);
            }
            for (size_t i = 0; i < kBurst; i++) {
                held[i] = sad->find(spis[i]);
                wrong += i % 2 == 0 && held[i] == nullptr ? 1 : 0;
            }
            for (size_t i = 0; i < kBurst; i++)
                wrong += held[i] != nullptr && !intact(*held[i], spis[i]) ? 1 : 0;
            return wrong;
        });
}

TEST_F(Concurrency, SpdNeverLetsAFlowSlipBetweenChanges)
{
    auto sad = std::move(Sad::create(64, reclaimer_)).value();
    auto spd = std::move(Spd::create(kReaders, reclaimer_)).value();
    auto fallback = policy("fallback", 1000, selector("0.0.0.0/0"), selector("0.0.0.0/0"));
    fallback.action = model::Action::kProtect;
    auto pinned = policy("pinned", 50, selector("10.1.1.0/24"), selector("10.2.2.0/24"));
    const PolicyEntry* fallback_entry = *spd->add(fallback);
    const PolicyEntry* pinned_entry = *spd->add(pinned);
    PolicyEntry* swung = spd->find("fallback");
    swung->outbound.store((*sad->adopt(test::outbound(0x4242))));

    const auto change = [&](Random& random) {
        const auto i = static_cast<uint32_t>(random() % 200);
        const std::string name = "p" + std::to_string(i);
        if (!spd->remove(name)) {
            const std::string local = "10.1." + std::to_string(i % 4) + ".0/" + std::to_string(20 + i % 13);
            const std::string remote = "10.2.2.0/" + std::to_string(8 + i % 9);
            // Above and below the pinned one, never equal to it.
            ASSERT_TRUE(spd->add(policy(name, i % 2 == 0 ? 51 + i : 2000 + i, selector(local.c_str()), selector(remote.c_str()))));
        }
        if (random() % 8 == 0) {
            OutboundSa* next = *sad->adopt(test::outbound(0x4242));
            OutboundSa* old = swung->outbound.exchange(next, std::memory_order_acq_rel);
            ASSERT_TRUE(sad->retire_outbound(old->slot));
        }
    };
    const FlowKey pinned_flow = packet("10.1.1.5", "10.2.2.5");
    const FlowKey other_flow = packet("10.1.2.5", "10.2.2.5");
    const FlowKey foreign_flow = packet("192.0.2.1", "198.51.100.1");
    const auto burst = [&](uint16_t id, Random&) -> uint64_t {
        std::array<const PolicyEntry*, kBurst> held{};
        uint64_t wrong = 0;
        for (auto& entry : held) {
            entry = spd->match_outbound(other_flow);
            wrong += entry == nullptr ? 1 : 0;  // there is always the fallback
            wrong += spd->match_outbound(pinned_flow) != pinned_entry ? 1 : 0;
            wrong += spd->match_outbound(foreign_flow) != fallback_entry ? 1 : 0;
        }
        for (const auto* entry : held) {
            if (entry == nullptr)
                continue;
            entry->hits_of(id).add(1);
            const OutboundSa* sa = entry->outbound.load(std::memory_order_acquire);
            wrong += (sa != nullptr) != (entry == fallback_entry) ? 1 : 0;
            wrong += sa != nullptr && (sa->spi != 0x4242 || sa->workers != 1) ? 1 : 0;
        }
        return wrong;
    };
    run(change, burst);
    EXPECT_EQ(spd->find("fallback"), fallback_entry);
}

/// A policy is replaced by adding the new one before the old one goes. A look-up that has asked the new one's tuple before it came and the
/// old one's after it went must not end at what stands behind both.
TEST_F(Concurrency, AReplacedPolicyIsNeverMissed)
{
    auto spd = std::move(Spd::create(kReaders, reclaimer_)).value();
    const char* const shapes[] = {"10.1.1.0/24", "10.1.1.0/25"};
    // Each shape's tuple is there all the time, as good as it ever gets: the list of tuples does not change.
    for (const char* shape : {"10.9.0.0/24", "10.9.0.0/25"})
        ASSERT_TRUE(spd->add(policy(std::string("keeps ") + shape, 1, selector(shape), selector("10.2.2.0/24"))));
    for (uint32_t bits = 8; bits < 24; bits++)  // tuples between, so that a look-up takes its time
        ASSERT_TRUE(spd->add(policy("between " + std::to_string(bits), 2, selector("10.8.0.0/16"), selector(("10.0.0.0/" + std::to_string(bits)).c_str()))));
    const PolicyEntry* behind = *spd->add(policy("behind", 1000, selector("0.0.0.0/0"), selector("0.0.0.0/0")));
    uint32_t turn = 0;
    const auto name = [](uint32_t i) { return "replaced " + std::to_string(i); };
    ASSERT_TRUE(spd->add(policy(name(0), 50, selector(shapes[0]), selector("10.2.2.0/24"))));
    const FlowKey flow = packet("10.1.1.5", "10.2.2.5");
    run([&](Random&) {
            const uint32_t last = turn++;
            ASSERT_TRUE(spd->add(policy(name(turn), 50, selector(shapes[turn % 2]), selector("10.2.2.0/24"))));
            ASSERT_TRUE(spd->remove(name(last)));
        },
        [&](uint16_t, Random&) -> uint64_t {
            uint64_t wrong = 0;
            for (size_t i = 0; i < kBurst; i++) {
                const PolicyEntry* found = spd->match_outbound(flow);
                wrong += found == nullptr || found == behind ? 1 : 0;
            }
            return wrong;
        });
}

TEST_F(Concurrency, SelectorsAreSwungUnderAReader)
{
    auto spd = std::move(Spd::create(kReaders, reclaimer_)).value();
    const auto sa = test::inbound(256);
    const FlowKey always = packet("10.2.0.1", "10.1.0.1");
    const FlowKey never = packet("10.3.0.1", "10.1.0.1");
    const auto swing = [&](Random& random) {
        std::vector<SelectorSet::Pair> pairs(1 + random() % 4, {selector("192.0.2.0/24"), selector("192.0.2.0/24")});
        pairs[random() % pairs.size()] = {selector("10.1.0.0/16"), selector("10.2.0.0/16")};
        spd->set_selectors(*sa, std::make_unique<const SelectorSet>(pairs));
    };
    Random random(1);
    swing(random);
    run(swing, [&](uint16_t, Random&) -> uint64_t {
        uint64_t wrong = 0;
        for (size_t i = 0; i < kBurst; i++) {
            const SelectorSet* set = sa->selectors.load(std::memory_order_acquire);
            wrong += set->allows(always) ? 0 : 1;
            wrong += set->allows(never) ? 1 : 0;
        }
        return wrong;
    });
}

}  // namespace
}  // namespace ipsecgw::sa
