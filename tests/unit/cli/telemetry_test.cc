// The telemetry commands through DPDK's own socket, as dpdk-telemetry.py asks them.
#include <unistd.h>

#include <cstdlib>

#include <gtest/gtest.h>
#include <rte_eal.h>

#include "cli/telemetry.h"
#include "cli/telemetry_answers.h"
#include "unit/cli/loop_fixture.h"

namespace ipsecgw::cli {
namespace {

TEST(TelemetryAnswers, KeepToDpdksForms)
{
    const Json answer = to_telemetry({{"too-old", 3},
                                      {"too_old", 4},
                                      {"none", nullptr},
                                      {"yes", true},
                                      {"half", 0.54},
                                      {"list", {"a", "b"}},
                                      {"numbers", {1, 2}},
                                      {"rows", {{{"name", "a-b"}, {"x", 1}}, {{"name", "a_b"}, {"x", 2}}, {{"index", 7}}, {{"y", 1}}}},
                                      {"long", std::string(200, 'x')}});
    EXPECT_EQ(answer.dump(),
              R"({"too_old":3,"too_old_2":4,"yes":1,"half":"0.5","list":["a","b"],"numbers":["1","2"],)"
              R"("rows":{"a_b":{"name":"a-b","x":1},"a_b_2":{"name":"a_b","x":2},"7":{"index":7},"3":{"y":1}},"long":")" +
                  std::string(127, 'x') + "\"}");
}

TEST(TelemetryAnswers, SayWhenTheyAreCut)
{
    Json many = Json::array();
    for (int i = 0; i < 1000; i++)
        many.push_back("entry");
    const Json answer = to_telemetry({{"total", 1000}, {"entries", many}});
    EXPECT_EQ(answer["entries"].size(), 500u);
    EXPECT_TRUE(answer.contains("truncated"));

    Json wide = Json::object();
    for (int i = 0; i < 1000; i++)
        wide["member_" + std::to_string(i)] = std::string(100, 'x');
    const Json cut = to_telemetry(wide);
    EXPECT_LE(cut.dump().size(), 16'000u);
    EXPECT_TRUE(cut.contains("truncated"));
    EXPECT_FALSE(to_telemetry({{"a", 1}}).contains("truncated"));
}

TEST(TelemetryAnswers, OfAllCommands)
{
    FakeSource source;
    source.generated = 70'000;
    for (const auto& command : telemetry_commands()) {
        for (const auto* parameter : {"", "0", "east-in", "0x7702be10", "3", "nothing", "99999999999999999999", ",", "\xff"}) {
            Json answer;
            if (command.answer_later != nullptr)
                command.answer_later(source, parameter, [&](const Json& said) { answer = to_telemetry(said); });
            else
                answer = to_telemetry(command.answer(source, parameter));
            EXPECT_TRUE(answer.is_object());
            EXPECT_FALSE(answer.empty()) << command.path;
            EXPECT_LE(to_line(answer).size(), 16'000u) << command.path;
        }
    }
}

/// DPDK's telemetry socket, protocol version 2: a packet each way.
class Asker {
 public:
    Asker()
    {
        fd_ = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        sockaddr_un address = {};
        address.sun_family = AF_UNIX;
        const std::string path = std::string(rte_eal_get_runtime_dir()) + "/dpdk_telemetry.v2";
        std::memcpy(address.sun_path, path.data(), path.size());
        const timeval limit = {20, 0};
        setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        receive();  // who it is
    }
    ~Asker() { close(fd_); }
    [[nodiscard]] bool is_connected() const { return connected_; }
    Json ask(const std::string& command)
    {
        [[maybe_unused]] const auto sent = send(fd_, command.data(), command.size(), MSG_NOSIGNAL);
        const Json answer = Json::parse(receive(), nullptr, false);
        return answer.is_object() ? answer.value(command.substr(0, command.find(',')), Json()) : Json();
    }

 private:
    std::string receive()
    {
        std::string text(32 * 1024, '\0');
        const ssize_t n = recv(fd_, text.data(), text.size(), 0);
        text.resize(n > 0 ? static_cast<size_t>(n) : 0);
        return text;
    }
    int fd_;
    bool connected_ = false;
};

struct Telemetry : testing::Test {
    FakeSource source;
    LoopThread thread;
    Asker asker;

    void SetUp() override { ASSERT_TRUE(asker.is_connected()); }
};

TEST_F(Telemetry, AnswersFromTheControlThread)
{
    const auto commands = TelemetryCommands::create(thread.loop(), source).value();
    EXPECT_EQ(asker.ask("/ipsec_gw/sa/list"), Json({{"total", 2}, {"sas", {"0xc1f00a21", "0x7702be10"}}}));
    const auto sa = asker.ask("/ipsec_gw/sa/info,0xc1f00a21");
    EXPECT_EQ(sa["east_in"]["packets"], 1'882'211);
    EXPECT_EQ(sa["east_in"]["drops"]["replay"], 11);
    EXPECT_EQ(sa["east_in"]["engine"], "aesni_gcm");
    EXPECT_EQ(asker.ask("/ipsec_gw/sa/info,west")["error"], "there is no SA \"west\"");
    EXPECT_EQ(asker.ask("/ipsec_gw/sa/info")["error"], "which one?");
    EXPECT_EQ(asker.ask("/ipsec_gw/policy/list")["policies"], Json({"3 east", "4 rest"}));
    EXPECT_EQ(asker.ask("/ipsec_gw/policy/info,3")["east"]["remote"], Json({"10.2.0.0/16", "fd02::/64[udp/4789]"}));
    EXPECT_EQ(asker.ask("/ipsec_gw/port")["lan"]["rx_bytes"], 1'176);
    EXPECT_EQ(asker.ask("/ipsec_gw/route")["routes"][0], "0.0.0.0/0 via 192.0.2.254 port wan config");
    EXPECT_EQ(asker.ask("/ipsec_gw/neigh")["neighbours"][1], "192.0.2.254 port wan mac - incomplete");
    EXPECT_EQ(asker.ask("/ipsec_gw/drops"), Json({{"replay", 11}, {"too_old", 0}, {"no_policy", 4}}));
    EXPECT_EQ(asker.ask("/ipsec_gw/stats")["engines"]["aesni_mb"]["usable"], 0);
    EXPECT_EQ(asker.ask("/ipsec_gw/worker/list")["workers"], Json({"0"}));
    EXPECT_EQ(asker.ask("/ipsec_gw/worker/info,0")["cycles_per_packet"], "251.2");
    EXPECT_EQ(asker.ask("/ipsec_gw/stages")["0"]["cipher"], "110.0");
    EXPECT_EQ(asker.ask("/ipsec_gw/tunnel/list")["tunnels"], Json({"to-sun/net in", "to-sun/net out"}));
    EXPECT_EQ(asker.ask("/ipsec_gw/tunnel/info,to-sun/net")["in"]["rekeys"], 3);
    EXPECT_EQ(asker.ask("/ipsec_gw/tunnel/info,none")["error"], "there is no tunnel \"none\"");
    EXPECT_EQ(asker.ask("/ipsec_gw/explain,sideways")["error"], "\"sideways\" is no direction: out, in or in-clear");
    EXPECT_EQ(asker.ask("/ipsec_gw/worker/info,9")["error"], "there is no worker 9");
}

TEST_F(Telemetry, CutsAListToDpdksLimits)
{
    source.generated = 70'000;
    const auto commands = TelemetryCommands::create(thread.loop(), source).value();
    const auto list = asker.ask("/ipsec_gw/sa/list");
    EXPECT_EQ(list["sas"].size(), 500u);
    EXPECT_TRUE(list.contains("truncated"));
}

TEST_F(Telemetry, TheOldestGatewayAnswersThenTheNext)
{
    FakeSource other;
    other.sas.clear();
    auto first = TelemetryCommands::create(thread.loop(), source).value();
    const auto second = TelemetryCommands::create(thread.loop(), other).value();
    EXPECT_EQ(asker.ask("/ipsec_gw/sa/list")["sas"].size(), 2u);
    first.reset();
    EXPECT_EQ(asker.ask("/ipsec_gw/sa/list")["sas"].size(), 0u);
}

TEST_F(Telemetry, SaysWhenNoGatewayRunsOrNoneAnswers)
{
    {
        const auto commands = TelemetryCommands::create(thread.loop(), source, 10'000'000).value();
        thread.on_loop([&] { EXPECT_EQ(asker.ask("/ipsec_gw/drops")["error"], "the control thread did not answer in time"); });
        thread.stop();
        EXPECT_EQ(asker.ask("/ipsec_gw/drops")["error"], "the control thread did not answer in time");
    }
    EXPECT_EQ(asker.ask("/ipsec_gw/drops")["error"], "no gateway runs in this process");
}

TEST_F(Telemetry, GatewaysMayComeAndGoWhileItIsAsked)
{
    std::atomic<bool> stop{false};
    std::thread asking([&] {
        Asker own;
        while (!stop.load())
            EXPECT_TRUE(own.ask("/ipsec_gw/drops").is_object());
    });
    for (int i = 0; i < 300; i++) {
        const auto fresh = std::make_unique<FakeSource>();
        const auto commands = TelemetryCommands::create(thread.loop(), *fresh, 100'000'000).value();
        if (i % 3 == 0)
            asker.ask("/ipsec_gw/stats");
    }
    stop.store(true);
    asking.join();
}

}  // namespace
}  // namespace ipsecgw::cli

/// As tests/support/eal_main.cc, but with telemetry.
int main(int argc, char** argv)
{
    testing::InitGoogleTest(&argc, argv);
    if (GTEST_FLAG_GET(list_tests))
        return RUN_ALL_TESTS();
    std::vector<std::string> words = {argv[0], "--no-huge", "--no-pci", "--lcores=0@0", "-m", "64", "--log-level=lib.*:error",
                                      "--file-prefix=gwtest" + std::to_string(getpid())};
    std::vector<char*> args;
    for (auto& word : words)
        args.push_back(word.data());
    if (rte_eal_init(static_cast<int>(args.size()), args.data()) < 0) {
        std::fprintf(stderr, "EAL did not start\n");
        return 2;
    }
    const int result = RUN_ALL_TESTS();
    rte_eal_cleanup();
    return result;
}
