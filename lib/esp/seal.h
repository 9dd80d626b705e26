// Outbound ESP (RFC 4303 section 3.3).
#pragma once

#include <cstdint>
#include <span>

#include "esp/drop_sink.h"
#include "sa/outbound_sa.h"

namespace ipsecgw::esp {

/// The last sequence number an ESN SA uses. The numbers above stay unused: workers that race past the end, each with
/// one burst, cannot wrap the counter (RFC 4303 section 3.3.3).
inline constexpr uint64_t kLastExtendedSequence = UINT64_MAX - uint64_t{UINT16_MAX + 1} * sa::kMaxBurst;

/// Seals IP packets that all go through one outbound SA.
///
/// On entry each mbuf starts at its IP header, is one segment and has headroom and tailroom for what ESP adds.
/// Transport mode: `l3_len` is where ESP goes in, the length of the IP header with the extension headers before it (RFC
/// 4303 section 3.1.1); tunnel mode ignores it. On return the first n entries of `burst` are the survivors, in order,
/// each starting at its outer IP header, complete. The others belong to `drops`, charged to the SA.
///
/// \param worker  index of the calling worker; picks its cipher context and counters.
/// \return        number of survivors, 0 to burst.size().
/// Drops: kSequenceExhausted, kExpired, kNoRoomInMbuf, kInnerHeader (tunnel: neither IPv4 nor IPv6; transport: another
/// family than the SA's, or a fragment), kCipher. Counts packets and inner bytes of survivors. Threads: any worker, at
/// the same time as others. One fetch_add reserves the burst's sequence numbers; numbers of packets dropped later stay
/// unused. Does not allocate, block or log. burst.size() <= sa::kMaxBurst.
///
/// Where the port seals (kInlineCrypto, kFullProtocol) the survivors are marked with RTE_MBUF_F_TX_SEC_OFFLOAD and are STILL CLEAR TEXT: with
/// kInlineCrypto framed, `l3_len` being the distance to the ESP header; with kFullProtocol as they came. Who transmits them attaches the
/// session, and drops what it cannot attach one to.
uint16_t seal_burst(sa::OutboundSa& sa, uint16_t worker, std::span<rte_mbuf*> burst, DropSink& drops) noexcept;

/// Bytes an inner packet of `inner_bytes` occupies on the wire as an outer IP packet. Transport mode: for an IP header
/// without options or extension headers.
uint32_t sealed_bytes(const sa::OutboundSa& sa, uint32_t inner_bytes) noexcept;
/// The largest inner packet that fits an outer path MTU; 0 when none does. Inverse of sealed_bytes.
uint32_t inner_mtu(const sa::OutboundSa& sa, uint32_t path_mtu) noexcept;

}  // namespace ipsecgw::esp
