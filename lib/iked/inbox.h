// IKE messages between the data path and the engine: few enough to hold, and in a fair order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "ike/effects.h"

namespace ipsecgw::iked {

struct Message {
    ike::Endpoint local, remote;
    std::vector<uint8_t> bytes;
};

/// Two queues, since anybody can send any number of messages that open an IKE SA: those of IKE SAs that are there wait
/// apart and come first, but for each eighth turn. Both are bounded; what does not fit is refused, and its sender sends
/// it again (RFC 7296 section 2.1).
class Inbox {
  public:
    struct Limits {
        size_t initial = 512;      // messages
        size_t of_ike_sas = 4096;  // messages
        size_t bytes = 16 << 20;   // of both
    };
    explicit Inbox(Limits limits) : limits_(limits) {}

    /// False: there is no room for it.
    bool put(const ike::Datagram& datagram);
    std::optional<Message> take();
    [[nodiscard]] bool empty() const noexcept { return initial_.empty() && of_ike_sas_.empty(); }
    [[nodiscard]] size_t size() const noexcept { return initial_.size() + of_ike_sas_.size(); }

  private:
    Limits limits_;
    std::deque<Message> initial_;
    std::deque<Message> of_ike_sas_;
    size_t bytes_ = 0;
    uint32_t turn_ = 0;
};

}  // namespace ipsecgw::iked
