// Inbound ESP (RFC 4303 section 3.4).
#pragma once

#include <cstdint>
#include <span>

#include "esp/drop_sink.h"
#include "sa/inbound_sa.h"

namespace ipsecgw::esp {

/// Opens ESP packets that all belong to one inbound SA (RFC 4303 section 3.4; ESN per its appendix A).
///
/// On entry each mbuf starts at its outer IP header, is one segment, ends with the ICV (link padding trimmed), and
/// `l3_len` is the distance in bytes from there to the ESP header: IP header with options or extension headers, and UDP
/// where encapsulated. On return the first n entries of `burst` are the survivors, in order. Tunnel mode: each starts
/// at its inner IP header, DSCP and ECN combined as the SA says. Transport mode: the IP header, corrected, then the
/// payload, with `l3_len` the bytes before the payload. The others belong to `drops`, charged to the SA.
///
/// \param sa   an SA owned by the calling worker. Its replay window moves for authentic packets only.
/// \return     number of survivors, 0 to burst.size(). Never fails as a whole.
/// Drops: kEspRunt, kReplay, kTooOld, kAuth, kPad, kInnerHeader, kEcn, kDummy, kEncapMismatch (also another
/// destination than the SA's local address), kExpired.
/// Counts packets and bytes of survivors. The selector check (RFC 4301 section 5.2) is the caller's.
/// Threads: owner worker only. Does not allocate, block or log. burst.size() <= sa::kMaxBurst.
uint16_t open_burst(sa::InboundSa& sa, std::span<rte_mbuf*> burst, DropSink& drops) noexcept;

/// The same for packets whose ICV the port has verified and whose text it has decrypted in place (inline crypto): everything but the
/// cipher. The caller has made sure that the port means this SA.
uint16_t open_deciphered_burst(sa::InboundSa& sa, std::span<rte_mbuf*> burst, DropSink& drops) noexcept;

/// For packets the port has opened whole (full protocol): each starts at its inner IP header already, and replay is the port's. Counts
/// them. Drops: kExpired, as exactly as in the other kinds, whatever the port makes of the limits.
uint16_t accept_opened(sa::InboundSa& sa, std::span<rte_mbuf*> burst, DropSink& drops) noexcept;

}  // namespace ipsecgw::esp
