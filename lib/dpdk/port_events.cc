#include "dpdk/port_events.h"

#include <array>
#include <cerrno>
#include <optional>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_pause.h>
#include <rte_ring_elem.h>

#include "base/text.h"

namespace ipsecgw::dpdk {

using base::Error;
using base::ErrorCode;

namespace {

static_assert(sizeof(PortEvent) == 16, "ring elements are multiples of 4 bytes");

constexpr std::array<rte_eth_event_type, 4> kTypes = {RTE_ETH_EVENT_IPSEC, RTE_ETH_EVENT_INTR_LSC,
                                                      RTE_ETH_EVENT_INTR_RESET, RTE_ETH_EVENT_INTR_RMV};

std::optional<PortEventKind> kind_of(rte_eth_event_ipsec_subtype subtype) noexcept
{
    switch (subtype) {
        case RTE_ETH_EVENT_IPSEC_ESN_OVERFLOW:
            return PortEventKind::kSequenceOverflow;
        case RTE_ETH_EVENT_IPSEC_SA_TIME_EXPIRY:
            return PortEventKind::kSoftTime;
        case RTE_ETH_EVENT_IPSEC_SA_BYTE_EXPIRY:
            return PortEventKind::kSoftBytes;
        case RTE_ETH_EVENT_IPSEC_SA_PKT_EXPIRY:
            return PortEventKind::kSoftPackets;
        case RTE_ETH_EVENT_IPSEC_SA_BYTE_HARD_EXPIRY:
            return PortEventKind::kHardBytes;
        case RTE_ETH_EVENT_IPSEC_SA_PKT_HARD_EXPIRY:
            return PortEventKind::kHardPackets;
        default:
            return std::nullopt;
    }
}

std::optional<PortEvent> event_of(uint16_t port_id, rte_eth_event_type type, const void* detail) noexcept
{
    switch (type) {
        case RTE_ETH_EVENT_INTR_LSC:
            return PortEvent{PortEventKind::kLinkChanged, port_id, 0};
        case RTE_ETH_EVENT_INTR_RESET:
            return PortEvent{PortEventKind::kReset, port_id, 0};
        case RTE_ETH_EVENT_INTR_RMV:
            return PortEvent{PortEventKind::kRemoved, port_id, 0};
        default:
            break;
    }
    if (type != RTE_ETH_EVENT_IPSEC || detail == nullptr)
        return std::nullopt;
    const auto& description = *static_cast<const rte_eth_event_ipsec_desc*>(detail);
    const auto kind = kind_of(description.subtype);
    if (!kind)
        return std::nullopt;
    return PortEvent{*kind, port_id, description.metadata};
}

}  // namespace

// What DPDK calls.
struct PortEvents::Callback {
    static int run(uint16_t port_id, rte_eth_event_type type, void* self, void* detail)
    {
        if (const auto event = event_of(port_id, type, detail))
            static_cast<PortEvents*>(self)->report(*event);
        return 0;
    }
};

base::Result<std::unique_ptr<PortEvents>> PortEvents::create(std::span<const uint16_t> port_ids, uint32_t slots)
{
    std::unique_ptr<PortEvents> events(new PortEvents());
    const std::string name = base::format("events_%p", static_cast<void*>(events.get()));
    events->ring_ =
        rte_ring_create_elem(name.c_str(), sizeof(PortEvent), slots, SOCKET_ID_ANY, RING_F_SC_DEQ | RING_F_EXACT_SZ);
    events->event_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (events->ring_ == nullptr || events->event_fd_ < 0)
        return Error{ErrorCode::kResourceExhausted, base::format("no memory for %u events of ports", slots), ""};
    for (const uint16_t port_id : port_ids)
        GW_TRY(events->listen(port_id));
    return events;
}

base::Result<void> PortEvents::listen(uint16_t port_id)
{
    port_ids_.push_back(port_id);
    for (const rte_eth_event_type type : kTypes)
        if (rte_eth_dev_callback_register(port_id, type, Callback::run, this) != 0)
            return Error{ErrorCode::kResourceExhausted, base::format("port %u: no memory for its events", port_id), ""};
    return {};
}

PortEvents::~PortEvents()
{
    for (const uint16_t port_id : port_ids_)
        for (const rte_eth_event_type type : kTypes)
            // -EAGAIN: it is running just now.
            while (rte_eth_dev_callback_unregister(port_id, type, Callback::run, this) == -EAGAIN)
                rte_pause();
    rte_ring_free(ring_);
    if (event_fd_ >= 0)
        close(event_fd_);
}

void PortEvents::report(const PortEvent& event) noexcept
{
    if (rte_ring_mp_enqueue_elem(ring_, const_cast<PortEvent*>(&event), sizeof event) != 0)
        lost_.fetch_add(1, std::memory_order_relaxed);
    // One wake-up for all that come before the reader does.
    if (!woken_.exchange(true, std::memory_order_acq_rel)) {
        const uint64_t one = 1;
        [[maybe_unused]] const ssize_t written = write(event_fd_, &one, sizeof one);
    }
}

std::vector<PortEvent> PortEvents::take()
{
    uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t got = read(event_fd_, &ignored, sizeof ignored);
    // Before the ring is looked at: what comes after this wakes again.
    woken_.store(false, std::memory_order_seq_cst);
    std::vector<PortEvent> events;
    PortEvent event;
    while (rte_ring_sc_dequeue_elem(ring_, &event, sizeof event) == 0)
        events.push_back(event);
    return events;
}

}  // namespace ipsecgw::dpdk
