#include "sa/sad.h"

#include <unistd.h>

#include <fstream>
#include <random>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <gtest/gtest.h>

#include "sa_test_support.h"

namespace ipsecgw::sa {
namespace {

using test::CountedCipher;
using test::inbound;
using test::outbound;

// Memory this process really occupies.
long resident_kib()
{
    long total = 0;
    long resident = 0;
    std::ifstream("/proc/self/statm") >> total >> resident;
    return resident * sysconf(_SC_PAGESIZE) / 1024;
}

class SadTest : public test::Reader {
 protected:
    std::unique_ptr<Sad> sad_ = std::move(Sad::create(1000, reclaimer_)).value();
};

TEST_F(SadTest, FindsWhatWasPublished)
{
    EXPECT_EQ(sad_->find(0x1000), nullptr);
    sad_->prefetch(0x1000);
    const auto sa = sad_->publish(inbound(0x1000));
    ASSERT_TRUE(sa);
    EXPECT_EQ(sad_->find(0x1000), *sa);
    EXPECT_EQ(sad_->find(0x1001), nullptr);
    EXPECT_EQ(sad_->find(0), nullptr);
    EXPECT_EQ(sad_->inbound_count(), 1u);
    EXPECT_EQ(sad_->inbound_at((*sa)->slot), *sa);
    EXPECT_EQ(sad_->capacity(), 1000u);
}

TEST_F(SadTest, ATagNamesOneTenantOfItsSlot)
{
    const SaTag promised = sad_->next_inbound_tag();
    InboundSa* first = sad_->publish(inbound(256)).value();
    EXPECT_EQ(first->tag(), promised);
    EXPECT_EQ(sad_->inbound_by_tag(promised), first);
    ASSERT_TRUE(sad_->retire_inbound(256));
    EXPECT_EQ(sad_->inbound_by_tag(promised), nullptr) << "stale from the moment it is retired";

    InboundSa* second = sad_->publish(inbound(257)).value();
    EXPECT_EQ(second->slot, promised.slot);
    EXPECT_EQ(sad_->inbound_by_tag(promised), nullptr) << "another tenant is not the one meant";
    EXPECT_EQ(sad_->inbound_by_tag(second->tag()), second);
    EXPECT_EQ(sad_->inbound_by_tag({}), nullptr);
    EXPECT_EQ(sad_->inbound_by_tag({UINT32_MAX, 1}), nullptr);

    const SaTag out = sad_->next_outbound_tag();
    OutboundSa* outbound_sa = sad_->adopt(outbound(300)).value();
    EXPECT_EQ(sad_->outbound_by_tag(out), outbound_sa);
    ASSERT_TRUE(sad_->retire_outbound(outbound_sa->slot));
    EXPECT_EQ(sad_->outbound_by_tag(out), nullptr);
}

TEST_F(SadTest, AnSpiIsUnique)
{
    const auto first = sad_->publish(inbound(7000));
    const auto second = sad_->publish(inbound(7000));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, base::ErrorCode::kAlreadyExists);
    EXPECT_EQ(second.error().what, "SPI 0x00001b58 is in use by another inbound SA");
    EXPECT_EQ(sad_->find(7000), *first);
    EXPECT_EQ(sad_->inbound_count(), 1u);
}

TEST_F(SadTest, ARetiredSaLivesUntilItsReaderIsQuiescent)
{
    int destroyed = 0;
    auto sa = inbound(256);
    sa->cipher = CountedCipher::make(&destroyed).release();
    ASSERT_TRUE(sad_->publish(std::move(sa)));
    InboundSa* held = sad_->find(256);
    ASSERT_TRUE(sad_->retire_inbound(256));
    EXPECT_EQ(sad_->find(256), nullptr);
    reclaimer_.poll();
    EXPECT_EQ(destroyed, 0);
    EXPECT_EQ(held->spi, 256u);
    qsbr_->quiescent(0);
    reclaimer_.poll();
    EXPECT_EQ(destroyed, 1);
    EXPECT_EQ(sad_->retire_inbound(256).error().code, base::ErrorCode::kNotFound);
}

TEST_F(SadTest, AnSpiCanBeUsedAgainWhileItsPredecessorWaits)
{
    ASSERT_TRUE(sad_->publish(inbound(256)));
    const InboundSa* old = sad_->find(256);
    ASSERT_TRUE(sad_->retire_inbound(256));
    const auto next = sad_->publish(inbound(256));
    ASSERT_TRUE(next);
    EXPECT_NE(*next, old);
    EXPECT_EQ(sad_->find(256), *next);
}

TEST_F(SadTest, FullSaysSo)
{
    for (uint32_t i = 0; i < 1000; i++)
        ASSERT_TRUE(sad_->publish(inbound(256 + i)));
    const auto extra = sad_->publish(inbound(5000));
    ASSERT_FALSE(extra);
    EXPECT_EQ(extra.error().code, base::ErrorCode::kResourceExhausted);
    EXPECT_EQ(extra.error().what, "the SAD is full: 1000 inbound SAs");
    ASSERT_TRUE(sad_->retire_inbound(300));
    EXPECT_TRUE(sad_->publish(inbound(5000)));
}

TEST_F(SadTest, FillsWithoutGrowing)
{
    for (uint32_t spi = 1; spi <= 1000; spi++)
        ASSERT_TRUE(sad_->publish(inbound(spi * 0x10001)));
    EXPECT_EQ(reclaimer_.pending(), 0u) << "an index that grows retires the one before";
    for (uint32_t spi = 1; spi <= 1000; spi++)
        EXPECT_NE(sad_->find(spi * 0x10001), nullptr);
}

TEST_F(SadTest, OutboundSasKeepTheirSlots)
{
    const auto first = sad_->adopt(outbound(1));
    const auto second = sad_->adopt(outbound(1));  // the peer chose it: not unique here
    ASSERT_TRUE(first && second);
    EXPECT_NE((*first)->slot, (*second)->slot);
    EXPECT_EQ(sad_->outbound_count(), 2u);
    EXPECT_EQ(sad_->outbound_at((*second)->slot), *second);
    EXPECT_TRUE(sad_->retire_outbound((*first)->slot));
    EXPECT_EQ(sad_->outbound_at((*first)->slot), nullptr);
    EXPECT_EQ(sad_->retire_outbound((*first)->slot).error().code, base::ErrorCode::kNotFound);
    EXPECT_EQ(sad_->retire_outbound(999).error().code, base::ErrorCode::kNotFound);
    EXPECT_EQ(sad_->outbound_count(), 1u);
}

TEST_F(SadTest, ListsBySlotAndMayRetireOnTheWay)
{
    for (uint32_t spi : {300, 301, 302, 303})
        ASSERT_TRUE(sad_->publish(inbound(spi)));
    std::vector<uint32_t> seen;
    sad_->for_each_inbound([&](InboundSa& sa) {
        seen.push_back(sa.spi);
        if (sa.spi == 301) {
            EXPECT_TRUE(sad_->retire_inbound(301));
        }
    });
    EXPECT_EQ(seen, (std::vector<uint32_t>{300, 301, 302, 303}));
    ASSERT_TRUE(sad_->adopt(outbound(9)));
    seen.clear();
    sad_->for_each_inbound([&](const InboundSa& sa) { seen.push_back(sa.spi); });
    sad_->for_each_outbound([&](const OutboundSa& sa) { seen.push_back(sa.spi); });
    EXPECT_EQ(seen, (std::vector<uint32_t>{300, 302, 303, 9}));
}

TEST_F(SadTest, RoomForAMillionCostsLittleWhenEmpty)
{
    const long before = resident_kib();
    const auto large = Sad::create(1'000'000, reclaimer_);
    ASSERT_TRUE(large);
    EXPECT_LT(resident_kib() - before, 4096) << "the slots alone would be 16 MB";
    EXPECT_TRUE((*large)->publish(inbound(256)));
    EXPECT_NE((*large)->find(256), nullptr);
    EXPECT_EQ(Sad::create(0, reclaimer_).error().code, base::ErrorCode::kInvalidArgument);
}

// Against std::unordered_map: SPIs chosen to be sequential, to share low bits, to share high bits, and at random.
TEST_F(SadTest, AgreesWithAMapUnderChurn)
{
    std::mt19937 random(1);
    std::unordered_map<uint32_t, InboundSa*> model;
    const auto pick = [&random]() -> uint32_t {
        const auto i = static_cast<uint32_t>(random() % 400);
        switch (random() % 4) {
            case 0:
                return 256 + i;
            case 1:
                return i << 22;
            case 2:
                return 0xffff0000 + i;
            default:
                return i * 2654435761u;
        }
    };
    for (int step = 0; step < 60000; step++) {
        const uint32_t spi = pick();
        if (random() % 2 == 0) {
            const auto sa = sad_->publish(inbound(spi));
            ASSERT_EQ(sa.has_value(), !model.contains(spi) && model.size() < 1000);
            if (sa)
                model[spi] = *sa;
        } else {
            ASSERT_EQ(sad_->retire_inbound(spi).has_value(), model.erase(spi) == 1);
        }
        const uint32_t other = pick();
        ASSERT_EQ(sad_->find(other), model.contains(other) ? model[other] : nullptr);
        if (step % 64 == 0) {
            qsbr_->quiescent(0);
            reclaimer_.poll();
        }
    }
    ASSERT_EQ(sad_->inbound_count(), model.size());
    std::unordered_set<uint32_t> slots;
    for (const auto& [spi, sa] : model) {
        ASSERT_EQ(sad_->find(spi), sa);
        ASSERT_EQ(sad_->inbound_at(sa->slot), sa);
        ASSERT_TRUE(slots.insert(sa->slot).second);
    }
}

}  // namespace
}  // namespace ipsecgw::sa
