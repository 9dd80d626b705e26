// What workers call per packet never allocates.
#include <string>

#include <gtest/gtest.h>

#include "sa/sad.h"
#include "sa/spd.h"
#include "sa_test_support.h"
#include "spd_test_support.h"
#include "support/allocations.h"

namespace ipsecgw::sa {
namespace {

class PacketPath : public test::Reader {};

TEST_F(PacketPath, LookUpsAndReplayChecksDoNotAllocate)
{
    if (!ipsecgw::test::can_count_allocations())
        GTEST_SKIP() << "a sanitizer owns malloc";
    auto sad = std::move(Sad::create(100, reclaimer_)).value();
    auto spd = std::move(Spd::create(1, reclaimer_)).value();
    for (uint32_t i = 0; i < 100; i++)
        ASSERT_TRUE(sad->publish(test::inbound(256 + i)));
    for (uint8_t length = 0; length <= 32; length++) {
        const std::string prefix = "10.1.0.0/" + std::to_string(length);
        ASSERT_TRUE(spd->add(test::policy(prefix, length, test::selector(prefix.c_str()), test::selector("10.2.0.0/16"))));
    }
    InboundSa* sa = sad->find(256);
    const SelectorSet::Pair pairs[] = {{test::selector("10.2.0.0/16"), test::selector("10.1.0.0/16")}};
    spd->set_selectors(*sa, std::make_unique<const SelectorSet>(pairs));
    const FlowKey flow = test::packet("10.1.0.0", "10.2.0.1");
    static_assert(noexcept(sad->find(1)) && noexcept(sad->prefetch(1)) && noexcept(spd->match_outbound(flow)) &&
                  noexcept(spd->match_inbound(flow)) && noexcept(sa->replay.check(1)) && noexcept(sa->replay.commit(1)) &&
                  noexcept(sa->replay.infer_esn(1)));

    const uint64_t before = ipsecgw::test::allocations();
    uint64_t found = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        sad->prefetch(256 + i);
        found += sad->find(256 + i) != nullptr ? 1 : 0;
        const PolicyEntry* entry = spd->match_outbound(flow);
        entry->hits_of(0).add(1);
        found += spd->match_inbound(flow.mirrored()) == entry ? 1 : 0;
        found += sa->selectors.load(std::memory_order_acquire)->allows(flow) ? 1 : 0;
        const uint64_t sequence = sa->replay.infer_esn(i * 3);
        found += sa->replay.check(sequence) == sa->replay.commit(sequence) ? 1 : 0;
    }
    EXPECT_EQ(ipsecgw::test::allocations(), before);
    EXPECT_EQ(found, 100u + 3 * 1000);
}

}  // namespace
}  // namespace ipsecgw::sa
