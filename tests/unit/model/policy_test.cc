#include "model/policy.h"

#include <functional>

#include <gtest/gtest.h>

#include "model/gateway.h"

namespace ipsecgw::model {
namespace {

TrafficSelector selector(const char* text)
{
    return *TrafficSelector::parse(text);
}

Policy protect()
{
    Policy policy;
    policy.name = "east";
    policy.action = Action::kProtect;
    policy.local = {selector("10.1.0.0/24"), selector("fd00:1::/64")};
    policy.remote = {selector("10.2.0.0/24"), selector("fd00:2::/64")};
    policy.outbound_sa = "east-out";
    policy.inbound_sas = {"east-in"};
    return policy;
}

Policy bypass()
{
    Policy policy = protect();
    policy.action = Action::kBypass;
    policy.outbound_sa.clear();
    policy.inbound_sas.clear();
    return policy;
}

struct PolicyCase {
    std::function<Policy()> base;
    std::function<void(Policy&)> change;
    std::vector<const char*> expected;  // how each error starts
};

TEST(Policy, Validation)
{
    const std::vector<PolicyCase> cases = {
        {protect, [](Policy&) {}, {}},
        {bypass, [](Policy&) {}, {}},
        {bypass, [](Policy& p) { p.action = Action::kDiscard; }, {}},
        {bypass, [](Policy& p) { p.direction = PolicyDirection::kInbound; }, {}},
        {protect, [](Policy& p) { p.name.clear(); }, {"name: it is empty"}},
        {protect, [](Policy& p) { p.outbound_sa.clear(), p.inbound_sas.clear(); }, {}},
        {protect, [](Policy& p) { p.direction = PolicyDirection::kOutbound; }, {"direction: a protect policy"}},
        {protect,
         [](Policy& p) {
             p.inbound_sas = {"a", "b", "a"};
         },
         {"sa_in.[2]: \"a\" is there twice"}},
        {protect, [](Policy& p) { p.action = Action::kBypass; }, {"sa: a bypass policy", "sa_in: a bypass policy"}},
        {protect, [](Policy& p) { p.action = Action::kDiscard; }, {"sa: a discard policy", "sa_in: a discard policy"}},
        {protect, [](Policy& p) { p.local.clear(); }, {"local_ts: it has no selector"}},
        {protect, [](Policy& p) { p.remote.clear(); }, {"remote_ts: it has no selector"}},
        {protect,
         [](Policy& p) { p.remote.pop_back(); },
         {"local_ts.[1]: fd00:1::/64 has no partner of its family in remote_ts"}},
        {protect,
         [](Policy& p) { p.local.erase(p.local.begin()); },
         {"remote_ts.[0]: 10.2.0.0/24 has no partner of its family in local_ts"}},
        {protect,
         [](Policy& p) { p.local[0].protocol = 6, p.remote[0].protocol = 17; },
         {"local_ts.[0]: 10.1.0.0/24[tcp] has no partner of its protocol",
          "remote_ts.[0]: 10.2.0.0/24[udp] has no partner"}},
        {protect, [](Policy& p) { p.local[0].protocol = 6; }, {}},
        {protect, [](Policy& p) { p.local.push_back(p.local[0]); }, {"local_ts.[2]: 10.1.0.0/24 is there twice"}},
        {protect,
         [](Policy& p) {
             p.local[0].ports = {80, 80};
         },
         {"local_ts.[0]: ports need a protocol"}},
        {protect,
         [](Policy& p) {
             p.local[0].protocol = 17;
             p.local[0].ports = {81, 80};
         },
         {"local_ts.[0]: its range of ports is empty"}},
        {protect,
         [](Policy& p) { p.local[0].prefix = *net::Prefix::parse("10.1.0.1/24"); },
         {"local_ts.[0]: 10.1.0.1/24 has bits set after its prefix"}},
        {protect, [](Policy& p) { p.local[0].prefix.length = 33; }, {"local_ts.[0]: its prefix is longer"}},
    };
    for (size_t i = 0; i < cases.size(); i++) {
        Policy policy = cases[i].base();
        cases[i].change(policy);
        const auto errors = validate(policy);
        ASSERT_EQ(errors.size(), cases[i].expected.size())
            << "case " << i << (errors.empty() ? "" : ": " + errors[0].what);
        for (size_t j = 0; j < errors.size(); j++)
            EXPECT_TRUE(errors[j].what.starts_with(cases[i].expected[j])) << errors[j].what;
    }
}

TEST(Policy, WordsForListings)
{
    EXPECT_EQ(to_string(Action::kProtect), "protect");
    EXPECT_EQ(to_string(Action::kBypass), "bypass");
    EXPECT_EQ(to_string(Action::kDiscard), "discard");
    EXPECT_EQ(to_string(PolicyDirection::kInbound), "in");
    EXPECT_EQ(to_string(PortRole::kBoth), "both");
    EXPECT_EQ(to_string(Direction::kOutbound), "out");
    EXPECT_EQ(to_string(Mode::kTransport), "transport");
    EXPECT_EQ(to_string(EngineChoice::kCpuCrypto), "cpu-crypto");
}

}  // namespace
}  // namespace ipsecgw::model
