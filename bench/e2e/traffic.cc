#include "traffic.h"

#include <array>
#include <cstring>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "base/byte_order.h"
#include "esp/engine.h"
#include "net/checksum.h"
#include "net/headers.h"

namespace ipsecgw::bench {

using base::Error;
using base::ErrorCode;
using base::Result;
using model::Direction;

namespace {

constexpr uint32_t kEthernet = sizeof(net::EthernetHeader);
constexpr uint32_t kIpv4 = sizeof(net::Ipv4Header);
constexpr uint32_t kEsp = sizeof(net::EspHeader);
constexpr uint8_t kIpv4InIpv4 = 4;  // the next header of a tunnelled IPv4 packet

void write_ethernet(uint8_t* to, const net::MacAddress& destination)
{
    net::EthernetHeader header{};
    header.destination = destination.bytes;
    header.source = {0x02, 0, 0, 0, 1, 9};
    header.type_be = base::swap_be16(net::kEtherTypeIpv4);
    std::memcpy(to, &header, sizeof header);
}

struct Ipv4 {
    uint16_t total_bytes;
    uint8_t protocol;
    uint32_t source;
    uint32_t destination;
};

void write_ipv4(uint8_t* to, const Ipv4& fields)
{
    net::Ipv4Header header{};
    header.version_ihl = 0x45;
    header.total_length_be = base::swap_be16(fields.total_bytes);
    header.fragment_be = base::swap_be16(net::kIpv4DontFragment);
    header.ttl = 64;
    header.protocol = fields.protocol;
    base::store_be32(header.source.data(), fields.source);
    base::store_be32(header.destination.data(), fields.destination);
    header.checksum_be = net::checksum_be(&header, sizeof header);
    std::memcpy(to, &header, sizeof header);
}

/// An IPv4 packet of `bytes` with a UDP header without checksum; what else is in it is what the buffer held.
void write_inner(uint8_t* to, uint16_t bytes, uint32_t source, uint32_t destination)
{
    write_ipv4(to, {bytes, net::kProtoUdp, source, destination});
    net::UdpHeader udp{};
    udp.source_port_be = base::swap_be16(5000);
    udp.destination_port_be = base::swap_be16(6000);
    udp.length_be = base::swap_be16(static_cast<uint16_t>(bytes - kIpv4));
    std::memcpy(to + kIpv4, &udp, sizeof udp);
}

void set_length(rte_mbuf* m, uint32_t bytes)
{
    m->data_len = static_cast<uint16_t>(bytes);
    m->pkt_len = bytes;
}

}  // namespace

Traffic::Traffic(const Case& what, Rig& rig, uint16_t worker)
    : what_(what), rig_(rig), worker_(worker), layout_(what.suite.layout()), sequences_(what.sas, 0)
{
    random_ += worker * uint64_t{0x1234567};
}

Result<Traffic> Traffic::create(const Case& what, Rig& rig, uint16_t worker)
{
    Traffic traffic(what, rig, worker);
    const base::SecretBytes keymat = keymat_of(what.suite);
    traffic.seal_ =
        GW_TRY(rig.engines().key(what.suite, keymat.view(), false, Direction::kOutbound, what.engine)).context;
    traffic.open_ =
        GW_TRY(rig.engines().key(what.suite, keymat.view(), false, Direction::kInbound, what.engine)).context;
    return traffic;
}

uint32_t Traffic::next_sa()
{
    // Inbound SAs are dealt to the workers in turn, and each worker gets those it owns.
    const bool owned = what_.direction == Direction::kInbound;
    const uint32_t step = owned ? what_.workers : 1;
    const uint32_t first = owned ? worker_ : 0;
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    const uint32_t choices = (what_.sas - first + step - 1) / step;
    return first + step * static_cast<uint32_t>((random_ >> 32) * choices >> 32);
}

void Traffic::write_clear(uint8_t* frame, uint16_t bytes, uint32_t sa)
{
    write_ethernet(frame, rig_.mac(kInside));
    write_inner(frame + kEthernet, static_cast<uint16_t>(bytes - kEthernet), kOurHost, kFirstPeerHost + sa);
}

sa::EspText Traffic::write_sealed(rte_mbuf* m, uint16_t bytes, uint32_t sa)
{
    const auto inner_bytes = static_cast<uint16_t>(bytes - kEthernet);
    const uint32_t align = layout_.align_bytes;
    const uint32_t text_bytes = (inner_bytes + uint32_t{sizeof(net::EspTrailer)} + align - 1) / align * align;
    const uint32_t ip_bytes = kIpv4 + kEsp + layout_.iv_bytes + text_bytes + layout_.icv_bytes;
    set_length(m, kEthernet + ip_bytes);

    auto* frame = rte_pktmbuf_mtod(m, uint8_t*);
    write_ethernet(frame, rig_.mac(kOutside));
    write_ipv4(frame + kEthernet, {static_cast<uint16_t>(ip_bytes), net::kProtoEsp, kPeerGateway, kOurGateway});
    uint8_t* const esp = frame + kEthernet + kIpv4;
    base::store_be32(esp, rig_.spi(sa));
    base::store_be32(esp + 4, ++sequences_[sa]);
    std::memset(esp + kEsp, 0, layout_.iv_bytes);
    ++iv_;
    std::memcpy(esp + kEsp, &iv_, std::min(sizeof iv_, size_t{layout_.iv_bytes}));
    uint8_t* const text = esp + kEsp + layout_.iv_bytes;
    write_inner(text, inner_bytes, kFirstPeerHost + sa, kOurHost);
    uint8_t* pad = text + inner_bytes;
    const auto pad_bytes = static_cast<uint8_t>(text_bytes - inner_bytes - sizeof(net::EspTrailer));
    for (uint8_t value = 1; value <= pad_bytes; value++)
        *pad++ = value;  // RFC 4303 section 2.4
    *pad++ = pad_bytes;
    *pad = kIpv4InIpv4;
    return {esp, text_bytes, 0};
}

Result<void> Traffic::fill(std::span<rte_mbuf*> burst)
{
    if (rte_pktmbuf_alloc_bulk(rig_.pool(), burst.data(), static_cast<unsigned>(burst.size())) != 0)
        return Error{ErrorCode::kResourceExhausted, "packets do not come back", ""};
    std::array<sa::EspText, sa::kMaxBurst> texts;
    for (size_t i = 0; i < burst.size(); i++) {
        const uint16_t bytes = what_.mix.frame_bytes[at_];
        at_ = at_ + 1 == what_.mix.frame_bytes.size() ? 0 : at_ + 1;
        clear_bytes_ += bytes;
        if (what_.direction == Direction::kOutbound) {
            set_length(burst[i], bytes);
            write_clear(rte_pktmbuf_mtod(burst[i], uint8_t*), bytes, next_sa());
        } else {
            texts[i] = write_sealed(burst[i], bytes, next_sa());
        }
    }
    // The model port without a cipher takes the text as it is.
    if (what_.direction == Direction::kInbound && what_.kind == Kind::kSoftware)
        seal_->seal(*seal_, {texts.data(), burst.size()});
    return {};
}

Result<void> Traffic::feed(uint16_t count)
{
    std::array<rte_mbuf*, sa::kMaxBurst> burst;
    GW_TRY(fill({burst.data(), count}));
    const uint16_t port = what_.direction == Direction::kOutbound ? kInside : kOutside;
    if (rte_ring_enqueue_bulk(rig_.in(port, worker_), reinterpret_cast<void**>(burst.data()), count, nullptr) == 0) {
        rte_pktmbuf_free_bulk(burst.data(), count);
        return Error{ErrorCode::kResourceExhausted, "the gateway does not take what it is given", ""};
    }
    return {};
}

uint32_t Traffic::drain()
{
    const uint16_t port = what_.direction == Direction::kOutbound ? kOutside : kInside;
    std::array<rte_mbuf*, sa::kMaxBurst> burst;
    uint32_t all = 0;
    while (const unsigned count =
               rte_ring_dequeue_burst(rig_.out(port, worker_), reinterpret_cast<void**>(burst.data()),
                                      static_cast<unsigned>(burst.size()), nullptr)) {
        rte_pktmbuf_free_bulk(burst.data(), count);
        all += count;
    }
    return all;
}

uint64_t Traffic::cipher_burst()
{
    std::array<rte_mbuf*, sa::kMaxBurst> burst;
    if (rte_pktmbuf_alloc_bulk(rig_.pool(), burst.data(), what_.burst) != 0)
        return 0;
    std::array<sa::EspText, sa::kMaxBurst> texts;
    for (uint16_t i = 0; i < what_.burst; i++) {
        texts[i] = write_sealed(burst[i], what_.mix.frame_bytes[at_], 0);
        at_ = at_ + 1 == what_.mix.frame_bytes.size() ? 0 : at_ + 1;
    }
    const std::span<const sa::EspText> all(texts.data(), what_.burst);
    const bool opens = what_.direction == Direction::kInbound;
    if (opens)
        seal_->seal(*seal_, all);
    const uint64_t start = rte_rdtsc_precise();
    if (opens)
        open_->open(*open_, all);
    else
        seal_->seal(*seal_, all);
    const uint64_t cycles = rte_rdtsc_precise() - start;
    rte_pktmbuf_free_bulk(burst.data(), what_.burst);
    return cycles;
}

uint64_t Traffic::pass_burst()
{
    std::array<rte_mbuf*, sa::kMaxBurst> burst;
    const bool out = what_.direction == Direction::kOutbound;
    const uint64_t start = rte_rdtsc_precise();
    const uint16_t count = rte_eth_rx_burst(rig_.port_id(out ? kInside : kOutside), worker_, burst.data(), what_.burst);
    // The other port is polled too.
    rte_mbuf* none = nullptr;
    const uint16_t idle = rte_eth_rx_burst(rig_.port_id(out ? kOutside : kInside), worker_, &none, 1);
    const uint16_t sent = rte_eth_tx_burst(rig_.port_id(out ? kOutside : kInside), worker_, burst.data(), count);
    const uint64_t cycles = rte_rdtsc_precise() - start;
    if (idle != 0)
        rte_pktmbuf_free(none);
    rte_pktmbuf_free_bulk(burst.data() + sent, count - sent);
    return cycles;
}

}  // namespace ipsecgw::bench
