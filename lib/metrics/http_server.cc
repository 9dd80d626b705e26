#include "metrics/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <string_view>

#include <microhttpd.h>

#include "base/log.h"
#include "base/text.h"
#include "metrics/exposition.h"
#include "net/address.h"

namespace ipsecgw::metrics {
namespace {

using base::Error;
using base::ErrorCode;

constexpr int kBacklog = 16;
constexpr unsigned kConnections = 16;
constexpr unsigned kIdleSeconds = 10;
constexpr size_t kConnectionBytes = 16 * 1024;
constexpr mode_t kSocketMode = 0660;
constexpr std::string_view kFrontPage = "<!DOCTYPE html><title>ipsec-gw</title><a href=\"/metrics\">metrics</a>\n";

Error failed(const std::string& what, int error)
{
    const auto code = error == EADDRINUSE               ? ErrorCode::kAlreadyExists
                      : error == EACCES || error == EPERM ? ErrorCode::kPermissionDenied
                                                          : ErrorCode::kIo;
    return {code, "metrics: " + what + ": " + std::strerror(error),
            "look at listen and socket of metrics in the configuration"};
}

/// Closes what create() has not passed on.
class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor()
    {
        if (fd_ >= 0)
            close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

  private:
    int fd_;
};

base::Result<int> listen_tcp(const net::IpAddress& host, uint16_t port)
{
    sockaddr_in6 v6{};
    sockaddr_in v4{};
    v6.sin6_family = AF_INET6;
    v4.sin_family = AF_INET;
    v6.sin6_port = v4.sin_port = htons(port);
    std::memcpy(host.is_v4() ? static_cast<void*>(&v4.sin_addr) : &v6.sin6_addr, host.data(), host.bytes().size());
    const auto* address = host.is_v4() ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
    const socklen_t length = host.is_v4() ? sizeof v4 : sizeof v6;
    const std::string what = host.to_string() + " port " + std::to_string(port);
    Descriptor fd(socket(host.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int yes = 1;
    if (fd.get() < 0 || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd.get(), address, length) != 0 || listen(fd.get(), kBacklog) != 0)
        return failed(what, errno);
    return fd.release();
}

/// Removes a socket whose process is gone.
bool remove_stale(const sockaddr_un& address)
{
    struct stat status;
    if (lstat(address.sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return false;
    const Descriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno != ECONNREFUSED)
        return false;
    return unlink(address.sun_path) == 0;
}

base::Result<int> listen_unix(const std::string& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return failed(path, ENAMETOOLONG);
    std::memcpy(address.sun_path, path.data(), path.size());
    Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // Before bind(), so that there is no moment at which others may connect.
    if (fd.get() < 0 || fchmod(fd.get(), kSocketMode) != 0)
        return failed(path, errno);
    const auto try_bind = [&] { return bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address); };
    if (try_bind() != 0 && (errno != EADDRINUSE || !remove_stale(address) || try_bind() != 0))
        return failed(path, EADDRINUSE);
    if (chmod(path.c_str(), kSocketMode) != 0 || listen(fd.get(), kBacklog) != 0) {
        const int error = errno;
        unlink(path.c_str());
        return failed(path, error);
    }
    return fd.release();
}

MHD_Result reply(MHD_Connection* connection, unsigned status, std::string_view body, const char* type)
{
    MHD_Response* response =
        MHD_create_response_from_buffer(body.size(), const_cast<char*>(body.data()), MHD_RESPMEM_MUST_COPY);
    if (response == nullptr)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    const MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

/// Runs in a thread of libmicrohttpd's: nothing may be thrown into C.
MHD_Result on_request(void* write, MHD_Connection* connection, const char* url, const char* method, const char*,
                      const char*, size_t*, void**) noexcept
{
    try {
        const std::string_view verb(method), path(url);
        if (verb != MHD_HTTP_METHOD_GET && verb != MHD_HTTP_METHOD_HEAD)
            return reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET is all there is\n", "text/plain");
        if (path == "/")
            return reply(connection, MHD_HTTP_OK, kFrontPage, "text/html");
        if (path != "/metrics")
            return reply(connection, MHD_HTTP_NOT_FOUND, "there is /metrics\n", "text/plain");
        const auto text = (*static_cast<const HttpServer::Write*>(write))();
        if (!text)
            return reply(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "the control thread did not answer in time\n",
                         "text/plain");
        return reply(connection, MHD_HTTP_OK, *text, kContentType);
    } catch (const std::exception& e) {
        base::log(base::LogLevel::kError, "metrics: %s", e.what());
        return MHD_NO;
    }
}

}  // namespace

base::Result<void> HttpServer::serve(int fd, const std::string& what)
{
    MHD_Daemon* daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC, 0, nullptr, nullptr, &on_request, const_cast<Write*>(&write_),
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, kConnections, MHD_OPTION_CONNECTION_TIMEOUT,
        kIdleSeconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionBytes, MHD_OPTION_END);
    if (daemon == nullptr) {
        close(fd);
        return Error{ErrorCode::kResourceExhausted, "metrics: no thread for " + what, ""};
    }
    daemons_.push_back(daemon);
    return {};
}

base::Result<std::unique_ptr<HttpServer>> HttpServer::create(const model::Metrics& settings, Write write)
{
    std::unique_ptr<HttpServer> server(new HttpServer(std::move(write)));
    if (!settings.address.empty()) {
        const auto host = GW_TRY(net::IpAddress::parse(settings.address));
        const int fd = GW_TRY(listen_tcp(host, settings.port));
        GW_TRY(server->serve(fd, settings.address));
    }
    if (!settings.socket.empty()) {
        const int fd = GW_TRY(listen_unix(settings.socket));
        server->socket_ = settings.socket;
        GW_TRY(server->serve(fd, settings.socket));
    }
    return server;
}

HttpServer::~HttpServer()
{
    // libmicrohttpd closes the listening sockets.
    for (void* daemon : daemons_)
        MHD_stop_daemon(static_cast<MHD_Daemon*>(daemon));
    if (!socket_.empty())
        unlink(socket_.c_str());
}

}  // namespace ipsecgw::metrics
