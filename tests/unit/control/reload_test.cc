// Objects with owners, their replacement, and a reload: what changes, what stays, and what an error leaves.
#include <gmock/gmock.h>
#include <rte_bus_vdev.h>

#include "harness.h"
#include "model/differences.h"

namespace ipsecgw::control {
namespace {

using base::ErrorCode;
using model::Owner;
using testing::ElementsAre;
using testing::HasSubstr;

class OwnerTest : public ControlTest {};

TEST_F(OwnerTest, NobodyRemovesByAccidentWhatIsAnothers)
{
    ASSERT_TRUE(control->install_sa(outbound("out", 0x2001)));
    ASSERT_TRUE(control->add_policy(protect("east", "out", {})));
    ASSERT_TRUE(control->add_route({prefix("10.9.0.0/16"), ip("192.0.2.254"), "outside"}));
    ASSERT_TRUE(control->add_neighbour({"outside", ip("192.0.2.2"), net::MacAddress{{2, 0, 0, 0, 0, 9}}}));
    const auto refused = control->remove_sa("out", Owner::kCli).error();
    EXPECT_EQ(refused.code, ErrorCode::kPermissionDenied);
    EXPECT_EQ(refused.what, "SA \"out\" is not cli's but config's");
    EXPECT_THAT(refused.hint, HasSubstr("configuration file"));
    EXPECT_EQ(control->remove_policy("east", Owner::kCli).error().code, ErrorCode::kPermissionDenied);
    EXPECT_EQ(control->remove_route(prefix("10.9.0.0/16"), Owner::kCli).error().code, ErrorCode::kPermissionDenied);
    EXPECT_EQ(control->remove_neighbour({"outside", ip("192.0.2.2"), {}}, Owner::kCli).error().code,
              ErrorCode::kPermissionDenied);
    EXPECT_EQ(control->replace_sa(outbound("out", 0x2002), Owner::kCli, Owner::kCli).error().code, ErrorCode::kPermissionDenied);
    EXPECT_EQ(bound("east")->spi, 0x2001u);
    EXPECT_TRUE(control->remove_policy("east", Owner::kConfig));
    EXPECT_TRUE(control->remove_sa("out"));
    EXPECT_TRUE(control->remove_route(prefix("10.9.0.0/16")));
    EXPECT_TRUE(control->remove_neighbour({"outside", ip("192.0.2.2"), {}}));
}

TEST_F(OwnerTest, ManyRoutesShareOnePublication)
{
    for (int i = 0; i < 100; i++)
        ASSERT_TRUE(control->add_route({prefix(("10.100." + std::to_string(i) + ".0/24").c_str()), ip("192.0.2.254"), ""},
                                       Owner::kConfig, ControlPlane::Publish::kSoon));
    EXPECT_EQ(tables->fib().lookup(ip("10.100.7.1")), nullptr);
    step(kSecond);
    ASSERT_NE(tables->fib().lookup(ip("10.100.7.1")), nullptr);
    ASSERT_TRUE(control->remove_route(prefix("10.100.7.0/24"), {}, ControlPlane::Publish::kSoon));
    ASSERT_TRUE(control->publish_routes());
    EXPECT_EQ(tables->fib().lookup(ip("10.100.7.1")), nullptr);
}

class ReplaceTest : public ControlTest {
  protected:
    static model::SaParams rekeyed(model::SaParams params)
    {
        params.keymat.mutable_view()[0] ^= 0xff;
        return params;
    }
};

TEST_F(ReplaceTest, TheNewOutboundSaTakesTheTrafficAndStartsAtOne)
{
    ASSERT_TRUE(control->install_sa(outbound("out", 0x2001)));
    ASSERT_TRUE(control->add_policy(protect("east", "out", {})));
    bound("east")->next_sequence = 500;
    ASSERT_TRUE(control->replace_sa(rekeyed(outbound("out", 0x2002))));
    EXPECT_EQ(bound("east")->spi, 0x2002u);
    EXPECT_EQ(bound("east")->next_sequence, 1u);
    EXPECT_EQ(sad->outbound_count(), 1u);
    EXPECT_EQ(control->list_sas({}, 10).size(), 1u);
}

TEST_F(ReplaceTest, WithTheSameSpiAndKeySequenceNumbersGoOn)
{
    ASSERT_TRUE(control->install_sa(outbound("out", 0x2001)));
    ASSERT_TRUE(control->add_policy(protect("east", "out", {})));
    bound("east")->next_sequence = 500;
    const uint64_t iv_base = bound("east")->iv_base;
    auto next = outbound("out", 0x2001);
    next.lifetime.hard_seconds = 60;
    ASSERT_TRUE(control->replace_sa(std::move(next)));
    EXPECT_EQ(bound("east")->next_sequence, 500u);
    EXPECT_EQ(bound("east")->iv_base, iv_base) << "so that no IV comes twice";
}

TEST_F(ReplaceTest, ARefusedOutboundSaLeavesTheOldOneAsItWas)
{
    ASSERT_TRUE(control->install_sa(outbound("out", 0x2001)));
    ASSERT_TRUE(control->add_policy(protect("east", "out", {})));
    auto* const before = bound("east");
    auto bad = outbound("out", 0x2002);
    bad.hw_offload = model::HwOffload::kFull;  // no port here can
    EXPECT_FALSE(control->replace_sa(std::move(bad)));
    EXPECT_EQ(bound("east"), before);
    EXPECT_EQ(status("out").spi, 0x2001u);
    EXPECT_EQ(control->replace_sa(outbound("west", 0x2003)).error().code, ErrorCode::kNotFound);
}

TEST_F(ReplaceTest, AnInboundSaKeepsItsReplayWindowOrIsNotReplaced)
{
    ASSERT_TRUE(control->add_policy(protect("east", "", {"in"})));
    ASSERT_TRUE(control->install_sa(inbound("in", 0x1001)));
    auto same = inbound("in", 0x1001);
    same.lifetime.hard_seconds = 60;
    const auto refused = control->replace_sa(std::move(same)).error();
    EXPECT_EQ(refused.code, ErrorCode::kUnsupported);
    EXPECT_THAT(refused.what, HasSubstr("replay window"));
    ASSERT_TRUE(control->replace_sa(rekeyed(inbound("in", 0x1001)))) << "a new key under the old SPI";
    EXPECT_TRUE(may_carry(0x1001, flow("10.2.0.9", "10.1.0.9")));
    ASSERT_TRUE(control->replace_sa(inbound("in", 0x1002)));
    EXPECT_EQ(sad->find(0x1001), nullptr);
    EXPECT_TRUE(may_carry(0x1002, flow("10.2.0.9", "10.1.0.9")));
    EXPECT_EQ(control->replace_sa(outbound("in", 0x1002)).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(ReplaceTest, ARefusedInboundSaOfTheSameSpiSaysThatTheOldOneIsGone)
{
    ASSERT_TRUE(control->install_sa(inbound("in", 0x1001)));
    auto bad = rekeyed(inbound("in", 0x1001));
    bad.hw_offload = model::HwOffload::kFull;  // no port here can
    const auto refused = control->replace_sa(std::move(bad));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().what, HasSubstr("; the SA \"in\" of before is gone"));
    EXPECT_EQ(sad->find(0x1001), nullptr);
}

class ReloadTest : public ReplaceTest {
  protected:
    static model::Gateway east()
    {
        model::Gateway gateway;
        gateway.sas.push_back(inbound("in", 0x1001));
        gateway.sas.push_back(outbound("out", 0x2001));
        gateway.policies.push_back(protect("east", "out", {"in"}));
        gateway.routes.push_back({prefix("10.2.0.0/16"), ip("192.0.2.2"), "outside"});
        gateway.neighbours.push_back({"outside", ip("192.0.2.2"), net::MacAddress{{2, 0, 0, 0, 0, 9}}});
        return gateway;
    }
    /// "add sa x", "change policy y (priority,sa)"
    std::vector<std::string> plan(const model::Gateway& wanted)
    {
        std::vector<std::string> lines;
        const auto plan = control->compare(wanted);
        for (const auto& error : plan.errors)
            lines.push_back("error: " + error.what);
        for (const auto& change : plan.changes) {
            const char* const verbs[] = {"add ", "change ", "remove "};
            std::string line = verbs[static_cast<size_t>(change.kind)] + std::string(change.object) + " " + change.name;
            for (const auto& setting : change.settings)
                line += (&setting == &change.settings.front() ? " (" : ",") + setting;
            lines.push_back(line + (change.settings.empty() ? "" : ")"));
        }
        return lines;
    }
    void reload(const model::Gateway& wanted)
    {
        const auto done = control->reload(wanted);
        ASSERT_TRUE(done) << done.error().what;
        EXPECT_TRUE(done->empty()) << done->front().what;
        EXPECT_THAT(plan(wanted), ElementsAre()) << "a reload arrives at what the file says";
    }
};

TEST_F(ReloadTest, WhatStaysIsNotTouched)
{
    ASSERT_TRUE(control->load(east()));
    auto* const out = bound("east");
    auto* const in = sad->find(0x1001);
    const auto* const selectors = in->selectors.load();
    const uint64_t policies = spd->generation();
    const uint64_t routes = tables->generation();
    out->next_sequence = 77;
    reload(east());
    EXPECT_EQ(bound("east"), out);
    EXPECT_EQ(out->next_sequence, 77u);
    EXPECT_EQ(sad->find(0x1001), in);
    EXPECT_EQ(in->selectors.load(), selectors);
    EXPECT_EQ(spd->generation(), policies) << "flow caches stay good";
    EXPECT_EQ(tables->generation(), routes);
}

TEST_F(ReloadTest, DoesEachKindOfChangeAndSaysWhich)
{
    ASSERT_TRUE(control->load(east()));
    auto* const in = sad->find(0x1001);
    auto wanted = east();
    wanted.sas[1] = rekeyed(outbound("out", 0x2002));
    wanted.sas.push_back(outbound("west-out", 0x2003));
    auto west = protect("west", "west-out", {});
    west.remote = {selector("10.3.0.0/16")};
    wanted.policies.push_back(west);
    wanted.policies[0].priority = 7;
    wanted.routes[0].via = ip("192.0.2.3");
    wanted.neighbours.clear();
    EXPECT_THAT(plan(wanted), ElementsAre("change sa out (spi,keymat)", "add sa west-out", "change policy east (priority)",
                                          "add policy west", "change route 10.2.0.0/16 (via)",
                                          "remove neighbour outside 192.0.2.2"));
    EXPECT_EQ(bound("east")->spi, 0x2001u) << "comparing changes nothing";
    reload(wanted);
    EXPECT_EQ(bound("east")->spi, 0x2002u);
    EXPECT_EQ(bound("west")->spi, 0x2003u);
    EXPECT_EQ(spd->count(), 2u);
    EXPECT_EQ(sad->find(0x1001), in);
    EXPECT_TRUE(may_carry(0x1001, flow("10.2.0.9", "10.1.0.9")));
    EXPECT_EQ(tables->fib().lookup(ip("10.2.3.4"))->gateway, ip("192.0.2.3"));
    EXPECT_EQ(tables->neighbours().size(), 0u);

    EXPECT_THAT(plan({}), ElementsAre("remove sa in", "remove sa out", "remove sa west-out", "remove policy east",
                                      "remove policy west", "remove route 10.2.0.0/16"));
    reload({});
    EXPECT_EQ(spd->count(), 0u);
    EXPECT_EQ(sad->inbound_count() + sad->outbound_count(), 0u);
    EXPECT_EQ(control->stats().workers.at(0).inbound_sas + control->stats().workers.at(1).inbound_sas, 0u);
}

TEST_F(ReloadTest, APolicyThatChangesItsSasOnlyStaysWhereItIs)
{
    ASSERT_TRUE(control->load(east()));
    const auto* const entry = spd->find("east");
    auto wanted = east();
    wanted.sas[1] = rekeyed(outbound("out-2", 0x2002));
    wanted.policies[0].outbound_sa = "out-2";
    EXPECT_THAT(plan(wanted), ElementsAre("add sa out-2", "remove sa out", "change policy east (sa)"));
    reload(wanted);
    EXPECT_EQ(spd->find("east"), entry);
    EXPECT_EQ(bound("east")->spi, 0x2002u);
}

TEST_F(ReloadTest, ARenamedOutboundSaGoesOnAtItsNextNumber)
{
    ASSERT_TRUE(control->load(east()));
    bound("east")->next_sequence = 77;
    auto wanted = east();
    wanted.sas[1].name = "out-renamed";
    wanted.policies[0].outbound_sa = "out-renamed";
    reload(wanted);
    EXPECT_EQ(bound("east")->next_sequence, 77u);
}

TEST_F(ReloadTest, InboundSpisMayChangeHands)
{
    auto gateway = east();
    gateway.sas.push_back(rekeyed(inbound("in-2", 0x1002)));
    ASSERT_TRUE(control->load(gateway));
    auto wanted = east();
    wanted.sas[0].spi = 0x1002;
    wanted.sas.push_back(rekeyed(inbound("in-2", 0x1001)));
    EXPECT_THAT(plan(wanted), ElementsAre("change sa in (spi)", "change sa in-2 (spi,keymat)"));
    reload(wanted);
    EXPECT_TRUE(may_carry(0x1002, flow("10.2.0.9", "10.1.0.9")));
    EXPECT_EQ(status("in-2").spi, 0x1001u);
    auto renamed = east();
    renamed.sas[0] = rekeyed(inbound("in-3", 0x1001));
    renamed.policies[0].inbound_sas = {"in-3"};
    EXPECT_THAT(plan(renamed), Contains(HasSubstr("error: SA \"in-3\": inbound SPI 0x00001001 is SA \"in-2\"'s, with the "
                                                  "same key: its replay window would be lost")));
}

TEST_F(ReloadTest, AnSpiThatChangesHandsAndIsThenRefusedSaysWhatIsGone)
{
    auto gateway = east();
    gateway.sas.push_back(rekeyed(inbound("in-2", 0x1002)));
    ASSERT_TRUE(control->load(gateway));
    auto wanted = east();
    wanted.sas[0].spi = 0x1002;
    wanted.sas[0].hw_offload = model::HwOffload::kFull;  // no port here can
    wanted.policies[0].priority = 5;
    const auto done = control->reload(wanted);
    ASSERT_TRUE(done) << done.error().what;
    ASSERT_EQ(done->size(), 1u);
    EXPECT_THAT(done->front().what, HasSubstr("; it was to take inbound SPI 0x00001002: the SA \"in-2\" that had it is gone, "
                                              "and so is the one it was to follow"));
    EXPECT_EQ(sad->inbound_count(), 0u);
    wanted.sas[0].hw_offload = model::HwOffload::kNo;
    EXPECT_THAT(plan(wanted), ElementsAre("add sa in")) << "all else is done";
    reload(wanted);
    EXPECT_TRUE(may_carry(0x1002, flow("10.2.0.9", "10.1.0.9")));

    wanted.sas[0] = rekeyed(inbound("in", 0x1002));
    wanted.sas[0].hw_offload = model::HwOffload::kFull;
    const auto again = control->reload(wanted);
    ASSERT_TRUE(again);
    ASSERT_EQ(again->size(), 1u);
    EXPECT_THAT(again->front().what, testing::EndsWith("the SA \"in\" that had it is gone"));
}

TEST_F(ReloadTest, WhatOthersHaveMadeStaysAndIsInTheWay)
{
    ASSERT_TRUE(control->load(east()));
    ASSERT_TRUE(control->install_sa(outbound("west-out", 0x2003), Owner::kCli));
    ASSERT_TRUE(control->add_route({prefix("10.9.0.0/16"), ip("192.0.2.2"), "outside"}, Owner::kCli));
    reload(east());
    EXPECT_EQ(status("west-out").owner, Owner::kCli);
    auto wanted = east();
    wanted.sas.push_back(outbound("west-out", 0x2003));
    wanted.sas.push_back(inbound("again", 0x1001));
    wanted.routes.push_back({prefix("10.9.0.0/16"), ip("192.0.2.2"), "outside"});
    EXPECT_THAT(plan(wanted),
                testing::IsSupersetOf({HasSubstr("error: SA \"west-out\" is there already, and is cli's"),
                                       HasSubstr("error: SA \"again\": inbound SPI 0x00001001 is SA \"in\"'s"),
                                       HasSubstr("error: route \"10.9.0.0/16\" is there already, and is cli's")}));
    EXPECT_FALSE(control->reload(wanted));
}

TEST_F(ReloadTest, AnErrorOnTheWayChangesNothing)
{
    ASSERT_TRUE(control->load(east()));
    auto* const out = bound("east");
    out->next_sequence = 77;
    auto wanted = east();
    wanted.sas[0].spi = 0x1005;
    wanted.sas[0].keymat.mutable_view()[0] ^= 1;
    wanted.sas[1].lifetime.hard_seconds = 9;  // goes on with its numbers
    wanted.policies[0].priority = 5;
    wanted.routes[0].via = ip("192.0.2.3");
    wanted.neighbours[0].mac.bytes[5] = 8;
    wanted.sas.push_back(outbound("west-out", 0x2003));
    wanted.sas.back().hw_offload = model::HwOffload::kFull;  // no port here can
    EXPECT_FALSE(control->reload(wanted));
    EXPECT_EQ(bound("east"), out);
    EXPECT_EQ(out->next_sequence, 77u);
    EXPECT_TRUE(may_carry(0x1001, flow("10.2.0.9", "10.1.0.9")));
    EXPECT_EQ(sad->find(0x1005), nullptr);
    EXPECT_EQ(spd->count(), 1u);
    EXPECT_EQ(tables->fib().lookup(ip("10.2.3.4"))->gateway, ip("192.0.2.2"));
    EXPECT_EQ(tables->neighbours().lookup(kOutside, ip("192.0.2.2"))->bytes[5], 9);
    EXPECT_THAT(plan(east()), ElementsAre());
    reload(east());
}

}  // namespace
}  // namespace ipsecgw::control
