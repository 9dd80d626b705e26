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

//  HDR, SK {IDi, AUTH}           -->
//                                <--     HDR, SK {IDr, AUTH}
//  HDR, SK {SA, Ni, TSi, TSr}    -->     (RFC 6023)
TEST_F(Establish, ChildlessWherePreferredAndThePeerCan)
{
    load([](auto& c) { c.childless = model::Childless::kPrefer; });
    initiate(moon);
    for (int message = 0; message < 2; message++) {
        deliver(take(moon));
        deliver(take(sun));
    }
    EXPECT_EQ(sun.ike_ups, 1);
    EXPECT_EQ(sun.child_ups, 0);
    EXPECT_TRUE(moon.done.empty());
    run();
    ASSERT_EQ(moon.done.size(), 1U);
    EXPECT_EQ(moon.done[0].failure, "");
    expect_settled();
}

TEST_F(Establish, AChildComesAlongWhereChildlessIsOnlyPreferred)
{
    load([](auto& c) { c.childless = model::Childless::kPrefer; });
    auto strict = connection(sun, moon);
    strict.childless = model::Childless::kNever;
    load_on(sun, strict);
    initiate(moon);
    for (int message = 0; message < 2; message++) {
        deliver(take(moon));
        deliver(take(sun));
    }
    EXPECT_EQ(sun.child_ups, 1);
    expect_settled();
}

TEST_F(Establish, ForcedChildlessnessEndsWhereThePeerCannot)
{
    load([](auto& c) { c.childless = model::Childless::kForce; });
    auto strict = connection(sun, moon);
    strict.childless = model::Childless::kNever;
    load_on(sun, strict);
    initiate(moon);
    run();
    ASSERT_EQ(moon.done.size(), 1U);
    EXPECT_EQ(moon.done[0].failure, "peer does not support childless IKE_SAs");
    expect_settled(0, 0);
}

TEST_F(Establish, AChildIsRefusedWhereChildlessnessIsForced)
{
    load();
    auto strict = connection(sun, moon);
    strict.childless = model::Childless::kForce;
    load_on(sun, strict);
    initiate(moon);
    run();
    ASSERT_EQ(moon.done.size(), 1U);
    EXPECT_EQ(moon.done[0].failure, "received INVALID_SYNTAX");
    expect_settled(0, 0);
}

TEST_F(Establish, AConnectionWithoutChildrenIsAnIkeSa)
{
    load([](auto& c) {
        c.childless = model::Childless::kForce;
        c.children.clear();
    });
    for (int again = 0; again < 2; again++) {
        initiate(moon, "");
        run();
        ASSERT_EQ(moon.done.size(), size_t(again) + 1);
        EXPECT_EQ(moon.done.back().failure, "");
    }
    EXPECT_EQ(sun.ike_ups, 1);
    expect_settled(1, 0);
}

TEST_F(Establish, AnAttemptWithoutChildrenTellsWhyItFailed)
{
    load([](auto& c) {
        c.childless = model::Childless::kForce;
        c.children.clear();
    });
    auto strict = connection(sun, moon);
    strict.childless = model::Childless::kNever;
    load_on(sun, strict);
    initiate(moon, "");
    run();
    ASSERT_EQ(moon.done.size(), 1U);
    EXPECT_EQ(moon.done[0].failure, "peer does not support childless IKE_SAs");
}

/// RFC 7383: who sends fragments. IKE_AUTH does not fit into 300 bytes.
struct Fragmenting {
    const char* name;
    model::Fragmentation moons, suns;
    size_t packets;  // of moon's IKE_AUTH
};
class EstablishInFragments : public Ladder, public testing::WithParamInterface<Fragmenting> {};
using enum model::Fragmentation;
INSTANTIATE_TEST_SUITE_P(Fragmentation, EstablishInFragments,
                         testing::Values(Fragmenting{"Yes", kYes, kYes, 2},
                                         Fragmenting{"ThePeerOnlyAccepts", kYes, kAccept, 2},
                                         Fragmenting{"WeOnlyAccept", kAccept, kYes, 1},
                                         Fragmenting{"ThePeerSaysNothing", kYes, kNo, 1},
                                         Fragmenting{"Forced", kForce, kNo, 2}, Fragmenting{"No", kNo, kYes, 1}),
                         [](const auto& about) { return about.param.name; });

TEST_P(EstablishInFragments, AsBothWant)
{
    moon.options.fragment_bytes = sun.options.fragment_bytes = 300;
    for (Side* side : {&moon, &sun})
        side->engine = std::make_unique<Engine>(side->options, side->host, side->credentials);
    for (Side* side : {&sun, &moon}) {
        auto made = connection(*side, side == &moon ? sun : moon);
        made.fragmentation = side == &moon ? GetParam().moons : GetParam().suns;
        made.children[0].esp_proposals = model::default_esp_proposals();
        load_on(*side, made);
    }
    initiate(moon);
    deliver(take(moon));
    deliver(take(sun));
    EXPECT_EQ(waiting(moon), GetParam().packets);
    run();
    expect_settled();
}

}  // namespace
}  // namespace ipsecgw::ike
