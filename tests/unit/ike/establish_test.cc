// IKE_SA_INIT and IKE_AUTH (RFC 7296 section 1.2).
#include "unit/ike/ladder.h"

namespace ipsecgw::ike {
namespace {

using Establish = Ladder;

//  moon                                  sun
//  HDR, SAi1, KEi, Ni            -->
//                                <--     HDR, SAr1, KEr, Nr
//  HDR, SK {IDi, AUTH, SAi2 ...} -->
//                                <--     HDR, SK {IDr, AUTH, SAr2, TSi, TSr}
TEST_F(Establish, FourMessagesMakeAnIkeSaAndAChild)
{
    load();
    initiate(moon);
    ASSERT_EQ(wire.size(), 1U);
    deliver(take(moon));
    ASSERT_EQ(wire.size(), 1U);
    deliver(take(sun));
    ASSERT_EQ(wire.size(), 1U);
    deliver(take(moon));
    ASSERT_EQ(wire.size(), 1U);
    deliver(take(sun));
    EXPECT_TRUE(wire.empty());
    EXPECT_EQ(moon.ike_ups, 1);
    EXPECT_EQ(sun.ike_ups, 1);
    ASSERT_EQ(moon.done.size(), 1U);
    EXPECT_EQ(moon.done[0].failure, "");
    const IkeStatus ike = moon.only_ike_sa();
    EXPECT_EQ(ike.state, IkeState::kEstablished);
    EXPECT_EQ(ike.remote_id, "sun.example.org");
    EXPECT_EQ(ike.spi_r, sun.only_ike_sa().spi_r);
    ASSERT_EQ(ike.children.size(), 1U);
    EXPECT_EQ(ike.children[0].local_ts, std::vector<std::string>{"10.1.0.0/16"});
    EXPECT_FALSE(ike.children[0].udp_encapsulation);
    EXPECT_TRUE(
        moon.logged("IKE_SA gw-gw[1] established between 192.0.2.1[moon.example.org]...192.0.2.2[sun.example.org]"));
    expect_settled();
}

}  // namespace
}  // namespace ipsecgw::ike
