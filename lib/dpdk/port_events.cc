#include "dpdk/port_events.h"

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include <rte_ethdev.h>
#include <rte_pause.h>

#include "base/text.h"
#include "dpdk/port_event_queue.h"

namespace ipsecgw::dpdk {

using base::Error;
using base::ErrorCode;

namespace {

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
            static_cast<PortEvents*>(self)->queue_->put(*event);
        return 0;
    }
};

PortEvents::PortEvents(std::unique_ptr<PortEventQueue> queue) : queue_(std::move(queue)) {}

base::Result<std::unique_ptr<PortEvents>> PortEvents::create(std::span<const uint16_t> port_ids, uint32_t slots)
{
    std::unique_ptr<PortEvents> events(new PortEvents(GW_TRY(PortEventQueue::create(slots))));
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
}

int PortEvents::event_fd() const noexcept
{
    return queue_->event_fd();
}

uint64_t PortEvents::lost() const noexcept
{
    return queue_->lost();
}

std::vector<PortEvent> PortEvents::take()
{
    return queue_->take();
}

}  // namespace ipsecgw::dpdk
