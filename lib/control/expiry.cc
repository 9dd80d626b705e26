// SAs at the end of their life, whoever has noticed: a timer, the workers' counters or a port.
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "control/control_plane_internal.h"
#include "offload/session_request.h"

namespace ipsecgw::control {
namespace {

using End = Lifetimes::End;

struct Reported {
    End end;
    std::string what;
};

/// Of events that name an SA.
std::optional<Reported> reported(dpdk::PortEventKind kind, const model::Lifetime& lifetime)
{
    const auto amount = [](uint64_t count, const char* unit) {
        return base::format("%llu %s", static_cast<unsigned long long>(count), unit);
    };
    switch (kind) {
        case dpdk::PortEventKind::kSoftPackets:
            return Reported{End::kSoft, amount(lifetime.soft_packets, "packets")};
        case dpdk::PortEventKind::kSoftBytes:
            return Reported{End::kSoft, amount(lifetime.soft_bytes, "bytes")};
        case dpdk::PortEventKind::kSoftTime:
            return Reported{End::kSoft, amount(lifetime.soft_seconds, "seconds")};
        case dpdk::PortEventKind::kHardPackets:
            return Reported{End::kHard, amount(lifetime.hard_packets, "packets")};
        case dpdk::PortEventKind::kHardBytes:
            return Reported{End::kHard, amount(lifetime.hard_bytes, "bytes")};
        case dpdk::PortEventKind::kSequenceOverflow:
            return Reported{End::kExhausted, "all sequence numbers"};
        case dpdk::PortEventKind::kLinkChanged:
        case dpdk::PortEventKind::kReset:
        case dpdk::PortEventKind::kRemoved:
            break;
    }
    return std::nullopt;
}

bool is_about_port(dpdk::PortEventKind kind)
{
    return kind == dpdk::PortEventKind::kReset || kind == dpdk::PortEventKind::kRemoved ||
           kind == dpdk::PortEventKind::kLinkChanged;
}

}  // namespace

void ControlPlane::State::lose_port(const dpdk::PortEvent& event, std::vector<Lifetimes::Expiry>& ends)
{
    const bool is_link = event.kind == dpdk::PortEventKind::kLinkChanged;
    const std::string why = base::format("port %u %s", event.port_id,
                                         is_link                                     ? "lost it with its link"
                                         : event.kind == dpdk::PortEventKind::kReset ? "was reset"
                                                                                     : "was removed");
    // A link that changes takes SAs along with some drivers only: the port is asked for each.
    std::vector<SaRecord*> lost;
    for (const auto& [name, record] : sas.all()) {
        if (record.installed == nullptr || record.expired || record.installed->session().port_id != event.port_id)
            continue;
        const auto statistics = record.installed->statistics();
        if (!is_link || (!statistics && statistics.error().code == base::ErrorCode::kNotFound))
            lost.push_back(sas.find(name));
    }
    if (parts.provider != nullptr && (!is_link || !lost.empty()))
        parts.provider->give_up(event.port_id, why);
    for (SaRecord* sa : lost) {
        auto went_on = installer.continue_in_software(*sa, why);
        if (went_on) {
            base::log(base::LogLevel::kWarning, "SA %s (0x%08x): %s: goes on in software", sa->params.name.c_str(),
                      sa->params.spi, why.c_str());
            continue;
        }
        sa->offload_reason = why + ": " + went_on.error().what;
        if (auto expiry = lifetimes.note(*sa, End::kPortLost, sa->offload_reason))
            ends.push_back(std::move(*expiry));
    }
}

/// The SA a port means; null when it has gone since.
SaRecord* ControlPlane::State::by_userdata(uint64_t userdata)
{
    const auto tag = sa::SaTag::from(userdata & ~offload::kOutboundUserdata);
    const bool is_outbound = (userdata & offload::kOutboundUserdata) != 0;
    const sa::OutboundSa* outbound = is_outbound ? parts.data->sad->outbound_by_tag(tag) : nullptr;
    const sa::InboundSa* inbound = is_outbound ? nullptr : parts.data->sad->inbound_by_tag(tag);
    if (outbound == nullptr && inbound == nullptr)
        return nullptr;
    const auto [first, last] = sas.by_spi().equal_range(outbound != nullptr ? outbound->spi : inbound->spi);
    for (auto it = first; it != last; ++it)
        if (outbound != nullptr ? it->second->outbound == outbound : it->second->inbound == inbound)
            return it->second;
    return nullptr;
}

std::vector<Lifetimes::Expiry> ControlPlane::State::reported_by_ports()
{
    std::vector<Lifetimes::Expiry> ends;
    if (parts.port_events == nullptr)
        return ends;
    for (const dpdk::PortEvent& event : parts.port_events->take()) {
        if (is_about_port(event.kind)) {
            lose_port(event, ends);
            continue;
        }
        SaRecord* sa = by_userdata(event.userdata);
        if (sa == nullptr)
            continue;
        if (auto end = reported(event.kind, sa->params.lifetime))
            if (auto expiry = lifetimes.note(*sa, end->end, std::move(end->what)))
                ends.push_back(std::move(*expiry));
    }
    return ends;
}

void ControlPlane::State::stop(const Lifetimes::Expiry& expiry)
{
    switch (expiry.end) {
        case End::kSoft:
            break;
        case End::kPortLost:
            expiry.sa->is_port_lost = true;
            [[fallthrough]];
        case End::kHard:
            keepalives.untrack(*expiry.sa);
            installer.expire(*expiry.sa);
            break;
        case End::kExhausted:
            installer.exhaust(*expiry.sa);
            break;
    }
}

void ControlPlane::State::expire_sas(uint64_t now_ns)
{
    struct Ended {
        std::string name;
        uint32_t spi;
        model::Direction direction;
        End end;
        std::string what;
    };
    std::vector<Ended> ended;
    // Each list is dealt with before the next is made: an SA that both name is stopped once.
    const auto deal_with = [&](std::vector<Lifetimes::Expiry> ends) {
        for (auto& expiry : ends) {
            stop(expiry);
            const model::SaParams& params = expiry.sa->params;
            ended.push_back({params.name, params.spi, params.direction, expiry.end, std::move(expiry.what)});
        }
    };
    deal_with(reported_by_ports());
    deal_with(lifetimes.tick(now_ns));
    // Last, with nothing of the tables in hand: the listener may change them.
    for (const Ended& one : ended)
        report({one.name, one.spi, one.direction, one.end, one.what});
}

}  // namespace ipsecgw::control
