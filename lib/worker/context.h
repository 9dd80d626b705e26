// The state of one worker, and the stages that work on it. Internal to the library.
//
// Everything here belongs to the worker's own thread, but where a line says otherwise. A packet is in one place at a
// time: a stage that takes an mbuf forwards it, queues it, hands it over, punts it or drops it.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "dpdk/ring.h"
#include "esp/drop_sink.h"
#include "esp/look_aside.h"
#include "worker/classify.h"
#include "worker/flow_cache.h"
#include "worker/fragment_ports.h"
#include "worker/known_flows.h"
#include "worker/own_addresses.h"
#include "worker/packet_info.h"
#include "worker/rate_limit.h"
#include "worker/reassembly.h"
#include "worker/tap.h"
#include "worker/worker.h"

namespace ipsecgw::worker {

using telemetry::Stage;

inline constexpr uint16_t kBurst = 32;           // packets of one poll
inline constexpr uint16_t kMaxWork = 64;         // packets a stage gathers before it runs; sa::kMaxBurst
inline constexpr uint32_t kHandoverRing = 1024;  // ESP packets waiting for their owner
inline constexpr uint32_t kSharedTxRing = 1024;
inline constexpr uint32_t kInjectRing = 512;
inline constexpr uint32_t kHousekeepingTurns = 256;
inline constexpr uint64_t kFragmentSeconds = 2;  // that a first fragment speaks for later ones
inline constexpr uint32_t kIdleTurns = 1000;  // before an idle worker sleeps

/// Packets a stage gathers.
struct Batch {
    uint16_t count = 0;
    std::array<rte_mbuf*, kMaxWork> packets;

    void add(rte_mbuf* m) noexcept { packets[count++] = m; }
    [[nodiscard]] bool full() const noexcept { return count == packets.size(); }
    [[nodiscard]] std::span<rte_mbuf*> all() noexcept { return {packets.data(), count}; }
};

/// Packets on their way into outbound SAs, each with its own. The pointers are good until the end of the turn.
struct Outgoing {
    uint16_t count = 0;
    uint16_t runs = 0;  // of one SA
    std::array<rte_mbuf*, 2 * kMaxWork> packets;
    std::array<sa::OutboundSa*, 2 * kMaxWork> sas;

    [[nodiscard]] bool full() const noexcept { return count == packets.size(); }
    /// True: the SA is another than the one before.
    bool add(rte_mbuf* m, sa::OutboundSa& sa) noexcept
    {
        const bool is_new = count == 0 || sas[count - 1] != &sa;
        packets[count] = m;
        sas[count++] = &sa;
        runs = static_cast<uint16_t>(runs + is_new);
        return is_new;
    }
};

/// Packets on their way into inbound SAs that this worker owns, each with its own.
struct Incoming {
    uint16_t count = 0;
    std::array<rte_mbuf*, kMaxWork> packets;
    std::array<sa::InboundSa*, kMaxWork> sas;

    void add(rte_mbuf* m, sa::InboundSa& sa) noexcept
    {
        packets[count] = m;
        sas[count++] = &sa;
    }
    [[nodiscard]] bool full() const noexcept { return count == packets.size(); }
};

struct PortState {
    const PortView* view = nullptr;
    std::vector<uint16_t> rx_queues;  // polled here
    uint16_t tx_queue = 0;
    uint16_t tx_worker = 0;  // who owns that queue; another worker than this one takes packets by its ring
    uint64_t mac_word = 0;   // the port's address, as the start of a frame that is for it
    // Frames that wait, their bytes, and whether any of them is for a session.
    Batch tx;
    uint64_t tx_bytes = 0;
    uint64_t tx_flags = 0;
};

struct Context {
    Context(const DataPlane& plane, uint16_t worker, uint64_t tsc_hz)
        : data(plane), index(worker), own(plane.ports), esp_for(plane.workers), known(plane.sad->capacity()),
          fragment_ports(kFragmentSeconds * tsc_hz)
    {
    }

    // Read-only once linked.
    const DataPlane& data;
    const uint16_t index;
    const OwnAddresses own;
    std::vector<Context*> peers;         // [worker]
    uint16_t smallest_mtu = UINT16_MAX;  // of all ports

    std::vector<PortState> ports;  // [PortView::index]
    std::vector<Batch> esp_for;    // [worker] ESP packets of other owners and fragments, found in this turn
    Outgoing outgoing;
    // Of the tables, as they were when the turn began.
    uint64_t spd_generation = kNoGeneration;
    uint64_t route_generation = kNoGeneration;
    FlowCache flows;
    KnownFlows known;
    RouteCache routes;
    FragmentPorts fragment_ports;
    std::unique_ptr<Reassembly> reassembly;  // null: fragments for the gateway are dropped
    RateLimit icmp_limit;
    uint32_t turns_since_quiescent = 0;
    Tap* tap = nullptr;  // of this turn; null: nobody watches
    std::unique_ptr<esp::LookAside> look_aside;  // null: no such device
    esp::DropSink drops;                         // control reads its counters
    WorkerCounters counters;                     // control reads

