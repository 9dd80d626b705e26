// Both ends at once (RFC 7296 sections 2.8.1, 2.8.2 and 2.25): the situations one by one.
#include <tuple>

#include "unit/ike/ladder.h"

namespace ipsecgw::ike {
namespace {

using Collision = Ladder;

/// The four nonces of two exchanges: the first of each pair is the requester's own.
struct Nonces {
    const char* lowest;
    uint8_t moon_i, sun_r, sun_i, moon_r;
    bool moon_wins;
};
class EachNonce : public Ladder, public testing::WithParamInterface<Nonces> {
  protected:
    void set_nonces()
    {
        moon.host.nonces = {GetParam().moon_i, GetParam().moon_r};
        sun.host.nonces = {GetParam().sun_i, GetParam().sun_r};
    }
    /// Who made the SA that stays.
    void expect_winner(Role moons_role) const { EXPECT_EQ(moons_role == Role::kInitiator, GetParam().moon_wins); }
};
INSTANTIATE_TEST_SUITE_P(Lowest, EachNonce,
                         testing::Values(Nonces{"MoonsNi", 0x00, 0xaa, 0x11, 0xbb, false},
                                         Nonces{"SunsNr", 0xaa, 0x00, 0x11, 0xbb, false},
                                         Nonces{"SunsNi", 0x11, 0xaa, 0x00, 0xbb, true},
                                         Nonces{"MoonsNr", 0x11, 0xaa, 0xbb, 0x00, true}),
                         [](const auto& about) { return about.param.lowest; });

//  moon                                  sun
//  N(REKEY_SA), Ni ...   -->       <--   N(REKEY_SA), Ni ...
//                     both answer, both receive on two new SAs
//  the one whose exchange has the lowest nonce deletes what it made, the other deletes the old one
TEST_P(EachNonce, ChildRekeyMeetsChildRekey)
{
    establish();
    watch_traffic = true;
    const auto old_in = moon.children()[0].spi_in;
    set_nonces();
    rekey_child(moon);
    rekey_child(sun);
    const Packet moons_request = take(moon), suns_request = take(sun);
    deliver(moons_request);
    deliver(suns_request);
    const Packet suns_answer = take(sun), moons_answer = take(moon);
    EXPECT_EQ(moon.sas.size(), 3U);
    deliver(suns_answer);
    deliver(moons_answer);
    EXPECT_EQ(moon.logged("collision won"), GetParam().moon_wins);
    EXPECT_EQ(sun.logged("collision won"), !GetParam().moon_wins);
    run();
    expect_settled();
    EXPECT_NE(moon.children()[0].spi_in, old_in);
    EXPECT_EQ(moon.child_downs + sun.child_downs, 0);
    EXPECT_EQ(moon.child_rekeys, 1);
    EXPECT_EQ(sun.child_rekeys, 1);
}

TEST_P(EachNonce, ChildRekeyMeetsChildRekeyAndAnAnswerIsDelayed)
{
    establish();
    watch_traffic = true;
    set_nonces();
    rekey_child(moon);
    rekey_child(sun);
    deliver(take(moon));
    deliver(take(sun));
    const Packet late = take(sun);  // sun's answer to moon
    deliver(take(moon));            // sun knows the outcome, and acts
    while (waiting(sun) != 0)
        deliver(take(sun));  // its delete overtakes its answer
    deliver(late);
    run();
    expect_settled();
    EXPECT_EQ(moon.child_downs + sun.child_downs, 0);
}

TEST_P(EachNonce, IkeRekeyMeetsIkeRekey)
{
    establish();
    watch_traffic = true;
    set_nonces();
    rekey_ike(moon);
    rekey_ike(sun);
    const Packet moons_request = take(moon), suns_request = take(sun);
    deliver(moons_request);
    deliver(suns_request);
    const Packet suns_answer = take(sun), moons_answer = take(moon);
    deliver(suns_answer);
    deliver(moons_answer);
    run();
    expect_settled();
    expect_winner(moon.only_ike_sa().role);
    EXPECT_EQ(moon.only_ike_sa().spi_i, sun.only_ike_sa().spi_i);
    EXPECT_EQ(moon.ike_downs + sun.ike_downs + moon.child_downs + sun.child_downs, 0);
    rekey_child(moon);
    run();
    expect_settled();
}

TEST_P(EachNonce, IkeRekeyMeetsIkeRekeyAndAnAnswerIsDelayed)
{
    establish();
    set_nonces();
    rekey_ike(moon);
    rekey_ike(sun);
    deliver(take(moon));
    deliver(take(sun));
    const Packet late = take(sun);
    deliver(take(moon));
    while (waiting(sun) != 0)
        deliver(take(sun));
    deliver(late);
    run();
    expect_settled();
    EXPECT_EQ(moon.ike_downs + sun.ike_downs + moon.child_downs + sun.child_downs, 0);
}

TEST_F(Collision, ARequestIsLateUntilTheOtherRekeyingIsDone)
{
    establish();
    watch_traffic = true;
    rekey_child(moon);
    rekey_child(sun);
    const Packet late = take(moon);
    deliver(take(sun));   // moon sees the collision
    deliver(take(moon));  // sun does not, and deletes the old SA
    const Packet suns_delete = take(sun);
    deliver(late);  // "currently trying to close": TEMPORARY_FAILURE (section 2.25.1)
    deliver(suns_delete);
    run();
    expect_settled();
    EXPECT_EQ(moon.child_rekeys, 1);
    EXPECT_EQ(moon.child_downs + sun.child_downs, 0);
}

TEST_F(Collision, ARequestIsLateUntilTheOldSaIsGone)
{
    establish();
    watch_traffic = true;
    rekey_child(moon);
    rekey_child(sun);
    const Packet late = take(moon);
    while (!wire.empty())
        deliver(wire.front().from.address == sun.address ? take(sun) : take(moon));
    deliver(late);  // CHILD_SA_NOT_FOUND, and nothing is made anew
    run();
    expect_settled();
    EXPECT_EQ(moon.child_downs + sun.child_downs, 0);
    EXPECT_EQ(moon.child_ups, 1);
}

TEST_F(Collision, ALostRequestComesAgainAfterTheOtherRekeying)
{
    establish();
    watch_traffic = true;
    rekey_child(moon);
    rekey_child(sun);
    (void)take(moon);
    run();
    pass(5);  // moon's retransmission
    expect_settled();
    EXPECT_EQ(moon.child_downs + sun.child_downs, 0);
}

TEST_F(Collision, ALostAnswerIsRepeated)
{
    establish();
    watch_traffic = true;
    rekey_child(moon);
    rekey_child(sun);
    deliver(take(moon));
    (void)take(sun);
    (void)take(sun);
    pass(60);
    expect_settled();
    EXPECT_EQ(moon.child_downs + sun.child_downs, 0);
}

TEST_F(Collision, TheDeleteOfTheOldSaIsLost)
{
    establish();
    watch_traffic = true;
    rekey_child(moon);
    deliver(take(moon));
    deliver(take(sun));
    (void)take(moon);  // the delete
    expect_traffic();
    rekey_child(sun);  // the old SA is still there, and replaced: its successor is what is rekeyed
    run();
    expect_settled();
    EXPECT_EQ(moon.child_downs + sun.child_downs, 0);
}

TEST_F(Collision, BothRetryWithAnotherGroup)
{
    // Each proposes first what the other takes only second.
    load(
        [](auto& c) { c.children[0].esp_proposals = model::parse_esp_proposals("aes128gcm16-x25519-ecp256").value(); });
    auto other = connection(sun, moon);
    other.children[0].esp_proposals = model::parse_esp_proposals("aes128gcm16-ecp256").value();
    load_on(sun, other);
    initiate(moon);
    run();
    watch_traffic = true;
    rekey_child(moon);
    rekey_child(sun);
    deliver(take(moon));  // INVALID_KE_PAYLOAD
    deliver(take(sun));   // sun's own request is fine
    run();
    expect_settled();
    EXPECT_EQ(moon.child_downs + sun.child_downs, 0);
}

//  moon                                  sun
//  D                     -->       <--   N(REKEY_SA) ...
TEST_F(Collision, AChildDeleteMeetsItsRekeying)
{
    establish();
    terminate_child(moon);
    rekey_child(sun);
    const Packet gone = take(moon), rekey = take(sun);
    deliver(rekey);  // "currently trying to close": TEMPORARY_FAILURE
    deliver(gone);   // "currently trying to rekey": a Delete as usual
    run();
    expect_settled(1, 0);
    EXPECT_EQ(moon.child_downs, 1);
    EXPECT_EQ(sun.child_downs, 1);
}

TEST_F(Collision, AChildDeleteMeetsItsRekeyingAndTheRekeyingIsLost)
{
    establish();
    terminate_child(moon);
    rekey_child(sun);
    (void)take(sun);
    run();
    pass(10);  // sun asks again for a child that is no more
    expect_settled(1, 0);
    EXPECT_EQ(sun.child_downs, 1);
}

TEST_F(Collision, AChildDeleteMeetsItsRekeyingAndTheDeleteIsLost)
{
    establish();
    terminate_child(moon);
    rekey_child(sun);
    (void)take(moon);
    run();
    pass(10);
    expect_settled(1, 0);
}

TEST_F(Collision, AChildDeleteMeetsAChildDelete)
{
    establish();
    terminate_child(moon);
    terminate_child(sun);
    const Packet first = take(moon), second = take(sun);
    deliver(first);  // each answers without a Delete payload (section 1.4.1)
    deliver(second);
    run();
    expect_settled(1, 0);
    EXPECT_EQ(moon.child_downs, 1);
    EXPECT_EQ(sun.child_downs, 1);
}

TEST_F(Collision, AnIkeRekeyingMeetsAChildRekeying)
{
    establish();
    watch_traffic = true;
    rekey_ike(moon);
    rekey_child(sun);
    const Packet ike = take(moon), child = take(sun);
    deliver(ike);  // each refuses with TEMPORARY_FAILURE and tries again (section 2.25.2)
    deliver(child);
    run();
    EXPECT_TRUE(moon.logged("TEMPORARY_FAILURE"));
    EXPECT_TRUE(sun.logged("TEMPORARY_FAILURE"));
    expect_settled();
    EXPECT_EQ(moon.ike_rekeys, 1);
    EXPECT_EQ(moon.child_rekeys, 1);
    EXPECT_EQ(moon.child_downs + sun.child_downs, 0);
}

TEST_F(Collision, AnIkeRekeyingMeetsAChildDelete)
{
    establish();
    rekey_ike(moon);
    terminate_child(sun);
    const Packet ike = take(moon), child = take(sun);
    deliver(ike);    // "closing a child": TEMPORARY_FAILURE
    deliver(child);  // a Delete as usual
    run();
    expect_settled(1, 0);
    EXPECT_EQ(moon.ike_rekeys, 1);
}

TEST_F(Collision, AnIkeRekeyingMeetsTheDeleteOfTheIkeSa)
{
    establish();
    rekey_ike(moon);
    terminate_ike(sun);
    const Packet ike = take(moon), gone = take(sun);
    deliver(ike);   // "trying to close": TEMPORARY_FAILURE
    deliver(gone);  // as usual, and the own rekeying is forgotten
    run();
    expect_settled(0, 0);
    EXPECT_EQ(moon.child_downs, 1);
    EXPECT_EQ(sun.child_downs, 1);
}

TEST_F(Collision, AnIkeDeleteMeetsAnIkeDelete)
{
    establish();
    terminate_ike(moon);
    terminate_ike(sun);
    const Packet first = take(moon), second = take(sun);
    deliver(first);
    deliver(second);
    run();
    expect_settled(0, 0);
    EXPECT_EQ(moon.child_downs, 1);
    EXPECT_EQ(sun.child_downs, 1);
}

TEST_F(Collision, AnIkeRequestIsLateUntilTheOtherRekeyingIsDone)
{
    establish();
    watch_traffic = true;
    rekey_ike(moon);
    rekey_ike(sun);
    const Packet late = take(moon);
    deliver(take(sun));
    deliver(take(moon));
    const Packet suns_delete = take(sun);
    deliver(late);
    deliver(suns_delete);  // "as usual, and forget the own rekeying": the peer's heir takes the children
    run();
    expect_settled();
    EXPECT_EQ(moon.child_downs + sun.child_downs + moon.ike_downs + sun.ike_downs, 0);
}

TEST_F(Collision, TheUndecidedHeirIsUsed)
{
    establish();
    watch_traffic = true;
    rekey_ike(moon);
    rekey_ike(sun);
    (void)take(moon);     // lost
    deliver(take(sun));   // moon: a collision, so the children stay
    deliver(take(moon));  // sun: none, so they have moved
    (void)take(sun);      // its delete is lost
    rekey_child(sun);     // on the heir: moon has to know the child there
    run();
    expect_settled();
    EXPECT_EQ(moon.child_downs + sun.child_downs + moon.ike_downs + sun.ike_downs, 0);
    EXPECT_EQ(moon.child_rekeys, 1);
}

class BothStart : public Ladder, public testing::WithParamInterface<model::UniquePolicy> {};
INSTANTIATE_TEST_SUITE_P(Unique, BothStart,
                         testing::Values(model::UniquePolicy::kNo, model::UniquePolicy::kReplace,
                                         model::UniquePolicy::kKeep),
                         [](const auto& about) { return std::string(model::to_string(about.param)); });

TEST_P(BothStart, OneTunnelStays)
{
    load([](auto& c) { c.unique = GetParam(); });
    initiate(moon);
    initiate(sun);
    run();
    expect_settled();
}

}  // namespace
}  // namespace ipsecgw::ike
