// Polling, and the split of what came into the kinds of work.
//
// A packet of a known flow (known_flows.h), or ESP of an SA, takes a short way; whatever is unusual about a frame, or
// no longer holds of its flow, sends it through the stages as it came. A burst's frames keep their order all the same,
// but for ESP, which follows what came in clear.
#include <cstring>

#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include "esp/seal.h"
#include "worker/classify.h"
#include "worker/context.h"
#include "worker/parse.h"

namespace ipsecgw::worker {

namespace {

using model::PortRole;

constexpr uint16_t kPrefetchAhead = 4;
constexpr uint16_t kEthernet = sizeof(net::EthernetHeader);

enum class Way : uint8_t {
    kStages,
    kSeal,  // in clear, from the protected side, of a flow that may be known
    kOpen,  // ESP over plain IPv4
    kDone,
};

/// A burst of one port on its way.
struct Burst {
    // The arrays are written before they are read.
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
    Burst(const PortState& of, std::span<rte_mbuf*> received) noexcept : port(of), frames(received) {}

    const PortState& port;
    std::span<rte_mbuf*> frames;
    std::array<Way, kBurst> ways;
    std::array<PlainIpv4, kBurst> plain;
    // Of kSeal, one step after the other.
    std::array<const KnownFlows::Entry*, kBurst> entries;
    std::array<const sa::PolicyEntry*, kBurst> policies;
    const sa::PolicyEntry* last_policy = nullptr;
    sa::OutboundSa* last_sa = nullptr;  // its SA
    // What goes through the stages, and waits for its like.
    Batch clear;
    Batch opened;  // by the port
    // ESP candidates; the SAD is asked for them together.
    uint16_t candidate_count = 0;
    std::array<rte_mbuf*, kBurst> candidates;
    std::array<Kind, kBurst> kinds;
};

/// Counts the packets of one policy together.
class HitCounter {
  public:
    explicit HitCounter(uint16_t worker) noexcept : worker_(worker) {}
    ~HitCounter() { flush(); }
    HitCounter(const HitCounter&) = delete;
    HitCounter& operator=(const HitCounter&) = delete;

    void add(const sa::PolicyEntry& policy) noexcept
    {
        if (&policy != policy_) {
            flush();
            policy_ = &policy;
        }
        hits_++;
    }

