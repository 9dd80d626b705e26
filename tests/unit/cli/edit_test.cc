// What changes a gateway: single objects, batches, the configuration.
#include <fstream>

#include <gmock/gmock.h>

#include "cli/edit_verbs_internal.h"
#include "unit/cli/gwctl_fixture.h"

namespace ipsecgw::gwctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kKey = "000102030405060708090a0b0c0d0e0f10111213";

struct Edit : Gwctl {
    void SetUp() override { start(); }
    std::vector<std::string>& done() { return source.fake_editor.done; }
    std::string file(const char* name, const std::string& text) const
    {
        const std::string at = directory.file(name);
        std::ofstream(at) << text;
        return at;
    }
    void refuses(const std::string& line, const std::string& error)
    {
        const auto result = gwctl(line);
        EXPECT_EQ(result.exit, Exit::kRefused) << line;
        EXPECT_EQ(result.errors, "gwctl: " + error + "\n");
        EXPECT_EQ(result.out, "");
    }
    void does(const std::string& line)
    {
        const auto result = gwctl(line);
        EXPECT_EQ(result.exit, Exit::kOk) << line;
        EXPECT_EQ(result.errors + result.out, "") << "who succeeds is silent";
    }
};

const std::string kSa = " direction=out spi=0x2001 local=192.0.2.1 remote=198.51.100.7 proposal=aes128gcm16 ";

TEST_F(Edit, SingleObjectsInTheWordsOfTheFile)
{
    does("sa add east-out" + kSa + "keymat=" + kKey);
    does("sa replace east-out" + kSa + "keymat=" + kKey);
    does("policy add east action=protect local_ts=10.1.0.0/16 remote_ts=10.2.0.0/16,10.3.0.0/16[udp/53] sa=east-out");
    does("route add 10.2.0.0/16 via=192.0.2.254");
    does("neigh add 192.0.2.254 port=wan mac=02:00:00:00:00:09");
    does("neigh del 192.0.2.254 port=wan");
    does("route del 10.2.0.0/16");
    does("policy del east");
    does("sa del name=east-out");
    EXPECT_THAT(done(), ElementsAre("install out 0x2001 aes128gcm16 198.51.100.7 east-out", "publish",
                                    "replace out 0x2001 aes128gcm16 198.51.100.7 east-out", "publish",
                                    "add policy 10.1.0.0/16 10.2.0.0/16 10.3.0.0/16[udp/53] of east", "publish",
                                    "add route via 192.0.2.254 to 10.2.0.0/16", "publish",
                                    "add neighbour 02:00:00:00:00:09 on wan for 192.0.2.254", "publish",
                                    "remove neighbour on wan 192.0.2.254", "publish", "remove route 10.2.0.0/16", "publish",
                                    "remove policy east", "publish", "remove sa east-out", "publish"));
}

TEST_F(Edit, GroupsAreWrittenWithADot)
{
    does("sa add name=east-out udp_encap.local_port=4501 lifetime.hard_packets=100" + kSa + "keymat=" + kKey);
    EXPECT_THAT(gwctl("sa add x lifetime.hard=1").errors,
                HasSubstr("lifetime.hard: no such setting; direction: it is missing; spi: it is missing; local: it is missing; "
                          "remote: it is missing; proposal: it is missing"));
}

TEST_F(Edit, ErrorsNameTheSettingAndNeverTheKey)
{
    refuses("sa add east-out spii=7" + kSa + "keymat=" + kKey, "spii: no such setting (did you mean spi?)");
    refuses("sa add east-out" + kSa + "keymat=00", "keymat: aes128gcm16 wants 20 bytes, 16 of key then 4 of salt (RFC 4106 section 8.1), "
                                                   "got 1 (make it with: openssl rand -hex 20)");
    const auto misplaced = gwctl("sa add east-out proposal=" + std::string(kKey) + kKey);
    EXPECT_THAT(misplaced.errors, testing::Not(HasSubstr(kKey)));
    refuses("sa add east-out direction=up" + kSa + "keymat=" + kKey,
            "direction: \"up\" is none of in, out; direction: it is there twice (items of a list stand between commas)");
    refuses("route add 10.2.0.1/16 port=wan", "prefix: 10.2.0.1/16 has bits set after its prefix (write 10.2.0.0/16)");
    refuses("policy add east action=protect local_ts=10.1.0.0/16", "remote_ts: it is missing (it is a string or list)");
    refuses("neigh del 192.0.2.254", "port: it is missing (write ADDRESS port=NAME)");
    refuses("sa del", "name: it is missing (write its name, and nothing else)");
    EXPECT_TRUE(done().empty());
}

TEST_F(Edit, WhatIsOthersTakesForce)
{
    refuses("sa del theirs", "it is config's (force it)");
    does("sa del theirs --force");
    refuses("policy del theirs", "it is config's (force it)");
    does("policy del theirs --force");
}

TEST_F(Edit, TheKeyComesFromAFileThatGwctlReads)
{
    const auto key = file("key", std::string("  0x") + kKey + "\n");
    does("sa add east-out" + kSa + "keymat=@" + key);
    EXPECT_EQ(source.fake_editor.last_key, kKey);
    source.fake_editor.last_key.reset();
    does("sa add east-out" + kSa + "keymat_file=" + key);
    EXPECT_EQ(source.fake_editor.last_key, kKey);
    const auto missing = gwctl("sa add east-out" + kSa + "keymat=@/nowhere/key");
    EXPECT_EQ(missing.exit, Exit::kUsage);
    EXPECT_THAT(missing.errors, HasSubstr("/nowhere/key: No such file"));
    cli::RawClient raw(path);
    raw.say(R"({"command":"sa add","args":{"words":["x","keymat_file=/etc/shadow"]}})" "\n");
    EXPECT_THAT(raw.json()["error"]["what"].get<std::string>(), HasSubstr("keymat_file: the gateway reads no files for its clients"));
}

