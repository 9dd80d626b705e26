// What else crosses, and what peers do who see it otherwise (RFC 7296 sections 1.4.1, 2.8 and 2.25). COLLISIONS.md of
// lib/ike says which situation is which test.
#include "unit/ike/ladder.h"

namespace ipsecgw::ike {
namespace {

class Crossing : public Ladder {
  protected:
    /// Moon's exchange of a rekeying collision holds the lowest nonce: sun's stays. Or the other way round.
    void let_sun_win()
    {
        moon.host.nonces = {0x00, 0xbb};
        sun.host.nonces = {0xaa, 0x11};
    }
    void let_moon_win()
    {
        moon.host.nonces = {0x11, 0xbb};
        sun.host.nonces = {0xaa, 0x00};
    }
    /// Moon proposes first a group that sun does not take.
    void load_groups()
    {
        for (Side* side : {&sun, &moon}) {
            auto made = connection(*side, side == &moon ? sun : moon);
            const char* text = side == &moon ? "aes128gcm16-x25519-ecp256" : "aes128gcm16-ecp256";
            made.children[0].esp_proposals = model::parse_esp_proposals(text).value();
            load_on(*side, made);
        }
    }
    void no_downs() const { EXPECT_EQ(moon.child_downs + sun.child_downs + moon.ike_downs + sun.ike_downs, 0); }
    static Header delete_of(const ChildStatus& child, uint32_t message_id, std::vector<Payload>& payloads)
    {
        Header header;
        header.exchange = ExchangeType::kInformational;
        header.message_id = message_id;
        DeletePayload gone;
        gone.protocol = model::ProtocolId::kEsp;
        gone.spis = {child.spi_out};
        payloads = {gone};
        return header;
    }
};

//  N(REKEY_SA) ...   -->
//                   /--     SA, Nr ...
//           <------/---     D (the new SA)
TEST_F(Crossing, TheNewSaIsDeletedBeforeItIsKnown)
{
    establish();
    rekey_child(moon);
    deliver(take(moon));
    const Packet late = take(sun);
    terminate_child(sun);
    deliver(take(sun));  // of an SPI that moon does not know yet
    deliver(take(moon));
    deliver(late);
    run();
    expect_settled(1, 0);
    EXPECT_EQ(moon.child_downs, 1);
    EXPECT_EQ(sun.child_downs, 1);
}

TEST_F(Crossing, ANewChildIsDeletedBeforeItIsKnown)
{
    load();
    initiate(moon);
    run();
    terminate_child(moon);
    run();
    expect_settled(1, 0);
    moon.done.clear();
    initiate(moon);
    deliver(take(moon));
    const Packet late = take(sun);
    terminate_child(sun);
    deliver(take(sun));
    deliver(take(moon));
    deliver(late);
    run();
    ASSERT_EQ(moon.done.size(), 1U);
    EXPECT_NE(moon.done[0].failure, "");
    expect_settled(1, 0);
}

TEST_F(Crossing, OldAndNewSaAreDeletedBeforeTheAnswer)
{
    for (const bool sun_wins : {true, false}) {
        establish();
        sun_wins ? let_sun_win() : let_moon_win();
        rekey_child(moon);
        rekey_child(sun);
        deliver(take(moon));
        deliver(take(sun));
        const Packet late = take(sun);  // sun's answer to moon
        deliver(take(moon));
        while (waiting(sun) != 0 || waiting(moon) != 0)
            deliver(waiting(sun) != 0 ? take(sun) : take(moon));
        terminate_child(sun);  // what stayed
        while (waiting(sun) != 0 || waiting(moon) != 0)
            deliver(waiting(sun) != 0 ? take(sun) : take(moon));
        deliver(late);
        run();
        expect_settled(1, 0);
        EXPECT_EQ(moon.child_downs, 1);
        EXPECT_EQ(sun.child_downs, 1);
        terminate_ike(moon);
        run();
        moon.child_downs = sun.child_downs = moon.child_ups = sun.child_ups = 0;
    }
}

TEST_F(Crossing, ALateRequestIsRefusedBeforeTheOldSaIsDeleted)
{
    establish();
    watch_traffic = true;
    rekey_child(moon);
    rekey_child(sun);
    const Packet late = take(moon);
    deliver(take(sun));
    deliver(take(moon));
    const Packet gone = take(sun);
    deliver(late);
    deliver(take(sun));  // TEMPORARY_FAILURE
    deliver(gone);
    run();
    expect_settled();
    EXPECT_EQ(moon.child_rekeys, 1);
    no_downs();
}

TEST_F(Crossing, ARequestIsLateUntilOldAndNewSaAreGone)
{
    establish();
    rekey_child(moon);
    rekey_child(sun);
    const Packet late = take(moon);
    while (!wire.empty())
        deliver(wire.front().from.address == sun.address ? take(sun) : take(moon));
    terminate_child(sun);
    while (!wire.empty())
        deliver(wire.front().from.address == sun.address ? take(sun) : take(moon));
    deliver(late);  // CHILD_SA_NOT_FOUND, and nothing is made anew
    run();
    expect_settled(1, 0);
    EXPECT_EQ(moon.child_ups, 1);
    EXPECT_EQ(moon.child_downs, 1);
}

TEST_F(Crossing, ARetryWithAnotherGroupIsLate)
{
    load_groups();
    initiate(moon);
    run();
    watch_traffic = true;
    rekey_child(moon);
    rekey_child(sun);
    deliver(take(moon));            // INVALID_KE_PAYLOAD
    const Packet suns = take(sun);  // sun's own request
    deliver(take(sun));
    const Packet late = take(moon);
    deliver(suns);
    while (waiting(sun) != 0 || waiting(moon) != 0)
        deliver(waiting(moon) != 0 ? take(moon) : take(sun));
    deliver(late);
    run();
    expect_settled();
    no_downs();
}

// Some peers delete the old SA themselves when they have answered its rekeying.
TEST_F(Crossing, AResponderDeletesTheOldSaBeforeItsAnswerArrives)
{
    establish();
    const auto old = moon.children()[0];
    rekey_child(moon);
    deliver(take(moon));
    const Packet late = take(sun);
    std::vector<Payload> payloads;
    const Header header = delete_of(old, 0, payloads);
    forge(sun, header, payloads);
    (void)take(moon);
    deliver(late);
    EXPECT_EQ(moon.installed_children(), 1U);
    EXPECT_EQ(moon.child_rekeys, 1);
    EXPECT_EQ(moon.child_downs, 0);
    EXPECT_TRUE(traffic_flows(moon, sun));
    pass(10);
    EXPECT_EQ(moon.children().size(), 1U);
    EXPECT_NE(moon.children()[0].spi_in, old.spi_in);
}

TEST_F(Crossing, ALosingResponderDeletesTheOldSaBeforeItsAnswerArrives)
{
    establish();
    const auto old = moon.children()[0];
    let_moon_win();
    rekey_child(moon);
    rekey_child(sun);
    deliver(take(moon));
    deliver(take(sun));
    const Packet late = take(sun);
    deliver(take(moon));
    (void)take(sun);  // the Delete of what sun made, which is what it should say
    std::vector<Payload> payloads;
    const Header header = delete_of(old, 1, payloads);
    forge(sun, header, payloads);
    deliver(take(moon));  // answers it: sun goes on
    deliver(late);
    run();
    pass(10);
    EXPECT_EQ(moon.installed_children(), 1U);
    EXPECT_EQ(moon.child_downs, 0);
    EXPECT_TRUE(traffic_flows(moon, sun));
}

TEST_F(Crossing, AnExpiryWhileTheDeleteIsAwaited)
{
    for (const auto end : {Expiry::kSoft, Expiry::kHard}) {
        establish();
        const auto old = sun.children()[0].id;
        rekey_child(moon);
        deliver(take(moon));
        const Packet answer = take(sun);
        call(sun, [&](const Turn& turn) { sun.engine->expired(old, end, turn); });
        EXPECT_EQ(waiting(sun), 0U) << "it has been rekeyed";
        deliver(answer);
        run();
        expect_settled();
        no_downs();
        terminate_ike(moon);
        run();
        moon.child_downs = sun.child_downs = moon.ike_downs = sun.ike_downs = 0;
        moon.child_ups = sun.child_ups = 0;
    }
}

TEST_F(Crossing, TheDeleteAfterRekeyingIsNeverAnswered)
{
    establish();
    rekey_child(moon);
    deliver(take(moon));
    deliver(take(sun));
    for (int tries = 0; tries < 6; tries++) {
        wire.clear();
        now_ns = moon.engine->next_deadline_ns();
        for (int i = 0; i < 3; i++)
            call(moon, [&](const Turn& turn) { moon.engine->tick(turn); });
    }
    wire.clear();
    pass(200);
    EXPECT_EQ(moon.child_downs, 1) << "one child, one end";
    EXPECT_EQ(moon.engine->stats().ike_sas, 0U);
}

// IKE SAs -----------------------------------------------------------------------------------------------------------

TEST_F(Crossing, AnIkeRequestIsRefusedBeforeTheOldIkeSaIsDeleted)
{
    establish();
    watch_traffic = true;
    rekey_ike(moon);
    rekey_ike(sun);
    const Packet late = take(moon);
    deliver(take(sun));
    deliver(take(moon));
    const Packet gone = take(sun);
    deliver(late);
    deliver(take(sun));  // TEMPORARY_FAILURE
    deliver(gone);
    run();
    expect_settled();
    no_downs();
}

TEST_F(Crossing, AnIkeRequestIsLost)
{
    establish();
    watch_traffic = true;
    rekey_ike(moon);
    rekey_ike(sun);
    (void)take(moon);
    run();
    expect_settled();
    EXPECT_EQ(moon.ike_rekeys, 1);
    no_downs();
}

TEST_F(Crossing, BothRetryTheIkeSaWithAnotherGroup)
{
    for (const bool is_late : {false, true}) {
        // Set up with what both like, then each learns to prefer another group.
        establish();
        for (Side* side : {&moon, &sun}) {
            auto made = connection(*side, side == &moon ? sun : moon);
            made.proposals = model::parse_ike_proposals(side == &moon ? "aes128gcm16-prfsha256-ecp384-ecp256"
                                                                      : "aes128gcm16-prfsha256-ecp256-ecp384")
                                 .value();
            load_on(*side, made);
        }
        rekey_ike(moon);
        run();
        rekey_ike(moon);
        rekey_ike(sun);
        deliver(take(moon));
        deliver(take(sun));
        if (is_late) {
            deliver(take(sun));
            const Packet late = take(moon);
            run();
            deliver(late);
        }
        run();
        expect_settled();
        no_downs();
        terminate_ike(moon);
        run();
        moon.child_downs = sun.child_downs = moon.ike_downs = sun.ike_downs = 0;
        moon.child_ups = sun.child_ups = 0;
    }
}

TEST_F(Crossing, AnIkeRekeyingMeetsADeleteOfTheIkeSaThatIsLost)
{
    establish();
    rekey_ike(moon);
    terminate_ike(sun);
    (void)take(sun);
    deliver(take(moon));  // TEMPORARY_FAILURE
    deliver(take(sun));
    run();
    pass(20);  // sun's retransmission
    expect_settled(0, 0);
    EXPECT_EQ(moon.child_downs, 1);
    EXPECT_EQ(sun.child_downs, 1);
}

// Deletes -----------------------------------------------------------------------------------------------------------

TEST_F(Crossing, AChildDeleteMeetsAChildDeleteAndOneIsLost)
{
    establish();
    terminate_child(moon);
    terminate_child(sun);
    (void)take(moon);
    run();
    pass(10);
    expect_settled(1, 0);
    EXPECT_EQ(moon.child_downs, 1);
    EXPECT_EQ(sun.child_downs, 1);
}

TEST_F(Crossing, AnIkeDeleteMeetsAChildRekeyingOrAChildDelete)
{
    for (const bool is_rekeying : {true, false}) {
        establish();
        is_rekeying ? rekey_child(moon) : terminate_child(moon);
        terminate_ike(sun);
        const Packet child = take(moon), ike = take(sun);
        deliver(child);
        deliver(ike);
        run();
        expect_settled(0, 0);
        EXPECT_EQ(moon.child_downs, 1);
        EXPECT_EQ(sun.child_downs, 1);
        moon.child_downs = sun.child_downs = moon.child_ups = sun.child_ups = 0;
    }
}

}  // namespace
}  // namespace ipsecgw::ike
