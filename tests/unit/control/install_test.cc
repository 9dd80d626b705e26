// Installing and removing: what workers find, in which order, and what an error leaves behind.
#include <gmock/gmock.h>
#include <rte_bus_vdev.h>

#include "harness.h"

namespace ipsecgw::control {
namespace {

using base::ErrorCode;

class InstallTest : public ControlTest {};

TEST_F(InstallTest, AnInboundSaIsFoundByItsSpiAndMayCarryNothingWithoutAPolicy)
{
    ASSERT_TRUE(control->install_sa(inbound("east-in", 0x1001)));
    ASSERT_NE(sad->find(0x1001), nullptr);
    EXPECT_EQ(sad->find(0x1001)->selectors.load(), nullptr);
    EXPECT_EQ(status("east-in").engine, "openssl");
    EXPECT_EQ(status("east-in").state, "up");
}

TEST_F(InstallTest, AnSaInstalledAfterItsPolicyIsBoundToIt)
{
    ASSERT_TRUE(control->add_policy(protect("east", "east-out", {"east-in"})));
    EXPECT_EQ(bound("east"), nullptr);
    ASSERT_TRUE(control->install_sa(outbound("east-out", 0x2001)));
    ASSERT_TRUE(control->install_sa(inbound("east-in", 0x1001)));
    ASSERT_NE(bound("east"), nullptr);
    EXPECT_EQ(bound("east")->spi, 0x2001u);
    EXPECT_TRUE(may_carry(0x1001, flow("10.2.0.9", "10.1.0.9")));
    EXPECT_FALSE(may_carry(0x1001, flow("10.3.0.9", "10.1.0.9")));
    EXPECT_FALSE(may_carry(0x1001, flow("10.1.0.9", "10.2.0.9")));
}

TEST_F(InstallTest, APolicyAddedAfterItsSaIsBoundToIt)
{
    ASSERT_TRUE(control->install_sa(outbound("east-out", 0x2001)));
    ASSERT_TRUE(control->install_sa(inbound("east-in", 0x1001)));
    ASSERT_TRUE(control->add_policy(protect("east", "east-out", {"east-in"})));
    ASSERT_NE(bound("east"), nullptr);
    EXPECT_EQ(bound("east")->spi, 0x2001u);
    EXPECT_TRUE(may_carry(0x1001, flow("10.2.0.9", "10.1.0.9")));
}

TEST_F(InstallTest, RemovingAnOutboundSaSwingsItsPoliciesToNothingAndTheNextOfThatNameIsBound)
{
    ASSERT_TRUE(control->install_sa(outbound("east-out", 0x2001)));
    ASSERT_TRUE(control->add_policy(protect("east", "east-out", {})));
    ASSERT_TRUE(control->remove_sa("east-out"));
    EXPECT_EQ(bound("east"), nullptr);
    EXPECT_EQ(sad->outbound_count(), 0u);
    EXPECT_TRUE(control->list_sas({}, 10).empty());

    ASSERT_TRUE(control->install_sa(outbound("east-out", 0x2002)));
    ASSERT_NE(bound("east"), nullptr);
    EXPECT_EQ(bound("east")->spi, 0x2002u);
}

TEST_F(InstallTest, ARemovedSaIsFreedOnlyWhenEveryWorkerHasLetGoOfIt)
{
    ASSERT_TRUE(control->install_sa(outbound("east-out", 0x2001)));
    ASSERT_TRUE(control->add_policy(protect("east", "east-out", {})));
    const sa::OutboundSa* held = bound("east");
    qsbr->online(0);
    ASSERT_TRUE(control->remove_sa("east-out"));
    step();
    EXPECT_EQ(held->spi, 0x2001u);  // still readable: asan tells otherwise
    EXPECT_GT(control->stats().retired_objects, 0u);
    EXPECT_LE(control->tick(now), now + kSecond) << "reclamation wants to run again soon";
    qsbr->quiescent(0);
    step();
    EXPECT_EQ(control->stats().retired_objects, 0u);
    qsbr->offline(0);
}

TEST_F(InstallTest, ARemovedInboundSaIsNotFoundAnyMore)
{
    ASSERT_TRUE(control->add_policy(protect("east", "", {"east-in"})));
    ASSERT_TRUE(control->install_sa(inbound("east-in", 0x1001)));
    ASSERT_TRUE(control->remove_sa("east-in"));
    EXPECT_EQ(sad->find(0x1001), nullptr);
    EXPECT_EQ(control->remove_sa("east-in").error().code, ErrorCode::kNotFound);
    ASSERT_TRUE(control->install_sa(inbound("east-in", 0x1001)));
    EXPECT_TRUE(may_carry(0x1001, flow("10.2.0.9", "10.1.0.9")));
}

TEST_F(InstallTest, SelectorsOfAnInboundSaAreTheUnionOfItsPolicies)
{
    ASSERT_TRUE(control->install_sa(inbound("east-in", 0x1001)));
    ASSERT_TRUE(control->add_policy(protect("one", "", {"east-in"})));
    auto second = protect("two", "", {"east-in"});
    second.remote = {selector("10.3.0.0/16")};
    ASSERT_TRUE(control->add_policy(std::move(second)));
    const auto first_flow = flow("10.2.0.9", "10.1.0.9");
    const auto second_flow = flow("10.3.0.9", "10.1.0.9");
    EXPECT_TRUE(may_carry(0x1001, first_flow));
    EXPECT_TRUE(may_carry(0x1001, second_flow));
    ASSERT_TRUE(control->remove_policy("one"));
    EXPECT_FALSE(may_carry(0x1001, first_flow));
    EXPECT_TRUE(may_carry(0x1001, second_flow));
    ASSERT_TRUE(control->remove_policy("two"));
    EXPECT_FALSE(may_carry(0x1001, second_flow));
    EXPECT_EQ(control->remove_policy("two").error().code, ErrorCode::kNotFound);
}

TEST_F(InstallTest, ARekeyMovesAPolicyWithoutAMomentWithoutAnSa)
{
    ASSERT_TRUE(control->install_sa(outbound("out-1", 0x2001)));
    ASSERT_TRUE(control->install_sa(inbound("in-1", 0x1001)));
    ASSERT_TRUE(control->add_policy(protect("east", "out-1", {"in-1"})));
    const auto carried = flow("10.2.0.9", "10.1.0.9");

    ASSERT_TRUE(control->install_sa(inbound("in-2", 0x1002)));
    ASSERT_TRUE(control->install_sa(outbound("out-2", 0x2002)));
    EXPECT_EQ(bound("east")->spi, 0x2001u);
    ASSERT_TRUE(control->rebind_policy("east", "out-2", {"in-1", "in-2"}));
    EXPECT_EQ(bound("east")->spi, 0x2002u);
    EXPECT_TRUE(may_carry(0x1001, carried));
    EXPECT_TRUE(may_carry(0x1002, carried));

    ASSERT_TRUE(control->rebind_policy("east", "out-2", {"in-2"}));
    EXPECT_FALSE(may_carry(0x1001, carried));
    ASSERT_TRUE(control->remove_sa("in-1"));
    ASSERT_TRUE(control->remove_sa("out-1"));
    EXPECT_EQ(bound("east")->spi, 0x2002u);
    EXPECT_EQ(control->list_policies().at(0).outbound_sa, "out-2");
    EXPECT_EQ(control->rebind_policy("west", "", {}).error().code, ErrorCode::kNotFound);
}

TEST_F(InstallTest, TheLeastLoadedWorkerBecomesTheOwner)
{
    auto pinned = inbound("pinned", 0x1000);
    pinned.worker = 1;
    ASSERT_TRUE(control->install_sa(std::move(pinned)));
    ASSERT_TRUE(control->install_sa(inbound("a", 0x1001)));
    ASSERT_TRUE(control->install_sa(inbound("b", 0x1002)));
    ASSERT_TRUE(control->install_sa(inbound("c", 0x1003)));
    EXPECT_EQ(sad->find(0x1000)->owner, 1);
    EXPECT_EQ(sad->find(0x1001)->owner, 0);
    EXPECT_EQ(sad->find(0x1002)->owner, 0);
    EXPECT_EQ(sad->find(0x1003)->owner, 1);
    ASSERT_TRUE(control->remove_sa("a"));
    ASSERT_TRUE(control->remove_sa("b"));
    ASSERT_TRUE(control->install_sa(inbound("d", 0x1004)));
    EXPECT_EQ(sad->find(0x1004)->owner, 0);
    EXPECT_EQ(control->stats().workers.at(0).inbound_sas, 1u);
    EXPECT_EQ(control->stats().workers.at(1).inbound_sas, 2u);
}

TEST_F(InstallTest, RefusesWhatIsInUseOrDoesNotExist)
{
    ASSERT_TRUE(control->install_sa(inbound("east-in", 0x1001)));
    EXPECT_EQ(control->install_sa(outbound("east-in", 0x2001)).error().code, ErrorCode::kAlreadyExists);
    EXPECT_EQ(control->install_sa(inbound("other", 0x1001)).error().code, ErrorCode::kAlreadyExists);
    auto nowhere = inbound("nowhere", 0x1002);
    nowhere.worker = 2;
    EXPECT_EQ(control->install_sa(std::move(nowhere)).error().code, ErrorCode::kInvalidArgument);
    auto short_key = inbound("short", 0x1003);
    short_key.keymat = base::SecretBytes(size_t{5});
    const auto refused = control->install_sa(std::move(short_key));
    EXPECT_THAT(refused.error().what, testing::HasSubstr("SA \"short\": keymat: "));
    EXPECT_EQ(sad->inbound_count(), 1u);
    EXPECT_EQ(control->stats().inbound_sas, 1u);
}

TEST_F(InstallTest, TheSameSpiMayBeInUseOutbound)
{
    ASSERT_TRUE(control->install_sa(inbound("in", 0x1001)));
    ASSERT_TRUE(control->install_sa(outbound("out-a", 0x1001)));
    ASSERT_TRUE(control->install_sa(outbound("out-b", 0x1001)));
    EXPECT_EQ(control->find_sas(0x1001).size(), 3u);
    ASSERT_TRUE(control->remove_sa("out-a"));
    ASSERT_EQ(control->find_sas(0x1001).size(), 2u);
    EXPECT_EQ(control->find_sas(0x1001)[1].name, "out-b");
}

TEST_F(InstallTest, APolicyMayNotUseAnSaForTheOtherDirection)
{
    ASSERT_TRUE(control->install_sa(inbound("in", 0x1001)));
    EXPECT_EQ(control->add_policy(protect("p", "in", {})).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(spd->count(), 0u);
    ASSERT_TRUE(control->add_policy(protect("p", "later", {})));
    EXPECT_EQ(control->install_sa(inbound("later", 0x1002)).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(control->rebind_policy("p", "", {"in"}).has_value(), true);
    EXPECT_EQ(control->rebind_policy("p", "in", {}).error().code, ErrorCode::kInvalidArgument);
    EXPECT_TRUE(control->install_sa(inbound("later", 0x1002)));
}

TEST_F(InstallTest, ListsByNameInPages)
{
    for (const char* name : {"d", "b", "a", "c", "e"})
        ASSERT_TRUE(control->install_sa(outbound(name, 0x2000)));
    const auto names = [](const std::vector<SaStatus>& rows) {
        std::string all;
        for (const auto& row : rows)
            all += row.name;
        return all;
    };
    EXPECT_EQ(names(control->list_sas({}, 2)), "ab");
    EXPECT_EQ(names(control->list_sas("b", 2)), "cd");
    EXPECT_EQ(names(control->list_sas("bb", 2)), "cd");
    EXPECT_EQ(names(control->list_sas("d", 2)), "e");
    EXPECT_EQ(names(control->list_sas("e", 2)), "");
}

TEST_F(InstallTest, AStatusRowTellsWhatIsInstalled)
{
    auto sa = inbound("natted", 0x1001);
    sa.udp = model::UdpEncapsulation{};
    sa.esn = true;
    sa.replay_window = 128;
    sa.lifetime.hard_seconds = 3600;
    sa.worker = 1;
    ASSERT_TRUE(control->install_sa(std::move(sa)));
    now += 60 * kSecond;
    const auto row = status("natted");
    EXPECT_EQ(row.algorithm, "aes128gcm16");
    EXPECT_EQ(row.replay_window, 128);
    EXPECT_TRUE(row.esn);
    EXPECT_TRUE(row.udp_encapsulation);
    EXPECT_EQ(row.worker, 1);
    EXPECT_EQ(row.age_seconds, 60u);
    EXPECT_EQ(row.expires_seconds, 3540u);
    EXPECT_FALSE(row.idle_seconds.has_value());
    EXPECT_TRUE(row.drops.empty());
    EXPECT_FALSE(row.engine_reason.empty());
}

model::Gateway whole_gateway()
{
    model::Gateway gateway;
    gateway.sas.push_back(inbound("in", 0x1001));
    gateway.sas.push_back(outbound("out", 0x2001));
    gateway.policies.push_back(protect("east", "out", {"in"}));
    gateway.routes.push_back({prefix("10.2.0.0/16"), ip("192.0.2.2"), "outside"});
    gateway.neighbours.push_back({"outside", ip("192.0.2.2"), net::MacAddress{{2, 0, 0, 0, 0, 9}}});
    return gateway;
}

TEST_F(InstallTest, LoadsAWholeGateway)
{
    ASSERT_TRUE(control->load(whole_gateway()));
    EXPECT_EQ(bound("east")->spi, 0x2001u);
    EXPECT_TRUE(may_carry(0x1001, flow("10.2.0.9", "10.1.0.9")));
    const auto* hop = tables->fib().lookup(ip("10.2.3.4"));
    ASSERT_NE(hop, nullptr);
    EXPECT_EQ(hop->port, kOutside);
    EXPECT_EQ(hop->gateway, ip("192.0.2.2"));
    EXPECT_NE(tables->fib().lookup(ip("10.1.9.9")), nullptr) << "connected";
    EXPECT_NE(tables->neighbours().lookup(kOutside, ip("192.0.2.2")), nullptr);
}

TEST_F(InstallTest, AnErrorAnywhereInALoadLeavesNothingOfIt)
{
    const auto expect_nothing = [this](model::Gateway gateway, const char* where) {
        EXPECT_FALSE(control->load(gateway)) << where;
        EXPECT_EQ(sad->inbound_count(), 0u) << where;
        EXPECT_EQ(sad->outbound_count(), 0u) << where;
        EXPECT_EQ(spd->count(), 0u) << where;
        EXPECT_EQ(tables->fib().lookup(ip("10.2.3.4")), nullptr) << where;
        EXPECT_EQ(tables->neighbours().size(), 0u) << where;
        EXPECT_EQ(control->list_routes().size(), 4u) << where << ": only connected ones";
        EXPECT_EQ(control->stats().workers.at(0).inbound_sas, 0u) << where;
    };
    auto bad_sa = whole_gateway();
    bad_sa.sas.push_back(inbound("again", 0x1001));
    expect_nothing(std::move(bad_sa), "SA");
    auto bad_policy = whole_gateway();
    bad_policy.policies.push_back(protect("east", "out", {}));
    expect_nothing(std::move(bad_policy), "policy");
    auto bad_route = whole_gateway();
    bad_route.routes.push_back({prefix("10.9.0.0/16"), ip("198.51.100.1"), "outside"});
    expect_nothing(std::move(bad_route), "route");
    auto bad_neighbour = whole_gateway();
    bad_neighbour.neighbours.push_back({"nowhere", ip("192.0.2.3"), net::MacAddress{{2, 0, 0, 0, 0, 9}}});
    expect_nothing(std::move(bad_neighbour), "neighbour");
    EXPECT_TRUE(control->load(whole_gateway())) << "and the right one still fits";
}

class FullSadTest : public ControlTest {
  protected:
    FullSadTest() : ControlTest(2, 1) {}
};

TEST_F(FullSadTest, AFullSadRefusesAndNothingOfTheRefusedStays)
{
    ASSERT_TRUE(control->add_policy(protect("east", "out-2", {"in-2"})));
    ASSERT_TRUE(control->install_sa(inbound("in-1", 0x1001)));
    ASSERT_TRUE(control->install_sa(outbound("out-1", 0x2001)));
    EXPECT_EQ(control->install_sa(inbound("in-2", 0x1002)).error().code, ErrorCode::kResourceExhausted);
    EXPECT_EQ(control->install_sa(outbound("out-2", 0x2002)).error().code, ErrorCode::kResourceExhausted);
    EXPECT_EQ(bound("east"), nullptr);
    EXPECT_EQ(control->list_sas({}, 10).size(), 2u);
    EXPECT_EQ(control->stats().workers.at(0).inbound_sas, 1u);
    EXPECT_EQ(control->stats().workers.at(1).inbound_sas, 0u);
    ASSERT_TRUE(control->remove_sa("out-1"));
    EXPECT_TRUE(control->install_sa(outbound("out-2", 0x2002)));
    EXPECT_EQ(bound("east")->spi, 0x2002u);
}

TEST_F(InstallTest, TheGatewaysEngineIsForSasThatSayNothing)
{
    auto gateway = whole_gateway();
    gateway.settings.engine = model::EngineChoice::kCpuCrypto;  // which these tests have not
    EXPECT_EQ(control->load(gateway).error().code, ErrorCode::kUnsupported);
    for (auto& sa : gateway.sas)
        sa.engine = model::EngineChoice::kOpenssl;
    EXPECT_TRUE(control->load(gateway));
}

TEST_F(InstallTest, ALookAsideEngineNeedsADevice)
{
    model::SaParams params = inbound("east-in", 0x1001);
    params.engine = model::EngineChoice::kLookAside;
    const auto refused = control->install_sa(params.clone());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, "SA \"east-in\": engine: no look-aside device is configured");
    params.hw_offload = model::HwOffload::kAuto;
    ASSERT_TRUE(control->install_sa(std::move(params)));
    EXPECT_EQ(status("east-in").offload, "software");
    EXPECT_EQ(status("east-in").engine, "openssl");
    EXPECT_THAT(status("east-in").offload_reason, testing::HasSubstr("no look-aside device is configured"));
}

/// Made before the gateway that names it.
struct CryptoDevice {
    static constexpr const char* kName = "crypto_openssl_control";
    CryptoDevice() { EXPECT_EQ(rte_vdev_init(kName, "max_nb_queue_pairs=2"), 0); }
    ~CryptoDevice() { rte_vdev_uninit(kName); }
    CryptoDevice(const CryptoDevice&) = delete;
    CryptoDevice& operator=(const CryptoDevice&) = delete;
};

class LookAsideTest : CryptoDevice, public ControlTest {
  protected:
    LookAsideTest() : ControlTest(2, 1024, {kName}) {}

    static model::SaParams with(model::SaParams params, model::HwOffload wanted, model::EngineChoice engine)
    {
        params.hw_offload = wanted;
        params.engine = engine;
        return params;
    }
    static model::SaParams chacha(model::SaParams params)
    {
        params.suite = {model::Encryption::kChaCha20Poly1305, 256, model::Integrity::kNone};
        params.keymat = base::SecretBytes(params.suite.layout().keymat_bytes());
        return params;
    }
};

TEST_F(LookAsideTest, AutoTakesTheDeviceBeforeSoftware)
{
    using model::EngineChoice, model::HwOffload;
    ASSERT_TRUE(control->install_sa(with(inbound("east-in", 0x1001), HwOffload::kAuto, EngineChoice::kAuto)));
    ASSERT_TRUE(control->install_sa(with(outbound("east-out", 0x2001), HwOffload::kAuto, EngineChoice::kAuto)));
    for (const char* name : {"east-in", "east-out"}) {
        EXPECT_EQ(status(name).offload, "look-aside");
        EXPECT_EQ(status(name).engine, "crypto_openssl_control");
        EXPECT_THAT(status(name).offload_reason, testing::EndsWith("; look-aside device crypto_openssl_control"));
    }
    ASSERT_TRUE(control->install_sa(with(chacha(inbound("west-in", 0x1002)), HwOffload::kAuto, EngineChoice::kAuto)));
    EXPECT_EQ(status("west-in").offload, "software");
    EXPECT_THAT(status("west-in").offload_reason,
                testing::EndsWith("; crypto_openssl_control does not do chacha20poly1305"));
    ASSERT_TRUE(control->install_sa(with(inbound("none-in", 0x1003), HwOffload::kNo, EngineChoice::kAuto)));
    EXPECT_EQ(status("none-in").offload, "software") << "nobody asked for the device";
}

TEST_F(LookAsideTest, AnExplicitRequestTakesTheDeviceOrFails)
{
    using model::EngineChoice, model::HwOffload;
    ASSERT_TRUE(control->install_sa(with(inbound("east-in", 0x1001), HwOffload::kNo, EngineChoice::kLookAside)));
    EXPECT_EQ(status("east-in").offload, "look-aside");
    EXPECT_EQ(status("east-in").offload_reason, "as configured: look-aside device crypto_openssl_control");
    const auto refused =
        control->install_sa(with(chacha(inbound("west-in", 0x1002)), HwOffload::kNo, EngineChoice::kLookAside));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, "SA \"west-in\": engine: crypto_openssl_control does not do chacha20poly1305");
    EXPECT_EQ(sad->find(0x1002), nullptr);
}

TEST_F(LookAsideTest, AnIdleSaIsFreedAfterItsGracePeriod)
{
    using model::EngineChoice, model::HwOffload;
    ASSERT_TRUE(control->install_sa(with(inbound("east-in", 0x1001), HwOffload::kAuto, EngineChoice::kAuto)));
    ASSERT_TRUE(control->install_sa(with(outbound("east-out", 0x2001), HwOffload::kAuto, EngineChoice::kAuto)));
    ASSERT_TRUE(control->remove_sa("east-in"));
    ASSERT_TRUE(control->remove_sa("east-out"));
    turn_workers();
    step();
    EXPECT_EQ(control->stats().retired_objects, 0u);
}

}  // namespace
}  // namespace ipsecgw::control
