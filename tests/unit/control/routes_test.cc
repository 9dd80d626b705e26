// Routes: connected ones, what may be a next hop, and when workers see a change.
#include <gmock/gmock.h>

#include "harness.h"

namespace ipsecgw::control {
namespace {

using base::ErrorCode;

class RoutesTest : public ControlTest {
  protected:
    RoutesTest() { EXPECT_TRUE(control->load({})); }
};

TEST_F(RoutesTest, PortsAddressesAreConnectedRoutes)
{
    const auto rows = control->list_routes();
    ASSERT_EQ(rows.size(), 4u);
    for (const auto& row : rows) {
        EXPECT_EQ(row.origin, "connected");
        EXPECT_EQ(row.via, "");
    }
    const auto* hop = tables->fib().lookup(ip("2001:db8:ffff::99"));
    ASSERT_NE(hop, nullptr);
    EXPECT_EQ(hop->port, kOutside);
    EXPECT_FALSE(hop->gateway.has_value());
}

TEST_F(RoutesTest, ARouteIsThereUntilItIsRemoved)
{
    ASSERT_TRUE(control->add_route({prefix("10.9.0.0/16"), ip("192.0.2.254"), "outside"}));
    const auto* hop = tables->fib().lookup(ip("10.9.1.1"));
    ASSERT_NE(hop, nullptr);
    EXPECT_EQ(hop->gateway, ip("192.0.2.254"));
    EXPECT_EQ(control->add_route({prefix("10.9.1.0/16"), ip("192.0.2.253"), "outside"}).error().code,
              ErrorCode::kAlreadyExists);
    ASSERT_TRUE(control->remove_route(prefix("10.9.0.0/16")));
    EXPECT_EQ(tables->fib().lookup(ip("10.9.1.1")), nullptr);
    EXPECT_EQ(control->remove_route(prefix("10.9.0.0/16")).error().code, ErrorCode::kNotFound);
}

TEST_F(RoutesTest, ANextHopMustBeARouterOnTheLink)
{
    const auto refused = [this](const char* via, const char* port) {
        return control->add_route({prefix("10.9.0.0/16"), ip(via), port}).error();
    };
    EXPECT_THAT(refused("198.51.100.1", "outside").what, testing::HasSubstr("is not on the link of port outside"));
    EXPECT_THAT(refused("192.0.2.254", "inside").what, testing::HasSubstr("is not on the link of port inside"));
    EXPECT_THAT(refused("192.0.2.1", "outside").what, testing::HasSubstr("is this gateway"));
    EXPECT_THAT(refused("fe80::1", "outside").what, testing::HasSubstr("other address family"));
    EXPECT_THAT(refused("192.0.2.254", "elsewhere").hint, testing::HasSubstr("ports: inside, outside"));
    EXPECT_THAT(refused("198.51.100.1", "").what, testing::HasSubstr("is on no port's link"));
    EXPECT_EQ(control->add_route({prefix("10.9.0.0/16"), std::nullopt, ""}).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(tables->fib().lookup(ip("10.9.1.1")), nullptr);
    EXPECT_TRUE(control->add_route({prefix("2001:db8:9::/48"), ip("fe80::1"), "outside"}));
}

TEST_F(RoutesTest, WithoutAPortTheLinkOfTheNextHopIsTaken)
{
    ASSERT_TRUE(control->add_route({prefix("10.9.0.0/16"), ip("10.1.0.77"), ""}));
    EXPECT_EQ(tables->fib().lookup(ip("10.9.1.1"))->port, kInside);
}

TEST_F(RoutesTest, AConnectedRouteGoesWithItsAddressOnly)
{
    EXPECT_EQ(control->remove_route(prefix("192.0.2.0/24")).error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(tables->fib().lookup(ip("192.0.2.77")), nullptr);
}

}  // namespace
}  // namespace ipsecgw::control
