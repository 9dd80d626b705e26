#include "unit/esp/packets.h"

#include <algorithm>
#include <stdexcept>

#include <rte_mempool.h>

namespace ipsecgw::test {
namespace {

constexpr unsigned kMbufs = 1023;
constexpr uint16_t kRoom = 10240;  // jumbo, in one segment

rte_mempool* pool()
{
    static rte_mempool* const made =
        rte_pktmbuf_pool_create("esp_test", kMbufs, 0, 128, RTE_PKTMBUF_HEADROOM + kRoom, SOCKET_ID_ANY);
    return made;
}

void put16(Bytes& bytes, size_t at, size_t value)
{
    bytes[at] = static_cast<uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<uint8_t>(value);
}

size_t get16(std::span<const uint8_t> bytes, size_t at)
{
    return static_cast<size_t>(bytes[at] << 8 | bytes[at + 1]);
}

Bytes make_ipv4(const PacketSpec& spec)
{
    const size_t header = 20 + spec.extension.size();
    Bytes out(header);
    std::ranges::copy(spec.extension, out.begin() + 20);
    out[0] = static_cast<uint8_t>(0x40 | header / 4);
    out[1] = spec.tos;
    put16(out, 2, header + spec.payload_bytes);
    put16(out, 4, 0x1d00u + spec.seed);
    out[6] = spec.dont_fragment ? 0x40 : 0;
    out[8] = spec.hop_limit;
    out[9] = spec.protocol;
    std::ranges::copy(spec.source.empty() ? Bytes{10, 1, 0, spec.seed} : spec.source, out.begin() + 12);
    std::ranges::copy(spec.destination.empty() ? Bytes{10, 2, 0, 7} : spec.destination, out.begin() + 16);
    put16(out, 10, static_cast<uint16_t>(~plain_sum(out)));
    return out;
}

Bytes make_ipv6(const PacketSpec& spec)
{
    Bytes out(40 + spec.extension.size());
    std::ranges::copy(spec.extension, out.begin() + 40);
    out[0] = static_cast<uint8_t>(0x60 | spec.tos >> 4);
    out[1] = static_cast<uint8_t>(spec.tos << 4 | spec.flow_label >> 16);
    put16(out, 2, spec.flow_label & 0xffff);
    put16(out, 4, spec.extension.size() + spec.payload_bytes);
    out[6] = spec.extension.empty() ? spec.protocol : spec.first_extension;
    out[7] = spec.hop_limit;
    const Bytes source = {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, spec.seed};
    const Bytes destination = {0x20, 0x01, 0x0d, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
    std::ranges::copy(spec.source.empty() ? source : spec.source, out.begin() + 8);
    std::ranges::copy(spec.destination.empty() ? destination : spec.destination, out.begin() + 24);
    return out;
}

}  // namespace

Bytes make_packet(const PacketSpec& spec)
{
    Bytes out = spec.family == Ip::kV4 ? make_ipv4(spec) : make_ipv6(spec);
    for (size_t i = 0; i < spec.payload_bytes; ++i)
        out.push_back(static_cast<uint8_t>(spec.seed * 37 + i * 11 + (i >> 8)));
    return out;
}

void expect_same(const std::vector<Bytes>& got, const std::vector<Bytes>& wanted)
{
    ASSERT_EQ(got.size(), wanted.size());
    for (size_t i = 0; i < got.size(); ++i)
        EXPECT_TRUE(got[i] == wanted[i]) << "packet " << i << " of " << got.size();
}

uint16_t plain_sum(std::span<const uint8_t> bytes, uint32_t initial)
{
    uint32_t sum = initial;
    for (size_t i = 0; i < bytes.size(); i += 2) {
        sum += static_cast<uint32_t>(bytes[i] << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<uint16_t>(sum);
}

uint16_t udp_sum_ipv6(std::span<const uint8_t> packet)
{
    Bytes pseudo(packet.begin() + 8, packet.begin() + 40);
    pseudo.insert(pseudo.end(), {0, 0, packet[44], packet[45], 0, 0, 0, 17});
    return plain_sum(packet.subspan(40), plain_sum(pseudo));
}

IpFields read_ip(std::span<const uint8_t> packet)
{
    IpFields out{};
    out.version = packet[0] >> 4;
    if (out.version == 4) {
        out.tos = packet[1];
        out.total_bytes = static_cast<uint16_t>(get16(packet, 2));
        out.identification = static_cast<uint16_t>(get16(packet, 4));
        out.dont_fragment = packet[6] == 0x40;
        out.hop_limit = packet[8];
        out.protocol = packet[9];
        out.checksum_valid = plain_sum(packet.first((packet[0] & 15u) * 4)) == 0xffff;
        out.source.assign(packet.begin() + 12, packet.begin() + 16);
        out.destination.assign(packet.begin() + 16, packet.begin() + 20);
    } else {
        out.tos = static_cast<uint8_t>(packet[0] << 4 | packet[1] >> 4);
        out.flow_label = static_cast<uint32_t>((packet[1] & 15) << 16 | packet[2] << 8 | packet[3]);
        out.total_bytes = static_cast<uint16_t>(40 + get16(packet, 4));
        out.protocol = packet[6];
        out.hop_limit = packet[7];
        out.checksum_valid = true;
        out.source.assign(packet.begin() + 8, packet.begin() + 24);
        out.destination.assign(packet.begin() + 24, packet.begin() + 40);
    }
    return out;
}

void MbufTest::SetUp()
{
    ASSERT_NE(pool(), nullptr);
    ASSERT_EQ(rte_mempool_avail_count(pool()), kMbufs);
}

void MbufTest::TearDown()
{
    drops_.flush();
    EXPECT_EQ(rte_mempool_avail_count(pool()), kMbufs) << "mbufs leaked";
}

rte_mbuf* MbufTest::mbuf(std::span<const uint8_t> packet, size_t extension_bytes)
{
    rte_mbuf* m = rte_pktmbuf_alloc(pool());
    if (m == nullptr || packet.size() > kRoom)
        throw std::runtime_error("no mbuf for the packet");
    std::copy(packet.begin(), packet.end(), rte_pktmbuf_mtod(m, uint8_t*));
    m->data_len = static_cast<uint16_t>(packet.size());
    m->pkt_len = m->data_len;
    set_l3_len(m, extension_bytes);
    return m;
}

Bytes MbufTest::bytes(const rte_mbuf* m)
{
    EXPECT_EQ(m->nb_segs, 1);
    EXPECT_EQ(m->pkt_len, m->data_len);
    const auto* start = rte_pktmbuf_mtod(m, const uint8_t*);
    return {start, start + m->data_len};
}

void MbufTest::set_l3_len(rte_mbuf* m, size_t extension_bytes)
{
    const auto* ip = rte_pktmbuf_mtod(m, const uint8_t*);
    size_t header = (ip[0] >> 4 == 4 ? 20 : 40) + extension_bytes;
    uint8_t protocol = ip[0] >> 4 == 4 ? ip[9] : ip[6];
    if (ip[0] >> 4 == 6 && extension_bytes != 0)
        protocol = ip[40];  // tests use one extension header
    if (protocol == 17 && m->data_len >= header + 8 && ip[header + 2] == 4500 >> 8 && ip[header + 3] == (4500 & 255))
        header += 8;
    m->l3_len = header & 0x1ff;
}

uint64_t MbufTest::dropped() const
{
    uint64_t sum = 0;
    for (size_t i = 0; i < telemetry::kDropCount; ++i)
        sum += drops_.count(static_cast<telemetry::Drop>(i));
    return sum;
}

}  // namespace ipsecgw::test
