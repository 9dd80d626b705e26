#include "dpdk/port_event_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_ring_elem.h>

#include "base/text.h"

namespace ipsecgw::dpdk {

static_assert(sizeof(PortEvent) == 16, "ring elements are multiples of 4 bytes");

base::Result<std::unique_ptr<PortEventQueue>> PortEventQueue::create(uint32_t slots)
{
    std::unique_ptr<PortEventQueue> queue(new PortEventQueue());
    const std::string name = base::format("events_%p", static_cast<void*>(queue.get()));
    queue->ring_ =
        rte_ring_create_elem(name.c_str(), sizeof(PortEvent), slots, SOCKET_ID_ANY, RING_F_SC_DEQ | RING_F_EXACT_SZ);
    queue->event_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (queue->ring_ == nullptr || queue->event_fd_ < 0)
        return base::Error{base::ErrorCode::kResourceExhausted, base::format("no memory for %u events of ports", slots),
                           ""};
    return queue;
}

PortEventQueue::~PortEventQueue()
{
    rte_ring_free(ring_);
    if (event_fd_ >= 0)
        close(event_fd_);
}

void PortEventQueue::put(const PortEvent& event) noexcept
{
    if (rte_ring_mp_enqueue_elem(ring_, const_cast<PortEvent*>(&event), sizeof event) != 0)
        lost_.fetch_add(1, std::memory_order_relaxed);
    // One wake-up for all that come before the reader does.
    if (!woken_.exchange(true, std::memory_order_acq_rel)) {
        const uint64_t one = 1;
        [[maybe_unused]] const ssize_t written = write(event_fd_, &one, sizeof one);
    }
}

std::vector<PortEvent> PortEventQueue::take()
{
    uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t got = read(event_fd_, &ignored, sizeof ignored);
    // Before the ring is looked at: what comes after this wakes again.
    woken_.exchange(false, std::memory_order_acq_rel);
    std::vector<PortEvent> events;
    PortEvent event;
    while (rte_ring_sc_dequeue_elem(ring_, &event, sizeof event) == 0)
        events.push_back(event);
    return events;
}

}  // namespace ipsecgw::dpdk
