#include "control/watch.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include <rte_cycles.h>

#include "base/byte_order.h"
#include "base/clock.h"
#include "base/text.h"
#include "net/headers.h"

namespace ipsecgw::control {

using trace::Point;
using trace::Record;

namespace {

constexpr size_t kMaxWaiting = 16384;  // records of ours, taken from the workers' rings
constexpr size_t kMaxNumbers = 65536;  // packets whose numbers are known
constexpr uint64_t kLingerMs = 300;    // in which the last packets come to their ends: a next hop may have to be resolved

std::string protocol_name(uint8_t protocol)
{
    switch (protocol) {
        case net::kProtoIcmp:
            return "icmp";
        case net::kProtoTcp:
            return "tcp";
        case net::kProtoUdp:
            return "udp";
        case net::kProtoEsp:
            return "esp";
        case net::kProtoIcmpv6:
            return "icmpv6";
        case net::kProtoSctp:
            return "sctp";
        default:
            return "protocol " + std::to_string(protocol);
    }
}

uint64_t unix_ns()
{
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<uint64_t>(now.tv_sec) * base::kNsPerSecond + static_cast<uint64_t>(now.tv_nsec);
}

std::string quoted(const std::string& name, const char* otherwise)
{
    return name.empty() ? otherwise : name;
}

}  // namespace

std::string summary_of(const std::vector<uint8_t>& bytes, bool has_ethernet)
{
    const auto headers = trace::read_headers(bytes, has_ethernet);
    if (!headers) {
        if (has_ethernet && bytes.size() >= sizeof(net::EthernetHeader))
            return base::format("Ethernet type 0x%04x", base::load_be16(&bytes[12]));
        return "no IP packet";
    }
    std::string out = headers->source.to_string() + " > " + headers->destination.to_string() + " " + protocol_name(headers->protocol);
    if (headers->source_port && headers->destination_port)
        out += base::format(" %u > %u", *headers->source_port, *headers->destination_port);
    if (headers->spi)
        out += base::format(" spi 0x%08x", *headers->spi);
    return out;
}

Watch::Watch(const worker::Tap::Settings& settings, Parts parts)
    : parts_(std::move(parts)),
      tap_(std::make_unique<worker::Tap>(settings, static_cast<uint16_t>(parts_.workers.size()))),
      worker_count_(static_cast<uint16_t>(parts_.workers.size())),
      follows_(settings.follows),
      begin_tsc_(rte_rdtsc()),
      begin_unix_ns_(unix_ns())
{
    for (auto* worker : parts_.workers)
        worker->watch(tap_.get());
}

Watch::~Watch()
{
    for (auto* worker : parts_.workers)
        worker->watch(nullptr);
    parts_.reclaimer->retire(std::move(tap_));
    parts_.ended();
}

uint64_t Watch::lost() const noexcept
{
    uint64_t sum = 0;
    for (uint16_t worker = 0; worker < worker_count_; worker++)
        sum += tap_->ring(worker).lost();
    return sum;
}

void Watch::collect()
{
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<long>(at_));
    at_ = 0;
    const size_t before = waiting_.size();
    for (uint16_t worker = 0; worker < worker_count_; worker++) {
        Noted noted;
        while (waiting_.size() < kMaxWaiting && tap_->ring(worker).take(noted.record, noted.bytes))
            waiting_.push_back(std::move(noted));
    }
    std::stable_sort(waiting_.begin() + static_cast<long>(before), waiting_.end(),
                     [](const Noted& a, const Noted& b) { return a.record.tsc < b.record.tsc; });
    if (tap_->is_used_up() && used_up_tsc_ == 0)
        used_up_tsc_ = rte_rdtsc();
    if (used_up_tsc_ != 0 && waiting_.empty() && rte_rdtsc() - used_up_tsc_ > rte_get_tsc_hz() / 1000 * kLingerMs)
        is_finished_ = true;
}

