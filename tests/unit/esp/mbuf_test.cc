#include "unit/esp/mbuf_test.h"

#include <algorithm>
#include <stdexcept>

#include <rte_mempool.h>

#include "base/text.h"

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

}  // namespace

Bytes make_packet(const PacketSpec& spec)
{
    const bool v4 = spec.family == Family::kIpv4;
    const Ip ip{.source = !spec.source.empty() ? spec.source : base::format(v4 ? "10.1.0.%u" : "2001:db8:1::%x", spec.seed),
                .destination = !spec.destination.empty() ? spec.destination : v4 ? "10.2.0.7" : "2001:db8:2::7",
                .hops = spec.hop_limit,
                .tos = spec.tos,
                .flow_label = spec.flow_label,
                .identification = static_cast<uint16_t>(0x1d00 + spec.seed),
                .dont_fragment = spec.dont_fragment,
                .options = spec.extension,
                .first_extension = spec.first_extension};
    Bytes payload;
    for (size_t i = 0; i < spec.payload_bytes; ++i)
        payload.push_back(static_cast<uint8_t>(spec.seed * 37 + i * 11 + (i >> 8)));
    return ip_packet(ip, spec.protocol, payload);
}

void expect_same(const std::vector<Bytes>& got, const std::vector<Bytes>& wanted)
{
    ASSERT_EQ(got.size(), wanted.size());
    for (size_t i = 0; i < got.size(); ++i)
        EXPECT_TRUE(got[i] == wanted[i]) << "packet " << i << " of " << got.size();
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