TEST_F(Edit, ABatchDoesWhatItCanAndNamesTheLinesItCannot)
{
    const auto key = file("key", kKey);
    const auto lines = file("lines", "# two SAs\nsa add a" + kSa + "keymat=@" + key + "\n\nsa add taken" + kSa + "keymat=" + kKey +
                                         "\npolicy del 'a b' x\nsa del theirs\nsa del theirs --force\nsa show\nroute add 10.9.0.0/16 port=\"wan\" # to\n");
    const auto result = gwctl("batch " + lines);
    EXPECT_EQ(result.exit, Exit::kRefused);
    EXPECT_EQ(result.errors, lines + ":4: it is there already\n" + lines + ":5: there is a word too many (write its name, and nothing else)\n" +
                                 lines + ":6: it is config's (force it)\n" + lines +
                                 ":8: \"sa show\" is no change (there is: sa add, sa replace, sa del, policy add, policy del, route add, route "
                                 "del, neigh add, neigh del)\ngwctl: 4 of 7 lines refused; the others are done\n");
    EXPECT_THAT(done(), ElementsAre("install out 0x2001 aes128gcm16 198.51.100.7 a", "remove sa theirs",
                                    "add route via wan to 10.9.0.0/16", "publish"));
    EXPECT_EQ(gwctl("batch /nowhere").exit, Exit::kUsage);
}

TEST_F(Edit, ALongBatchIsManyRequestsAndOnePublication)
{
    std::string text;
    for (int i = 0; i < 5000; i++)
        text += "route add 10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24 via=192.0.2.254\n";
    const auto result = gwctl("batch " + file("lines", text));
    EXPECT_EQ(result.exit, Exit::kOk) << result.errors;
    ASSERT_EQ(done().size(), 5001u);
    EXPECT_EQ(done()[4999], "add route via 192.0.2.254 to 10.19.135.0/24");
    EXPECT_EQ(done()[5000], "publish");
}

TEST(Words, AreSplitAsAShellWould)
{
    EXPECT_THAT(*cli::split_words(" a  'b c'\t\"d'e\" f#g # h"), ElementsAre("a", "b c", "d'e", "f#g"));
    EXPECT_THAT(*cli::split_words("''"), ElementsAre(""));
    EXPECT_FALSE(cli::split_words("a 'b"));
}

struct Reload : Edit {
    /// Answers the request that `line` makes.
    Result answered(const std::string& line, const cli::Reloader::Outcome& outcome)
    {
        auto asking = std::async(std::launch::async, [&] { return gwctl(line); });
        for (bool finished = false; !finished;)
            thread.on_loop([&] {
                finished = source.fake_reloader.finish != nullptr;
                if (finished)
                    std::exchange(source.fake_reloader.finish, nullptr)(outcome);
            });
        return asking.get();
    }
};

TEST_F(Reload, SaysWhatItHasDone)
{
    using Kind = control::Change::Kind;
    cli::Reloader::Outcome outcome;
    outcome.changes = {{Kind::kAdd, "sa", "west-out", {}}, {Kind::kChange, "policy", "east", {"priority", "sa"}},
                       {Kind::kRemove, "route", "10.9.0.0/16", {}}};
    outcome.problems = {"gw.cfg:7: sas.[0].keymat: the key is a pattern"};
    const auto result = answered("reload", outcome);
    EXPECT_EQ(result.exit, Exit::kOk);
    EXPECT_EQ("\n" + result.out, R"(
CHANGE  OBJECT  NAME         SETTINGS
add     sa      west-out     -
change  policy  east         priority,sa
remove  route   10.9.0.0/16  -
)");
    EXPECT_EQ(result.errors, "gw.cfg:7: sas.[0].keymat: the key is a pattern\n");
    EXPECT_EQ(answered("-j config diff", {}).out, "[]\n");
    EXPECT_THAT(source.fake_reloader.asked, ElementsAre(cli::Reloader::Mode::kApply, cli::Reloader::Mode::kCompare));
}

TEST_F(Reload, ErrorsReadLikeThoseOfCheck)
{
    cli::Reloader::Outcome outcome;
    outcome.errors = 2;
    outcome.problems = {"gw.cfg:7: sas.[0].spi: it is missing\n  hint: it is a number", "gw.cfg: port \"lan\": mtu cannot change"};
    const auto result = answered("reload", outcome);
    EXPECT_EQ(result.exit, Exit::kRefused);
    EXPECT_EQ(result.errors, "gw.cfg:7: sas.[0].spi: it is missing\n  hint: it is a number\ngw.cfg: port \"lan\": mtu cannot change\n"
                             "gwctl: 2 errors; nothing was changed\n");
    outcome = {.changes = {}, .problems = {"gw.cfg: SA \"in\" is gone"}, .errors = 1, .is_partly_done = true};
    EXPECT_EQ(answered("reload", outcome).errors, "gw.cfg: SA \"in\" is gone\ngwctl: 1 error; all else was done\n");
}

}  // namespace
}  // namespace ipsecgw::gwctl
