#include <cstring>
#include <utility>

#include <rte_mbuf.h>

#include "base/byte_order.h"
#include "control/transmitter_internal.h"
#include "net/headers.h"
#include "worker/packet_info.h"

namespace ipsecgw::control {

using telemetry::Drop;

void ControlDrops::drop(rte_mbuf* m, Drop reason)
{
    count(reason);
    rte_pktmbuf_free(m);
}

rte_mbuf* Transmitter::make(std::span<const uint8_t> bytes)
{
    rte_mbuf* m = rte_pktmbuf_alloc(data_.pool);
    if (m == nullptr) {
        drops_.count(Drop::kNoMbuf);
        return nullptr;
    }
    char* room = bytes.size() > UINT16_MAX ? nullptr : rte_pktmbuf_append(m, static_cast<uint16_t>(bytes.size()));
    if (room == nullptr) {
        drops_.drop(m, Drop::kNoRoomInMbuf);
        return nullptr;
    }
    std::memcpy(room, bytes.data(), bytes.size());
    worker::info(m).trace = 0;
    return m;
}

void Transmitter::send_frame(uint16_t port, rte_mbuf* frame)
{
    worker::info(frame).out_port = port;
    // One worker a port, so frames of one port keep their order.
    if (!workers_[port % workers_.size()]->inject(frame))
        drops_.drop(frame, Drop::kTxFull);
}

void Transmitter::send_ip(uint16_t port, const net::MacAddress& next_hop, rte_mbuf* packet)
{
    const bool v4 = (*rte_pktmbuf_mtod(packet, const uint8_t*) >> 4) == 4;
    auto* room = rte_pktmbuf_prepend(packet, sizeof(net::EthernetHeader));
    if (room == nullptr) {
        drops_.drop(packet, Drop::kNoRoomInMbuf);
        return;
    }
    net::EthernetHeader header;
    header.destination = next_hop.bytes;
    header.source = data_.ports[port].mac.bytes;
    header.type_be = base::swap_be16(v4 ? net::kEtherTypeIpv4 : net::kEtherTypeIpv6);
    std::memcpy(room, &header, sizeof header);
    packet->l2_len = sizeof header;
    send_frame(port, packet);
}

}  // namespace ipsecgw::control
