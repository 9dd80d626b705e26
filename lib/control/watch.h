// A session that traces or captures, as control sees it: names instead of numbers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "dpdk/qsbr.h"
#include "worker/tap.h"
#include "worker/worker.h"

namespace ipsecgw::control {

/// What is to be watched.
struct WatchRequest {
    std::string filter;  // trace::Filter's words
    trace::Points points = trace::kAllPoints;
    bool follows = true;  // packets point by point; else what the filter wants at each of the points
    uint16_t snap = 192;
    uint32_t limit = 0;  // packets that are followed, or records; 0: no limit
};

/// One point of one packet's way.
struct WatchEvent {
    uint64_t packet = 0;   // from 1, in the order packets were first seen; 0: not followed
    uint64_t unix_ns = 0;
    uint16_t worker = 0;
    trace::Point point = trace::Point::kReceived;
    std::string port;      // received from, sent to
    std::string sa, policy;
    std::string text;      // for people: what happened, without time and number
    uint32_t spi = 0;
    uint64_t sequence = 0;
    std::string reason;    // dropped
    uint32_t length = 0;   // of the packet; `bytes` may be fewer
    bool has_ethernet = false;
    std::vector<uint8_t> bytes;
};

/// Destroying it ends the session. One at a time; it must go before the control plane does.
/// Threads: the control thread.
class Watch {
  public:
    /// How records' numbers get their names.
    struct Names {
        std::function<std::string(uint32_t spi, uint32_t slot, bool is_outbound)> sa;
        std::function<std::string(uint32_t id)> policy;
        std::function<std::string(uint16_t index)> port;
    };
    struct Parts {
        std::vector<worker::Worker*> workers;
        dpdk::Reclaimer* reclaimer;
        Names names;
        std::function<void()> ended;
    };
    Watch(const worker::Tap::Settings& settings, Parts parts);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    /// Events since the last call, in the order of time, at most `limit`.
    std::vector<WatchEvent> take(size_t limit);
    /// All that was wanted has been seen, and a while has passed in which its packets could come to their ends.
    [[nodiscard]] bool is_finished() const noexcept { return is_finished_; }
    /// Records that did not fit while nobody took them.
    [[nodiscard]] uint64_t lost() const noexcept;

  private:
    struct Noted {
        trace::Record record;
        std::vector<uint8_t> bytes;
    };
    void collect();
    WatchEvent event_of(Noted& noted);
    std::string text_of(const WatchEvent& event, const trace::Record& record) const;
    uint64_t number_of(uint64_t mark);

    Parts parts_;
    std::unique_ptr<worker::Tap> tap_;
    const uint16_t worker_count_;
    const bool follows_;
    uint64_t begin_tsc_ = 0, begin_unix_ns_ = 0;
    std::vector<Noted> waiting_;  // collected, in the order of time
    size_t at_ = 0;
    std::vector<std::pair<uint64_t, uint64_t>> numbers_;  // mark -> number, sorted; the latest kNumbers
    uint64_t last_number_ = 0;
    std::map<uint32_t, std::string> policies_;  // by id, of this take()
    uint64_t used_up_tsc_ = 0;
    bool is_finished_ = false;
};

/// "10.1.0.2 > 10.2.1.9 udp 4000 > 5000", "02:00:...: type 0x0806": the packet in a line.
std::string summary_of(const std::vector<uint8_t>& bytes, bool has_ethernet);

}  // namespace ipsecgw::control
