// Traps, liveness, NAT, uniqueness, lifetimes of the data path: what happens around the exchanges.
#include "unit/ike/ladder.h"

namespace ipsecgw::ike {
namespace {

using Lifecycle = Ladder;

PacketSelectors packet(const char* source, const char* destination)
{
    const auto address = [](const char* text) { return net::IpAddress::parse(text).value(); };
    return {{17, {1000, 1000}, address(source), address(source)},
            {17, {53, 53}, address(destination), address(destination)}};
}
const PacketSelectors kPacket = packet("10.1.0.5", "10.2.0.5");

model::ChildSelector selector(const char* text)
{
    return model::ChildSelector::parse(text).value();
}

TEST_F(Lifecycle, ATrapBringsTheChildUpOnce)
{
    load([](auto& c) { c.children[0].start_action = model::StartAction::kTrap; });
    ASSERT_EQ(moon.traps.size(), 1U);
    EXPECT_EQ(moon.traps.begin()->second.on_packet, OnPacket::kAcquire);
    EXPECT_GT(moon.traps.begin()->second.policy.priority, 1000U);
    for (int packet = 0; packet < 5; packet++)
        call(moon, [&](const Turn& turn) { moon.engine->acquire("gw-gw", "net", kPacket, turn); });
    EXPECT_EQ(waiting(moon), 1U);
    run();
    call(moon, [&](const Turn& turn) { moon.engine->acquire("gw-gw", "net", kPacket, turn); });
    EXPECT_TRUE(wire.empty());
    expect_settled();
}

TEST_F(Lifecycle, ThePacketThatAsksIsWhatAPeerThatNarrowsSees)
{
    auto two = connection(sun, moon);
    two.children[0].local_ts = {selector("10.2.0.0/24")};
    two.children.push_back(two.children[0]);
    two.children[1].name = "other";
    two.children[1].local_ts = {selector("10.2.1.0/24")};
    load_on(sun, two);
    load_on(moon, connection(moon, sun));
    const auto asks = packet("10.1.0.5", "10.2.1.5");
    call(moon, [&](const Turn& turn) { moon.engine->acquire("gw-gw", "net", asks, turn); });
    run();
    ASSERT_EQ(sun.children().size(), 1U);
    EXPECT_EQ(sun.children()[0].name, "other");
    EXPECT_EQ(moon.children()[0].remote_ts, std::vector<std::string>{"10.2.1.0/24"});
    EXPECT_TRUE(sun.logged("N(ADDITIONAL_TS_POSSIBLE)"));
    expect_settled();
    rekey_child(moon);
    run();
    EXPECT_EQ(moon.children()[0].remote_ts, std::vector<std::string>{"10.2.1.0/24"});
    expect_settled();
}

TEST_F(Lifecycle, WhatIsTakenWholeNeedsNoOtherSa)
{
    establish();
    EXPECT_FALSE(sun.logged("N(ADDITIONAL_TS_POSSIBLE)"));
}

TEST_F(Lifecycle, FragmentsAreAgreedOn)
{
    establish();
    EXPECT_TRUE(sun.logged("generating IKE_AUTH response 1 [ IDr AUTH SA TSi TSr N(NON_FIRST_FRAGMENTS_ALSO) ]"));
}

TEST_F(Lifecycle, EachLoadedChildIsKeptFromLeavingInClear)
{
    load();
    ASSERT_EQ(moon.traps.size(), 1U);
    EXPECT_EQ(moon.traps.begin()->second.on_packet, OnPacket::kDrop);
    call(moon, [&](const Turn& turn) { EXPECT_TRUE(moon.engine->unload("gw-gw", turn).has_value()); });
    EXPECT_TRUE(moon.traps.empty());
}

TEST_F(Lifecycle, StartComesBackWithBackOff)
{
    load_on(moon, [&] {
        auto c = connection(moon, sun);
        c.children[0].start_action = model::StartAction::kStart;
        return c;
    }());
    pass(1);
    EXPECT_TRUE(moon.logged("NO_PROPOSAL_CHOSEN"));  // sun knows no such connection yet
    const auto attempts = [&] {
        return std::count_if(moon.log.begin(), moon.log.end(),
                             [](const auto& line) { return line.starts_with("initiating IKE_SA"); });
    };
    pass(100);
    const auto early = attempts();
    EXPECT_GE(early, 5);
    EXPECT_LE(early, 9);  // 2, 4, 8, 16, 32 s
    load_on(sun, connection(sun, moon));
    pass(300);
    expect_settled();
}

TEST_F(Lifecycle, ADeadPeerIsNoticed)
{
    load([](auto& c) {
        c.dpd_delay_s = 30;
        c.children[0].dpd_action = model::DpdAction::kRestart;
    });
    initiate(moon);
    run();
    pass(100);
    EXPECT_EQ(moon.engine->stats().ike_sas, 1U);
    sun.engine = std::make_unique<Engine>(sun.options, sun.host, sun.credentials);  // it has lost everything
    sun.sas.clear();
    sun.bindings.clear();
    sun.traps.clear();
    load_on(sun, connection(sun, moon));
    pass(400);
    EXPECT_TRUE(moon.logged("giving up after 5 retransmits"));
    EXPECT_EQ(moon.child_downs, 1);
    EXPECT_EQ(moon.child_ups, 2);
    expect_settled();
}

TEST_F(Lifecycle, TrafficIsASignOfLife)
{
    load([](auto& c) { c.dpd_delay_s = 30; });
    auto quiet = connection(sun, moon);
    load_on(sun, quiet);
    initiate(moon);
    run();
    for (int i = 0; i < 10; i++) {
        moon.host.last_inbound = now_ns;
        pass(25);
        EXPECT_FALSE(moon.logged("sending DPD request"));
    }
    pass(60);
    EXPECT_TRUE(moon.logged("sending DPD request"));
}

TEST_F(Lifecycle, ForcedEncapsulationUsesPort4500)
{
    load([](auto& c) { c.encap = true; });
    initiate(moon);
    run();
    ASSERT_EQ(moon.children().size(), 1U);
    EXPECT_TRUE(moon.children()[0].udp_encapsulation);
    EXPECT_TRUE(sun.children()[0].udp_encapsulation);
    EXPECT_EQ(moon.only_ike_sa().remote.port, 4500);
    for (const auto& [name, sa] : sun.sas) {
        ASSERT_TRUE(sa.udp.has_value());
        EXPECT_EQ(sa.udp->remote_port, 4500);
    }
    expect_settled();
}

TEST_F(Lifecycle, APeerBehindANatIsFollowed)
{
    auto suns = connection(sun, moon);
    suns.remote_addrs.clear();
    load_on(sun, suns);
    load_on(moon, connection(moon, sun));
    initiate(moon);
    const auto nat = [&](uint16_t port) {
        for (int i = 0; i < 50 && !wire.empty(); i++) {
            Packet packet = std::move(wire.front());
            wire.pop_front();
            if (packet.from.address == moon.address) {
                packet.from = {net::IpAddress::parse("198.51.100.1").value(), port};
                call(sun, [&](const Turn& turn) { sun.engine->receive({packet.to, packet.from, packet.bytes}, turn); });
            } else {
                packet.to = {moon.address, packet.from.port};
                call(moon, [&](const Turn& turn) {
                    moon.engine->receive({packet.to, packet.from, packet.bytes}, turn);
                });
            }
        }
    };
    nat(61'000);
    ASSERT_EQ(sun.children().size(), 1U);
    EXPECT_TRUE(sun.only_ike_sa().nat_remote);
    EXPECT_TRUE(moon.only_ike_sa().nat_local);
    EXPECT_EQ(sun.only_ike_sa().remote.to_string(), "198.51.100.1[61000]");
    rekey_child(moon);
    nat(62'000);  // the NAT has forgotten and chosen another port
    EXPECT_EQ(sun.only_ike_sa().remote.port, 62'000);
    const auto* out = sun.outbound(sun.bindings.begin()->first);
    ASSERT_NE(out, nullptr);
    EXPECT_EQ(out->udp->remote_port, 62'000);
    expect_traffic();

    // The next time ESP tells it: the child is rekeyed to where that came from, by us.
    const Endpoint moved{net::IpAddress::parse("198.51.100.1").value(), 63'000};
    const auto child = sun.children().back().id;
    const auto spi = out->spi;
    call(sun, [&](const Turn& turn) { sun.engine->endpoint_changed(child, moved, turn); });
    ASSERT_FALSE(wire.empty());
    EXPECT_EQ(wire.front().to.port, 63'000);
    nat(63'000);
    out = sun.outbound(sun.bindings.begin()->first);
    ASSERT_NE(out, nullptr);
    EXPECT_NE(out->spi, spi);
    EXPECT_EQ(out->udp->remote_port, 63'000);
    expect_traffic();
    call(sun, [&](const Turn& turn) { sun.engine->endpoint_changed(child, moved, turn); });
    EXPECT_TRUE(wire.empty());

    // Who is behind the NAT follows nobody (section 2.23).
    const auto before = moon.only_ike_sa().remote;
    call(moon, [&](const Turn& turn) { moon.engine->endpoint_changed(moon.children().back().id, moved, turn); });
    EXPECT_EQ(moon.only_ike_sa().remote, before);
    EXPECT_TRUE(wire.empty());
}

TEST_F(Lifecycle, APeerWithoutANatIsNotFollowed)
{
    establish();
    const Endpoint moved{net::IpAddress::parse("198.51.100.1").value(), 4500};
    call(sun, [&](const Turn& turn) { sun.engine->endpoint_changed(sun.children()[0].id, moved, turn); });
    EXPECT_TRUE(wire.empty());
    EXPECT_EQ(sun.only_ike_sa().remote.address, moon.address);
}

TEST_F(Lifecycle, LargeMessagesAreFragments)
{
    moon.options.fragment_bytes = 576;
    moon.engine = std::make_unique<Engine>(moon.options, moon.host, moon.credentials);
    load_on(moon, [&] {
        auto c = connection(moon, sun);
        c.children[0].local_ts.clear();
        for (int i = 0; i < 30; i++)
            c.children[0].local_ts.push_back(
                model::ChildSelector::parse("10.1." + std::to_string(i) + ".0/24").value());
        return c;
    }());
    load_on(sun, connection(sun, moon));
    initiate(moon);
    deliver(take(moon));
    deliver(take(sun));
    ASSERT_GE(waiting(moon), 2U);
    const Packet first = take(moon);
    while (waiting(moon) != 0) {  // in the wrong order, and twice
        const Packet later = take(moon);
        deliver(later);
        deliver(later);
    }
    deliver(first);
    run();
    ASSERT_EQ(moon.child_ups, 1);
    expect_traffic();
}

TEST_F(Lifecycle, VolumeLimitsRekeyAndEnd)
{
    load([](auto& c) {
        c.children[0].packets = {1000, 1100, 100};
        c.children[0].bytes = {1'000'000, {}, 0};
    });
    initiate(moon);
    run();
    const auto& limits = moon.sas.begin()->second.lifetime;
    EXPECT_GE(limits.soft_packets, 900U);
    EXPECT_LE(limits.soft_packets, 1000U);
    EXPECT_EQ(limits.hard_packets, 1100U);
    EXPECT_EQ(limits.soft_bytes, 1'000'000U);
    const auto child = moon.children()[0].id;
    watch_traffic = true;
    call(moon, [&](const Turn& turn) { moon.engine->expired(child, Expiry::kSoft, turn); });
    run();
    EXPECT_EQ(moon.child_rekeys, 1);
    watch_traffic = false;
    pass(10);
    const auto second = moon.children()[0].id;
    call(moon, [&](const Turn& turn) { moon.engine->expired(second, Expiry::kHard, turn); });
    run();
    EXPECT_EQ(moon.child_downs, 1);
    expect_settled(1, 0);
}

TEST_F(Lifecycle, CloseActionStartsAgain)
{
    load();
    load_on(sun, [&] {
        auto c = connection(sun, moon);
        c.children[0].close_action = model::StartAction::kStart;
        return c;
    }());
    initiate(moon);
    run();
    terminate_child(moon);
    pass(10);
    EXPECT_EQ(sun.child_downs, 1);
    EXPECT_EQ(sun.child_ups, 2);
    terminate_ike(moon);
    pass(10);
    EXPECT_EQ(sun.ike_ups, 2);
    expect_settled();
}

class Unique : public Ladder {
  protected:
    /// moon loses everything and comes again, without saying that it is the first contact.
    void come_again(model::UniquePolicy policy)
    {
        load([&](auto& c) { c.unique = policy; });
        initiate(moon);
        run();
        first = sun.only_ike_sa().id;
        moon.engine = std::make_unique<Engine>(moon.options, moon.host, moon.credentials);
        moon.sas.clear();
        moon.bindings.clear();
        moon.traps.clear();
        auto silent = connection(moon, sun);
        silent.unique = model::UniquePolicy::kNever;
        load_on(moon, silent);
        initiate(moon);
        run();
    }
    IkeSaId first = 0;
};

TEST_F(Unique, ReplaceEndsTheOlder)
{
    come_again(model::UniquePolicy::kReplace);
    EXPECT_EQ(moon.engine->stats().established, 1U);
    EXPECT_EQ(sun.engine->find_ike_sa(first)->state, IkeState::kDeleting);
}

TEST_F(Unique, KeepRefusesTheNewer)
{
    come_again(model::UniquePolicy::kKeep);
    EXPECT_EQ(moon.engine->stats().established, 0U);
    EXPECT_EQ(sun.engine->find_ike_sa(first)->state, IkeState::kEstablished);
}

TEST_F(Lifecycle, InitialContactEndsWhatWasBefore)
{
    establish();
    moon.engine = std::make_unique<Engine>(moon.options, moon.host, moon.credentials);
    moon.sas.clear();
    moon.bindings.clear();
    moon.traps.clear();
    load_on(moon, connection(moon, sun));
    now_ns += 1'000'000'000;
    initiate(moon);
    run();
    EXPECT_TRUE(sun.logged("received INITIAL_CONTACT"));
    expect_settled();
}

TEST_F(Lifecycle, PostquantumPresharedKeys)
{
    for (Side* side : {&moon, &sun}) {
        model::SharedSecret ppk;
        ppk.type = model::SecretType::kPpk;
        ppk.ids = {model::Identity::parse("ppk-1").value()};
        const uint8_t bytes[32] = {1, 2, 3};
        ppk.secret = base::SecretBytes(bytes);
        side->credentials.add_secret(std::move(ppk));
    }
    load([](auto& c) {
        c.ppk_id = model::Identity::parse("ppk-1").value();
        c.ppk_required = true;
    });
    initiate(moon);
    run();
    EXPECT_TRUE(moon.only_ike_sa().ppk);
    EXPECT_TRUE(sun.only_ike_sa().ppk);
    expect_settled();
    // Without it on one end, and needed on the other, there is nothing.
    terminate_ike(moon);
    run();
    auto without = connection(sun, moon);
    load_on(sun, without);
    initiate(moon);
    run();
    expect_settled(0, 0);
}

TEST_F(Lifecycle, TransportModeAndSelectorsAreNarrowed)
{
    load([](auto& c) {
        c.children[0].mode = model::Mode::kTransport;
        c.children[0].local_ts = {model::ChildSelector::parse("dynamic[udp/4789]").value()};
        c.children[0].remote_ts = {model::ChildSelector::parse("dynamic[udp/4789]").value()};
    });
    initiate(moon);
    run();
    ASSERT_EQ(moon.children().size(), 1U);
    EXPECT_EQ(moon.children()[0].mode, model::Mode::kTransport);
    EXPECT_EQ(moon.children()[0].local_ts, std::vector<std::string>{"192.0.2.1/32[udp/4789]"});
    expect_settled();
}

TEST_F(Lifecycle, AFailedInstallDeletesTheChild)
{
    establish();
    const auto child = sun.children()[0].id;
    call(sun, [&](const Turn& turn) {
        sun.engine->install_failed(child, {base::ErrorCode::kUnsupported, "the port cannot"}, turn);
    });
    run();
    expect_settled(1, 0);
}

}  // namespace
}  // namespace ipsecgw::ike
