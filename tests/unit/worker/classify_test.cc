// What classify and the parser read: never a byte outside the frame. The mbufs are of the heap, so that a sanitizer
// knows their ends.
#include "worker/classify.h"

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "support/long_run.h"
#include "support/packets.h"
#include "worker/packet_info.h"

namespace ipsecgw::worker {
namespace {

using namespace test;

/// An mbuf whose buffer ends with its data.
class HeapMbuf {
  public:
    explicit HeapMbuf(const Bytes& bytes) : data_(bytes), header_(sizeof(rte_mbuf) + sizeof(PacketInfo))
    {
        m_ = new (header_.data()) rte_mbuf();
        m_->priv_size = sizeof(PacketInfo);
        m_->buf_addr = data_.data();
        m_->buf_len = static_cast<uint16_t>(bytes.size());
        m_->nb_segs = 1;
        m_->data_len = m_->buf_len;
        m_->pkt_len = m_->buf_len;
        rte_mbuf_refcnt_set(m_, 1);
    }
    [[nodiscard]] rte_mbuf* get() const { return m_; }

  private:
    struct alignas(RTE_CACHE_LINE_SIZE) Line {
        std::array<uint8_t, RTE_CACHE_LINE_SIZE> bytes;
    };
    struct Lines : std::vector<Line> {
        explicit Lines(size_t bytes) : std::vector<Line>((bytes + sizeof(Line) - 1) / sizeof(Line)) {}
    };
    Bytes data_;
    Lines header_;
    rte_mbuf* m_;
};

std::vector<PortView> ports()
{
    PortView port;
    port.role = model::PortRole::kUnprotected;
    port.mac.bytes = {2, 0, 0, 0, 0, 1};
    port.addresses = {*net::Prefix::parse("192.0.2.1/24"), *net::Prefix::parse("2001:db8:ff::1/64")};
    return {port};
}

/// A frame of each kind there is a way through the parser for.
std::vector<Bytes> seeds()
{
    const std::string to = "02:00:00:00:00:01", from = "02:bb:00:00:00:01";
    const Ip v4{.source = "192.0.2.9", .destination = "192.0.2.1"},
        v6{.source = "2001:db8:ff::9", .destination = "2001:db8:ff::1"};
    Ip options = v4, extensions = v6, fragment = v6;
    options.options = {7, 7, 4, 0, 0, 0, 0, 0};
    extensions.options = Bytes(24);
    extensions.options[0] = 43;
    extensions.options[9] = 1;
    extensions.last_extension = 8;
    fragment.more_fragments = true;
    std::vector<Bytes> frames;
    for (const Bytes& packet :
         {udp_packet(v4, 4500, 4500, text(40)), udp_packet(options, 4500, 4500, text(40)),
          echo_request(v4, 1, 1, text(20)), ip_packet(v4, 50, text(60)), tcp_packet(v6, 1, 2, text(8)),
          udp_packet(extensions, 4500, 4500, text(40)), udp_packet(fragment, 1, 2, text(16)),
          icmpv6_packet(v6, 135, 0, Bytes(20)), ip_packet(v6, 50, text(60)), ip_packet(v6, 59, {})})
        frames.push_back(frame(to, from, packet));
    frames.push_back(frame("ff:ff:ff:ff:ff:ff", from, Bytes(28), 0x0806));
    return frames;
}

TEST(Classify, ReadsNothingOutsideTheFrame)
{
    const auto views = ports();
    const OwnAddresses own(views);
    Random random(7);
    const auto frames = seeds();
    std::array<uint64_t, 4> kinds{};
    for (int i = 0; i < 200'000; i++) {
        Bytes bytes = frames[random.below(frames.size())];
        for (uint32_t changes = random.below(4); changes != 0; changes--)
            bytes[random.below(bytes.size())] = static_cast<uint8_t>(random.next());
        if (random.below(4) == 0)
            bytes.resize(random.below(bytes.size() + 1));
        const HeapMbuf mbuf(bytes);
        rte_mbuf* m = mbuf.get();
        if (random.below(2) == 0)
            m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD;  // deeper than a checksum would let
        const Verdict verdict = classify(own, views[0], m);
        kinds[static_cast<size_t>(verdict.kind)]++;
        if (verdict.kind == Kind::kLocal || verdict.kind == Kind::kTransit) {
            EXPECT_LE(m->l3_len, m->pkt_len);
            EXPECT_LE(info(m).transport_offset, m->l3_len);
            EXPECT_EQ(rte_pktmbuf_mtod(m, const uint8_t*), static_cast<const uint8_t*>(m->buf_addr) + 14);
        }
        EXPECT_LE(m->data_off + m->pkt_len, bytes.size());
    }
    for (const uint64_t count : kinds)
        EXPECT_GT(count, 1000u) << "all ways out were taken";
}

TEST(Classify, TellsTheKinds)
{
    const auto views = ports();
    const OwnAddresses own(views);
    const auto frames = seeds();
    const std::vector<Kind> expected = {Kind::kLocal, Kind::kLocal, Kind::kLocal,    Kind::kLocal,
                                        Kind::kLocal, Kind::kLocal, Kind::kLocal,    Kind::kNeighbour,
                                        Kind::kLocal, Kind::kLocal, Kind::kNeighbour};
    for (size_t i = 0; i < frames.size(); i++) {
        const HeapMbuf mbuf(frames[i]);
        EXPECT_EQ(classify(own, views[0], mbuf.get()).kind, expected[i]) << i;
    }
    const HeapMbuf transit(frame("02:00:00:00:00:01", "02:bb:00:00:00:01",
                                 udp_packet({.source = "192.0.2.9", .destination = "10.1.0.5"}, 1, 2, {})));
    EXPECT_EQ(classify(own, views[0], transit.get()).kind, Kind::kTransit);
}

}  // namespace
}  // namespace ipsecgw::worker
