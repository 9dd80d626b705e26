// What ESP puts in front of a packet: the tunnel's IP header and UDP (RFC 4301 section 5.1.2, RFC 3948).
#pragma once

#include <cstdint>
#include <span>

#include "model/sa_params.h"
#include "sa/outbound_sa.h"

namespace ipsecgw::esp {

/// Writes the outer header of `params` with every field that no packet changes, and returns its length: tunnel mode IP
/// and UDP, transport mode UDP alone or nothing. Fields that depend on the packet are zero, but for two that save work:
/// the IPv4 checksum holds the folded sum of the other words, not complemented, and the DSCP is there when it is fixed.
uint8_t build_outer_header(const model::SaParams& params, std::span<uint8_t, sa::kMaxOuterBytes> out) noexcept;

/// The UDP checksum over IPv6 of the sealed packet at `ip6`, whose UDP header starts `udp_offset` in and whose checksum
/// field is zero; `length` is all of it. RFC 8200 section 8.1 forbids zero by default, and the receivers at large drop
/// it: the exception of RFC 6936 would have to be negotiated. Network order.
uint16_t udp_checksum_ipv6_be(const uint8_t* ip6, uint32_t udp_offset, uint32_t length) noexcept;

}  // namespace ipsecgw::esp
