#include <algorithm>
#include <cstring>
#include <span>

#include <rte_mbuf.h>

#include "base/byte_order.h"
#include "base/text.h"
#include "control/datagrams_internal.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "worker/packet_info.h"

namespace ipsecgw::control {
namespace {

using base::Error;
using base::ErrorCode;

constexpr uint8_t kHopLimit = 64;
constexpr size_t kMarkerBytes = 4;  // non-ESP marker, RFC 3948 section 2.2
constexpr size_t kFragmentHeaderBytes = 8;

/// Where a fragment of a datagram's bytes stands among the others.
struct Piece {
    size_t offset;
    size_t bytes;
    bool is_last;
    uint32_t identification;

    [[nodiscard]] bool is_whole() const { return offset == 0 && is_last; }
};

template <class T>
void append(std::vector<uint8_t>& bytes, const T& header)
{
    const size_t at = bytes.size();
    bytes.resize(at + sizeof header);
    std::memcpy(&bytes[at], &header, sizeof header);
}

void append_ipv4(std::vector<uint8_t>& bytes, const Datagram& datagram, const Piece& piece)
{
    net::Ipv4Header ip{};
    ip.version_ihl = 0x45;
    ip.total_length_be = base::swap_be16(static_cast<uint16_t>(sizeof ip + piece.bytes));
    ip.identification_be = base::swap_be16(static_cast<uint16_t>(piece.identification));
    ip.fragment_be =
        base::swap_be16(static_cast<uint16_t>(piece.offset / 8 | (piece.is_last ? 0 : net::kIpv4MoreFragments)));
    ip.ttl = kHopLimit;
    ip.protocol = net::kProtoUdp;
    std::memcpy(ip.source.data(), datagram.local.data(), ip.source.size());
    std::memcpy(ip.destination.data(), datagram.remote.data(), ip.destination.size());
    ip.checksum_be = net::checksum_be(&ip, sizeof ip);
    append(bytes, ip);
}

void append_ipv6(std::vector<uint8_t>& bytes, const Datagram& datagram, const Piece& piece)
{
    const size_t extension = piece.is_whole() ? 0 : kFragmentHeaderBytes;
    net::Ipv6Header ip{};
    ip.version_class_flow_be = base::swap_be32(uint32_t{6} << 28);
    ip.payload_length_be = base::swap_be16(static_cast<uint16_t>(extension + piece.bytes));
    ip.next_header = piece.is_whole() ? net::kProtoUdp : net::kProtoFragment;
    ip.hop_limit = kHopLimit;
    std::memcpy(ip.source.data(), datagram.local.data(), ip.source.size());
    std::memcpy(ip.destination.data(), datagram.remote.data(), ip.destination.size());
    append(bytes, ip);
    if (extension == 0)
        return;
    // RFC 8200 section 4.5: next header, reserved, offset in units of 8 with the M bit below, identification.
    bytes.push_back(net::kProtoUdp);
    bytes.push_back(0);
    append(bytes, base::swap_be16(static_cast<uint16_t>(piece.offset | (piece.is_last ? 0u : 1u))));
    append(bytes, base::swap_be32(piece.identification));
}

/// UDP header, marker and payload.
std::vector<uint8_t> udp_of(const Datagram& datagram, UdpChecksum kind)
{
    // A keepalive is no IKE message (RFC 3948 section 2.3), and is the only datagram of one byte.
    const size_t marker = datagram.local_port == net::kPortNatT && datagram.payload.size() > 1 ? kMarkerBytes : 0;
    const auto length = static_cast<uint16_t>(sizeof(net::UdpHeader) + marker + datagram.payload.size());
    net::UdpHeader udp{};
    udp.source_port_be = base::swap_be16(datagram.local_port);
    udp.destination_port_be = base::swap_be16(datagram.remote_port);
    udp.length_be = base::swap_be16(length);
    std::vector<uint8_t> bytes;
    bytes.reserve(length);
    append(bytes, udp);
    bytes.insert(bytes.end(), marker, 0);
    bytes.insert(bytes.end(), datagram.payload.begin(), datagram.payload.end());
    if (kind == UdpChecksum::kZeroOverIpv4 && datagram.local.is_v4())
        return bytes;
    const uint64_t pseudo = net::checksum_pseudo(datagram.local, datagram.remote, net::kProtoUdp, length);
    const uint16_t checksum = net::checksum_finish_be(net::checksum_add(pseudo, bytes.data(), bytes.size()));
    udp.checksum_be = checksum == 0 ? uint16_t{0xffff} : checksum;
    std::memcpy(bytes.data(), &udp, sizeof udp);
    return bytes;
}

net::IpAddress address_of(net::Family family, const uint8_t* bytes)
{
    return family == net::Family::kIpv4 ? net::IpAddress::v4(bytes) : net::IpAddress::v6(bytes);
}

Error not_udp(const char* what)
{
    return {ErrorCode::kInvalidArgument, what, ""};
}

}  // namespace

base::Result<Datagram> Datagrams::read(rte_mbuf* packet)
{
    // Lengths were the worker's to check, but what follows reads by them.
    const worker::PacketInfo& info = worker::info(packet);
    const size_t udp_offset = packet->l3_len;
    const size_t packet_bytes = rte_pktmbuf_data_len(packet);
    if (packet->nb_segs != 1 || packet_bytes < udp_offset + sizeof(net::UdpHeader))
        return not_udp("no complete UDP header");
    const auto* udp = rte_pktmbuf_mtod_offset(packet, const uint8_t*, udp_offset);
    const size_t udp_bytes = base::load_be16(udp + 4);
    if (udp_bytes < sizeof(net::UdpHeader) || udp_bytes > packet_bytes - udp_offset)
        return not_udp("a UDP length that is not the packet's");

    Datagram datagram;
    datagram.local = address_of(info.flow.family, info.flow.destination);
    datagram.remote = address_of(info.flow.family, info.flow.source);
    datagram.local_port = base::load_be16(udp + 2);
    datagram.remote_port = base::load_be16(udp);
    datagram.payload = {udp + sizeof(net::UdpHeader), udp_bytes - sizeof(net::UdpHeader)};
    const bool has_checksum = base::load_be16(udp + 6) != 0;
    const uint64_t pseudo =
        net::checksum_pseudo(datagram.remote, datagram.local, net::kProtoUdp, static_cast<uint32_t>(udp_bytes));
    // Over IPv6 there must be one (RFC 8200 section 8.1), but for what RFC 3948 section 2.1 lets ESP do.
    if (has_checksum ? net::checksum_finish_be(net::checksum_add(pseudo, udp, udp_bytes)) != 0
                     : !datagram.local.is_v4())
        return Error{ErrorCode::kIo, "UDP checksum", ""};
    if (datagram.local_port == net::kPortNatT) {
        if (datagram.payload.size() < kMarkerBytes)
            return not_udp("no non-ESP marker");
        datagram.payload = datagram.payload.subspan(kMarkerBytes);
    }
    return datagram;
}

base::Result<void> Datagrams::send(const Datagram& datagram, UdpChecksum checksum, uint64_t now_ns)
{
    if (datagram.payload.empty() || datagram.payload.size() > kLargest ||
        datagram.local.family() != datagram.remote.family())
        return Error{ErrorCode::kInvalidArgument,
                     base::format("a datagram of %zu bytes to %s cannot be sent", datagram.payload.size(),
                                  datagram.remote.to_string().c_str()),
                     ""};
    const route::NextHop* hop = data_.tables->fib().lookup(datagram.remote);
    if (hop == nullptr || hop->port >= data_.ports.size()) {
        drops_.count(telemetry::Drop::kNoRoute);
        return Error{ErrorCode::kNotFound, base::format("no route to %s", datagram.remote.to_string().c_str()),
                     "gwctl route show lists the routes"};
    }
    const net::IpAddress next_hop = hop->gateway.value_or(datagram.remote);
    const std::vector<uint8_t> udp = udp_of(datagram, checksum);
    const bool is_v4 = datagram.local.is_v4();
    const size_t header = is_v4 ? sizeof(net::Ipv4Header) : sizeof(net::Ipv6Header);
    const size_t mtu = data_.ports[hop->port].mtu;
    const bool fits = header + udp.size() <= mtu;
    const size_t room = fits ? udp.size() : (mtu - header - (is_v4 ? 0 : kFragmentHeaderBytes)) & ~size_t{7};
    if (transmitter_.room(hop->port) < (udp.size() + room - 1) / room)
        return Error{ErrorCode::kResourceExhausted,
                     base::format("the way out of port %s is full", data_.ports[hop->port].name.c_str()), ""};
    identification_++;
    for (size_t offset = 0; offset < udp.size(); offset += room) {
        const size_t bytes = std::min(room, udp.size() - offset);
        const Piece piece{offset, bytes, offset + bytes == udp.size(), identification_};
        std::vector<uint8_t> packet;
        packet.reserve(mtu);
        if (is_v4)
            append_ipv4(packet, datagram, piece);
        else
            append_ipv6(packet, datagram, piece);
        packet.insert(packet.end(), udp.begin() + static_cast<ptrdiff_t>(offset),
                      udp.begin() + static_cast<ptrdiff_t>(offset + bytes));
        send_packet(hop->port, next_hop, packet, now_ns);
    }
    return {};
}

void Datagrams::send_packet(uint16_t port, const net::IpAddress& next_hop, const std::vector<uint8_t>& bytes,
                            uint64_t now_ns)
{
    if (rte_mbuf* m = transmitter_.make(bytes); m != nullptr)
        neighbours_.resolve(port, next_hop, m, now_ns);
}

std::optional<net::IpAddress> Datagrams::source_towards(const net::IpAddress& remote) const
{
    const route::NextHop* hop = data_.tables->fib().lookup(remote);
    if (hop == nullptr || hop->port >= data_.ports.size())
        return std::nullopt;
    const net::IpAddress next_hop = hop->gateway.value_or(remote);
    std::optional<net::IpAddress> found;
    for (const net::Prefix& own : data_.ports[hop->port].addresses) {
        if (own.family() != remote.family() || (own.address.is_link_local() && !remote.is_link_local()))
            continue;
        if (own.contains(next_hop))
            return own.address;
        if (!found)
            found = own.address;
    }
    return found;
}

bool Datagrams::is_own(const net::IpAddress& address) const
{
    for (const auto& port : data_.ports)
        for (const net::Prefix& own : port.addresses)
            if (own.address == address)
                return true;
    return false;
}

}  // namespace ipsecgw::control
