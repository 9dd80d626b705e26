// The control socket: a Unix stream socket on the control thread's loop. The protocol is in README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "cli/connection.h"
#include "cli/source.h"
#include "control/event_loop.h"

namespace ipsecgw::cli {

/// Threads: the control thread, or before its loop runs and after it has stopped.
class Server {
 public:
    struct Options {
        std::string path = std::string(kDefaultSocket);
        size_t max_clients = 32;
        uint64_t idle_limit_ns = 60'000'000'000;  // a client that neither asks nor reads for so long is sent away
    };
    /// Makes the directory when there is none (0755) and the socket (0660). A socket whose process is gone is replaced.
    /// kAlreadyExists when another process listens there or the path is no socket; kPermissionDenied; kInvalidArgument for a path
    /// that is too long. `loop` and `source` outlive the server.
    static base::Result<std::unique_ptr<Server>> create(control::EventLoop& loop, const Source& source, Options options);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    [[nodiscard]] size_t clients() const noexcept { return clients_.size(); }

 private:
    struct Client {
        std::unique_ptr<Connection> connection;
        uint32_t interest;
    };
    Server(control::EventLoop& loop, const Source& source, Options options);
    base::Result<void> listen();
    void accept_clients();
    void admit(int fd, uint64_t now_ns);
    void on_client(int fd, uint32_t events);
    void close_client(int fd);
    void pause_accepting();
    void arm_sweep();
    void sweep();

    control::EventLoop& loop_;
    const Source& source_;
    const Options options_;
    int listener_ = -1;
    uint64_t device_ = 0, inode_ = 0;  // of our socket, so that only ours is unlinked
    uint64_t sweep_timer_ = 0, pause_timer_ = 0;  // 0: not armed
    std::map<int, Client> clients_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for timers that may outlive it
};

}  // namespace ipsecgw::cli
