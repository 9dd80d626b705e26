#include <malloc.h>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/cli/loop_fixture.h"

namespace ipsecgw::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST_F(ServerTest, AnswersRowByRowThenDone)
{
    start();
    RawClient client(path);
    client.say("{\"command\":\"sa show\"}\n");
    EXPECT_EQ(client.json()["row"]["spi"], "0xc1f00a21");
    EXPECT_EQ(client.json()["row"]["spi"], "0x7702be10");
    EXPECT_EQ(client.line(), "{\"done\":true}");
    client.say("{\"command\":\"drops\",\"args\":{\"all\":true}}\n");
    for (const auto* reason : {"replay", "too-old", "no-policy"})
        EXPECT_EQ(client.json()["row"]["reason"], reason);
    EXPECT_EQ(client.line(), "{\"done\":true}");
}

TEST_F(ServerTest, DescribesItsFieldsWhenAsked)
{
    start();
    RawClient client(path);
    client.say("{\"command\":\"route show\",\"describe\":true}\n");
    const auto fields = fields_from_json(client.json()["fields"]);
    ASSERT_TRUE(fields);
    ASSERT_EQ(fields->size(), 4u);
    EXPECT_EQ((*fields)[0].name, "prefix");
    EXPECT_EQ((*fields)[0].header, "PREFIX");
}

TEST_F(ServerTest, TakesPipelinedRequestsInOrderAndALastLineWithoutItsEnd)
{
    start();
    RawClient client(path);
    client.say("{\"command\":\"stats\"}\n\n  \n{\"command\":\"nonsense\"}\n{\"command\":\"drops\"}");
    shutdown(client.fd(), SHUT_WR);
    EXPECT_EQ(client.json()["row"]["version"], "0.1.0");
    EXPECT_EQ(client.line(), "{\"done\":true}");
    EXPECT_EQ(client.json()["error"]["code"], "invalid-argument");
    EXPECT_EQ(client.json()["row"]["reason"], "replay");
    EXPECT_EQ(client.json()["row"]["reason"], "no-policy");
    EXPECT_EQ(client.line(), "{\"done\":true}");
    EXPECT_EQ(client.line(), "");
}

TEST_F(ServerTest, TakesARequestByteByByte)
{
    start();
    RawClient client(path);
    for (const char c : std::string("{\"command\":\"port show\",\"args\":{\"port\":\"wan\"}}\n"))
        ASSERT_TRUE(client.say({&c, 1}));
    EXPECT_EQ(client.json()["row"]["name"], "wan");
    EXPECT_EQ(client.line(), "{\"done\":true}");
}

