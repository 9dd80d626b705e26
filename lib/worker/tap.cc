#include "worker/tap.h"

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "base/byte_order.h"
#include "net/headers.h"
#include "worker/packet_info.h"

namespace ipsecgw::worker {

using trace::Point;
using trace::Record;

namespace {

// A mark: session, worker and number. A packet keeps the mark of a session that has ended, or of the packet that was in
// its buffer before: no session takes those for its own, as a packet that comes in loses its mark first.
constexpr unsigned kSessionShift = 32;
constexpr unsigned kWorkerShift = 24;
constexpr uint32_t kNumberMask = (1u << kWorkerShift) - 1;

std::span<const uint8_t> bytes_of(rte_mbuf* m) noexcept
{
    return {rte_pktmbuf_mtod(m, const uint8_t*), m->data_len};
}

/// What is dropped may begin with either: an IP header tells its own length.
bool begins_with_ethernet(std::span<const uint8_t> bytes) noexcept
{
    if (bytes.size() >= sizeof(net::Ipv4Header) && bytes[0] >> 4 == 4)
        return base::load_be16(&bytes[2]) != bytes.size();
    if (bytes.size() >= sizeof(net::Ipv6Header) && bytes[0] >> 4 == 6)
        return base::load_be16(&bytes[4]) + sizeof(net::Ipv6Header) != bytes.size();
    return true;
}

/// Of an ESP packet that begins with its IP header; 0 where there is none.
uint32_t esp_sequence(std::span<const uint8_t> ip, bool is_in_udp) noexcept
{
    if (ip.size() < sizeof(net::Ipv6Header))
        return 0;
    const size_t header = ip[0] >> 4 == 4 ? size_t{ip[0] & 0x0fu} * 4 : sizeof(net::Ipv6Header);
    const size_t at = header + (is_in_udp ? sizeof(net::UdpHeader) : 0) + 4;
    return at + 4 <= ip.size() ? base::load_be32(&ip[at]) : 0;
}

}  // namespace

Tap::Tap(const Settings& settings, uint16_t workers) : settings_(settings), marked_(workers), left_(settings.limit)
{
    for (uint16_t i = 0; i < workers; i++)
        rings_.push_back(std::make_unique<trace::RecordRing>(settings.records, settings.snap));
}

bool Tap::is_marked(rte_mbuf* m) const noexcept
{
    return info(m).trace >> kSessionShift == settings_.session;
}

bool Tap::filter_wants(rte_mbuf* m, bool has_ethernet) const noexcept
{
    if (settings_.filter.takes_all())
        return true;
    const auto headers = trace::read_headers(bytes_of(m), has_ethernet);
    return headers && settings_.filter.matches(*headers);
}

bool Tap::claim() noexcept
{
    return settings_.limit == 0 || (left_.load(std::memory_order_relaxed) > 0 && left_.fetch_sub(1, std::memory_order_relaxed) > 0);
}

bool Tap::mark(uint16_t worker, rte_mbuf* m) noexcept
{
    if (!claim())
        return false;
    const uint32_t number = (uint32_t{worker} << kWorkerShift) | (marked_[worker]++ & kNumberMask);
    info(m).trace = uint64_t{settings_.session} << kSessionShift | number;
    return true;
}

bool Tap::takes(uint16_t worker, Point point, rte_mbuf* m, bool has_ethernet) noexcept
{
    const trace::Filter& filter = settings_.filter;
    if (settings_.follows) {
        // An SA's inner packet may be what is wanted, and not the ESP it came in.
        if (point == Point::kOpened && !is_marked(m) && !filter.is_about_drops && !filter.on && !filter.takes_all() &&
            filter_wants(m, has_ethernet))
            mark(worker, m);
        return is_marked(m);
    }
    return filter_wants(m, has_ethernet) && claim();
}

void Tap::note(uint16_t worker, Record record, rte_mbuf* m) noexcept
{
    if (!wants(record.point))
        return;
    record.packet = info(m).trace;
    record.tsc = rte_rdtsc();
    record.worker = worker;
    record.length = m->pkt_len;
    rings_[worker]->put(record, bytes_of(m));
}

void Tap::received(uint16_t worker, uint16_t port, std::span<rte_mbuf* const> frames) noexcept
{
    const trace::Filter& filter = settings_.filter;
    for (rte_mbuf* m : frames) {
        info(m).trace = 0;
        if (filter.is_about_drops || (filter.on && *filter.on != port) || (!settings_.follows && !wants(Point::kReceived)) ||
            !filter_wants(m, true))
            continue;
        if (settings_.follows ? mark(worker, m) : claim())
            note(worker, {.port = port, .point = Point::kReceived, .has_ethernet = true}, m);
    }
}

void Tap::matched(uint16_t worker, Point point, std::span<rte_mbuf* const> packets, const sa::PolicyEntry* const* policies,
                  bool by_known_flow) noexcept
{
    if (!wants(point) || !settings_.follows)
        return;
    for (size_t i = 0; i < packets.size(); i++)
        if (is_marked(packets[i]))
            note(worker,
                 {.policy = policies[i] != nullptr ? policies[i]->id : trace::kNoPolicy,
                  .point = point,
                  .has_ethernet = by_known_flow},
                 packets[i]);
}

void Tap::at(uint16_t worker, Point point, const sa::InboundSa& sa, std::span<rte_mbuf* const> packets) noexcept
{
    if (!settings_.follows && !wants(point))
        return;
    for (rte_mbuf* m : packets)
        if (takes(worker, point, m, false))
            note(worker,
                 {.sequence = point == Point::kToOpen && m->l3_len >= 20 && m->data_len >= m->l3_len + 8u
                                  ? base::load_be32(rte_pktmbuf_mtod_offset(m, const uint8_t*, m->l3_len + 4))
                                  : 0,
                  .spi = sa.spi,
                  .slot = sa.slot,
                  .point = point},
                 m);
}

void Tap::at(uint16_t worker, Point point, const sa::OutboundSa& sa, std::span<rte_mbuf* const> packets) noexcept
{
    if (!settings_.follows && !wants(point))
        return;
    // Where the port frames, it is not ESP yet.
    const bool is_esp = point == Point::kSealed && sa.kind != sa::OffloadKind::kFullProtocol && !sa.is(sa::kSaTransport);
    for (rte_mbuf* m : packets)
        if (takes(worker, point, m, false))
            note(worker,
                 {.sequence = is_esp ? esp_sequence(bytes_of(m), sa.is(sa::kSaUdp)) : 0,
                  .spi = sa.spi,
                  .slot = sa.slot,
                  .point = point,
                  .is_outbound = true},
                 m);
}

void Tap::handed_over(uint16_t worker, uint16_t to, std::span<rte_mbuf* const> packets) noexcept
{
    if (!settings_.follows)
        return;
    for (rte_mbuf* m : packets)
        if (is_marked(m))
            note(worker, {.to_worker = to, .point = Point::kHandedOver, .has_ethernet = begins_with_ethernet(bytes_of(m))}, m);
}

void Tap::to_control(uint16_t worker, rte_mbuf* m) noexcept
{
    if (settings_.follows && is_marked(m))
        note(worker, {.point = Point::kToControl, .has_ethernet = begins_with_ethernet(bytes_of(m))}, m);
}

void Tap::sent(uint16_t worker, uint16_t port, std::span<rte_mbuf* const> frames) noexcept
{
    if (!settings_.follows && (!wants(Point::kSent) || (settings_.filter.on && *settings_.filter.on != port)))
        return;
    for (rte_mbuf* m : frames)
        if (takes(worker, Point::kSent, m, true))
            note(worker, {.port = port, .point = Point::kSent, .has_ethernet = true}, m);
}

void Tap::dropped(uint16_t worker, std::span<rte_mbuf* const> packets, const telemetry::Drop* reasons) noexcept
{
    const trace::Filter& filter = settings_.filter;
    if (!settings_.follows)
        return;
    for (size_t i = 0; i < packets.size(); i++) {
        rte_mbuf* m = packets[i];
        const bool has_ethernet = begins_with_ethernet(bytes_of(m));
        if (filter.is_about_drops) {
            const bool is_wanted = filter.reason ? *filter.reason == reasons[i] : !telemetry::drop_is_benign(reasons[i]);
            if (!is_wanted || !filter_wants(m, has_ethernet) || !mark(worker, m))
                continue;
        } else if (!is_marked(m)) {
            continue;
        }
        note(worker, {.point = Point::kDropped, .reason = reasons[i], .has_ethernet = has_ethernet}, m);
    }
}

}  // namespace ipsecgw::worker
