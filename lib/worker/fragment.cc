// IPv4 fragmentation (RFC 791 section 3.2).
#include <algorithm>
#include <cstring>

#include "base/byte_order.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "worker/context.h"

namespace ipsecgw::worker {

using telemetry::Drop;

namespace {

constexpr uint32_t kHeaderBytes = sizeof(net::Ipv4Header);
constexpr uint32_t kUnit = 8;  // fragment offsets count in these

net::Ipv4Header& header_of(rte_mbuf* m) noexcept
{
    return *rte_pktmbuf_mtod(m, net::Ipv4Header*);
}

/// Makes the header say which part of the packet this is.
void mark(rte_mbuf* m, uint16_t field) noexcept
{
    net::Ipv4Header& header = header_of(m);
    header.total_length_be = base::swap_be16(static_cast<uint16_t>(m->pkt_len));
    header.fragment_be = base::swap_be16(field);
    header.checksum_be = 0;
    header.checksum_be = net::checksum_be(&header, sizeof header);
    PacketInfo& packet = info(m);
    packet.fragment = (field & net::kIpv4OffsetMask) != 0 ? Fragment::kLater : Fragment::kFirst;
    if (packet.fragment == Fragment::kLater) {
        packet.flow.ports_known = false;
        packet.flow.source_port = packet.flow.destination_port = 0;
    }
}

/// A packet with `whole`'s header and `bytes` of its payload from `from` on. Null: no mbuf.
rte_mbuf* cut_out(Context& context, rte_mbuf* whole, uint32_t from, uint32_t bytes) noexcept
{
    rte_mbuf* m = rte_pktmbuf_alloc(context.data.pool);
    if (m == nullptr)
        return nullptr;
    auto* to = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(m, static_cast<uint16_t>(kHeaderBytes + bytes)));
    if (to == nullptr) {
        rte_pktmbuf_free(m);
        return nullptr;
    }
    const auto* source = rte_pktmbuf_mtod(whole, const uint8_t*);
    std::memcpy(to, source, kHeaderBytes);
    std::memcpy(to + kHeaderBytes, source + kHeaderBytes + from, bytes);
    info(m) = info(whole);
    m->l3_len = kHeaderBytes;
    return m;
}

}  // namespace

bool may_fragment(rte_mbuf* m, uint32_t mtu) noexcept
{
    const Origin origin = info(m).origin;
    if ((origin != Origin::kClear && origin != Origin::kOpened) || info(m).flow.family != net::Family::kIpv4)
        return false;
    const net::Ipv4Header& header = header_of(m);
    // Below the 576 bytes every host takes (RFC 791) a path is broken, not narrow; and so a packet has far fewer pieces
    // than a batch holds.
    return (base::swap_be16(header.fragment_be) & net::kIpv4DontFragment) == 0 &&
           header.header_bytes() == kHeaderBytes && mtu >= 576;
}

void fragment(Context& context, rte_mbuf* m, uint32_t mtu, Batch& pieces) noexcept
{
    const uint32_t payload = m->pkt_len - kHeaderBytes;
    const uint32_t step = (mtu - kHeaderBytes) / kUnit * kUnit;
    const uint16_t field = base::swap_be16(header_of(m).fragment_be);
    pieces.add(m);
    for (uint32_t from = step; from < payload; from += step) {
        const uint32_t bytes = std::min(step, payload - from);
        rte_mbuf* piece = pieces.full() ? nullptr : cut_out(context, m, from, bytes);
        if (piece == nullptr) {
            for (rte_mbuf* made : pieces.all().subspan(1))
                rte_pktmbuf_free(made);
            context.drops.drop(m, Drop::kNoMbuf);
            pieces.count = 0;
            return;
        }
        pieces.add(piece);
        // The last piece of a fragment that was not the last itself has more to come behind it.
        const bool more = from + bytes < payload || (field & net::kIpv4MoreFragments) != 0;
        const uint32_t offset = (field & net::kIpv4OffsetMask) + from / kUnit;
        mark(piece, static_cast<uint16_t>(offset | (more ? net::kIpv4MoreFragments : 0u)));
    }
    rte_pktmbuf_trim(m, static_cast<uint16_t>(payload - step));
    mark(m, static_cast<uint16_t>((field & net::kIpv4OffsetMask) | net::kIpv4MoreFragments));
}

}  // namespace ipsecgw::worker
