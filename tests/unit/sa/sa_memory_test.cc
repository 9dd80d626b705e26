// Allocation, layout and release of SAs.
#include <cstdio>
#include <fstream>
#include <initializer_list>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

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
        EXPECT_EQ((*sa)->replay.packets(), packets);
        EXPECT_EQ((*sa)->replay.highest(), 0u);
        EXPECT_TRUE((*sa)->is(kSaEsn));
        EXPECT_EQ((*sa)->cipher, nullptr);
        EXPECT_EQ((*sa)->selectors.load(), nullptr);
        EXPECT_EQ((*sa)->counters.packets.get(), 0u);
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
        EXPECT_TRUE(is_line_aligned(&(*sa)->counters(1)));
        EXPECT_TRUE(is_line_aligned(&(*sa)->counters(2)));
        EXPECT_EQ((*sa)->workers, 3);
        EXPECT_NE((*sa)->cipher(0), (*sa)->cipher(1));
        EXPECT_NE((*sa)->cipher(1), (*sa)->cipher(2));
        EXPECT_EQ((*sa)->next_sequence.load(), 1u);
        EXPECT_EQ((*sa)->last_sequence, UINT32_MAX);
        EXPECT_FALSE((*sa)->expired.load());
        (*sa)->counters(2).bytes.add(5);
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
        EXPECT_EQ((*sa)->cipher(0), (*sa)->cipher(3));
    }
    EXPECT_EQ(destroyed, 1);
}

TEST(OutboundSa, NeedsNoContextWhereThePortCiphers)
{
    const auto sa = allocate_outbound({}, 2, -1);
    ASSERT_TRUE(sa);
    EXPECT_EQ((*sa)->cipher(0), nullptr);
    EXPECT_EQ((*sa)->cipher(1), nullptr);
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

/// Lets the process take so much more memory, while it lives.
class AddressSpaceLimit {
  public:
    explicit AddressSpaceLimit(rlim_t more)
    {
        getrlimit(RLIMIT_AS, &before_);
        rlimit limit = before_;
        limit.rlim_cur = used() + more;
        setrlimit(RLIMIT_AS, &limit);
    }
    ~AddressSpaceLimit() { setrlimit(RLIMIT_AS, &before_); }

  private:
    static rlim_t used()
    {
        unsigned long pages = 0;
        std::ifstream("/proc/self/statm") >> pages;
        return pages * static_cast<rlim_t>(getpagesize());
    }
    rlimit before_{};
};

TEST(SaMemory, RunningOutSaysWhatToDo)
{
    std::vector<InboundSaPtr> all;
    const auto take_all = [&] {
        const AddressSpaceLimit limit(256 << 20);
        for (;;) {
            auto sa = allocate_inbound(4096, false, -1);
            if (!sa)
                return sa.error();
            all.push_back(std::move(*sa));
        }
    };
    const base::Error error = take_all();
    EXPECT_EQ(error.code, base::ErrorCode::kResourceExhausted);
    EXPECT_NE(error.hint.find("-m"), std::string::npos) << error.hint;
    EXPECT_GT(all.size(), 1000u);
    const size_t first = all.size();
    all.clear();
    take_all();
    EXPECT_GE(all.size(), first) << "memory came back";
}

TEST(SaMemory, AnSaStaysSmall)
{
    // With eight workers, and the largest context that an engine of this process makes for an SA: 9 lines (10 of 64 bytes where lines
    // have 128), see VaesGcmContext.
    constexpr size_t kContext = 640;
    const size_t outbound = sizeof(OutboundSa) + 7 * sizeof(OutboundSa::OtherCounters) + 8 * sizeof(void*);
    std::printf("inbound SA, window 64: %zu bytes; outbound SA, 8 workers: %zu bytes; lines of %d bytes\n",
                sizeof(InboundSa), outbound, RTE_CACHE_LINE_SIZE);
    EXPECT_LE(sizeof(InboundSa) + kContext, 1024u + 4 * RTE_CACHE_LINE_SIZE);
    EXPECT_LE(outbound + kContext, 3072u);
}

}  // namespace
}  // namespace ipsecgw::sa