uint64_t Watch::number_of(uint64_t mark)
{
    const auto at = std::lower_bound(numbers_.begin(), numbers_.end(), mark, [](const auto& entry, uint64_t wanted) { return entry.first < wanted; });
    if (at != numbers_.end() && at->first == mark)
        return at->second;
    if (numbers_.size() >= kMaxNumbers)
        numbers_.clear();  // what comes to its end later gets another number
    numbers_.insert(std::lower_bound(numbers_.begin(), numbers_.end(), std::pair(mark, uint64_t{0})), {mark, ++last_number_});
    return last_number_;
}

std::vector<WatchEvent> Watch::take(size_t limit)
{
    if (at_ == waiting_.size())
        collect();
    std::vector<WatchEvent> events;
    policies_.clear();
    for (; at_ < waiting_.size() && events.size() < limit; at_++)
        events.push_back(event_of(waiting_[at_]));
    return events;
}

WatchEvent Watch::event_of(Noted& noted)
{
    const Record& record = noted.record;
    WatchEvent event;
    event.packet = follows_ ? number_of(record.packet) : 0;
    const double ticks = static_cast<double>(record.tsc) - static_cast<double>(begin_tsc_);
    event.unix_ns = begin_unix_ns_ + static_cast<uint64_t>(std::max(0.0, ticks * 1e9 / static_cast<double>(rte_get_tsc_hz())));
    event.worker = record.worker;
    event.point = record.point;
    if (record.point == Point::kReceived || record.point == Point::kSent)
        event.port = parts_.names.port(record.port);
    if (record.spi != 0)
        event.sa = parts_.names.sa(record.spi, record.slot, record.is_outbound);
    if (record.policy != trace::kNoPolicy) {
        const auto [known, is_new] = policies_.try_emplace(record.policy);
        if (is_new)
            known->second = parts_.names.policy(record.policy);
        event.policy = known->second;
    }
    event.spi = record.spi;
    event.sequence = record.sequence;
    if (record.point == Point::kDropped)
        event.reason = telemetry::drop_name(record.reason);
    event.length = record.length;
    event.has_ethernet = record.has_ethernet;
    event.bytes = std::move(noted.bytes);
    event.text = text_of(event, record);
    return event;
}

std::string Watch::text_of(const WatchEvent& event, const Record& record) const
{
    const std::string packet = summary_of(event.bytes, event.has_ethernet) + base::format(", %u bytes", event.length);
    const std::string sa = quoted(event.sa, "an SA that is gone") + base::format(" (0x%08x)", event.spi);
    switch (event.point) {
        case Point::kReceived:
            return "on " + event.port + ": " + packet;
        case Point::kSent:
            return "on " + event.port + ": " + packet;
        case Point::kToOpen:
            return "by SA " + sa + base::format(", sequence %llu", static_cast<unsigned long long>(event.sequence));
        case Point::kOpened:
            return "authentic, not seen before, out of SA " + sa + ": " + packet;
        case Point::kPolicyOut:
        case Point::kPolicyIn:
            return record.policy == trace::kNoPolicy ? "no policy matches"
                                                     : "policy " + quoted(event.policy, "(gone)") + (event.has_ethernet ? ", a known flow" : "");
        case Point::kToSeal:
            return "by SA " + sa;
        case Point::kSealed:
            if (event.sequence == 0)
                return "left to be sealed by the port, SA " + sa + ": " + packet;
            return "by SA " + sa + base::format(", sequence %llu: ", static_cast<unsigned long long>(event.sequence)) + packet;
        case Point::kHandedOver:
            return base::format("to worker %u, which owns the SA", record.to_worker);
        case Point::kToControl:
            return "to the control thread";
        case Point::kDropped:
            return event.reason + ": " + std::string(telemetry::drop_help(record.reason));
        case Point::kCount:
            break;
    }
    return "";
}

}  // namespace ipsecgw::control