TEST_F(ServerTest, AnswersNonsenseWithAnErrorAndGoesOn)
{
    start();
    RawClient client(path);
    const std::vector<std::pair<std::string, const char*>> cases = {
        {"hello", "the request is not valid JSON"},
        {"{\"command\":", "the request is not valid JSON"},
        {"[1,2]", "the request is no JSON object"},
        {"null", "the request is no JSON object"},
        {"{}", "the request has no \"command\""},
        {"{\"command\":7}", "the request has no member \"command\" of this type"},
        {"{\"command\":\"stats\",\"x\":1}", "the request has no member \"x\" of this type"},
        {"{\"command\":\"stats\",\"describe\":1}", "the request has no member \"describe\" of this type"},
        {"{\"command\":\"stats\",\"args\":[]}", "\"args\" is no object"},
        {"{\"command\":\"stats\",\"args\":{\"a\":1}}", "stats has no argument \"a\""},
        {"{\"command\":\"drops\",\"args\":{\"all\":\"yes\"}}", "argument \"all\" is of another type"},
        {"{\"command\":\"sa show\",\"args\":{\"sa\":7}}", "argument \"sa\" is of another type"},
        {"{\"command\":\"sa show\",\"args\":{\"sa\":\"west\"}}", "there is no SA \"west\""},
        {"{\"command\":\"sa show\",\"args\":{\"sa\":\"99999999999999999999\"}}", "there is no SA \"99999999999999999999\""},
        {"{\"command\":\"port show\",\"args\":{\"port\":\"x\"}}", "there is no port \"x\""},
        {"{\"command\":\"policy show\",\"args\":{\"policy\":\"9\"}}", "there is no policy \"9\""},
        {"{\"command\":\"sa\"}", "\"sa\" is not a whole command"},
        {std::string("{\"command\":\"\0\"}", 14), "the request is not valid JSON"},
        {"{\"command\":\"\xff\xfe\"}", "the request is not valid JSON"},
        {std::string(10'000, '['), "the request is not valid JSON"},
        {std::string(8'000, '[') + std::string(8'000, ']'), "the request is no JSON object"},
    };
    for (const auto& [request, what] : cases) {
        client.say(request + "\n");
        const auto reply = client.json();
        EXPECT_EQ(reply["error"]["what"], what) << request.substr(0, 100);
    }
    client.say("{\"command\":\"stats\"}\n");
    EXPECT_TRUE(client.json().contains("row"));
}

TEST_F(ServerTest, AnErrorSaysWhatToDo)
{
    start();
    RawClient client(path);
    client.say("{\"command\":\"polcy show\"}\n");
    EXPECT_EQ(client.json()["error"]["hint"], "did you mean \"policy show\"?");
    client.say("{\"command\":\"sa show\",\"args\":{\"sa\":\"0x1\"}}\n");
    const auto reply = client.json();
    EXPECT_EQ(reply["error"]["code"], "not-found");
    EXPECT_EQ(reply["error"]["hint"], "gwctl sa show lists them");
}

TEST_F(ServerTest, RefusesAnEndlessRequest)
{
    start();
    RawClient client(path);
    const std::string chunk(64 * 1024, 'x');
    for (int i = 0; i < 100 && client.say(chunk); i++) {
    }
    EXPECT_THAT(client.line(), HasSubstr("longer than 16384 bytes"));
    EXPECT_EQ(client.line(), "");
    EXPECT_EQ(clients(), 0u);
}

TEST_F(ServerTest, RefusesALongLineAsWell)
{
    start();
    RawClient client(path);
    client.say("{\"command\":\"" + std::string(17'000, 'x') + "\"}\n");
    EXPECT_THAT(client.line(), HasSubstr("longer than 16384 bytes"));
    EXPECT_EQ(client.line(), "");
}

TEST_F(ServerTest, ALargeTableComesInPagesWithoutGrowingMemory)
{
    source.generated = 100'000;
    start();
    RawClient client(path);
    client.say("{\"command\":\"sa show\"}\n");
    ASSERT_THAT(client.line(), StartsWith("{\"row\":"));
    const auto before = mallinfo2().uordblks;
    size_t most = before, rows = 1;
    for (;;) {
        const std::string line = client.line();
        ASSERT_FALSE(line.empty());
        if (line == "{\"done\":true}")
            break;
        rows++;
        if (rows % 1000 == 0)
            most = std::max(most, mallinfo2().uordblks);
    }
    EXPECT_EQ(rows, 100'002u);
    EXPECT_LT(most - before, 8u << 20);
}

TEST_F(ServerTest, AClientThatDoesNotReadStopsNobodyElse)
{
    source.generated = 100'000;
    start();
    std::vector<std::unique_ptr<RawClient>> lazy;
    for (int i = 0; i < 16; i++) {
        lazy.push_back(std::make_unique<RawClient>(path));
        lazy.back()->say("{\"command\":\"sa show\"}\n");
    }
    RawClient client(path);
    for (int i = 0; i < 50; i++) {
        client.say("{\"command\":\"stats\"}\n");
        ASSERT_TRUE(client.json().contains("row"));
        ASSERT_EQ(client.line(), "{\"done\":true}");
    }
    size_t pages = 0;
    thread.on_loop([&] { pages = source.pages; });
    EXPECT_LT(pages, 16 * 20u);  // they are far from the end: 1563 pages each
    // One of them wakes up and gets everything.
    size_t rows = 0;
    while (lazy[3]->line() != "{\"done\":true}")
        ASSERT_LE(++rows, 100'002u);
    EXPECT_EQ(rows, 100'002u);
}

TEST_F(ServerTest, AClientThatGoesInTheMiddleIsForgotten)
{
    source.generated = 100'000;
    start();
    for (int i = 0; i < 50; i++) {
        RawClient client(path);
        client.say("{\"command\":\"sa show\"}\n");
        client.line();
    }
    RawClient client(path);
    client.say("{\"command\":\"stats\"}\n");
    EXPECT_TRUE(client.json().contains("row"));
    EXPECT_LE(clients(), 32u);
}

TEST_F(ServerTest, TakesSoManyClientsAndNoMore)
{
    start(3);
    std::vector<std::unique_ptr<RawClient>> few;
    for (int i = 0; i < 3; i++) {
        few.push_back(std::make_unique<RawClient>(path));
        few.back()->say("{\"command\":\"drops\"}\n");
        few.back()->line();
    }
    RawClient one_more(path);
    EXPECT_EQ(one_more.json()["error"]["code"], "resource-exhausted");
    EXPECT_EQ(one_more.line(), "");
    few.pop_back();
    while (clients() > 2)
        std::this_thread::yield();
    RawClient again(path);
    again.say("{\"command\":\"drops\"}\n");
    EXPECT_TRUE(again.json().contains("row"));
}

TEST_F(ServerTest, AnIdleClientIsSentAway)
{
    start(32, 20'000'000);
    RawClient client(path);
    client.say("{\"command\":\"drops\"}\n");
    while (!client.line().empty()) {
    }
    EXPECT_EQ(clients(), 0u);
}

TEST_F(ServerTest, TheSocketIsForOwnerAndGroup)
{
    const auto mask = umask(0077);
    start();
    umask(mask);
    struct stat status;
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_TRUE(S_ISSOCK(status.st_mode));
    EXPECT_EQ(status.st_mode & 0777, 0660u);
    server.reset();
    EXPECT_NE(stat(path.c_str(), &status), 0);
}

TEST_F(ServerTest, MakesItsDirectories)
{
    thread.on_loop([&] {
        const auto deep = directory.file("a/b/s");
        auto created = Server::create(thread.loop(), source, {deep});
        ASSERT_TRUE(created) << created.error().what;
        EXPECT_EQ(std::filesystem::status(directory.file("a/b")).permissions() & std::filesystem::perms::all,
                  std::filesystem::perms{0755});
    });
}

TEST_F(ServerTest, ReplacesASocketOfTheDead)
{
    {
        const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address = {};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        close(fd);
    }
    start();
    RawClient client(path);
    client.say("{\"command\":\"stats\"}\n");
    EXPECT_TRUE(client.json().contains("row"));
}

TEST_F(ServerTest, RespectsTheLivingAndWhatIsNoSocket)
{
    start();
    thread.on_loop([&] {
        const auto second = Server::create(thread.loop(), source, {path});
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().code, base::ErrorCode::kAlreadyExists);
        EXPECT_THAT(second.error().what, HasSubstr("another gateway is listening"));
        const auto file = directory.file("file");
        fclose(fopen(file.c_str(), "w"));
        const auto third = Server::create(thread.loop(), source, {file});
        ASSERT_FALSE(third);
        EXPECT_EQ(third.error().code, base::ErrorCode::kAlreadyExists);
        EXPECT_TRUE(std::filesystem::exists(file));
        for (const auto& bad : {std::string(), std::string(200, 'x'), std::string("/proc/none/s")}) {
            const auto fourth = Server::create(thread.loop(), source, {bad});
            ASSERT_FALSE(fourth);
            EXPECT_THAT(fourth.error().what, StartsWith("control socket"));
        }
    });
    RawClient client(path);  // the first is unharmed
    client.say("{\"command\":\"stats\"}\n");
    EXPECT_TRUE(client.json().contains("row"));
}

TEST_F(ServerTest, LeavesAnothersSocketAlone)
{
    start();
    std::filesystem::rename(path, directory.file("moved"));
    std::unique_ptr<Server> second;
    thread.on_loop([&] { second = Server::create(thread.loop(), source, {path}).value(); });
    thread.on_loop([&] { server.reset(); });
    EXPECT_TRUE(std::filesystem::exists(path));
    thread.on_loop([&] { second.reset(); });
    EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace ipsecgw::cli
