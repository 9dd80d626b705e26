#include "cli/server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

namespace ipsecgw::cli {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr int kBacklog = 16;
constexpr int kAcceptsPerTurn = 8;
constexpr uint64_t kLookNs = 20'000'000;  // between two looks of a client whose answer is not known yet
constexpr mode_t kSocketMode = 0660;
constexpr mode_t kDirectoryMode = 0755;

Error io_error(std::string_view what, const std::string& path, int error)
{
    const bool denied = error == EACCES || error == EPERM || error == EROFS;
    return {denied ? ErrorCode::kPermissionDenied : ErrorCode::kIo,
            "control socket " + path + ": " + std::string(what) + ": " + std::strerror(error),
            denied ? "run as root, or set control_socket to a path this user may write" : ""};
}

/// A descriptor that closes itself.
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

Result<void> make_directory(const std::filesystem::path& directory, const std::string& path)
{
    if (directory.empty())
        return {};
    std::error_code error;
    if (std::filesystem::is_directory(directory, error))
        return {};
    GW_TRY(make_directory(directory.parent_path(), path));
    if (mkdir(directory.c_str(), kDirectoryMode) != 0 && errno != EEXIST)
        return io_error("cannot make directory " + directory.string(), path, errno);
    return {};
}

/// Two gateways that start at once would remove each other's socket: the directory's lock lets one after the other. Anybody who may
/// read the directory may hold its lock, so the wait is short.
Result<void> lock_directory(int fd, const std::string& path)
{
    constexpr int kTries = 100;
    constexpr int kPauseMs = 20;
    for (int i = 0; fd >= 0 && i < kTries; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return {};
        if (errno != EWOULDBLOCK)
            break;
        poll(nullptr, 0, kPauseMs);
    }
    return io_error("cannot lock its directory", path, errno);
}

/// Removes a socket that nobody listens on any more.
Result<void> remove_stale(const sockaddr_un& address, const std::string& path)
{
    struct stat status;
    if (lstat(path.c_str(), &status) != 0)
        return errno == ENOENT ? Result<void>() : io_error("cannot look at it", path, errno);
    if (!S_ISSOCK(status.st_mode))
        return Error{ErrorCode::kAlreadyExists, "control socket " + path + ": there is something else of this name",
                     "move it away, or set control_socket to another path"};
    const Descriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const bool connected = connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    // EAGAIN: its queue is full, so it lives.
    if (connected || errno == EAGAIN)
        return Error{ErrorCode::kAlreadyExists, "control socket " + path + ": another gateway is listening on it",
                     "stop that gateway, or give this one its own control_socket"};
    if (errno != ECONNREFUSED)
        return io_error("cannot tell whether another gateway listens", path, errno);
    if (unlink(path.c_str()) != 0 && errno != ENOENT)
        return io_error("cannot remove the socket a dead gateway has left", path, errno);
    return {};
}

}  // namespace

Server::Server(control::EventLoop& loop, const Source& source, Options options)
    : loop_(loop), source_(source), options_(std::move(options))
{
}

Result<std::unique_ptr<Server>> Server::create(control::EventLoop& loop, const Source& source, Options options)
{
    auto server = std::unique_ptr<Server>(new Server(loop, source, std::move(options)));
    GW_TRY(server->listen());
    GW_TRY(loop.watch(server->listener_, EPOLLIN, [raw = server.get()](uint32_t) { raw->accept_clients(); }));
    return server;
}

Result<void> Server::listen()
{
    const std::string& path = options_.path;
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path || path.find('\0') != std::string::npos)
        return Error{ErrorCode::kInvalidArgument,
                     base::format("control socket \"%s\": a path has 1 to %zu bytes", path.c_str(), sizeof address.sun_path - 1),
                     "set control_socket to a shorter path"};
    std::memcpy(address.sun_path, path.data(), path.size());
    const auto directory = std::filesystem::path(path).parent_path();
    GW_TRY(make_directory(directory, path));

    const Descriptor lock(open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    GW_TRY(lock_directory(lock.get(), path));
    GW_TRY(remove_stale(address, path));

    Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd.get() < 0)
        return io_error("socket", path, errno);
    // Before bind(), so that there is no moment at which others may connect; after it, since the umask may have taken bits away.
    if (fchmod(fd.get(), kSocketMode) != 0 ||
        bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return io_error("cannot make it", path, errno);
    struct stat status;
    if (chmod(path.c_str(), kSocketMode) != 0 || ::listen(fd.get(), kBacklog) != 0 || stat(path.c_str(), &status) != 0) {
        const int error = errno;
        unlink(path.c_str());
        return io_error("cannot open it", path, error);
    }
    device_ = status.st_dev;
    inode_ = status.st_ino;
    listener_ = fd.release();
    return {};
}

