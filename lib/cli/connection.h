// One client of the control socket: lines in, pages of lines out, bounded both ways.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/source.h"
#include "cli/verbs.h"

namespace ipsecgw::cli {

/// Holds at most one request and one page of its answer; the next page is made when the socket has taken the last one, and the next
/// request is read when its answer is out. A client that does not read costs its socket and those bytes, nothing else.
/// Threads: the control thread.
class Connection {
 public:
    /// Takes the descriptor, which must be non-blocking.
    Connection(int fd, const Source& source, uint64_t now_ns);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    enum class Next : uint8_t { kKeep, kClose };
    /// One turn of work: one read, at most one page, one write.
    [[nodiscard]] Next on_ready(uint32_t events, uint64_t now_ns);
    /// The events it waits for (epoll's).
    [[nodiscard]] uint32_t interest() const;
    /// The answer is not known yet, and nothing is to be written: ask again with no events, soon.
    [[nodiscard]] bool waits() const { return out_.empty() && reply_ && reply_->waits(); }
    /// When bytes last moved.
    [[nodiscard]] uint64_t last_progress_ns() const noexcept { return last_progress_ns_; }

 private:
    [[nodiscard]] bool is_busy() const noexcept { return !out_.empty() || reply_.has_value(); }
    [[nodiscard]] Next read_some();
    [[nodiscard]] Next write_some();
    void take_request();
    void handle(std::string_view line);
    void make_page();
    void refuse(const base::Error& error, const std::vector<std::string>& details = {});

    const int fd_;
    const Source& source_;
    uint64_t last_progress_ns_;
    std::string in_;
    std::string out_;
    size_t written_ = 0;            // of out_
    std::optional<Reply> reply_;    // not finished yet
    bool has_end_of_input_ = false;
    bool closes_after_output_ = false;
};

}  // namespace ipsecgw::cli
