// A control loop in a thread of its own with a control socket on it, and a raw client.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "cli/server.h"
#include "control/event_loop.h"
#include "unit/cli/fake_source.h"

namespace ipsecgw::cli {

class TemporaryDirectory {
 public:
    TemporaryDirectory()
    {
        char name[] = "/tmp/gwcli.XXXXXX";
        path_ = mkdtemp(name);
    }
    ~TemporaryDirectory()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string file(const char* name) const { return path_ + "/" + name; }
    [[nodiscard]] const std::string& path() const { return path_; }

 private:
    std::string path_;
};

class LoopThread {
 public:
    LoopThread() : loop_(control::EventLoop::create().value()), thread_([this] { loop_->run(); }) {}
    ~LoopThread() { stop(); }
    [[nodiscard]] control::EventLoop& loop() { return *loop_; }
    void stop()
    {
        if (!thread_.joinable())
            return;
        loop_->stop();
        thread_.join();
    }
    /// Runs `task` on the loop and waits for it.
    void on_loop(const std::function<void()>& task)
    {
        std::promise<void> done;
        loop_->post([&] {
            task();
            done.set_value();
        });
        done.get_future().wait();
    }

 private:
    std::unique_ptr<control::EventLoop> loop_;
    std::thread thread_;
};

inline int connect_to(const std::string& path)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        close(fd);
        return -1;
    }
    const timeval limit = {20, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

/// A client that speaks bytes.
class RawClient {
 public:
    explicit RawClient(const std::string& path) : fd_(connect_to(path)) {}
    ~RawClient() { close(fd_); }
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    [[nodiscard]] bool is_connected() const { return fd_ >= 0; }
    [[nodiscard]] int fd() const { return fd_; }
    /// False: the gateway does not take it any more.
    bool say(std::string_view text)
    {
        while (!text.empty()) {
            const ssize_t n = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
            if (n <= 0)
                return false;
            text.remove_prefix(static_cast<size_t>(n));
        }
        return true;
    }
    /// The next line without its newline; empty at the end.
    std::string line()
    {
        for (;;) {
            if (const size_t end = buffer_.find('\n', start_); end != std::string::npos) {
                const std::string out = buffer_.substr(start_, end - start_);
                start_ = end + 1;
                return out;
            }
            buffer_.erase(0, start_);
            start_ = 0;
            char chunk[4096];
            const ssize_t n = recv(fd_, chunk, sizeof chunk, 0);
            if (n <= 0)
                return {};
            buffer_.append(chunk, static_cast<size_t>(n));
        }
    }
    [[nodiscard]] Json json() { return Json::parse(line(), nullptr, false); }

 private:
    int fd_;
    std::string buffer_;
    size_t start_ = 0;
};

struct ServerTest : testing::Test {
    TemporaryDirectory directory;
    FakeSource source;
    LoopThread thread;
    std::unique_ptr<Server> server;
    const std::string path = directory.file("s");

    void start(size_t max_clients = 32, uint64_t idle_limit_ns = 60'000'000'000)
    {
        thread.on_loop([&] {
            auto created = Server::create(thread.loop(), source, {path, max_clients, idle_limit_ns});
            ASSERT_TRUE(created) << created.error().what;
            server = std::move(created).value();
        });
    }
    size_t clients()
    {
        size_t count = 0;
        thread.on_loop([&] { count = server->clients(); });
        return count;
    }
    ~ServerTest() override
    {
        thread.stop();
        server.reset();
    }
};

}  // namespace ipsecgw::cli
