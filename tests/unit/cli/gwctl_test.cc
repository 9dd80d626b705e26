// What people see: whole runs against a gateway made of data, as golden text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gwctl/render.h"
#include "unit/cli/gwctl_fixture.h"

namespace ipsecgw::gwctl {
namespace {

using testing::HasSubstr;

TEST(Human, Bytes)
{
    for (const auto& [bytes, text] : std::vector<std::pair<uint64_t, const char*>>{{0, "0"},
                                                                                   {812, "812"},
                                                                                   {999, "999"},
                                                                                   {1'000, "1.00 k"},
                                                                                   {9'994, "9.99 k"},
                                                                                   {9'996, "10.0 k"},
                                                                                   {99'940, "99.9 k"},
                                                                                   {99'960, "100 k"},
                                                                                   {999'499, "999 k"},
                                                                                   {999'500, "1.00 M"},
                                                                                   {2'710'000'000, "2.71 G"},
                                                                                   {1'020'000'000'000, "1.02 T"},
                                                                                   {UINT64_MAX, "18.4 E"}})
        EXPECT_EQ(human_bytes(bytes), text) << bytes;
}

TEST(Human, Seconds)
{
    for (const auto& [seconds, text] : std::vector<std::pair<uint64_t, const char*>>{
             {0, "0s"}, {59, "59s"}, {60, "1m"}, {2'460, "41m"}, {3'600, "1h"}, {18'720, "5h12m"}, {93'784, "1d2h"}, {864'000, "10d"}})
        EXPECT_EQ(human_seconds(seconds), text) << seconds;
}

TEST(Human, NothingFromTheGatewayDrivesTheTerminal)
{
    EXPECT_EQ(human({"a", "A", cli::Unit::kText, cli::Shown::kBoth, "", {}}, {{"a", "x\x1b[2J\n\x7f"}}), "x?[2J??");
}

TEST(Human, WrongTypesAreShownAsTheyAre)
{
    for (const auto unit : {cli::Unit::kText, cli::Unit::kCount, cli::Unit::kDecimal, cli::Unit::kBytes, cli::Unit::kSeconds,
                            cli::Unit::kFlag, cli::Unit::kList, cli::Unit::kCounts})
        for (const cli::Json& value : {cli::Json("x"), cli::Json(-1), cli::Json(1.5), cli::Json(true), cli::Json::array({1, "b"}),
                                       cli::Json::object({{"k", "v"}})})
            EXPECT_FALSE(human({"a", "A", unit, cli::Shown::kBoth, "", {}}, {{"a", value}}).empty());
}

TEST_F(Gwctl, SaShow)
{
    EXPECT_EQ(shown("sa show"), R"(
SPI         DIR  PEER              MODE    ALGORITHM      OFFLOAD   WORKER  PACKETS   BYTES  DROPS  EXPIRES
0xc1f00a21  in   198.51.100.7      tunnel  aes256gcm16    software       2  1882211  2.71 G     12  41m
0x7702be10  out  2001:db8:ffff::7  tunnel  aes128-sha256  software       -   990120     812      0  -
)");
}

TEST_F(Gwctl, SaShowOne)
{
    EXPECT_EQ(shown("sa show 0xc1f00a21"), R"(
spi                      0xc1f00a21
name                     east-in
owner                    config
dir                      in
state                    up
local                    192.0.2.1
peer                     198.51.100.7
mode                     tunnel
udp-encapsulation        no
algorithm                aes256gcm16
esn                      yes
offload                  software: port 0 has no security context
steering                 RSS by SPI to queue 2
path-mtu                 -
engine                   aesni_gcm: auto: fastest for aes256gcm16 on this machine
worker                   2
packets                  1882211
bytes                    2.71 G
drops                    12
drops-by-reason          11 replay, 1 auth
sequence                 1882300
replay-window (packets)  64
age                      19m
idle                     0s
expires                  41m
)");
}

TEST_F(Gwctl, OtherTables)
{
    EXPECT_EQ(shown("policy show"), R"(
ID  NAME  PRIORITY  ACTION   DIR   LOCAL        REMOTE                           OUTBOUND-SA  INBOUND-SAS  PACKETS
 3  east      1000  protect  both  10.1.0.0/16  10.2.0.0/16,fd02::/64[udp/4789]  east-out     east-in      2872331
 4  rest     60000  discard  both  0.0.0.0/0    0.0.0.0/0                        -            -                  0
)");
    EXPECT_EQ(shown("port show"), R"(
PORT  ROLE         LINK-UP  SPEED (Mbit/s)  MTU (bytes)  RX-PACKETS  RX-BYTES  TX-PACKETS  TX-BYTES  RX-MISSED
lan   protected    yes               10000         1500          12    1.18 k           0         0          0
wan   unprotected  no                    -         1500          12    1.18 k           0         0          0
)");
    EXPECT_EQ(shown("route show"), R"(
PREFIX       VIA          PORT  ORIGIN
0.0.0.0/0    192.0.2.254  wan   config
10.1.0.0/24  -            lan   connected
)");
    EXPECT_EQ(shown("neigh show"), R"(
ADDRESS      MAC                PORT  STATE       AGE
10.1.0.7     02:00:00:00:00:99  lan   reachable   12s
192.0.2.254  -                  wan   incomplete  1s
)");
    EXPECT_EQ(shown("drops"), R"(
REASON     PACKETS  MEANING
replay          11  Sequence number seen before.
no-policy        4  No policy matches the packet.
)");
    EXPECT_THAT(shown("drops --all"), HasSubstr("too-old          0  Left"));
    EXPECT_THAT(shown("port show wan"), HasSubstr("addresses       10.1.0.1/24,fe80::ff:fe00:1/64\n"));
}

TEST_F(Gwctl, Stats)
{
    EXPECT_EQ(shown("stats"), R"(
version          0.1.0
uptime           1d2h
inbound-sas      1
outbound-sas     1
max-sas          65536
policies         2
mbufs-in-use     2048
mbufs-total      16383
retired-objects  0

WORKER  LCORE  RX-PACKETS  TX-PACKETS  CYCLES/PACKET  HANDED-OVER-OUT  HANDED-OVER-IN  IN-CRYPTO  INBOUND-SAS  PACKETS  SHARE (%)
     0      1         100          90          251.2                0               0          0            1      100      100.0

ENGINE     USABLE  REASON
aesni_gcm  yes     crypto_aesni_gcm0
aesni_mb   no      no such device
)");
}

TEST_F(Gwctl, JsonIsWhole)
{
    const auto sas = cli::Json::parse(shown("-j sa show"));
    ASSERT_EQ(sas.size(), 2u);
    EXPECT_EQ(sas[0], cli::Json(source.list_sas({}, 1)[0].packets > 0 ? sas[0] : nullptr));
    EXPECT_EQ(sas[0]["drops"]["replay"], 11);
    EXPECT_EQ(sas[0]["engine"], "aesni_gcm");
    EXPECT_EQ(sas[0]["worker"], 2);
    EXPECT_TRUE(cli::Json::parse(shown("sa show 0xc1f00a21 -j")).is_array());
    EXPECT_TRUE(cli::Json::parse(shown("stats -j")).is_object());
    source.sas.clear();
    EXPECT_EQ(shown("-j sa show"), "\n[]\n");
    EXPECT_EQ(shown("sa show"), "\nSPI  DIR  PEER  MODE  ALGORITHM  OFFLOAD  WORKER  PACKETS  BYTES  DROPS  EXPIRES\n");
}

TEST_F(Gwctl, StatsByStage)
{
    EXPECT_EQ(shown("stats --stages"), R"(

WORKER  LCORE  TIMED-PACKETS    RX  CLASSIFY  LOOK-UP   ESP  CIPHER  FORWARD    TX  TOTAL (cycles/packet)
     0      1            640  10.0      20.2     30.0  40.0   110.0     15.0  12.5                  237.8
)");
    const auto json = cli::Json::parse(shown("-j stats --stages"));
    ASSERT_EQ(json["stages"].size(), 1u);
    EXPECT_EQ(json["stages"][0]["look_up"], 30.0);
    EXPECT_EQ(json["stages"][0]["classify"], 20.25);
    EXPECT_FALSE(cli::Json::parse(shown("-j stats")).contains("stages"));
}

TEST_F(Gwctl, ALargeTable)
{
    source.generated = 20'000;
    const auto sas = cli::Json::parse(shown("-j sa show"));
    EXPECT_EQ(sas.size(), 20'002u);
}

TEST_F(Gwctl, ExitStatusTells)
{
    const auto nobody = gwctl("stats");
    EXPECT_EQ(nobody.exit, Exit::kNoGateway);
    EXPECT_EQ(nobody.errors, "gwctl: cannot connect to " + path +
                                 ": No such file or directory (start ipsec-gw, or give its control_socket: --socket PATH or "
                                 "IPSEC_GW_SOCKET)\n");
    start();
    const auto refused = gwctl("sa show west");
    EXPECT_EQ(refused.exit, Exit::kRefused);
    EXPECT_EQ(refused.errors, "gwctl: there is no SA \"west\" (gwctl sa show lists them)\n");
    EXPECT_EQ(refused.out, "");
    for (const auto& [line, errors] : std::vector<std::pair<const char*, const char*>>{
             {"", "gwctl: which command? (gwctl help lists them)\n"},
             {"sa", "gwctl: \"sa\" is not a whole command (there is: sa show, sa add, sa replace, sa del)\n"},
             {"sa list", "gwctl: there is no command \"sa list\" (there is: sa show, sa add, sa replace, sa del)\n"},
             {"drosp", "gwctl: there is no command \"drosp\" (did you mean \"drops\"?)\n"},
             {"drops --al", "gwctl: there is no option --al here (did you mean --all?)\n"},
             {"stats --all", "gwctl: there is no option --all here (gwctl help)\n"},
             {"route show x", "gwctl: route show: there is a word too many: \"x\" (gwctl help route show)\n"},
             {"stats --socket", "gwctl: --socket wants a path (write --socket PATH)\n"},
             {"help nothing-like-it",
              "gwctl: there is no command \"nothing-like-it\" (commands: sa show, sa add, sa replace, sa del, tunnel show, policy show, "
              "policy add, policy del, port show, route show, route add, route del, neigh show, neigh add, neigh del, batch, reload, "
              "config diff, drops, stats, top, explain, trace start, capture, ike show, ike initiate, ike rekey, ike terminate)\n"}}) {
        const auto usage = gwctl(line);
        EXPECT_EQ(usage.exit, Exit::kUsage) << line;
        EXPECT_EQ(usage.errors, errors);
    }
}

TEST_F(Gwctl, HelpNeedsNoGateway)
{
    for (const auto* line : {"help", "--help", "-h", "help sa show", "sa show --help", "drops -h", "--version"}) {
        const auto result = gwctl(line);
        EXPECT_EQ(result.exit, Exit::kOk) << line;
        EXPECT_FALSE(result.out.empty()) << line;
    }
    EXPECT_EQ(gwctl("help drops").out, gwctl("drops --help").out);
    EXPECT_THAT(gwctl("help").out, testing::ContainsRegex("  sa show \\[SPI[|]NAME\\]  +security associations"));
}

TEST(Options, TheSocketComesFromOptionThenEnvironmentThenDefault)
{
    const std::vector<std::string_view> plain = {"stats"}, with = {"--socket", "/a", "stats"}, equals = {"stats", "--socket=/b"};
    EXPECT_EQ(parse(plain, std::nullopt)->socket, cli::kDefaultSocket);
    EXPECT_EQ(parse(plain, "/env")->socket, "/env");
    EXPECT_EQ(parse(with, "/env")->socket, "/a");
    EXPECT_EQ(parse(equals, "/env")->socket, "/b");
}

/// A gateway that says what it is told to.
void answer_once(int listener, const std::string& text)
{
    const int fd = accept(listener, nullptr, nullptr);
    char request[4096];
    [[maybe_unused]] const auto got = recv(fd, request, sizeof request, 0);
    [[maybe_unused]] const auto sent = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    close(fd);
}

TEST_F(Gwctl, ABrokenAnswerIsAnErrorNotACrash)
{
    const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(listener, 1), 0);
    for (const auto* text : {"", "\n", "nonsense\n", "[]\n", "{}\n", "{\"row\":{}}\n", "{\"row\":7}\n", "{\"fields\":7}\n",
                             "{\"fields\":[7]}\n", "{\"fields\":[{\"name\":\"a\"}]}\n", "{\"fields\":[]}\n{\"row\":{}}\n",
                             "{\"fields\":[{\"name\":\"a\",\"header\":\"A\",\"fields\":[[]]}]}\n",
                             "{\"fields\":[{\"name\":\"a\",\"header\":\"A\"}]}\n{\"row\":{\"a\":1}}\n"}) {
        std::thread gateway([&] { answer_once(listener, text); });
        const auto result = gwctl("drops");
        gateway.join();
        EXPECT_EQ(result.exit, Exit::kNoGateway) << text;
        EXPECT_FALSE(result.errors.empty());
    }
    close(listener);
}

}  // namespace
}  // namespace ipsecgw::gwctl
