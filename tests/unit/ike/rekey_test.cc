// CREATE_CHILD_SA and deletes without collisions (RFC 7296 sections 1.3, 1.4 and 2.8).
#include "unit/ike/ladder.h"

namespace ipsecgw::ike {
namespace {

using Rekey = Ladder;

//  moon                                  sun
//  N(REKEY_SA), SA, Ni, TSi, TSr -->           receive side installed before it answers
//                                <--     SA, Nr, TSi, TSr
//  D                             -->           sends on the new SA from here on
//                                <--     D
TEST_F(Rekey, AChildLosesNothing)
{
    establish();
    watch_traffic = true;
    const auto before = moon.children()[0];
    rekey_child(moon);
    deliver(take(moon));
    EXPECT_EQ(sun.sas.size(), 3U);  // the new receive side, and the old pair
    EXPECT_NE(sun.outbound(sun.bindings.begin()->first), nullptr);
    EXPECT_EQ(sun.outbound(sun.bindings.begin()->first)->spi,
              before.spi_in);  // not moved: moon may not have the answer
    deliver(take(sun));
    EXPECT_EQ(moon.outbound(moon.bindings.begin()->first)->spi, moon.children()[1].spi_out);
    deliver(take(moon));
    EXPECT_EQ(sun.outbound(sun.bindings.begin()->first)->spi, moon.children()[1].spi_in);
    deliver(take(sun));
    EXPECT_TRUE(wire.empty());
    EXPECT_NE(moon.inbound(before.spi_in), nullptr);  // drained for a while
    EXPECT_EQ(moon.child_rekeys, 1);
    EXPECT_EQ(sun.child_rekeys, 1);
    EXPECT_EQ(moon.child_downs + sun.child_downs, 0);
    expect_settled();
    EXPECT_EQ(moon.inbound(before.spi_in), nullptr);
}

TEST_F(Rekey, AChildByTheResponder)
{
    establish();
    watch_traffic = true;
    rekey_child(sun);
    run();
    EXPECT_EQ(moon.child_rekeys, 1);
    expect_settled();
}

TEST_F(Rekey, AChildWithPerfectForwardSecrecyAfterInvalidKe)
{
    load(
        [](auto& c) { c.children[0].esp_proposals = model::parse_esp_proposals("aes128gcm16-x25519-ecp256").value(); });
    auto other = connection(sun, moon);
    other.children[0].esp_proposals = model::parse_esp_proposals("aes128gcm16-ecp256").value();
    load_on(sun, other);
    initiate(moon);
    run();
    watch_traffic = true;
    rekey_child(moon);
    deliver(take(moon));
    deliver(take(sun));  // INVALID_KE_PAYLOAD
    EXPECT_TRUE(moon.logged("requested ecp256"));
    run();
    expect_settled();
    EXPECT_NE(moon.children()[0].suite.find("ecp256"), std::string::npos);
    rekey_child(moon);  // the group is known now
    EXPECT_EQ(waiting(moon), 1U);
    deliver(take(moon));
    deliver(take(sun));
    EXPECT_EQ(moon.child_rekeys, 2);
    run();
    expect_settled();
}

// The peer's rekeying is not at its end, and its new SA is to be rekeyed already: the Delete of the old one moves
// traffic.
TEST_F(Rekey, ASuccessorThatIsBeingRekeyedTakesOver)
{
    establish();
    watch_traffic = true;
    rekey_child(moon);
    deliver(take(moon));
    rekey_child(sun);
    deliver(take(sun));  // the answer
    const Packet request = take(sun);
    deliver(take(moon));
    EXPECT_TRUE(traffic_flows(sun, moon));
    deliver(request);
    run();
    expect_settled();
}

TEST_F(Rekey, AnIkeSaKeepsItsChildren)
{
    establish();
    watch_traffic = true;
    const auto before = moon.only_ike_sa();
    rekey_ike(moon);
    run();
    EXPECT_EQ(moon.ike_rekeys, 1);
    EXPECT_EQ(sun.ike_rekeys, 1);
    expect_settled();
    EXPECT_NE(moon.only_ike_sa().spi_i, before.spi_i);
    EXPECT_EQ(moon.child_downs + sun.child_downs + moon.ike_downs + sun.ike_downs, 0);
    rekey_child(sun);  // the keys of the new one work, both ways
    run();
    rekey_ike(sun);
    run();
    expect_settled();
    EXPECT_EQ(sun.only_ike_sa().role, Role::kInitiator);
}

TEST_F(Rekey, ADeletedChildLeavesTheIkeSa)
{
    establish();
    terminate_child(sun);
    run();
    EXPECT_EQ(moon.child_downs, 1);
    EXPECT_EQ(sun.child_downs, 1);
    expect_settled(1, 0);
}

TEST_F(Rekey, ADeletedIkeSaTakesAllAlong)
{
    establish();
    terminate_ike(moon);
    run();
    EXPECT_EQ(moon.child_downs, 1);
    EXPECT_EQ(sun.child_downs, 1);
    EXPECT_EQ(moon.ike_downs, 1);
    EXPECT_EQ(sun.ike_downs, 1);
    expect_settled(0, 0);
}

TEST_F(Rekey, TimesOfTheConnectionDriveIt)
{
    load([](auto& c) {
        c.rekey_time_s = 1000;
        c.children[0].time_s = {300, 330, 30};
    });
    initiate(moon);
    run();
    watch_traffic = true;
    pass(10'000);
    EXPECT_GE(moon.child_rekeys, 30);
    EXPECT_GE(moon.ike_rekeys, 9);
    EXPECT_EQ(moon.child_downs + sun.child_downs + moon.ike_downs + sun.ike_downs, 0);
}

NotifyPayload notify(NotifyType type, std::vector<uint8_t> data = {})
{
    NotifyPayload out;
    out.type = type;
    out.data = std::move(data);
    return out;
}

//  N(REKEY_SA) ...       -->
//                        <--     N(CHILD_SA_NOT_FOUND)   (RFC 7296 section 2.25.1)
//  SA, Ni, TSi, TSr      -->
TEST_F(Rekey, AChildThatThePeerHasLostIsMadeAnew)
{
    establish();
    const auto old = moon.children()[0];
    rekey_child(moon);
    const Packet request = take(moon);
    deliver(request);  // so that message IDs agree from here on
    (void)take(sun);
    Header answer = *decode_header(request.bytes);
    answer.is_response = true;
    forge(sun, answer, {notify(NotifyType::kChildSaNotFound)});
    EXPECT_TRUE(moon.logged("creating it anew"));
    run();
    EXPECT_EQ(moon.child_downs, 1);
    EXPECT_EQ(moon.child_ups, 2);
    pass(10);
    ASSERT_EQ(moon.children().size(), 1U);
    EXPECT_NE(moon.children()[0].spi_in, old.spi_in);
    EXPECT_EQ(moon.sas.size(), 2U);
    expect_traffic();
}

TEST_F(Rekey, AnInvalidSpiThatThePeerVouchesForIsRekeyed)
{
    establish();
    const uint32_t spi = moon.children()[0].spi_out;
    const auto bytes = [](uint32_t value) {
        return std::vector<uint8_t>{uint8_t(value >> 24), uint8_t(value >> 16), uint8_t(value >> 8), uint8_t(value)};
    };
    Header header;
    header.exchange = ExchangeType::kInformational;
    forge(sun, header, {notify(NotifyType::kInvalidSpi, bytes(spi + 1)), notify(NotifyType::kInvalidSpi, {1, 2})});
    EXPECT_EQ(waiting(moon), 1U) << "an answer and no more";
    header.message_id = 1;
    forge(sun, header, {notify(NotifyType::kInvalidSpi, bytes(spi))});
    EXPECT_TRUE(moon.logged("received INVALID_SPI notify"));
    run();
    EXPECT_EQ(moon.child_rekeys, 1);
    pass(10);
    EXPECT_NE(moon.children()[0].spi_out, spi);
    expect_traffic();
}

}  // namespace
}  // namespace ipsecgw::ike
