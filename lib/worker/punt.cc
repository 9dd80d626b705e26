#include "worker/punt.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_atomic.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

namespace ipsecgw::worker {

// No wake-up is lost (Dekker's argument). A worker stores the packet, then loads `sleeping_`; control stores
// `sleeping_`, then loads the ring. Between its store and its load each has a sequentially consistent fence, so one
// fence precedes the other in their total order: if the worker's is first, control's load sees the packet and control
// does not sleep; otherwise the worker's load sees `sleeping_` and writes the eventfd. Both may happen, which costs one
// empty wake-up. The ring's store counts as done when the enqueue returns: it waits for the producers before it, so the
// packet is visible to the consumer then.

namespace {

bool is_half_empty(const dpdk::Ring& ring) noexcept
{
    return rte_ring_count(ring.get()) <= rte_ring_get_capacity(ring.get()) / 2;
}

uint32_t dequeue(dpdk::Ring& ring, std::span<rte_mbuf*> out) noexcept
{
    return rte_ring_dequeue_burst(ring.get(), reinterpret_cast<void**>(out.data()), static_cast<unsigned>(out.size()),
                                  nullptr);
}

}  // namespace

base::Result<std::unique_ptr<PuntQueue>> PuntQueue::create(uint32_t size)
{
    auto ring = GW_TRY(dpdk::Ring::create(size + 1, dpdk::Producers::kMany, SOCKET_ID_ANY));
    auto ike_ring = GW_TRY(dpdk::Ring::create(ike_size(size) + 1, dpdk::Producers::kMany, SOCKET_ID_ANY));
    const int event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (event_fd < 0)
        return base::Error{base::ErrorCode::kIo, std::string("eventfd of the punt queue: ") + std::strerror(errno)};
    return std::unique_ptr<PuntQueue>(new PuntQueue(std::move(ring), std::move(ike_ring), event_fd));
}

PuntQueue::~PuntQueue()
{
    std::array<rte_mbuf*, 64> left;
    while (const uint32_t count = take(left))
        rte_pktmbuf_free_bulk(left.data(), count);
    close(event_fd_);
}

bool PuntQueue::put_into(dpdk::Ring& ring, rte_mbuf* m) noexcept
{
    if (rte_ring_enqueue(ring.get(), m) != 0)
        return false;
    rte_atomic_thread_fence(__ATOMIC_SEQ_CST);  // std's is unknown to gcc's thread sanitizer
    // The exchange leaves the system call to one of several workers.
    if (sleeping_.load(std::memory_order_relaxed) && sleeping_.exchange(false, std::memory_order_relaxed)) {
        const uint64_t one = 1;
        // Fails only when the counter is about to overflow: then it is readable anyway.
        [[maybe_unused]] const ssize_t written = write(event_fd_, &one, sizeof one);
    }
    return true;
}

bool PuntQueue::put(rte_mbuf* m) noexcept
{
    return put_into(ring_, m);
}

bool PuntQueue::put_if_half_empty(rte_mbuf* m) noexcept
{
    return is_half_empty(ring_) && put_into(ring_, m);
}

bool PuntQueue::put_ike(rte_mbuf* m, IkeKind kind) noexcept
{
    return (kind == IkeKind::kOfAnIkeSa || is_half_empty(ike_ring_)) && put_into(ike_ring_, m);
}

uint32_t PuntQueue::take(std::span<rte_mbuf*> out) noexcept
{
    const uint32_t first = dequeue(ring_, out);
    return first + dequeue(ike_ring_, out.subspan(first));
}

bool PuntQueue::prepare_to_sleep() noexcept
{
    sleeping_.store(true, std::memory_order_relaxed);
    rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (rte_ring_empty(ring_.get()) != 0 && rte_ring_empty(ike_ring_.get()) != 0)
        return true;
    sleeping_.store(false, std::memory_order_relaxed);
    return false;
}

void PuntQueue::woke() noexcept
{
    sleeping_.store(false, std::memory_order_relaxed);
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t taken = read(event_fd_, &count, sizeof count);
}

}  // namespace ipsecgw::worker
