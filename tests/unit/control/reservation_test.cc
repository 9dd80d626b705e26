// SPIs for SAs that are still to be agreed on: unique, owned, given back.
#include <set>

#include "harness.h"

namespace ipsecgw::control {
namespace {

using base::ErrorCode;

class ReservationTest : public ControlTest {
  protected:
    ReservationTest() : ControlTest(3, 16) {}

    static SpiRequest request(std::optional<uint16_t> worker = {}, const char* peer = "192.0.2.2")
    {
        return {.local = ip("192.0.2.1"), .remote = ip(peer), .worker = worker};
    }
};

TEST_F(ReservationTest, SpisAreUniqueAndOutsideTheReservedRange)
{
    std::set<uint32_t> seen;
    for (int i = 0; i < 16; i++) {
        const auto reserved = control->reserve_spi(request());
        ASSERT_TRUE(reserved);
        EXPECT_GE(reserved->spi, 256u);  // RFC 4303 section 2.1
        EXPECT_TRUE(seen.insert(reserved->spi).second);
    }
}

TEST_F(ReservationTest, WorkersTakeTurnsAndReservationsCountAsLoad)
{
    std::vector<int> load(3);
    for (int i = 0; i < 9; i++)
        load[control->reserve_spi(request())->worker]++;
    EXPECT_EQ(load, (std::vector<int>{3, 3, 3}));
    ASSERT_TRUE(control->install_sa(inbound("given", 0x1001)));
    EXPECT_EQ(sad->find(0x1001)->owner, 0);
    EXPECT_EQ(control->reserve_spi(request())->worker, 1);
}

TEST_F(ReservationTest, AnSaInstalledWithAReservedSpiGetsTheReservedOwner)
{
    const auto reserved = control->reserve_spi(request(2));
    ASSERT_TRUE(reserved);
    EXPECT_EQ(reserved->worker, 2);
    ASSERT_TRUE(control->install_sa(inbound("agreed", reserved->spi)));
    EXPECT_EQ(sad->find(reserved->spi)->owner, 2);
    // Its own wish wins.
    auto pinned = inbound("pinned", control->reserve_spi(request(2))->spi);
    pinned.worker = 1;
    const uint32_t spi = pinned.spi;
    ASSERT_TRUE(control->install_sa(std::move(pinned)));
    EXPECT_EQ(sad->find(spi)->owner, 1);
}

TEST_F(ReservationTest, AFailedInstallationLeavesTheReservation)
{
    const auto reserved = control->reserve_spi(request(2));
    auto wrong = inbound("agreed", reserved->spi);
    wrong.hw_offload = model::HwOffload::kFull;
    EXPECT_FALSE(control->install_sa(std::move(wrong)));
    ASSERT_TRUE(control->install_sa(inbound("agreed", reserved->spi)));
    EXPECT_EQ(sad->find(reserved->spi)->owner, 2);
}

TEST_F(ReservationTest, SasAndReservationsTogetherFillTheSad)
{
    ASSERT_TRUE(control->install_sa(inbound("given", 0x1001)));
    std::vector<uint32_t> spis;
    for (int i = 0; i < 15; i++)
        spis.push_back(control->reserve_spi(request())->spi);
    const auto refused = control->reserve_spi(request());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
    control->release_spi(spis[0]);
    control->release_spi(spis[0]);  // again: ignored
    control->release_spi(0x1001);   // installed: ignored
    EXPECT_TRUE(control->reserve_spi(request()));
    EXPECT_FALSE(control->reserve_spi(request()));
    // One that is installed is no reservation any more.
    ASSERT_TRUE(control->install_sa(inbound("agreed", spis[1])));
    EXPECT_FALSE(control->reserve_spi(request()));
    ASSERT_TRUE(control->remove_sa("agreed"));
    EXPECT_TRUE(control->reserve_spi(request()));
}

TEST_F(ReservationTest, RefusesAWorkerThereIsNot)
{
    const auto refused = control->reserve_spi(request(3));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace ipsecgw::control
