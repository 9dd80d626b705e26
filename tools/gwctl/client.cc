#include "gwctl/client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace ipsecgw::gwctl {

using base::Error;
using base::ErrorCode;
using base::Result;
using cli::Json;

namespace {

constexpr time_t kTimeoutSeconds = 10;
constexpr size_t kMaxLineBytes = 16 * 1024 * 1024;

Error cannot_connect(const std::string& path, int error)
{
    const std::string what = "cannot connect to " + path + ": " + std::strerror(error);
    switch (error) {
        case EACCES:
        case EPERM:
            return {ErrorCode::kPermissionDenied, what, "run gwctl as the user ipsec-gw runs as, mostly root"};
        case ECONNREFUSED:
            return {ErrorCode::kUnavailable, what, "the gateway that made this socket is gone: start ipsec-gw"};
        case ENOENT:
        case ENOTDIR:
            return {ErrorCode::kUnavailable, what,
                    "start ipsec-gw, or give its control_socket: --socket PATH or IPSEC_GW_SOCKET"};
        default:
            return {ErrorCode::kUnavailable, what, "try again, or give another socket with --socket PATH"};
    }
}

Error broken(const std::string& why) { return {ErrorCode::kUnavailable, "the gateway's answer broke off: " + why, "ask again"}; }

std::vector<std::string> details_of(const Json& json)
{
    std::vector<std::string> lines;
    if (const auto found = json.find("details"); found != json.end() && found->is_array())
        for (const auto& line : *found)
            if (line.is_string())
                lines.push_back(line.get<std::string>());
    return lines;
}

}  // namespace

Result<Client> Client::connect(const std::string& path)
{
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return cannot_connect(path, ENAMETOOLONG);
    std::memcpy(address.sun_path, path.data(), path.size());
    Client client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval limit = {kTimeoutSeconds, 0};
    if (client.fd_ < 0 || setsockopt(client.fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
        setsockopt(client.fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
        ::connect(client.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return cannot_connect(path, errno);
    return client;
}

Client::~Client()
{
    if (fd_ >= 0)
        close(fd_);
}

Client::Client(Client&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)), start_(other.start_)
{
}

void Client::wait_without_end() noexcept
{
    const timeval none = {0, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
}

Result<void> Client::send_all(const std::string& text)
{
    for (size_t sent = 0; sent < text.size();) {
        const ssize_t n = send(fd_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EPIPE ? Result<void>() : broken(std::strerror(errno));  // it may have said why: read on
        sent += static_cast<size_t>(n);
    }
    return {};
}

Result<std::string> Client::read_line()
{
    for (size_t searched = start_;;) {
        if (const size_t end = buffer_.find('\n', searched); end != std::string::npos) {
            std::string line = buffer_.substr(start_, end - start_);
            start_ = end + 1;
            return line;
        }
        buffer_.erase(0, std::exchange(start_, 0));
        searched = buffer_.size();
        if (buffer_.size() > kMaxLineBytes)
            return broken("a line is too long");
        std::array<char, 65536> chunk;
        const ssize_t got = recv(fd_, chunk.data(), chunk.size(), 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return broken(got == 0        ? "it closed the connection"
                          : errno == EAGAIN ? "nothing came for 10 s"
                                            : std::strerror(errno));
        buffer_.append(chunk.data(), static_cast<size_t>(got));
    }
}

Result<Client::Outcome> Client::ask(const Json& request, const std::function<Result<void>(const Json&)>& take)
{
    GW_TRY(send_all(cli::to_line(request)));
    for (;;) {
        const Json line = Json::parse(GW_TRY(read_line()), nullptr, false);
        if (!line.is_object())
            return broken("a line is no JSON object");
        if (const auto error = line.find("error"); error != line.end())
            return Outcome{true, cli::error_from_json(*error), details_of(*error)};
        if (line.contains("done"))
            return Outcome{false, {}, details_of(line)};
        GW_TRY(take(line));
    }
}

}  // namespace ipsecgw::gwctl
