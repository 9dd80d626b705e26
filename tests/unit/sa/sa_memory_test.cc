// Allocation, layout and release of SAs.
#include <cstdio>
#include <initializer_list>
#include <vector>

#include <gtest/gtest.h>
#include <rte_malloc.h>

#include "sa/inbound_sa.h"
#include "sa/outbound_sa.h"
#include "sa/spd.h"
#include "sa_test_support.h"

namespace ipsecgw::sa {
namespace {

using test::CountedCipher;

bool is_line_aligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % RTE_CACHE_LINE_SIZE == 0; }

TEST(InboundSa, StartsEmpty)
{
    for (const uint16_t packets : std::initializer_list<uint16_t>{0, 32, 64, 192, 193, 256, 4096}) {
        auto sa = allocate_inbound(packets, true, -1);
        ASSERT_TRUE(sa) << sa.error().what;
        EXPECT_TRUE(is_line_aligned(sa->get()));
        EXPECT_TRUE(is_line_aligned((*sa)->counters));
        EXPECT_EQ((*sa)->replay.packets(), packets);
        EXPECT_EQ((*sa)->replay.highest(), 0u);
        EXPECT_TRUE((*sa)->is(kSaEsn));
        EXPECT_EQ((*sa)->cipher, nullptr);
        EXPECT_EQ((*sa)->selectors.load(), nullptr);
        EXPECT_EQ((*sa)->counters->packets.get(), 0u);
        for (uint64_t sequence = 1; sequence <= 10000; sequence++)
            ASSERT_EQ((*sa)->replay.commit(sequence), Replay::kFresh);
    }
    auto plain = allocate_inbound(64, false, -1);
    ASSERT_TRUE(plain);
    EXPECT_FALSE((*plain)->is(kSaEsn));
}

TEST(InboundSa, RefusesAWindowThatIsTooLarge)
{
    const auto sa = allocate_inbound(4097, false, -1);
    ASSERT_FALSE(sa);
    EXPECT_EQ(sa.error().code, base::ErrorCode::kInvalidArgument);
}

TEST(InboundSa, DestroysItsCipherAndSelectors)
{
    int destroyed = 0;
    {
        auto sa = allocate_inbound(64, false, -1);
        ASSERT_TRUE(sa);
        (*sa)->cipher = CountedCipher::make(&destroyed).release();
        (*sa)->selectors.store(new SelectorSet({}));  // a leak check watches this one
    }
    EXPECT_EQ(destroyed, 1);
}

TEST(OutboundSa, OneContextPerWorkerEachDestroyedOnce)
{
    int destroyed = 0;
    {
        std::vector<CipherContextPtr> ciphers;
        for (int i = 0; i < 3; i++)
            ciphers.push_back(CountedCipher::make(&destroyed));
        auto sa = allocate_outbound(ciphers, 3, -1);
        ASSERT_TRUE(sa) << sa.error().what;
        EXPECT_TRUE(is_line_aligned(sa->get()));
        EXPECT_TRUE(is_line_aligned((*sa)->counters));
        EXPECT_EQ((*sa)->workers, 3);
        EXPECT_NE((*sa)->ciphers[0], (*sa)->ciphers[1]);
        EXPECT_NE((*sa)->ciphers[1], (*sa)->ciphers[2]);
        EXPECT_EQ((*sa)->next_sequence.load(), 1u);
        EXPECT_EQ((*sa)->last_sequence, UINT32_MAX);
        EXPECT_FALSE((*sa)->expired.load());
        (*sa)->counters[2].bytes.add(5);
    }
    EXPECT_EQ(destroyed, 3);
}

TEST(OutboundSa, AShareableContextServesAllWorkers)
{
    int destroyed = 0;
    {
        std::vector<CipherContextPtr> ciphers;
        ciphers.push_back(CountedCipher::make(&destroyed));
        ciphers[0]->shareable = true;
        auto sa = allocate_outbound(ciphers, 4, -1);
        ASSERT_TRUE(sa);
        EXPECT_EQ((*sa)->ciphers[0], (*sa)->ciphers[3]);
    }
    EXPECT_EQ(destroyed, 1);
}

TEST(OutboundSa, NeedsNoContextWhereThePortCiphers)
{
    const auto sa = allocate_outbound({}, 2, -1);
    ASSERT_TRUE(sa);
    EXPECT_EQ((*sa)->ciphers[0], nullptr);
    EXPECT_EQ((*sa)->ciphers[1], nullptr);
}

TEST(OutboundSa, RefusesTheWrongNumberOfContexts)
{
    int destroyed = 0;
    {
        std::vector<CipherContextPtr> ciphers;
        EXPECT_FALSE(allocate_outbound(ciphers, 0, -1));
        ciphers.push_back(CountedCipher::make(&destroyed));
        EXPECT_FALSE(allocate_outbound(ciphers, 2, -1));
        ciphers.push_back(CountedCipher::make(&destroyed));
        const auto sa = allocate_outbound(ciphers, 3, -1);
        ASSERT_FALSE(sa);
        EXPECT_EQ(sa.error().code, base::ErrorCode::kInvalidArgument);
        EXPECT_NE(ciphers[0], nullptr) << "the caller keeps them";
    }
    EXPECT_EQ(destroyed, 2);
}

TEST(SaMemory, RunningOutSaysWhatToDo)
{
    std::vector<InboundSaPtr> all;
    for (;;) {
        auto sa = allocate_inbound(4096, false, -1);
        if (!sa) {
            EXPECT_EQ(sa.error().code, base::ErrorCode::kResourceExhausted);
            EXPECT_NE(sa.error().hint.find("-m"), std::string::npos) << sa.error().hint;
            break;
        }
        all.push_back(std::move(*sa));
    }
    EXPECT_GT(all.size(), 1000u);
    all.clear();
    EXPECT_TRUE(allocate_inbound(4096, false, -1)) << "memory came back";
}

TEST(SaMemory, APairStaysSmall)
{
    int destroyed = 0;
    std::vector<CipherContextPtr> ciphers;
    ciphers.push_back(CountedCipher::make(&destroyed));
    ciphers[0]->shareable = true;
    const auto inbound = allocate_inbound(64, true, -1);
    const auto outbound = allocate_outbound(ciphers, 8, -1);
    ASSERT_TRUE(inbound && outbound);
    size_t in_bytes = 0;
    size_t out_bytes = 0;
    ASSERT_EQ(rte_malloc_validate(inbound->get(), &in_bytes), 0);
    ASSERT_EQ(rte_malloc_validate(outbound->get(), &out_bytes), 0);
    std::printf("inbound SA, window 64: %zu bytes (struct %zu); outbound SA, 8 workers: %zu bytes (struct %zu)\n", in_bytes,
                sizeof(InboundSa), out_bytes, sizeof(OutboundSa));
    // With room for a cipher context; less of it where lines of 128 bytes (arm64) round each worker's part up.
    const size_t room = RTE_CACHE_LINE_SIZE > 64 ? 256 : 512;
    EXPECT_LE(in_bytes, 3072u - room);
    EXPECT_LE(out_bytes, 3072u - room);
}

}  // namespace
}  // namespace ipsecgw::sa
