// gwctl tunnel, explain, trace, capture and top, as far as they need no packets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gwctl/top.h"
#include "unit/cli/gwctl_fixture.h"

namespace ipsecgw::gwctl {
namespace {

using cli::Json;
using testing::HasSubstr;

TEST_F(Gwctl, ShowsTunnels)
{
    EXPECT_EQ(shown("tunnel show"), R"(
TUNNEL      DIR  SAS  PACKETS   BYTES  DROPS  REKEYS  AGE
to-sun/net  in     1  1882211  2.71 G     12       3  41m
to-sun/net  out    1   990120  1.02 G      0       3  41m
)");
    EXPECT_THAT(shown("tunnel show to-sun/net"), HasSubstr("drops-by-reason  12 replay\n"));
    EXPECT_EQ(shown("tunnel show none"), "\n");
}

TEST_F(Gwctl, ExplainsAPacket)
{
    EXPECT_EQ(shown("explain out src 10.1.0.2 dst 10.2.0.9 proto tcp sport 40000 dport 443 length 1400"), R"(
verdict              sealed
why                  -
in-sas               -
policy               east: protect
sa                   east-out
spi                  0x7702be10
peer                 198.51.100.7
algorithm            aes256gcm16
offload              software: port 0 has no security context
engine               vaes_gcm
port                 wan
next-hop             192.0.2.254
neighbour            02:00:00:00:00:99
length (bytes)       1400
on-the-wire (bytes)  1456
port-mtu             1500
inner-mtu            1446
too-big              no
)");
    const auto refused = gwctl("explain sideways src 10.1.0.2");
    EXPECT_EQ(refused.exit, Exit::kRefused);
    EXPECT_EQ(refused.errors, "gwctl: \"sideways\" is no direction: out, in or in-clear\n");
}

TEST_F(Gwctl, StreamsSayWhatIsWrongBeforeTheyBegin)
{
    start();
    EXPECT_EQ(gwctl("capture clear").errors, "gwctl: capture: where to? (give --write FILE, or -j)\n");
    EXPECT_EQ(gwctl("capture -j inside").errors, "gwctl: \"inside\" is no side (clear, cipher, both or frames)\n");
    EXPECT_EQ(gwctl("trace start --count many").errors, "gwctl: --count: \"many\" is no number to 4294967295\n");
    EXPECT_EQ(gwctl("trace start --count 3 src 10.0.0.1 proto tcp").errors, "gwctl: filter: \"src 10.0.0.1 proto tcp\" (it is a test)\n");
    EXPECT_EQ(gwctl("stats --count 3").errors, "gwctl: there is no option --count here (gwctl help)\n");
    EXPECT_EQ(gwctl("trace start --count").errors, "gwctl: --count wants a value (gwctl help)\n");
    EXPECT_EQ(gwctl("top").exit, Exit::kUsage);
}

Sample sample(double seconds, uint64_t factor)
{
    Sample out;
    out.seconds = seconds;
    out.stats = {{"version", "0.1.0"}, {"uptime_seconds", 93784}, {"inbound_sas", 2}, {"outbound_sas", 2}, {"mbufs_total", 1000}, {"mbufs_in_use", 250}};
    out.stats["workers"] = Json::array({{{"index", 0}, {"lcore", 1}, {"turns", 1000 * factor}, {"idle_turns", 250 * factor},
                                         {"packets", 2000 * factor}, {"busy_cycles", 500000 * factor}, {"handed_over_out", 0}, {"inbound_sas", 2}}});
    out.ports = Json::array({{{"name", "lan"}, {"link_up", true}, {"rx_packets", 4000 * factor}, {"rx_bytes", 400000 * factor}, {"tx_packets", 0}, {"tx_bytes", 0}, {"rx_missed", 0}},
                             {{"name", "a-port-with-a-long-name"}, {"link_up", false}, {"rx_packets", 0}}});
    out.drops = Json::array({{{"reason", "replay"}, {"packets", 2 * factor}}, {{"reason", "no-sa"}, {"packets", 7}}});
    for (int i = 0; i < 20; i++)
        out.tunnels.push_back({{"name", "tunnel-" + std::to_string(i)}, {"direction", "in"}, {"sas", 1}, {"packets", 10 * factor},
                               {"bytes", 1000 * factor * static_cast<uint64_t>(i)}, {"drops_total", 0}, {"oldest_seconds", 61}});
    return out;
}

TEST(Top, DrawsRatesOnAScreenOf80By24)
{
    const std::string page = picture(sample(100, 1), sample(102, 3), {});
    EXPECT_EQ("\n" + page, R"(
ipsec-gw 0.1.0   up 1d2h   SAs 2 in, 2 out   buffers 25 % of 1000

PORT           LINK    IN-PKT/S    IN-BIT/S   OUT-PKT/S   OUT-BIT/S    MISSED
lan            up        4.00 k      3.20 M           0           0         0
a-port-with-a~ down           0           0           0           0         0

WORKER         LCORE   BUSY (%)       PKT/S  CYCLES/PKT HANDED-OVER/S   IN-SAS
0                  1       75.0      2.00 k         250             0        2

DROPS                          PKT/S        SO FAR
replay                             2             6

TUNNEL                     DIR  SAS     PKT/S     BIT/S     BYTES   DROPS    AGE
tunnel-19                  in     1        10     152 k    57.0 k       0     1m
tunnel-18                  in     1        10     144 k    54.0 k       0     1m
tunnel-17                  in     1        10     136 k    51.0 k       0     1m
tunnel-16                  in     1        10     128 k    48.0 k       0     1m
tunnel-15                  in     1        10     120 k    45.0 k       0     1m
tunnel-14                  in     1        10     112 k    42.0 k       0     1m
tunnel-13                  in     1        10     104 k    39.0 k       0     1m
tunnel-12                  in     1        10    96.0 k    36.0 k       0     1m
tunnel-11                  in     1        10    88.0 k    33.0 k       0     1m
tunnel-10                  in     1        10    80.0 k    30.0 k       0     1m
and 10 more
)");
}

TEST(Top, FitsSmallerScreensAndSurvivesAGatewayThatBeganAnew)
{
    const std::string page = picture(sample(100, 3), sample(102, 1), {.rows = 10, .columns = 40});
    size_t lines = 0;
    for (const auto line : base::split(page, '\n')) {
        EXPECT_LE(line.size(), 40U);
        lines++;
    }
    EXPECT_LE(lines, 11U);
    EXPECT_THAT(page, HasSubstr("lan            up             0"));
}

}  // namespace
}  // namespace ipsecgw::gwctl