Server::~Server()
{
    if (sweep_timer_ != 0)
        loop_.cancel(sweep_timer_);
    if (pause_timer_ != 0)
        loop_.cancel(pause_timer_);
    while (!clients_.empty())
        close_client(clients_.begin()->first);
    if (listener_ < 0)
        return;
    loop_.unwatch(listener_);
    struct stat status;
    if (lstat(options_.path.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_)
        unlink(options_.path.c_str());
    close(listener_);
}

void Server::accept_clients()
{
    const uint64_t now = base::monotonic_ns();
    for (int i = 0; i < kAcceptsPerTurn; i++) {
        const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            admit(fd, now);
            continue;
        }
        if (errno == EAGAIN)
            return;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            return pause_accepting();
    }
}

void Server::admit(int fd, uint64_t now_ns)
{
    auto connection = std::make_unique<Connection>(fd, source_, now_ns);
    if (clients_.size() >= options_.max_clients) {
        const auto line = to_line({{"error", to_json(Error{ErrorCode::kResourceExhausted,
                                                           "the gateway has as many clients as it takes", "try again"})}});
        [[maybe_unused]] const auto sent = send(fd, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        return;
    }
    const uint32_t interest = connection->interest();
    if (!loop_.watch(fd, interest, [this, fd](uint32_t events) { on_client(fd, events); }))
        return;
    clients_.emplace(fd, Client{std::move(connection), interest});
    arm_sweep();
}

/// No descriptor or memory for a client: the listener would be ready at once again and again.
void Server::pause_accepting()
{
    if (pause_timer_ != 0)
        return;
    base::log(base::LogLevel::kWarning, "control socket: no resources for another client: %s", std::strerror(errno));
    [[maybe_unused]] const auto stopped = loop_.change(listener_, 0);
    pause_timer_ = loop_.arm(base::monotonic_ns() + base::kNsPerSecond, [this] {
        pause_timer_ = 0;
        [[maybe_unused]] const auto resumed = loop_.change(listener_, EPOLLIN);
    });
}

void Server::on_client(int fd, uint32_t events)
{
    const auto found = clients_.find(fd);
    if (found == clients_.end())
        return;
    auto& client = found->second;
    auto next = Connection::Next::kClose;
    try {
        next = client.connection->on_ready(events, base::monotonic_ns());
    } catch (const std::exception& e) {
        base::log(base::LogLevel::kError, "control socket: a request failed: %s", e.what());
    }
    if (next == Connection::Next::kClose)
        return close_client(fd);
    // Who ends the wait knows nothing of clients: they look.
    if (client.connection->waits())
        loop_.arm(base::monotonic_ns() + kLookNs, [this, fd, alive = std::weak_ptr(alive_)] {
            if (alive.lock())
                on_client(fd, 0);
        });
    const uint32_t interest = client.connection->interest();
    if (interest == client.interest)
        return;
    client.interest = interest;
    if (!loop_.change(fd, interest))
        close_client(fd);
}

void Server::close_client(int fd)
{
    loop_.unwatch(fd);
    clients_.erase(fd);
}

void Server::arm_sweep()
{
    if (sweep_timer_ == 0)
        sweep_timer_ = loop_.arm(base::monotonic_ns() + options_.idle_limit_ns / 4 + 1, [this] { sweep(); });
}

void Server::sweep()
{
    sweep_timer_ = 0;
    const uint64_t now = base::monotonic_ns();
    std::vector<int> idle;
    for (const auto& [fd, client] : clients_)
        if (now - client.connection->last_progress_ns() > options_.idle_limit_ns)
            idle.push_back(fd);
    for (const int fd : idle)
        close_client(fd);
    if (!clients_.empty())
        arm_sweep();
}

}  // namespace ipsecgw::cli
