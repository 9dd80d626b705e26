// gwctl ike: what people see, and requests whose answer takes its time.
#include <future>
#include <thread>

#include <gmock/gmock.h>

#include "cli/ike_verbs_internal.h"
#include "unit/cli/gwctl_fixture.h"

namespace ipsecgw::gwctl {
namespace {

using testing::HasSubstr;

struct IkeCommands : Gwctl {};

TEST_F(IkeCommands, ShowIsALineForEachIkeSa)
{
    EXPECT_EQ(shown("ike show"), R"(
ID  CONNECTION  STATE        LOCAL            REMOTE              REMOTE-ID  SUITE                           CHILDREN  AGE  REKEY
 3  east        ESTABLISHED  192.0.2.1[4500]  198.51.100.7[4500]  b.example  aes128-sha256-prfsha256-x25519  net{5}    19m  3h20m
)");
}

TEST_F(IkeCommands, ShowOneHasItsChildren)
{
    const std::string detail = shown("ike show east");
    EXPECT_EQ(detail, R"(
id             3
connection     east
state          ESTABLISHED
role           initiator
local          192.0.2.1[4500]
remote         198.51.100.7[4500]
local-id       a.example
remote-id      b.example
suite          aes128-sha256-prfsha256-x25519
ppk            no
nat-here       no
nat-there      yes
spi-initiator  0123456789abcdef
spi-responder  fedcba9876543210
tasks-active   -
tasks-queued   -
age            19m
rekey          3h20m

ID  CHILD  STATE      MODE    UDP  ESP                 LOCAL        REMOTE                   SPI-IN      SPI-OUT     PACKETS-IN  BYTES-IN  PACKETS-OUT  BYTES-OUT  AGE  REKEY  EXPIRES
 5  net    INSTALLED  tunnel  yes  aes128gcm16-x25519  10.1.0.0/16  10.2.0.0/16,10.3.0.0/16  0xc1f00a21  0x7702be10     1882211    2.71 G            -          -  19m  33m    41m
)");
    EXPECT_EQ(shown("ike show [3]"), detail);
    EXPECT_EQ(shown("ike show west"), "\n");
    EXPECT_THAT(shown("-j ike show east"), HasSubstr(R"("children":[{"id":5,"name":"net","state":"INSTALLED")"));
}

TEST_F(IkeCommands, RekeyAndTerminateTakeNamesAndNumbers)
{
    EXPECT_EQ(shown("ike rekey east"), R"(
action   rekey
name     east
matches  1
)");
    EXPECT_EQ(shown("-j ike rekey east/net"),
              "\n{\n  \"action\": \"rekey\",\n  \"name\": \"east/net\",\n  \"matches\": 1\n}\n");
    shown("ike terminate [3]");
    shown("ike terminate {5}");
    EXPECT_THAT(source.fake_ike.asked, testing::ElementsAre("rekey east - 0 0", "rekey east net 0 0",
                                                            "terminate - - 3 0", "terminate - - 0 5"));
    EXPECT_THAT(gwctl("ike terminate").errors, HasSubstr("whose?"));
    EXPECT_THAT(gwctl("ike terminate /net").errors, HasSubstr("CONNECTION/CHILD"));
}

TEST_F(IkeCommands, InitiateWaitsForTheEnd)
{
    start();
    auto result = std::async(std::launch::async, [this] { return gwctl("ike initiate east/net"); });
    bool asked = false;
    while (!asked)
        thread.on_loop([&] { asked = source.fake_ike.done != nullptr; });
    thread.on_loop([&] { source.fake_ike.done(""); });
    EXPECT_EQ(result.get().out, "action   initiate\nname     east/net\nmatches  -\n");

    thread.on_loop([&] { source.fake_ike.done = nullptr; });
    result = std::async(std::launch::async, [this] { return gwctl("ike initiate east"); });
    for (asked = false; !asked;)
        thread.on_loop([&] { asked = source.fake_ike.done != nullptr; });
    thread.on_loop([&] { source.fake_ike.done("AUTHENTICATION_FAILED"); });
    const auto failed = result.get();
    EXPECT_EQ(failed.exit, Exit::kRefused);
    EXPECT_THAT(failed.errors, HasSubstr("east: AUTHENTICATION_FAILED"));

    const auto unknown = gwctl("ike initiate west");
    EXPECT_EQ(unknown.exit, Exit::kRefused);
    EXPECT_THAT(unknown.errors, HasSubstr("no connection is named \"west\""));
    EXPECT_THAT(gwctl("ike initiate [3]").errors, HasSubstr("only connections"));
}

TEST(Selections, AreReadAsTheLogWritesThem)
{
    EXPECT_EQ(cli::selection_from("east")->connection, "east");
    EXPECT_EQ(cli::selection_from("east/net")->child, "net");
    EXPECT_EQ(cli::selection_from("[12]")->ike_sa, 12u);
    EXPECT_EQ(cli::selection_from("{12}")->child_sa, 12u);
    for (const char* odd : {"", "/", "/a", "a/"})
        EXPECT_FALSE(cli::selection_from(odd)) << odd;
    EXPECT_EQ(cli::selection_from("[x]")->connection, "[x]");
    EXPECT_EQ(cli::selection_from("[99999999999]")->connection, "[99999999999]");
}

}  // namespace
}  // namespace ipsecgw::gwctl
