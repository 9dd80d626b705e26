// Every reason a packet is not forwarded. There is no anonymous drop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ipsecgw::telemetry {

/// Reasons an SA can be charged with come first, so that per-SA counters stay small.
/// Adding one: add its row in drop.cc; a test compares the two.
enum class Drop : uint8_t {
    // inbound ESP, charged to an SA
    kEspRunt,            // too short for header, IV, one block and ICV, or not block aligned
    kReplay,             // sequence number seen before (RFC 4303 section 3.4.3)
    kTooOld,             // left of the window
    kAuth,               // ICV does not verify
    kPad,                // pad length or pad bytes wrong (section 2.4)
    kInnerHeader,        // what was inside is no valid IP packet of this SA's mode
    kEcn,                // congestion mark on an inner packet that does not take them (RFC 6040 section 4.2)
    kSelectorMismatch,   // authentic, but not what this SA is for (RFC 4301 section 5.2)
    kDummy,              // TFC dummy packet, next header 59: consumed by design
    kEncapMismatch,      // UDP-encapsulated on a plain SA or the reverse, or another outer address than the SA's
    kExpired,            // hard lifetime reached
    kHandoverFull,       // the owner worker's ring is full
    kMissedOffload,      // arrived as ESP although the port does this SA's work
    kPortRejected,       // by the port that does this SA's work: replayed, forged, malformed or expired, it does not tell which
    // outbound ESP, charged to an SA
    kSequenceExhausted,  // no sequence number left: the SA never wraps (section 3.3.3)
    kNoRoomInMbuf,       // headers or trailer do not fit
    kCipher,             // the engine failed
    kCryptoFull,         // the look-aside device has as many packets as it takes; inbound too
    kTooBig,             // larger than the path allows and DF forbids fragmenting
    kOtherPort,          // the route leads to another port than the one that seals this SA
    kSaReasons,          // --- not a reason: end of what is counted per SA ---

    kUnknownSpi = kSaReasons,
    kStaleTag,           // a port's mark of an SA that has gone
    kRunt,               // no complete Ethernet, IP or UDP header
    kNotForUs,           // unicast to another station's MAC
    kEtherType,          // neither IPv4, IPv6 nor ARP
    kIpHeader,           // version, header length or total length wrong
    kIpChecksum,
    kMartian,            // source or destination that may not be on the wire
    kFragment,           // a fragment where whole packets are needed
    kReassembly,         // fragments for the gateway whose rest did not come, did not fit, or overlapped
    kHopLimit,
    kNoRoute,
    kNeighbour,          // next hop did not resolve, or too many packets wait for it
    kTxFull,             // port could not take it
    kNoMbuf,
    kPolicyDiscard,
    kNoPolicy,           // no policy matches: discard (RFC 4301 section 5.1)
    kNoSa,               // protect policy without a usable SA
    kClearText,          // arrived in clear where a policy wants ESP
    kNatKeepalive,       // RFC 3948 section 2.3: consumed by design
    kNoIke,              // IKE message, and no IKE daemon here
    kNoListener,         // for the gateway itself, and nothing listens
    kPuntFull,           // the control thread cannot keep up
    kPuntDone,           // consumed by the control thread: ARP and neighbour discovery, not a loss
    kIkeFull,            // more IKE messages than the control thread can take
    kIkeDone,            // consumed by IKE, not a loss
    kUdpChecksum,        // of a message to the gateway itself
    kIcmpError,          // says that our ESP is too big, and cannot be believed
    kCount,
};

inline constexpr size_t kDropCount = static_cast<size_t>(Drop::kCount);
inline constexpr size_t kSaDropCount = static_cast<size_t>(Drop::kSaReasons);

/// Stable word for listings and metrics: "replay", "too-old", ...
std::string_view drop_name(Drop reason) noexcept;
/// One sentence for the operator: what happened and where to look.
std::string_view drop_help(Drop reason) noexcept;
/// True for packets that were consumed as designed and are no loss (dummy, keepalive, punt-done).
bool drop_is_benign(Drop reason) noexcept;

}  // namespace ipsecgw::telemetry
