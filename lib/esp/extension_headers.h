// The IPv6 header chain in front of ESP in transport mode (RFC 4303 section 3.1.1, RFC 8200 section 4).
#pragma once

#include <cstdint>

namespace ipsecgw::esp {

/// The next-header field of the last header in the `length` bytes at `ip6`: the one that names what follows them. Null
/// when `length` does not end a header, or when a Fragment header is among them: transport mode ESP is for whole
/// datagrams only.
uint8_t* last_next_header(uint8_t* ip6, uint32_t length) noexcept;

}  // namespace ipsecgw::esp
