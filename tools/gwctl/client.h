// gwctl's end of the control socket.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/protocol.h"

namespace ipsecgw::gwctl {

class Client {
 public:
    /// kUnavailable: nobody there; kPermissionDenied. Both with what to do.
    static base::Result<Client> connect(const std::string& path);
    ~Client();
    Client(Client&& other) noexcept;
    Client& operator=(Client&&) = delete;

    /// Answers may take as long as they like: what happens next is not the gateway's to say.
    void wait_without_end() noexcept;

    /// Sends one request and gives every answer line but the last to `take`, which may refuse. Returns after {"done"}. An {"error"}
    /// comes back as `refusal`; a connection that breaks, stalls for 10 s or does not speak the protocol as the error.
    struct Outcome {
        bool is_refused = false;
        base::Error refusal = {};
        std::vector<std::string> details = {};  // lines to be read before anything else
    };
    base::Result<Outcome> ask(const cli::Json& request, const std::function<base::Result<void>(const cli::Json&)>& take);

 private:
    explicit Client(int fd) : fd_(fd) {}
    base::Result<void> send_all(const std::string& text);
    base::Result<std::string> read_line();

    int fd_;
    std::string buffer_;
    size_t start_ = 0;  // of what is unread in buffer_
};

}  // namespace ipsecgw::gwctl
