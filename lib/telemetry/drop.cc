#include "telemetry/drop.h"

#include <iterator>

namespace ipsecgw::telemetry {
namespace {

struct Row {
    Drop reason;
    std::string_view name;
    std::string_view help;
    bool benign = false;
};

// In the order of the enum.
constexpr Row kRows[] = {
    {Drop::kEspRunt, "esp-runt",
     "ESP packet too short or not a multiple of the cipher block: look for truncation on the path, or an algorithm that differs from "
     "the peer's."},
    {Drop::kReplay, "replay",
     "ESP sequence number seen before: look for a duplicating path or an attacker that replays packets."},
    {Drop::kTooOld, "too-old",
     "ESP sequence number left of the replay window: look for heavy reordering on the path and raise replay_window, or for a peer that "
     "restarted with the same keys."},
    {Drop::kAuth, "auth",
     "ICV does not verify: compare keys, algorithms and esn with the peer; if both agree, someone forges or corrupts packets."},
    {Drop::kPad, "pad",
     "Authentic ESP packet with a wrong pad length or pad bytes: the peer does not build RFC 4303 trailers, look at its software."},
    {Drop::kInnerHeader, "inner-header",
     "The packet to seal, or the one inside ESP, is no valid IP packet for the SA's mode: compare tunnel or transport mode with the "
     "peer."},
    {Drop::kEcn, "ecn",
     "Congestion mark on the outer header of a packet whose inner one does not take them (RFC 6040 section 4.2): look for a router that "
     "marks Not-ECT packets instead of dropping them."},
    {Drop::kSelectorMismatch, "selector-mismatch",
     "Authentic packet outside the selectors of the policies that name its SA: compare local and remote selectors with the peer's "
     "policy."},
    {Drop::kDummy, "dummy", "TFC dummy packet of the peer, consumed as RFC 4303 section 2.6 asks: no loss, nothing to do.", true},
    {Drop::kEncapMismatch, "encap-mismatch",
     "UDP-encapsulated packet on a plain SA or the reverse, or other outer addresses than the SA's: compare the SA's addresses and udp "
     "setting with the peer, and look for a NAT between."},
    {Drop::kExpired, "expired", "The SA has reached its hard lifetime: install a successor, or raise the lifetime in its settings."},
    {Drop::kHandoverFull, "handover-full",
     "The ring to the SA's owner worker is full: look at the workers' load, and spread SAs over more workers."},
    {Drop::kMissedOffload, "missed-offload",
     "Arrived as ESP although the port opens this SA's packets: see how the SA is steered in gwctl sa show."},
    {Drop::kPortRejected, "port-rejected",
     "Refused by the port that does this SA's work, as replayed, forged, malformed or past the hard lifetime, for ports do not tell which: "
     "compare keys, algorithms and esn with the peer, and look at the SA's state."},
    {Drop::kSequenceExhausted, "sequence-exhausted",
     "The outbound SA has used its last sequence number and never wraps: install a successor, and prefer esn for fast SAs."},
    {Drop::kNoRoomInMbuf, "no-room-in-mbuf",
     "ESP headers or trailer do not fit the packet buffer: look at the MTU of the protected port against the size of mbufs."},
    {Drop::kCipher, "cipher",
     "The cipher engine failed on a packet to seal: look at the engine of the SA in its listing, and choose another."},
    {Drop::kCryptoFull, "crypto-full",
     "The look-aside crypto device has as many packets as it takes: look at its speed against the load in gwctl stats, or move SAs to "
     "another engine."},
    {Drop::kTooBig, "too-big",
     "Larger after sealing than the path takes, and DF forbids fragmenting: the sender is told by ICMP, look for a firewall that stops "
     "it, or lower the MTU or MSS of the hosts."},
    {Drop::kOtherPort, "other-port",
     "The route to the peer leads to another port than the one that seals this SA: change the route, or install the SA again."},
    {Drop::kUnknownSpi, "unknown-spi",
     "No inbound SA has this SPI: compare the SPIs with the peer, which may use an SA that is gone here."},
    {Drop::kStaleTag, "stale-tag",
     "A port marked it for an SA that has gone: expected for an instant when an SA is removed, otherwise check the port's driver."},
    {Drop::kRunt, "runt", "No complete Ethernet, IP or UDP header: look for truncation on the link."},
    {Drop::kNotForUs, "not-for-us",
     "Unicast frame to another station's MAC address: look at the switch or a port in promiscuous mode."},
    {Drop::kEtherType, "ether-type", "Frame that is neither IPv4, IPv6 nor ARP: look at what else talks on the link, such as VLAN tags."},
    {Drop::kIpHeader, "ip-header", "IP version, header length or total length is wrong: look at the sender, or for corruption."},
    {Drop::kIpChecksum, "ip-checksum", "IPv4 header checksum is wrong: look for corruption on the link or a faulty offload of the sender."},
    {Drop::kMartian, "martian",
     "Source or destination address that may not be on the wire, such as loopback: look at the sender's addresses and routes."},
    {Drop::kFragment, "fragment",
     "IP fragment where whole packets are needed, or whose ports no first fragment told while policies ask for them: lower the MTU of the sender or of the "
     "peer's tunnel."},
    {Drop::kReassembly, "reassembly",
     "Fragments for the gateway itself whose rest did not come within a second, that overlap, or of too many packets at once: look at losses on the path, "
     "or for a flood; gateway.reassembly sets how many packets."},
    {Drop::kHopLimit, "hop-limit", "TTL or hop limit ran out here: look for a routing loop, unless someone runs traceroute."},
    {Drop::kNoRoute, "no-route", "No route to the destination, inner or outer: look at the routes and add one."},
    {Drop::kNeighbour, "neighbour",
     "The next hop does not answer ARP or neighbour discovery, or too many packets wait for it: look at its address, its link and the "
     "port's link."},
    {Drop::kTxFull, "tx-full", "The port could not take the packet: look at its link, its speed against the load, and pause frames."},
    {Drop::kNoMbuf, "no-mbuf", "No packet buffer was free: raise mbufs in the configuration."},
    {Drop::kPolicyDiscard, "policy-discard", "A discard policy matched: look at the policies' hits if this was not meant."},
    {Drop::kNoPolicy, "no-policy",
     "No policy matches, so the packet is discarded (RFC 4301 section 5.1): add a protect or bypass policy if it should pass."},
    {Drop::kNoSa, "no-sa",
     "A protect policy matched but has no usable outbound SA: look at the policy's SA, which is missing, removed or expired."},
    {Drop::kClearText, "clear-text",
     "Arrived in clear where a policy wants ESP: look at the peer's policies, or for someone who injects packets."},
    {Drop::kNatKeepalive, "nat-keepalive", "NAT keepalive of the peer, consumed as RFC 3948 section 2.3 asks: no loss, nothing to do.",
     true},
    {Drop::kNoIke, "no-ike", "IKE message, and no IKE daemon runs here: look at the peer, which should use manual keys."},
    {Drop::kNoListener, "no-listener",
     "For an address of the gateway, and nothing listens there: look at who sends it, or at the destination's address."},
    {Drop::kPuntFull, "punt-full",
     "The control thread cannot keep up with ARP and neighbour discovery: look for a storm or a scan on the link."},
    {Drop::kPuntDone, "punt-done", "ARP or neighbour discovery, consumed by the control thread: no loss, nothing to do.", true},
    {Drop::kIkeFull, "ike-full",
     "More IKE messages than the control thread can take: peers send them again; look for a flood, or for many peers that start at once."},
    {Drop::kIkeDone, "ike-done", "IKE message or its trigger, consumed by the control thread: no loss, nothing to do.", true},
    {Drop::kUdpChecksum, "udp-checksum",
     "UDP checksum of a message to the gateway is wrong: look for corruption on the link, or a faulty offload of the sender."},
    {Drop::kIcmpError, "icmp-error",
     "ICMP that says our ESP is too big for a link, but names no SA, no packet sent lately or a size that is none: look for a forger, or for a router that quotes too little."},
};
static_assert(std::size(kRows) == kDropCount, "each reason has its row");

constexpr bool in_order()
{
    for (size_t i = 0; i < std::size(kRows); i++)
        if (static_cast<size_t>(kRows[i].reason) != i)
            return false;
    return true;
}
static_assert(in_order(), "rows follow the enum");

// A value that is no reason can only be a bug elsewhere; a listing should survive it.
constexpr Row kUnknown = {Drop::kCount, "unknown", "Not a drop reason: a defect of the gateway, please report it."};

const Row& row(Drop reason) noexcept
{
    const auto index = static_cast<size_t>(reason);
    return index < std::size(kRows) ? kRows[index] : kUnknown;
}

}  // namespace

std::string_view drop_name(Drop reason) noexcept { return row(reason).name; }
std::string_view drop_help(Drop reason) noexcept { return row(reason).help; }
bool drop_is_benign(Drop reason) noexcept { return row(reason).benign; }

}  // namespace ipsecgw::telemetry
