// How large a sealed packet is, for path-MTU decisions.
#include <algorithm>

#include "esp/seal.h"
#include "net/headers.h"

namespace ipsecgw::esp {
namespace {

constexpr uint32_t kTrailerBytes = sizeof(net::EspTrailer);

/// Transport mode leaves the IP header outside the text; tunnel mode has it inside.
uint32_t header_outside_text(const sa::OutboundSa& sa) noexcept
{
    if (!sa.is(sa::kSaTransport))
        return 0;
    return sa.is(sa::kSaOuterIpv6) ? sizeof(net::Ipv6Header) : sizeof(net::Ipv4Header);
}

/// Bytes of a sealed packet that are neither text nor trailer.
uint32_t bytes_around_text(const sa::OutboundSa& sa) noexcept
{
    return header_outside_text(sa) + sa.outer_bytes + static_cast<uint32_t>(sizeof(net::EspHeader)) + sa.iv_bytes +
           sa.icv_bytes;
}

}  // namespace

uint32_t sealed_bytes(const sa::OutboundSa& sa, uint32_t inner_bytes) noexcept
{
    const uint32_t text = std::max<uint32_t>(inner_bytes, sa.tfc_pad_to) - header_outside_text(sa);
    const uint32_t mask = sa.align_bytes - 1u;  // a power of two (RFC 4303 section 2.4)
    return bytes_around_text(sa) + ((text + kTrailerBytes + mask) & ~mask);
}

uint32_t inner_mtu(const sa::OutboundSa& sa, uint32_t path_mtu) noexcept
{
    const uint32_t around = bytes_around_text(sa);
    if (path_mtu < around)
        return 0;
    const uint32_t text_and_trailer = (path_mtu - around) & ~(sa.align_bytes - 1u);
    if (text_and_trailer < kTrailerBytes)
        return 0;
    const uint32_t inner = text_and_trailer - kTrailerBytes + header_outside_text(sa);
    return inner < sa.tfc_pad_to ? 0 : inner;  // every packet is sent as large as TFC padding makes it
}

}  // namespace ipsecgw::esp
