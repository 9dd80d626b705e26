// The endpoint on a Unix socket and on loopback: paths, methods, and a gateway that does not answer.
#include "metrics/http_server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ipsecgw::metrics {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class HttpServerTest : public testing::Test {
  protected:
    HttpServerTest()
    {
        char name[] = "/tmp/gwmetrics.XXXXXX";
        directory_ = mkdtemp(name);
        settings_.address.clear();
        settings_.socket = directory_ + "/m.sock";
    }
    ~HttpServerTest() override
    {
        server_.reset();
        EXPECT_NE(access(settings_.socket.c_str(), F_OK), 0) << "the socket is left behind";
        unlink(settings_.socket.c_str());
        rmdir(directory_.c_str());
    }
    void serve(std::optional<std::string> text)
    {
        server_ = HttpServer::create(settings_, [text] { return text; }).value();
    }
    std::string ask(const std::string& request)
    {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, settings_.socket.c_str());
        const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(send(fd, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
        std::string out;
        char buffer[4096];
        for (ssize_t got; (got = recv(fd, buffer, sizeof buffer, 0)) > 0;)
            out.append(buffer, static_cast<size_t>(got));
        close(fd);
        return out;
    }
    std::string get(const std::string& path)
    {
        return ask("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    }

    std::string directory_;
    model::Metrics settings_;
    std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersWhatIsWritten)
{
    serve("a 1\n");
    const std::string answer = get("/metrics");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4"));
    EXPECT_THAT(answer, testing::EndsWith("\r\n\r\na 1\n"));
    EXPECT_THAT(get("/"), HasSubstr("/metrics"));
    struct stat status;
    ASSERT_EQ(stat(settings_.socket.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0660U);
}

TEST_F(HttpServerTest, RefusesOtherPathsAndMethods)
{
    serve("a 1\n");
    EXPECT_THAT(get("/metricss"), StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(ask("nonsense\r\n\r\n"), testing::AnyOf(StartsWith("HTTP/1.1 400 "), StartsWith("HTTP/1.0 400 "), testing::IsEmpty()));
    EXPECT_THAT(get("/metrics"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, SaysSoWhenThereIsNoAnswer)
{
    serve(std::nullopt);
    EXPECT_THAT(get("/metrics"), StartsWith("HTTP/1.1 503 "));
}

TEST_F(HttpServerTest, ASocketInUseIsAnErrorAndOneLeftBehindIsReplaced)
{
    serve("a 1\n");
    const auto second = HttpServer::create(settings_, [] { return std::nullopt; });
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, base::ErrorCode::kAlreadyExists);
    EXPECT_THAT(get("/metrics"), StartsWith("HTTP/1.1 200 "));
    server_.reset();
    const int left = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, settings_.socket.c_str());
    ASSERT_EQ(bind(left, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    close(left);
    serve("b 2\n");
    EXPECT_THAT(get("/metrics"), HasSubstr("b 2"));
}

TEST_F(HttpServerTest, AnAddressInUseIsAnError)
{
    serve("a 1\n");
    const int taken = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(bind(taken, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(taken, 1), 0);
    socklen_t length = sizeof address;
    getsockname(taken, reinterpret_cast<sockaddr*>(&address), &length);
    model::Metrics settings;
    settings.port = ntohs(address.sin_port);
    const auto refused = HttpServer::create(settings, [] { return std::nullopt; });
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, base::ErrorCode::kAlreadyExists);
    EXPECT_THAT(refused.error().what, HasSubstr("127.0.0.1 port "));
    close(taken);
}

}  // namespace
}  // namespace ipsecgw::metrics
