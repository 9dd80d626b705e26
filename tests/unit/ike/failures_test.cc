// What a peer gets wrong, and what an attacker tries: nothing changes but what the RFC says.
#include "unit/ike/ladder.h"

namespace ipsecgw::ike {
namespace {

using Failures = Ladder;

TEST_F(Failures, AWrongPskIsRefusedByTheResponder)
{
    load();
    model::SharedSecret other;
    const uint8_t text[] = {'x'};
    other.secret = base::SecretBytes(text);
    sun.credentials.add_secret(std::move(other));
    initiate(moon);
    run();
    EXPECT_TRUE(sun.logged("authentication of 'moon.example.org' failed"));
    EXPECT_TRUE(moon.logged("received AUTHENTICATION_FAILED"));
    ASSERT_EQ(moon.done.size(), 1U);
    EXPECT_NE(moon.done[0].failure, "");
    expect_settled(0, 0);
    EXPECT_EQ(moon.ike_ups + sun.ike_ups + moon.ike_downs + sun.ike_downs, 0);
}

TEST_F(Failures, ARefusalIsRepeatedWhenItWasLost)
{
    load();
    auto other = connection(sun, moon);
    other.remote.id = model::Identity::parse("venus.example.org").value();
    load_on(sun, other);
    initiate(moon);
    deliver(take(moon));
    deliver(take(sun));
    deliver(take(moon));
    (void)take(sun);
    pass(5);
    EXPECT_TRUE(moon.logged("received AUTHENTICATION_FAILED"));
    expect_settled(0, 0);
}

TEST_F(Failures, TheInitiatorTellsAResponderItDoesNotBelieve)
{
    auto moons = connection(moon, sun);
    moons.remote.id = model::Identity::parse("*.example.net").value();
    load_on(sun, connection(sun, moon));
    load_on(moon, moons);
    initiate(moon);
    run();
    EXPECT_TRUE(sun.logged("received AUTHENTICATION_FAILED notify"));
    ASSERT_EQ(moon.done.size(), 1U);
    EXPECT_NE(moon.done[0].failure, "");
    expect_settled(0, 0);
    EXPECT_EQ(moon.child_ups, 0);
}

TEST_F(Failures, NoCommonProposal)
{
    load();
    auto other = connection(sun, moon);
    other.proposals = model::parse_ike_proposals("aes256gcm16-prfsha384-ecp384").value();
    load_on(sun, other);
    initiate(moon);
    run();
    EXPECT_TRUE(moon.logged("received NO_PROPOSAL_CHOSEN"));
    EXPECT_EQ(sun.engine->stats().half_open, 0U);
    expect_settled(0, 0);
}

TEST_F(Failures, ARefusedChildLeavesTheIkeSa)
{
    for (const char* what : {"proposal", "selectors"}) {
        load();
        auto other = connection(sun, moon);
        if (std::string(what) == "proposal")
            other.children[0].esp_proposals = model::parse_esp_proposals("chacha20poly1305").value();
        else
            other.children[0].local_ts = {model::ChildSelector::parse("10.77.0.0/16").value()};
        load_on(sun, other);
        initiate(moon);
        run();
        EXPECT_NE(moon.done.back().failure, "") << what;
        expect_settled(1, 0);
        terminate_ike(moon);
        run();
    }
}

TEST_F(Failures, AnotherGroupIsAskedFor)
{
    load([](auto& c) { c.proposals = model::parse_ike_proposals("aes128gcm16-prfsha256-x25519-ecp256").value(); });
    auto other = connection(sun, moon);
    other.proposals = model::parse_ike_proposals("aes128gcm16-prfsha256-ecp256").value();
    load_on(sun, other);
    initiate(moon);
    deliver(take(moon));
    deliver(take(sun));
    EXPECT_TRUE(moon.logged("it requested ecp256"));
    run();
    expect_settled();
}

TEST_F(Failures, CookiesUnderLoad)
{
    sun.options.cookie_threshold = 0;
    sun.engine = std::make_unique<Engine>(sun.options, sun.host, sun.credentials);
    load();
    initiate(moon);
    deliver(take(moon));
    EXPECT_EQ(sun.engine->stats().ike_sas, 0U);  // nothing is kept
    EXPECT_EQ(sun.engine->stats().cookies_sent, 1U);
    run();
    expect_settled();
}

TEST_F(Failures, NobodyAnswers)
{
    load();
    initiate(moon);
    for (int i = 0; i <= 5; i++) {
        (void)take(moon);
        now_ns = moon.engine->next_deadline_ns();
        call(moon, [&](const Turn& turn) { moon.engine->tick(turn); });
    }
    EXPECT_TRUE(moon.logged("giving up after 5 retransmits"));
    ASSERT_EQ(moon.done.size(), 1U);
    EXPECT_EQ(moon.done[0].failure, "peer not responding");
    EXPECT_EQ(now_ns, 1'165'061'120'000U);  // 4 s * (1 + 1.8 + ... + 1.8^5) later
    expect_settled(0, 0);
}

/// Everything that can be told of an engine from outside.
std::string state_of(const Side& side)
{
    std::string out;
    for (const auto& ike : side.engine->list(0, 10)) {
        out += std::to_string(ike.id) + std::string(to_string(ike.state)) + ike.remote.to_string() + " ";
        for (const auto& child : ike.children)
            out += std::to_string(child.id) + std::string(to_string(child.state)) + " ";
    }
    return out + std::to_string(side.sas.size());
}

TEST_F(Failures, WhatIsNotAuthenticChangesNothing)
{
    establish();
    rekey_child(sun);
    const Packet request = take(sun);
    const std::string before = state_of(moon);
    for (size_t byte = 0; byte < request.bytes.size(); byte++) {
        Packet forged = request;
        forged.bytes[byte] ^= 0x01;
        deliver(forged);
        EXPECT_EQ(state_of(moon), before) << byte;
        EXPECT_EQ(waiting(moon), byte < 8 ? 1U : 0U) << byte << ": our SPI is not known, and that is said in clear";
        wire.clear();
    }
    for (size_t length = 0; length < request.bytes.size(); length++) {
        Packet cut = request;
        cut.bytes.resize(length);
        deliver(cut);
    }
    EXPECT_EQ(state_of(moon), before);
    deliver(request);
    EXPECT_EQ(waiting(moon), 1U);
    run();
    expect_settled();
}

TEST_F(Failures, AReplayGetsTheStoredAnswerAndOlderOnesNothing)
{
    establish();
    rekey_child(sun);
    const Packet request = take(sun);
    deliver(request);
    const Packet answer = take(moon);
    const std::string before = state_of(moon);
    deliver(request);
    EXPECT_EQ(take(moon).bytes, answer.bytes);
    EXPECT_EQ(state_of(moon), before);
    deliver(answer);
    run();
    const std::string settled = state_of(moon);
    deliver(request);  // below the window now
    deliver(answer);
    EXPECT_EQ(waiting(moon) + waiting(sun), 0U);
    EXPECT_EQ(state_of(moon), settled);
}

TEST_F(Failures, AReflectedMessageIsNobodys)
{
    load();
    initiate(moon);
    const auto reflect = [&](Packet packet) {
        std::swap(packet.from, packet.to);
        deliver(packet);
    };
    const Packet init = take(moon);
    reflect(init);
    EXPECT_EQ(moon.engine->stats().ike_sas, 1U);
    EXPECT_EQ(waiting(moon), 0U);
    deliver(init);
    deliver(take(sun));
    const Packet auth = take(moon);
    reflect(auth);
    EXPECT_EQ(waiting(moon), 0U);
    deliver(auth);
    run();
    rekey_child(moon);
    const Packet rekey = take(moon);
    const std::string before = state_of(moon);
    reflect(rekey);
    EXPECT_EQ(state_of(moon), before);
    EXPECT_EQ(waiting(moon), 0U);
    deliver(rekey);
    run();
    expect_settled();
}

TEST_F(Failures, AnotherMajorVersionIsToldOurs)
{
    load();
    initiate(moon);
    Packet init = take(moon);
    init.bytes[17] = 0x30;
    deliver(init);
    ASSERT_EQ(waiting(sun), 1U);
    const auto answer = decode_message(take(sun).bytes);
    ASSERT_TRUE(answer);
    EXPECT_NE(find_notify(answer->payloads, NotifyType::kInvalidMajorVersion), nullptr);
    EXPECT_EQ(sun.engine->stats().ike_sas, 0U);
}

TEST_F(Failures, HalfOpenSasEnd)
{
    load();
    initiate(moon);
    deliver(take(moon));
    (void)take(sun);
    EXPECT_EQ(sun.engine->stats().half_open, 1U);
    terminate_ike(moon);
    pass(31);
    EXPECT_EQ(sun.engine->stats().half_open, 0U);
    EXPECT_EQ(sun.engine->stats().ike_sas, 0U);
}

//  a request of an IKE SA that was lost  -->
//                                        <--   N(INVALID_IKE_SPI), in clear (RFC 7296 section 2.21.4)
TEST_F(Failures, AnIkeSaThatIsNotThereIsToldAndNotBelieved)
{
    establish();
    sun.engine = std::make_unique<Engine>(sun.options, sun.host, sun.credentials);
    rekey_child(moon);
    const Packet request = take(moon);
    deliver(request);
    const Packet answer = take(sun);
    EXPECT_LT(answer.bytes.size(), request.bytes.size());
    deliver(answer);
    EXPECT_TRUE(moon.logged("received INVALID_IKE_SPI"));
    EXPECT_TRUE(wire.empty());
    EXPECT_EQ(moon.engine->stats().ike_sas, 1U);
    EXPECT_EQ(moon.children().size(), 1U);

    for (int i = 0; i < 50; i++)
        deliver(request);
    EXPECT_EQ(waiting(sun), 9U) << "ten a second";
    wire.clear();
    Packet reflected = request;
    std::swap(reflected.from, reflected.to);
    call(moon, [&](const Turn& turn) { moon.engine->receive({reflected.to, reflected.from, reflected.bytes}, turn); });
    deliver(answer);  // a response is no request
    call(sun, [&](const Turn& turn) { sun.engine->receive({answer.from, answer.to, answer.bytes}, turn); });
    EXPECT_TRUE(wire.empty());
}

}  // namespace
}  // namespace ipsecgw::ike
