#include "esp/outer_header.h"

#include <algorithm>
#include <cstring>

#include "base/byte_order.h"
#include "net/checksum.h"
#include "net/headers.h"

namespace ipsecgw::esp {
namespace {

/// DSCP of the template: fixed, or zero and copied per packet. ECN is always per packet.
uint8_t fixed_tos(const model::TunnelHeader& tunnel) noexcept
{
    return tunnel.dscp ? static_cast<uint8_t>(*tunnel.dscp << 2) : uint8_t{0};
}

/// The sum in the checksum field so far, folded; see build_outer_header().
uint16_t partial_sum(const net::Ipv4Header& header) noexcept
{
    return static_cast<uint16_t>(~net::checksum_be(&header, sizeof header));
}

size_t put_ipv4(const model::SaParams& params, uint8_t protocol, uint8_t* out) noexcept
{
    net::Ipv4Header header{};
    header.version_ihl = 0x45;
    header.tos = fixed_tos(params.tunnel);
    header.ttl = params.tunnel.hop_limit;
    header.protocol = protocol;
    std::ranges::copy(params.local.bytes(), header.source.begin());
    std::ranges::copy(params.remote.bytes(), header.destination.begin());
    header.checksum_be = partial_sum(header);
    std::memcpy(out, &header, sizeof header);
    return sizeof header;
}

size_t put_ipv6(const model::SaParams& params, uint8_t next_header, uint8_t* out) noexcept
{
    net::Ipv6Header header{};
    header.version_class_flow_be = base::swap_be32(6u << 28 | static_cast<uint32_t>(fixed_tos(params.tunnel)) << 20);
    header.next_header = next_header;
    header.hop_limit = params.tunnel.hop_limit;
    std::ranges::copy(params.local.bytes(), header.source.begin());
    std::ranges::copy(params.remote.bytes(), header.destination.begin());
    std::memcpy(out, &header, sizeof header);
    return sizeof header;
}

}  // namespace

uint8_t build_outer_header(const model::SaParams& params, std::span<uint8_t, sa::kMaxOuterBytes> out) noexcept
{
    std::ranges::fill(out, uint8_t{0});
    size_t bytes = 0;
    if (params.mode == model::Mode::kTunnel) {
        const uint8_t protocol = params.udp ? net::kProtoUdp : net::kProtoEsp;
        bytes = params.local.is_v4() ? put_ipv4(params, protocol, out.data()) : put_ipv6(params, protocol, out.data());
    }
    if (params.udp) {
        net::UdpHeader udp{};
        udp.source_port_be = base::swap_be16(params.udp->local_port);
        udp.destination_port_be = base::swap_be16(params.udp->remote_port);
        std::memcpy(out.data() + bytes, &udp, sizeof udp);
        bytes += sizeof udp;
    }
    return static_cast<uint8_t>(bytes);
}

uint16_t udp_checksum_ipv6_be(const uint8_t* ip6, uint32_t udp_offset, uint32_t length) noexcept
{
    const uint32_t udp_bytes = length - udp_offset;
    const uint32_t pseudo[2] = {base::swap_be32(udp_bytes), base::swap_be32(net::kProtoUdp)};
    uint64_t sum = net::checksum_add(0, pseudo, sizeof pseudo);
    sum = net::checksum_add(sum, ip6 + offsetof(net::Ipv6Header, source), 32);
    sum = net::checksum_add(sum, ip6 + udp_offset, udp_bytes);
    const uint16_t checksum = net::checksum_finish_be(sum);
    return checksum == 0 ? uint16_t{0xffff} : checksum;  // RFC 768: zero would mean none
}

}  // namespace ipsecgw::esp
