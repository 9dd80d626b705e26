#include "cli/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/text.h"

namespace ipsecgw::cli {

using base::Error;
using base::ErrorCode;

Connection::Connection(int fd, const Source& source, uint64_t now_ns)
    : fd_(fd), source_(source), last_progress_ns_(now_ns)
{
}

Connection::~Connection() { close(fd_); }

uint32_t Connection::interest() const
{
    if (waits())
        return 0;
    if (is_busy() || in_.find('\n') != std::string::npos)
        return EPOLLOUT;
    return EPOLLIN;
}

Connection::Next Connection::on_ready(uint32_t events, uint64_t now_ns)
{
    if ((events & (EPOLLERR | EPOLLHUP)) != 0)
        return Next::kClose;
    last_progress_ns_ = now_ns;
    if ((events & EPOLLIN) != 0 && read_some() == Next::kClose)
        return Next::kClose;
    if (!is_busy())
        take_request();
    if (out_.empty() && reply_)
        make_page();
    if (write_some() == Next::kClose)
        return Next::kClose;
    if (is_busy())
        return Next::kKeep;
    const bool waits = in_.find('\n') != std::string::npos;
    return closes_after_output_ || (has_end_of_input_ && !waits) ? Next::kClose : Next::kKeep;
}

Connection::Next Connection::read_some()
{
    std::array<char, kMaxRequestBytes> buffer;
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? Next::kKeep : Next::kClose;
    if (got == 0) {
        has_end_of_input_ = true;
        if (!in_.empty() && in_.back() != '\n')
            in_ += '\n';  // a last line without its end
    }
    in_.append(buffer.data(), static_cast<size_t>(got));
    return Next::kKeep;
}

void Connection::take_request()
{
    const size_t end = in_.find('\n');
    if (end == std::string::npos ? in_.size() > kMaxRequestBytes : end > kMaxRequestBytes) {
        in_.clear();
        closes_after_output_ = true;  // where the next request starts is not known
        refuse({ErrorCode::kInvalidArgument, base::format("the request is longer than %zu bytes", kMaxRequestBytes),
                "one request is one JSON object on one line"});
        return;
    }
    if (end == std::string::npos)
        return;
    const std::string line = in_.substr(0, end);
    in_.erase(0, end + 1);
    if (!base::trim(line).empty())
        handle(line);
}

void Connection::handle(std::string_view line)
{
    const Json request = Json::parse(line, nullptr, false);
    if (!request.is_object())
        return refuse({ErrorCode::kInvalidArgument,
                       request.is_discarded() ? "the request is not valid JSON" : "the request is no JSON object",
                       "write {\"command\": \"sa show\"}"});
    Json args;
    const std::string* command = nullptr;
    bool describe = false;
    for (const auto& [name, value] : request.items()) {
        if (name == "command" && value.is_string())
            command = value.get_ptr<const std::string*>();
        else if (name == "args")
            args = value;
        else if (name == "describe" && value.is_boolean())
            describe = value.get<bool>();
        else
            return refuse({ErrorCode::kInvalidArgument,
                           "the request has no member \"" + name.substr(0, 64) + "\" of this type",
                           "it has: command (string), args (object), describe (boolean)"});
    }
    if (command == nullptr)
        return refuse({ErrorCode::kInvalidArgument, "the request has no \"command\"", "write {\"command\": \"sa show\"}"});
    auto reply = answer(source_, *command, args);
    if (!reply)
        return refuse(reply.error());
    if (describe)
        out_ += to_line({{"fields", to_json(reply->fields)}});
    reply_ = std::move(reply).value();
}

void Connection::make_page()
{
    if (reply_->waits())
        return;
    if (reply_->outcome && reply_->outcome->error) {
        refuse(*reply_->outcome->error, reply_->outcome->details);
        reply_.reset();
        return;
    }
    std::vector<Json> page;
    const bool more = reply_->outcome && reply_->outcome->rows ? reply_->outcome->rows(page) : reply_->next(page);
    for (auto& row : page) {
        Json line = Json::object();
        line["row"] = std::move(row);
        out_ += to_line(line);
    }
    if (more)
        return;
    Json done = {{"done", true}};
    if (reply_->outcome && !reply_->outcome->details.empty())
        done["details"] = reply_->outcome->details;
    out_ += to_line(done);
    reply_.reset();
}

void Connection::refuse(const Error& error, const std::vector<std::string>& details)
{
    Json body = to_json(error);
    if (!details.empty())
        body["details"] = details;
    out_ += to_line({{"error", std::move(body)}});
}

Connection::Next Connection::write_some()
{
    while (written_ < out_.size()) {
        const ssize_t sent = send(fd_, out_.data() + written_, out_.size() - written_, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR)
                continue;
            return errno == EAGAIN ? Next::kKeep : Next::kClose;
        }
        written_ += static_cast<size_t>(sent);
    }
    written_ = 0;
    out_.clear();
    if (!reply_)
        out_.shrink_to_fit();
    return Next::kKeep;
}

}  // namespace ipsecgw::cli
