#include "iked/inbox.h"

#include <algorithm>
#include <utility>

namespace ipsecgw::iked {
namespace {

constexpr uint32_t kTurnsForOthers = 8;  // one in so many is for an initial message

/// Without a responder SPI (RFC 7296 section 3.1: bytes 8 to 15).
bool is_initial(std::span<const uint8_t> message)
{
    return message.size() < 16 ||
           std::all_of(message.begin() + 8, message.begin() + 16, [](uint8_t byte) { return byte == 0; });
}

}  // namespace

bool Inbox::put(const ike::Datagram& datagram)
{
    const bool initial = is_initial(datagram.bytes);
    std::deque<Message>& queue = initial ? initial_ : of_ike_sas_;
    if (queue.size() >= (initial ? limits_.initial : limits_.of_ike_sas) ||
        bytes_ + datagram.bytes.size() > limits_.bytes)
        return false;
    bytes_ += datagram.bytes.size();
    queue.push_back({datagram.local, datagram.remote, {datagram.bytes.begin(), datagram.bytes.end()}});
    return true;
}

std::optional<Message> Inbox::take()
{
    if (empty())
        return std::nullopt;
    const bool prefers_initial = ++turn_ % kTurnsForOthers == 0;
    const bool takes_initial = of_ike_sas_.empty() || (prefers_initial && !initial_.empty());
    std::deque<Message>& queue = takes_initial ? initial_ : of_ike_sas_;
    Message message = std::move(queue.front());
    queue.pop_front();
    bytes_ -= message.bytes.size();
    return message;
}

}  // namespace ipsecgw::iked
