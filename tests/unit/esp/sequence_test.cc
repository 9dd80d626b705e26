// Sequence numbers, replay and lifetimes (RFC 4303 sections 2.2, 3.3.3, 3.4.3 and appendix A; RFC 4301
// section 4.4.2.1).
#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <thread>

#include "base/byte_order.h"
#include "unit/esp/sa_pair.h"

namespace ipsecgw::test {
namespace {

using telemetry::Drop;

constexpr uint64_t k2To32 = uint64_t{1} << 32;

class Sequence : public EspTest {
  protected:
    Sequence() : params_(outbound_params(suite("aes128gcm16"))) {}

    Bytes forged(uint64_t sequence)
    {
        return Forge(params_).seal_padded({.sequence = sequence, .payload = make_packet({})});
    }
    sa::InboundSaPtr inbound() { return build_in(mirrored(params_)).sa; }
    std::vector<Bytes> plain(size_t packets) { return std::vector<Bytes>(packets, make_packet({.payload_bytes = 80})); }

    model::SaParams params_;
};

TEST_F(Sequence, ACopyInTheSameBurstIsDropped)
{
    const auto in = inbound();
    const auto packet = forged(7);
    EXPECT_EQ(open(*in, {packet, packet, packet}).size(), 1u);
    EXPECT_EQ(dropped(Drop::kReplay), 2u);
    EXPECT_EQ(in->counters.packets.get(), 1u);
}

TEST_F(Sequence, ACopyInALaterBurstIsDroppedBeforeTheCipher)
{
    const auto in = inbound();
    auto packet = forged(7);
    EXPECT_EQ(open(*in, {packet}).size(), 1u);
    packet.back() ^= 1;  // not even authentic: the window is asked first
    EXPECT_EQ(refusal(*in, packet), Drop::kReplay);
}

TEST_F(Sequence, TheWindowEndsWhereConfigured)
{
    for (const uint16_t window : std::initializer_list<uint16_t>{32, 64, 128, 1024, 4096}) {
        params_.replay_window = window;
        const auto in = inbound();
        EXPECT_EQ(open(*in, {forged(10000)}).size(), 1u);
        EXPECT_EQ(refusal(*in, forged(10000u - window)), Drop::kTooOld);
        EXPECT_EQ(refusal(*in, forged(10001u - window)), Drop::kCount);
        EXPECT_EQ(refusal(*in, forged(10001u - window)), Drop::kReplay);
    }
}

TEST_F(Sequence, APacketThatFellOutOfTheWindowWithinItsBurstIsTooOld)
{
    const auto in = inbound();
    EXPECT_EQ(open(*in, {forged(100), forged(1)}).size(), 1u);
    EXPECT_EQ(dropped(Drop::kTooOld), 1u);
}

TEST_F(Sequence, ReorderingInsideTheWindowIsAccepted)
{
    const auto in = inbound();
    std::vector<Bytes> packets;
    for (uint64_t i = 64; i >= 1; --i)
        packets.push_back(forged(i));
    EXPECT_EQ(open(*in, packets).size(), 64u);
    EXPECT_EQ(open(*in, packets).size(), 0u);
    EXPECT_EQ(dropped(Drop::kReplay), 64u);
}

TEST_F(Sequence, NumberZeroIsRefused)
{
    EXPECT_EQ(refusal(*inbound(), forged(0)), Drop::kTooOld);
}

TEST_F(Sequence, WithoutAWindowCopiesPass)
{
    params_.replay_window = 0;
    const auto in = inbound();
    const auto packet = forged(7);
    EXPECT_EQ(open(*in, {packet, packet, forged(3)}).size(), 3u);
}

TEST_F(Sequence, ForgedNumbersDoNotMoveTheWindow)
{
    for (const bool esn : {false, true}) {
        params_.esn = esn;
        const auto in = inbound();
        EXPECT_EQ(open(*in, {forged(50)}).size(), 1u);
        for (const uint32_t number : {51u, 5000u, 0x7fffffffu, 0xffffffffu}) {
            auto packet = forged(number);
            packet.back() ^= 1;
            EXPECT_EQ(refusal(*in, packet), Drop::kAuth);
        }
        EXPECT_EQ(in->replay.highest(), 50u);
        EXPECT_EQ(open(*in, {forged(49), forged(51)}).size(), 2u);
    }
}

TEST_F(Sequence, EsnRunsAcrossTheWrapOfTheLowHalf)
{
    params_.esn = true;
    const auto in = inbound();
    // An authentic packet takes the receiver near the wrap; from then on only the low half is on the wire.
    EXPECT_EQ(open(*in, {forged(k2To32 - 40)}).size(), 1u);
    std::vector<Bytes> packets;
    for (uint64_t number = k2To32 - 20; number < k2To32 + 20; ++number)
        packets.push_back(forged(number));
    EXPECT_EQ(open(*in, packets).size(), 40u);
    EXPECT_EQ(in->replay.highest(), k2To32 + 19);
    EXPECT_EQ(refusal(*in, forged(k2To32 - 20)), Drop::kReplay);  // the window spans both halves
    EXPECT_EQ(refusal(*in, forged(k2To32 - 30)), Drop::kCount);
    EXPECT_EQ(refusal(*in, forged(k2To32 - 45)), Drop::kAuth);  // now read as 2^33 - 45
}

TEST_F(Sequence, EsnSealsAcrossTheWrap)
{
    params_.esn = true;
    params_.first_sequence = k2To32 - 10;
    SaPair pair(params_);
    EXPECT_EQ(open(*pair.in, {forged(k2To32 - 100)}).size(), 1u);
    const auto sealed = seal(*pair.out, plain(20));
    ASSERT_EQ(sealed.size(), 20u);
    EXPECT_EQ(Bytes(sealed[10].begin() + 24, sealed[10].begin() + 28), Bytes(4));  // 2^32 itself
    EXPECT_EQ(open(*pair.in, sealed).size(), 20u);
    EXPECT_EQ(pair.in->replay.highest(), k2To32 + 9);
}

TEST_F(Sequence, EsnWithAnotherHighHalfIsNotAuthentic)
{
    params_.esn = true;
    const auto in = inbound();
    EXPECT_EQ(refusal(*in, forged(k2To32 + 5)), Drop::kAuth);  // inferred as 5
    EXPECT_EQ(refusal(*in, forged(5)), Drop::kCount);
}

TEST_F(Sequence, ExhaustionStopsTheSa)
{
    params_.first_sequence = k2To32 - 10;
    const auto out = build_out(params_).sa;
    const auto sealed = seal(*out, plain(30));
    ASSERT_EQ(sealed.size(), 10u);
    EXPECT_EQ(Bytes(sealed[9].begin() + 24, sealed[9].begin() + 28), Bytes(4, 0xff));
    EXPECT_EQ(dropped(Drop::kSequenceExhausted), 20u);
    EXPECT_TRUE(seal(*out, plain(3)).empty());
    EXPECT_EQ(out->counters(0).packets.get(), 10u);
}

TEST_F(Sequence, EsnExhaustionNeverWraps)
{
    params_.esn = true;
    params_.first_sequence = esp::kLastExtendedSequence - 9;
    const auto out = build_out(params_).sa;
    EXPECT_EQ(seal(*out, plain(30)).size(), 10u);
    for (int i = 0; i < 1000; ++i)
        EXPECT_TRUE(seal(*out, plain(64)).empty());
    EXPECT_EQ(out->next_sequence.load(), esp::kLastExtendedSequence + 1);
    params_.first_sequence = std::numeric_limits<uint64_t>::max();
    const auto past_the_end = build_out(params_).sa;
    EXPECT_TRUE(seal(*past_the_end, plain(64)).empty());
    EXPECT_TRUE(seal(*past_the_end, plain(64)).empty());
}

/// Low halves of the numbers that `sa` gives to one worker until it gives no more; then hammers on. `mbufs` are used
/// again and again and stay the caller's: a buffer that went through the pool would be another thread's next.
std::vector<uint32_t> drain(sa::OutboundSa& sa, uint16_t worker, std::span<rte_mbuf*> mbufs, const Bytes& packet)
{
    esp::DropSink drops;
    std::vector<uint32_t> numbers;
    int empty_turns = 0;
    for (size_t turn = 0; empty_turns < 50; ++turn) {
        std::vector<rte_mbuf*> burst(mbufs.begin(),
                                     mbufs.begin() + 1 + static_cast<long>((turn * 7 + worker) % mbufs.size()));
        for (rte_mbuf* m : burst) {
            rte_mbuf_refcnt_set(m, 2);
            rte_pktmbuf_reset_headroom(m);
            m->data_len = static_cast<uint16_t>(packet.size());
            m->pkt_len = m->data_len;
            std::ranges::copy(packet, rte_pktmbuf_mtod(m, uint8_t*));
        }
        const uint16_t kept = esp::seal_burst(sa, worker, burst, drops);
        for (uint16_t i = 0; i < kept; ++i) {
            numbers.push_back(base::load_be32(rte_pktmbuf_mtod_offset(burst[i], const uint8_t*, 24)));
            rte_pktmbuf_free(burst[i]);
        }
        drops.flush();
        empty_turns += kept == 0;
    }
    return numbers;
}

TEST_F(Sequence, ConcurrentSealersShareTheLastNumbersWithoutACopy)
{
    if (kind() == sa::OffloadKind::kLookAside)
        GTEST_SKIP() << "look-aside: seal_all has one worker's queue pair; numbers are taken as in software";
    constexpr uint16_t kWorkers = 4;
    constexpr uint32_t kLeft = 20003;
    params_.engine = model::EngineChoice::kOpenssl;  // the CPU crypto driver never frees what it allocates per thread
    for (const bool esn : {false, true}) {
        params_.esn = esn;
        const uint64_t last = esn ? esp::kLastExtendedSequence : k2To32 - 1;
        params_.first_sequence = last - kLeft + 1;
        const auto out = build_out(params_, kWorkers).sa;
        const auto packet = make_packet({.payload_bytes = 20});
        std::array<std::vector<uint32_t>, kWorkers> numbers;
        std::array<std::vector<rte_mbuf*>, kWorkers> mbufs;
        for (auto& mine : mbufs)
            for (int i = 0; i < 20; ++i)
                mine.push_back(mbuf(packet));
        std::atomic<int> ready = 0;
        std::vector<std::thread> threads;
        for (uint16_t worker = 0; worker < kWorkers; ++worker)
            threads.emplace_back([&, worker] {
                ready.fetch_add(1);
                while (ready.load() != kWorkers)
                    std::this_thread::yield();
                numbers[worker] = drain(*out, worker, mbufs[worker], packet);
            });
        for (auto& thread : threads)
            thread.join();
        for (auto& mine : mbufs)
            rte_pktmbuf_free_bulk(mine.data(), static_cast<unsigned>(mine.size()));
        std::vector<uint32_t> all;
        for (const auto& part : numbers)
            all.insert(all.end(), part.begin(), part.end());
        std::ranges::sort(all);
        ASSERT_EQ(all.size(), kLeft);
        for (uint32_t i = 0; i < kLeft; ++i)
            ASSERT_EQ(all[i], static_cast<uint32_t>(params_.first_sequence) + i);
        EXPECT_EQ(out->next_sequence.load(), last + 1);
    }
}

TEST_F(Sequence, OutboundPacketLifetimeIsExact)
{
    params_.lifetime.hard_packets = 100;
    const auto out = build_out(params_).sa;
    EXPECT_EQ(seal(*out, plain(250)).size(), 100u);
    EXPECT_EQ(dropped(Drop::kExpired), 150u);
    EXPECT_EQ(out->drops.get(Drop::kExpired), 150u);
}

TEST_F(Sequence, ExpiredByControlSealsNothing)
{
    const auto out = build_out(params_).sa;
    EXPECT_EQ(seal(*out, plain(5)).size(), 5u);
    out->expired.store(true);
    EXPECT_TRUE(seal(*out, plain(5)).empty());
    EXPECT_EQ(dropped(Drop::kExpired), 5u);
}

TEST_F(Sequence, InboundPacketLifetimeIsExact)
{
    auto inbound = mirrored(params_);
    inbound.lifetime.hard_packets = 100;
    SaPair pair(params_, inbound);
    EXPECT_EQ(open(*pair.in, seal(*pair.out, plain(250))).size(), 100u);
    EXPECT_EQ(dropped(Drop::kExpired), 150u);
    EXPECT_EQ(pair.in->counters.packets.get(), 100u);
}

TEST_F(Sequence, InboundByteLifetimeIsExact)
{
    auto inbound = mirrored(params_);
    inbound.lifetime.hard_bytes = 1050;  // of packets of 100: ten, and no eleventh
    SaPair pair(params_, inbound);
    EXPECT_EQ(open(*pair.in, seal(*pair.out, plain(7))).size(), 7u);
    EXPECT_EQ(open(*pair.in, seal(*pair.out, plain(7))).size(), 3u);
    EXPECT_EQ(dropped(Drop::kExpired), 4u);
    EXPECT_EQ(pair.in->counters.bytes.get(), 1000u);
}

}  // namespace
}  // namespace ipsecgw::test
