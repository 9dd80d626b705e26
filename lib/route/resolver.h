// ARP (RFC 826) and neighbour discovery (RFC 4861) as a state machine without I/O: frames and a time in, frames and table changes out.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "net/address.h"
#include "route/neighbour_table.h"

namespace ipsecgw::route {

/// A port as the resolver sees it.
struct Link {
    uint16_t port = 0;
    net::MacAddress mac;
    std::vector<net::Prefix> addresses;  // ours, with host bits; an IPv6 link-local one is derived from the MAC when absent
};

enum class NeighbourState : uint8_t { kIncomplete, kReachable, kStale, kProbe, kStatic };

struct NeighbourStatus {
    NeighbourEntry entry;
    NeighbourState state = NeighbourState::kIncomplete;
    uint64_t age_ns = 0;
};

/// A complete Ethernet frame to send.
struct Frame {
    uint16_t port = 0;
    std::vector<uint8_t> bytes;
};

/// An opaque packet (the caller's handle) that waited for its next hop.
struct Released {
    uint64_t packet = 0;
    uint16_t port = 0;
    net::MacAddress mac;
};

/// What one step wants done. `table_changed`: publish `table()` again.
struct Effects {
    std::vector<Frame> send;
    std::vector<Released> release;       // resolved: send these
    std::vector<uint64_t> give_up;       // did not resolve or queue overflow: drop these (kNeighbour)
    bool table_changed = false;
};

/// Rules: learns only from replies to its own requests, and from requests aimed at it; a frame for another never overwrites a known
/// entry, it only makes us probe sooner; static entries never change. Validates as RFC 4861 section 7.1 says (hop limit 255,
/// checksum, lengths, no options of length 0). Requests: three tries, one second apart. Reachable for 30 s after confirmation, then
/// probed by unicast while it stays in the table; gone after three unanswered probes. Learnt from a host's own request: stale, in the
/// table, probed after 5 s. At most `kMaxWaiting` packets wait for one next hop and `kMaxWaitingTotal` for all, the oldest is given
/// up first; at most `kMaxEntries` entries beside the static ones, so that a scan from the wire exhausts neither memory nor mbufs.
/// Answers requests for its own addresses, duplicate address probes included (RFC 5227, RFC 4862 section 5.4.3).
/// Threads: control. Sans-I/O: no clock, no socket, no mbuf.
class Resolver {
 public:
    static constexpr size_t kMaxWaiting = 16;
    static constexpr size_t kMaxWaitingTotal = 2048;
    static constexpr size_t kMaxEntries = 8192;

    explicit Resolver(std::vector<Link> links);
    ~Resolver();

    /// Both change the table; packets that waited for the address come back in the effects of the next call (its time is now).
    void add_static(const NeighbourEntry& entry);
    bool remove(uint16_t port, const net::IpAddress& address);

    /// A packet needs `next_hop`; its handle comes back in `release` or `give_up`, in this call or a later one.
    Effects resolve(uint16_t port, const net::IpAddress& next_hop, uint64_t packet, uint64_t now_ns);
    /// An ARP, neighbour solicitation or advertisement frame from the wire, Ethernet header included; anything else is ignored.
    Effects receive(uint16_t port, std::span<const uint8_t> frame, uint64_t now_ns);
    /// Announces our addresses (gratuitous ARP, unsolicited advertisement), for start-up.
    Effects announce(uint64_t now_ns);
    /// Runs timers; call at `next_timer_ns()`.
    Effects tick(uint64_t now_ns);
    [[nodiscard]] uint64_t next_timer_ns() const noexcept;  // UINT64_MAX: none

    [[nodiscard]] std::unique_ptr<const NeighbourTable> table() const;
    [[nodiscard]] std::vector<NeighbourStatus> list(uint64_t now_ns) const;

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ipsecgw::route