    // Written by others, read here.
    std::unique_ptr<dpdk::Ring> handed_over;  // by workers: ESP packets this worker owns the SA of, and fragments
    std::unique_ptr<dpdk::Ring> shared_tx;    // by workers without a transmit queue of their own
    std::unique_ptr<dpdk::Ring> injected;     // by control
    std::atomic<bool> stopping{false};        // by anyone
    std::atomic<Tap*> wanted_tap{nullptr};    // by control

    /// The turn's time goes to `stage` from here on.
    void enter(telemetry::Stage stage) noexcept { drops.clock.enter(stage); }
    [[nodiscard]] const PortView& port(uint16_t port_index) const noexcept { return *ports[port_index].view; }
};

// worker.cc
// -----------------------------------------------------------------------------------------------------------------------------

/// Passes on everything that the stages have queued: the end of a turn.
void finish_turn(Context& context) noexcept;

// rx.cc
// ---------------------------------------------------------------------------------------------------------------------------------

/// Polls every queue once and processes what came. Returns packets received.
uint32_t receive(Context& context) noexcept;

// inbound.cc
// ----------------------------------------------------------------------------------------------------------------------------

/// Reads the SPI of a packet that may be ESP for an inbound SA: protocol 50, or UDP with an ESP header behind it (RFC
/// 3948 section 2.2). Only on ports that face the unprotected side; on the others ESP is ordinary traffic. Fills
/// PacketInfo::spi and encapsulated, sets l3_len to the ESP header.
bool read_spi(const PortView& port, rte_mbuf* m) noexcept;
/// ESP packets with PacketInfo::spi set: to their owner, or opened and on. `kinds` tells each packet's fate when no SA
/// claims it.
void inbound(Context& context, std::span<rte_mbuf*> packets, std::span<const Kind> kinds) noexcept;
/// Opens packets of SAs this worker owns, SA by SA, each SA's packets in order. PacketInfo::in_port and l3_len are set.
void open_owned(Context& context, Incoming& incoming) noexcept;
/// What opening reads and writes beside the SA's own first lines.
void prefetch_for_opening(const sa::InboundSa& sa, uint32_t bytes) noexcept;
/// Authentic packets, as they came out of their SA, starting at their IP headers: selectors, then on. In order.
/// PacketInfo::in_port is set.
void opened(Context& context, sa::InboundSa& sa, std::span<rte_mbuf* const> packets) noexcept;
/// ESP packets another worker handed over; their SAs are looked up again, as they may have gone or moved on the way.
void inbound_handed_over(Context& context, std::span<rte_mbuf*> packets) noexcept;

// arrived_fragments.cc
// --------------------------------------------------------------------------------------------------------------------

/// A fragment in clear, parsed: to the worker that takes all fragments between these addresses, or on.
void take_fragment(Context& context, rte_mbuf* m) noexcept;
/// The same where this is that worker.
void take_fragment_here(Context& context, rte_mbuf* m) noexcept;
/// Lets a first fragment speak for later ones, or gives a later one the ports of its first, where that has been seen.
void find_ports(Context& context, rte_mbuf* m, FragmentPorts::Source source) noexcept;
/// A fragment whose ports nobody knows, while policies ask for them: what it matched without could let pass in clear
/// what a policy with ports protects.
bool lacks_ports(const Context& context, rte_mbuf* m) noexcept;
/// Gives up what waits for its other fragments too long.
void expire_fragments(Context& context) noexcept;

// look_aside.cc
// --------------------------------------------------------------------------------------------------------------------------

/// Deals with packets that look-aside devices have finished; returns how many.
uint32_t take_ciphered(Context& context) noexcept;
/// Gives the devices what waits for them. Once a turn.
void flush_look_aside(Context& context) noexcept;
/// At the end: until the devices have finished all, or make no progress for a second. What they then still have is
/// freed with their queue pairs.
void drain_look_aside(Context& context) noexcept;

// inline.cc
// -----------------------------------------------------------------------------------------------------------------------------

/// The SA that the SAD had for a tag, in this turn.
struct TagMemo {
    uint64_t tag = 0;
    sa::InboundSa* sa = nullptr;
};

/// A frame that the port marks as opened by it (RTE_MBUF_F_RX_SEC_OFFLOAD). True: it was of a full-protocol SA and is dealt with, or waits in
/// `accepted` with PacketInfo::inbound set. False: it goes the way of all frames; if the port deciphered it, text_of() tells.
/// `known` is kept from frame to frame of a burst.
bool take_opened_by_port(Context& context, const PortView& port, rte_mbuf* m, TagMemo& known, Batch& accepted) noexcept;
/// The same for one that was handed over; PacketInfo::tag is set.
void take_opened_handed_over(Context& context, rte_mbuf* m, Batch& accepted) noexcept;
/// Counts what waits, run by run of one SA, and passes it on.
void accept_opened_by_port(Context& context, Batch& accepted) noexcept;

/// What the port has done to an ESP packet of `sa`, an inline-crypto SA.
enum class PortText : uint8_t { kCiphered, kDeciphered, kForged, kStale };
PortText text_of(const sa::InboundSa& sa, rte_mbuf* m) noexcept;

/// Gives frames that the port shall seal (RTE_MBUF_F_TX_SEC_OFFLOAD, PacketInfo::tag) their session, right before the
/// port takes them, and packs them to the front; returns how many. One that cannot have a session on this port is
/// dropped: it is clear text.
uint16_t attach_sessions(Context& context, const PortView& port, std::span<rte_mbuf*> frames) noexcept;

// handover.cc
// ---------------------------------------------------------------------------------------------------------------------------

/// Queues an ESP packet for the owner of its SA, or a fragment for the worker that takes it.
void hand_over(Context& context, rte_mbuf* m, uint16_t owner) noexcept;
/// Passes the queued ones on, in order. Once a turn.
void flush_handover(Context& context) noexcept;
/// Processes what other workers handed over; returns packets.
uint32_t take_handed_over(Context& context) noexcept;

// policy.cc
// -----------------------------------------------------------------------------------------------------------------------------
//
// No path ever sends in clear what a policy protects:
// - in clear from the protected side: the outbound SPD decides; no policy, no passage;
// - in clear from the unprotected side: the inbound SPD decides; what it lets pass leaves towards the unprotected side
// again only if no
//   outbound policy protects or discards it;
// - out of an SA: leaves by a protected port, or as the outbound SPD says; without a policy only a one-armed (kBoth)
// port takes it in clear;
// - made here: the outbound SPD decides first. Without a policy an answer to a clear packet leaves by a protected port
// or the port the
//   question came by; an answer to a packet out of an SA does not leave.

/// What a packet that a policy protects makes its worker read and write.
void prefetch_for_sealing(const Context& context, const sa::PolicyEntry& policy) noexcept;
/// Packets in clear for somebody else, as classify() has it; the flows it may remember are so for ever.
void transit_clear(Context& context, const PortView& port, std::span<rte_mbuf* const> packets) noexcept;
/// A packet out of an inbound SA, which its selectors (SelectorSet::id()) allow, for somebody else.
void transit_opened(Context& context, rte_mbuf* m, uint64_t allowed_by) noexcept;
/// A packet of our own, PacketInfo::origin and in_port telling why it was made.
void send_own(Context& context, rte_mbuf* m) noexcept;
/// False when the inbound SPD says that a packet to the gateway itself may not come in clear; the packet is then
/// dropped.
bool may_arrive_in_clear(Context& context, const PortView& port, rte_mbuf* m) noexcept;

// outbound.cc
// ---------------------------------------------------------------------------------------------------------------------------

/// The most that sealing adds without TFC padding: outer header and UDP, ESP header, IV, padding and trailer, ICV.
inline constexpr uint32_t kMostSealedBytes = sa::kMaxOuterBytes + 8 + 16 + 15 + 2 + 32;

/// Queues a packet for sealing, in fragments where it must and may be. Its hop limit has been dealt with.
void queue_for_sealing(Context& context, rte_mbuf* m, sa::OutboundSa& sa) noexcept;
/// Seals and sends what is queued.
void seal_queued(Context& context) noexcept;
/// What an SA's packets may be on the wire, as long as their route has not been asked.
inline uint32_t mtu_before_route(const Context& context, const sa::OutboundSa& sa) noexcept
{
    return std::min(context.smallest_mtu, sa.path_mtu.load(std::memory_order_relaxed));
}

/// Queues a packet of which nothing is left to be asked.
inline void enqueue_for_sealing(Context& context, rte_mbuf* m, sa::OutboundSa& sa) noexcept
{
    if (context.outgoing.full()) [[unlikely]]
        seal_queued(context);
    if (context.outgoing.add(m, sa)) {
        rte_prefetch0(&sa.counters(context.index));
        // Here and not where they are sealed: the packets' work between two of these lets the memory keep up.
        if (const sa::CipherContext* cipher = sa.cipher(context.index); cipher != nullptr)
            cipher->prefetch(m->pkt_len);
    }
}
/// Sends packets that are sealed but for what a port does. In tunnel mode they share the route.
void send_sealed(Context& context, const sa::OutboundSa& sa, std::span<rte_mbuf*> packets) noexcept;

// local.cc
// ------------------------------------------------------------------------------------------------------------------------------

/// A packet for the gateway itself that came in clear and is not ESP of an SA.
void deliver_clear(Context& context, const PortView& port, rte_mbuf* m) noexcept;
/// One out of an inbound SA.
void deliver_opened(Context& context, rte_mbuf* m) noexcept;

// tx.cc
// ---------------------------------------------------------------------------------------------------------------------------------

/// Gives a port's queued frames to it, or to the worker that owns the queue.
void flush_port(Context& context, PortState& port) noexcept;
/// Queues a complete frame for a port.
inline void transmit(Context& context, uint16_t port_index, rte_mbuf* frame) noexcept
{
    PortState& port = context.ports[port_index];
    port.tx.add(frame);
    port.tx_bytes += frame->pkt_len;
    port.tx_flags |= frame->ol_flags;
    if (port.tx.full()) [[unlikely]]
        flush_port(context, port);
}
/// The same for every port. Once a turn.
void flush_tx(Context& context) noexcept;
/// Queues what others passed on: frames of workers without a queue, frames of control. Returns how many.
uint32_t take_frames(Context& context) noexcept;

// forward.cc
// ----------------------------------------------------------------------------------------------------------------------------

Route route_to(Context& context, const net::IpAddress& destination) noexcept;
/// The same for a flow's destination.
Route route_to(Context& context, const sa::FlowKey& flow) noexcept;
/// To an SA's peer.
Route route_to(Context& context, const sa::OutboundSa& sa) noexcept;
/// To a neighbour: link-local addresses mean nothing without their port.
Route on_link(Context& context, const PortView& port, const net::IpAddress& neighbour) noexcept;
net::IpAddress destination_of(const sa::FlowKey& flow) noexcept;
/// Decrements the hop limit (RFC 1812 section 5.3.1, RFC 8200 section 3). False: it has run out; the packet is dropped
/// and its sender told.
bool take_hop(Context& context, rte_mbuf* m) noexcept;
/// Sends an IP packet on its route; policy and hop limit have been dealt with.
void forward(Context& context, rte_mbuf* m) noexcept;
void send(Context& context, rte_mbuf* m, const Route& route) noexcept;
/// Whether an IP packet is no longer than the link takes, and has room in front.
inline bool has_room_for_header(const Context& context, const rte_mbuf* m, uint16_t port_index) noexcept
{
    const bool fits = m->pkt_len <= context.smallest_mtu || m->pkt_len <= context.port(port_index).mtu;
    return fits && m->data_off >= sizeof(net::EthernetHeader);
}
/// Puts an Ethernet header before a packet that has room for it, and queues it.
inline void send_with_header(Context& context, rte_mbuf* m, const net::EthernetHeader& header,
                             uint16_t port_index) noexcept
{
    constexpr uint16_t kBytes = sizeof(net::EthernetHeader);
    std::memcpy(rte_pktmbuf_mtod(m, uint8_t*) - kBytes, &header, kBytes);
    m->data_off = static_cast<uint16_t>(m->data_off - kBytes);
    m->data_len = static_cast<uint16_t>(m->data_len + kBytes);
    m->pkt_len += kBytes;
    transmit(context, port_index, m);
}

// fragment.cc
// --------------------------------------------------------------------------------------------------------------------

/// An IPv4 packet of others without DF and without options, and an MTU it can be cut to.
bool may_fragment(rte_mbuf* m, uint32_t mtu) noexcept;
/// Cuts a packet that may be into fragments of at most `mtu` (RFC 791 section 3.2), the packet itself becoming the
/// first. Without mbufs for all of them none is left, and the packet is dropped (kNoMbuf).
void fragment(Context& context, rte_mbuf* m, uint32_t mtu, Batch& pieces) noexcept;

// icmp.cc
// -------------------------------------------------------------------------------------------------------------------------------

/// Makes the echo reply out of a request in place. False when it is none.
bool make_echo_reply(rte_mbuf* m) noexcept;
/// Tell the sender, if ICMP errors are on, the rate allows and the packet is one to be told of. The packet stays the
/// caller's.
void send_time_exceeded(Context& context, rte_mbuf* about) noexcept;
void send_too_big(Context& context, rte_mbuf* about, uint32_t mtu) noexcept;

/// For who watches: a packet goes to control.
void tell_of_punt(Context& context, rte_mbuf* m) noexcept;
/// Hands a packet to control.
void punt(Context& context, rte_mbuf* m, Punt why) noexcept;

}  // namespace ipsecgw::worker