  private:
    void flush() noexcept
    {
        if (hits_ != 0)
            policy_->hits_of(worker_).add(hits_);
        hits_ = 0;
    }
    const uint16_t worker_;
    const sa::PolicyEntry* policy_ = nullptr;
    uint64_t hits_ = 0;
};

/// Reads a frame for us; which way its packet may take.
Way look(const PortState& port, PortRole role, rte_mbuf* m, PlainIpv4& plain) noexcept
{
    const auto* frame = rte_pktmbuf_mtod(m, const uint8_t*);
    if (m->nb_segs != 1 || m->data_len < kEthernet) [[unlikely]]
        return Way::kStages;
    uint64_t start;
    uint16_t type;
    std::memcpy(&start, frame, sizeof start);
    std::memcpy(&type, frame + offsetof(net::EthernetHeader, type_be), sizeof type);
    if (((start ^ port.mac_word) << 16) != 0 || type != base::swap_be16(net::kEtherTypeIpv4)) [[unlikely]]
        return Way::kStages;
    if (!read_plain_ipv4(frame + kEthernet, m->data_len - uint32_t{kEthernet},
                         m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK, plain)) [[unlikely]]
        return Way::kStages;
    const uint8_t protocol = plain.flow.protocol();
    if (role == PortRole::kProtected)
        return plain.flow.has_ports() ? Way::kSeal : Way::kStages;
    if (protocol == net::kProtoEsp)
        return Way::kOpen;
    // UDP may be ESP inside: the SAD has to be asked.
    return role == PortRole::kBoth && protocol == net::kProtoTcp ? Way::kSeal : Way::kStages;
}

/// Every frame's headers, and what the next steps read for each.
void look_at_all(Context& context, Burst& burst) noexcept
{
    const std::span<rte_mbuf*> frames = burst.frames;
    const PortView& port = *burst.port.view;
    uint64_t bytes = 0;
    uint64_t spi = 0;  // of the frame before
    TagMemo tag;
    for (size_t i = 0; i < frames.size() && i < kPrefetchAhead; i++)
        rte_prefetch0(rte_pktmbuf_mtod(frames[i], const void*));
    for (size_t i = 0; i < frames.size(); i++) {
        if (i + kPrefetchAhead < frames.size())
            rte_prefetch0(rte_pktmbuf_mtod(frames[i + kPrefetchAhead], const void*));
        rte_mbuf* m = frames[i];
        bytes += m->pkt_len;
        if ((m->ol_flags & RTE_MBUF_F_RX_SEC_OFFLOAD) != 0) [[unlikely]] {
            if (take_opened_by_port(context, port, m, tag, burst.opened)) {
                burst.ways[i] = Way::kDone;
                continue;
            }
        }
        burst.ways[i] = look(burst.port, port.role, m, burst.plain[i]);
        if (burst.ways[i] == Way::kSeal) {
            burst.entries[i] = &context.known.at(burst.plain[i].flow);
            rte_prefetch0(burst.entries[i]);
        } else if (burst.ways[i] == Way::kOpen && burst.plain[i].flow.spi() != spi) {
            spi = burst.plain[i].flow.spi();
            context.data.sad->prefetch(static_cast<uint32_t>(spi));
        }
    }
    PortCounters& counters = context.counters.ports[port.index];
    counters.rx_packets.add(frames.size());
    counters.rx_bytes.add(bytes);
}

/// Policies and SAs of the known flows, each step's memory fetched for all of them before any of them needs it.
void find_known(Context& context, Burst& burst) noexcept
{
    const sa::PolicyEntry* last = nullptr;
    uint32_t runs = 0;
    for (size_t i = 0; i < burst.frames.size(); i++) {
        if (burst.ways[i] != Way::kSeal)
            continue;
        const sa::PolicyEntry* policy =
            burst.entries[i]->outbound_of(burst.plain[i].flow, context.spd_generation);
        burst.policies[i] = policy;
        if (policy == last) [[likely]]
            continue;
        last = policy;
        runs++;
        rte_prefetch0(policy);
    }
    if (runs == 1)
        return;
    last = nullptr;
    for (size_t i = 0; i < burst.frames.size(); i++) {
        if (burst.ways[i] != Way::kSeal || burst.policies[i] == last)
            continue;
        last = burst.policies[i];
        if (last != nullptr)
            prefetch_for_sealing(context, *last);
    }
}

/// False: the stages have a say, for there is no SA, or its mode or padding, the hop limit or the path MTU wants it.
bool seal_known(Context& context, Burst& burst, size_t i, HitCounter& hits) noexcept
{
    const sa::PolicyEntry* policy = burst.policies[i];
    if (policy == nullptr) [[unlikely]]
        return false;
    if (policy != burst.last_policy) {
        burst.last_policy = policy;
        // Acquire pairs with the release that swings the pointer: the SA behind it is complete.
        burst.last_sa = policy->outbound.load(std::memory_order_acquire);
    }
    sa::OutboundSa* sa = burst.last_sa;
    const PlainIpv4& plain = burst.plain[i];
    if (sa == nullptr || plain.hops <= 1 || sa->is(sa::kSaTransport) || sa->tfc_pad_to != 0) [[unlikely]]
        return false;
    const uint32_t mtu = mtu_before_route(context, *sa);
    if (plain.bytes + kMostSealedBytes > mtu && esp::sealed_bytes(*sa, plain.bytes) > mtu) [[unlikely]]
        return false;
    hits.add(*policy);
    rte_mbuf* m = burst.frames[i];
    m->data_off = static_cast<uint16_t>(m->data_off + kEthernet);
    m->pkt_len = plain.bytes;
    m->data_len = static_cast<uint16_t>(plain.bytes);
    take_hop_of_plain_ipv4(rte_pktmbuf_mtod(m, uint8_t*));
    enqueue_for_sealing(context, m, *sa);
    return true;
}

/// What waits for transit, before anything that came after it.
void flush_clear(Context& context, Burst& burst) noexcept
{
    if (burst.clear.count == 0)
        return;
    transit_clear(context, *burst.port.view, burst.clear.all());
    burst.clear.count = 0;
}

/// Through the stages.
void dispatch(Context& context, Burst& burst, rte_mbuf* m) noexcept
{
    const PortView& port = *burst.port.view;
    PacketInfo& packet = info(m);
    packet.in_port = port.index;
    packet.origin = Origin::kClear;
    packet.encapsulated = false;
    const Verdict verdict = classify(context.own, port, m);
    switch (verdict.kind) {
        case Kind::kDrop:
            context.drops.drop(m, verdict.reason);
            return;
        case Kind::kNeighbour:
            punt(context, m, Punt::kNeighbourFrame);
            return;
        case Kind::kLocal:
        case Kind::kTransit:
            break;
    }
    if (packet.fragment != Fragment::kWhole) [[unlikely]] {
        flush_clear(context, burst);
        take_fragment(context, m);
    } else if (read_spi(port, m)) {
        context.data.sad->prefetch(packet.spi);
        burst.kinds[burst.candidate_count] = verdict.kind;
        burst.candidates[burst.candidate_count++] = m;
    } else if (verdict.kind == Kind::kLocal) {
        deliver_clear(context, port, m);
        context.enter(Stage::kClassify);
    } else {
        burst.clear.add(m);
    }
}

/// Frames in order, but for ESP.
void pass_clear(Context& context, Burst& burst) noexcept
{
    HitCounter hits(context.index);
    for (size_t i = 0; i < burst.frames.size(); i++) {
        switch (burst.ways[i]) {
            case Way::kSeal:
                flush_clear(context, burst);
                if (seal_known(context, burst, i, hits)) [[likely]]
                    break;
                [[fallthrough]];
            case Way::kStages:
                dispatch(context, burst, burst.frames[i]);
                break;
            case Way::kOpen:
            case Way::kDone:
                break;
        }
    }
    flush_clear(context, burst);
}

/// ESP as it usually comes: of an SA of this worker, to the SA's address. False: the stages find out what it is.
bool is_for(const Context& context, const sa::InboundSa* sa, const Ipv4Flow& flow) noexcept
{
    if (sa == nullptr || sa->owner != context.index || sa->is(sa::kSaOuterIpv6)) [[unlikely]]
        return false;
    uint32_t local;
    std::memcpy(&local, sa->local.data(), sizeof local);
    return flow.destination() == local;
}

/// ESP of this worker's SAs; the rest joins the candidates.
void pass_esp(Context& context, Burst& burst) noexcept
{
    const sa::Sad& sad = *context.data.sad;
    uint64_t last = UINT64_MAX;
    for (size_t i = 0; i < burst.frames.size(); i++)
        if (burst.ways[i] == Way::kOpen && burst.plain[i].flow.spi() != last)
            sad.prefetch_found(static_cast<uint32_t>(last = burst.plain[i].flow.spi()));
    last = UINT64_MAX;
    sa::InboundSa* sa = nullptr;
    Incoming mine;
    for (size_t i = 0; i < burst.frames.size(); i++) {
        if (burst.ways[i] != Way::kOpen)
            continue;
        rte_mbuf* m = burst.frames[i];
        const PlainIpv4& plain = burst.plain[i];
        if (plain.flow.spi() != last) {
            last = plain.flow.spi();
            sa = sad.find(static_cast<uint32_t>(last));
            if (sa != nullptr)
                prefetch_for_opening(*sa, m->pkt_len);
        }
        if (!is_for(context, sa, plain.flow)) [[unlikely]] {
            dispatch(context, burst, m);
            continue;
        }
        info(m).in_port = burst.port.view->index;
        m->data_off = static_cast<uint16_t>(m->data_off + kEthernet);
        m->pkt_len = plain.bytes;
        m->data_len = static_cast<uint16_t>(plain.bytes);
        m->l3_len = sizeof(net::Ipv4Header);
        m->ol_flags &= ~RTE_MBUF_F_RX_IP_CKSUM_MASK;  // of the outer header
        mine.add(m, *sa);
    }
    flush_clear(context, burst);
    open_owned(context, mine);
}

/// Known flows meet no policy on their way: theirs is told of here.
void tell_known(Context& context, const Burst& burst) noexcept
{
    for (size_t i = 0; i < burst.frames.size(); i++)
        if (burst.ways[i] == Way::kSeal && burst.policies[i] != nullptr &&
            burst.policies[i]->outbound.load(std::memory_order_relaxed) != nullptr)
            context.tap->matched(context.index, trace::Point::kPolicyOut, burst.frames.subspan(i, 1), &burst.policies[i], true);
}

void process(Context& context, const PortState& port, std::span<rte_mbuf*> frames) noexcept
{
    context.enter(Stage::kClassify);
    if (context.tap != nullptr) [[unlikely]]
        context.tap->received(context.index, port.view->index, frames);
    Burst burst(port, frames);
    look_at_all(context, burst);
    context.enter(Stage::kLookUp);
    if (port.view->role != PortRole::kUnprotected)
        find_known(context, burst);
    if (context.tap != nullptr) [[unlikely]]
        tell_known(context, burst);
    pass_clear(context, burst);
    accept_opened_by_port(context, burst.opened);
    if (port.view->role != PortRole::kProtected)
        pass_esp(context, burst);
    inbound(context, {burst.candidates.data(), burst.candidate_count}, {burst.kinds.data(), burst.candidate_count});
}

}  // namespace

uint32_t receive(Context& context) noexcept
{
    uint32_t received = 0;
    for (PortState& port : context.ports) {
        for (const uint16_t queue : port.rx_queues) {
            std::array<rte_mbuf*, kBurst> burst;
            context.enter(Stage::kRx);
            const uint16_t count = rte_eth_rx_burst(port.view->port_id, queue, burst.data(), kBurst);
            if (count == 0)
                continue;
            process(context, port, {burst.data(), count});
            received += count;
        }
    }
    return received;
}

}  // namespace ipsecgw::worker
