// The endpoint: HTTP on loopback and on a Unix socket.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/gateway.h"

namespace ipsecgw::metrics {

/// Answers GET and HEAD of /metrics with what `write` returns, 503 when it returns nothing. One thread for each
/// listener, at most 16 connections on each, each sent away after 10 idle seconds.
///
/// Threads: `write` runs in the listeners' threads. Destroying it waits for the answers under way.
class HttpServer {
  public:
    using Write = std::function<std::optional<std::string>()>;

    /// kAlreadyExists when the address or the path is in use, kPermissionDenied, kInvalidArgument.
    static base::Result<std::unique_ptr<HttpServer>> create(const model::Metrics& settings, Write write);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

  private:
    explicit HttpServer(Write write) : write_(std::move(write)) {}
    base::Result<void> serve(int fd, const std::string& what);

    const Write write_;
    std::vector<void*> daemons_;
    std::string socket_;  // to be unlinked
};

}  // namespace ipsecgw::metrics
