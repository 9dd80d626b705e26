// Ten million random, mutated and truncated packets against one gateway: nothing crashes, no mbuf leaks, and nothing
// leaves that the peer has not sealed.
#include <array>
#include <cstring>
#include <deque>

#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "support/long_run.h"
#include "support/site.h"

namespace ipsecgw::worker {
namespace {

using namespace test;

constexpr uint64_t kMagic = 0x706c61696e746578;  // marks what must not be seen in clear
constexpr size_t kPayloadBytes = 40;             // magic, number, and bytes that follow from the number
constexpr uint32_t kBatch = 32;
constexpr size_t kCorpus = 4096;

/// Payload number `id`. Any other payload is a forgery.
std::array<uint8_t, kPayloadBytes> payload(uint64_t id)
{
    std::array<uint8_t, kPayloadBytes> bytes;
    std::memcpy(bytes.data(), &kMagic, 8);
    std::memcpy(bytes.data() + 8, &id, 8);
    Random random(id * 2 + 1);
    for (size_t i = 16; i < bytes.size(); i += 8) {
        const uint64_t word = random.next();
        std::memcpy(bytes.data() + i, &word, 8);
    }
    return bytes;
}

/// One kind of SA pair between the sites, and the packets the peer has sealed with it.
struct Lane {
    Tunnel tunnel;
    bool ipv6;  // inside
    std::deque<Bytes> corpus = {};
};

class Robustness {
  public:
    explicit Robustness(uint64_t seed) : random_(seed)
    {
        for (size_t i = 0; i < lanes_.size(); i++)
            open_lane(i);
    }

    void run(uint64_t packets)
    {
        while (received_ < packets) {
            seal_some();
            for (uint32_t i = 0; i < kBatch; i++)
                attack();
            victim_->run();
            collect();
        }
        victim_->run();
        collect();
    }
    void check() const
    {
        EXPECT_GT(arrived_, sealed_ / 4) << "the good ones still get through";
        EXPECT_LE(arrived_, sealed_);
        // Every way in was tried.
        for (const auto reason :
             {telemetry::Drop::kEspRunt, telemetry::Drop::kReplay, telemetry::Drop::kAuth, telemetry::Drop::kUnknownSpi,
              telemetry::Drop::kRunt, telemetry::Drop::kIpHeader, telemetry::Drop::kIpChecksum,
              telemetry::Drop::kMartian, telemetry::Drop::kFragment, telemetry::Drop::kEtherType,
              telemetry::Drop::kClearText, telemetry::Drop::kNoListener, telemetry::Drop::kNotForUs})
            EXPECT_GT(victim_->drops(reason), 0u) << telemetry::drop_name(reason);
    }
    [[nodiscard]] std::string report() const
    {
        return std::to_string(received_) + " received, " + std::to_string(sealed_) + " sealed, " +
               std::to_string(arrived_) + " arrived; " + victim_->drop_report();
    }

  private:
    void open_lane(size_t index);
    Bytes clear_packet(const Lane& lane, uint64_t id) const;
    void seal_some();
    void attack();
    Bytes mutated(Bytes bytes);
    Bytes noise();
    Bytes noise_with_good_headers();
    void collect();
    void check_delivered(const rte_mbuf* m);

    Random random_;
    std::unique_ptr<Gateway> peer_ = make_site({.number = 1});
    std::unique_ptr<Gateway> victim_ = make_site({.number = 2, .icmp_errors = true});
    std::array<Lane, 6> lanes_ = {{{{}, false},
                                   {{.esn = true, .window = 1024}, true},
                                   {{.udp = true, .window = 4096}, false},
                                   {{.outer_ipv6 = true, .window = 4096}, true},
                                   {{.udp = true, .outer_ipv6 = true}, false},
                                   {{.outer_ipv6 = true, .mode = model::Mode::kTransport}, true}}};
    std::vector<bool> seen_;
    uint64_t sealed_ = 0;
    uint64_t received_ = 0;
    uint64_t arrived_ = 0;
};

/// Lane i carries UDP port 1000 + i; its SAs have SPIs of their own.
void Robustness::open_lane(size_t index)
{
    const Tunnel& tunnel = lanes_[index].tunnel;
    const std::string port = "[udp/" + std::to_string(1000 + index) + "]";
    std::vector<std::string> one, two;
    for (const auto& prefix : lan_of(1))
        one.push_back(prefix + "[udp]");
    for (const auto& prefix : lan_of(2))
        two.push_back(prefix + port);
    auto out = sa_params(tunnel, 1, model::Direction::kOutbound), in = sa_params(tunnel, 1, model::Direction::kInbound);
    out.spi = in.spi = 0x5000 + static_cast<uint32_t>(index);
    peer_->add_policy("lane" + std::to_string(index), model::Action::kProtect, one, two, &peer_->add_outbound(out));
    victim_->add_inbound(in, two, one);
    victim_->add_policy("lane" + std::to_string(index), model::Action::kProtect, two, one);
}

Bytes Robustness::clear_packet(const Lane& lane, uint64_t id) const
{
    const auto bytes = payload(id);
    const auto index = static_cast<uint16_t>(&lane - lanes_.data());
    return udp_packet(between_hosts(1, lane.ipv6), 9, static_cast<uint16_t>(1000 + index),
                      Bytes(bytes.begin(), bytes.end()));
}

/// A few good packets go straight to the victim and into the corpus.
void Robustness::seal_some()
{
    Lane& lane = lanes_[random_.below(lanes_.size())];
    for (int i = 0; i < 4; i++) {
        seen_.push_back(false);
        peer_->receive_ip(kLan, clear_packet(lane, sealed_++));
    }
    for (auto& sealed : peer_->sent_ip(kWan)) {
        if (random_.below(8) != 0) {
            victim_->receive_ip(kWan, sealed);
            received_++;
        }
        lane.corpus.push_back(std::move(sealed));
        if (lane.corpus.size() > kCorpus)
            lane.corpus.pop_front();
    }
}

Bytes Robustness::mutated(Bytes bytes)
{
    const uint32_t changes = 1 + random_.below(4);
    for (uint32_t i = 0; i < changes && !bytes.empty(); i++) {
        const uint32_t at = random_.below(random_.below(2) == 0 ? bytes.size() : std::min<size_t>(bytes.size(), 64));
        switch (random_.below(6)) {
            case 0:
                bytes[at] = static_cast<uint8_t>(bytes[at] ^ 1u << random_.below(8));
                break;
            case 1:
                bytes[at] = static_cast<uint8_t>(random_.next());
                break;
            case 2:
                bytes.resize(at);
                break;
            case 3:
                bytes.resize(bytes.size() + random_.below(64));
                break;
            case 4:
                bytes.erase(bytes.begin() + at);
                break;
            case 5:
                bytes.insert(bytes.begin() + at, static_cast<uint8_t>(random_.next()));
                break;
        }
    }
    return bytes;
}

Bytes Robustness::noise()
{
    Bytes bytes(random_.below(random_.below(8) == 0 ? 1500 : 120));
    for (auto& byte : bytes)
        byte = static_cast<uint8_t>(random_.next());
    return bytes;
}

/// Good lengths and checksums, so that it gets past the first checks.
Bytes Robustness::noise_with_good_headers()
{
    static constexpr std::array<uint8_t, 10> kProtocols = {0, 1, 6, 17, 43, 44, 50, 58, 59, 60};
    const bool ipv6 = random_.below(2) == 0;
    Ip ip = between_hosts(1, ipv6);
    switch (random_.below(4)) {
        case 0:
            ip.destination = ipv6 ? "2001:db8:ff::2" : "192.0.2.2";
            break;
        case 1:
            ip.destination = ipv6 ? "2001:db8:2::1" : "10.2.0.1";
            break;
        case 2:
            ip.source = ipv6 ? "2001:db8:ff::99" : "192.0.2.99";
            ip.destination = ipv6 ? "2001:db8:ff::2" : "192.0.2.2";
            break;
        default:
            break;
    }
    if (random_.below(16) == 0)
        ip.source = ipv6 ? "::1" : "127.0.0.1";
    ip.hops = static_cast<uint8_t>(random_.below(4));
    if (random_.below(4) == 0) {
        ip.more_fragments = random_.below(2) == 0;
        ip.fragment_offset = static_cast<uint16_t>(random_.below(3));
    }
    if (!ipv6 && random_.below(8) == 0)
        ip.options = Bytes(4 * (1 + random_.below(10)), 1);
    Bytes body = noise();
    if (body.size() >= 12 && random_.below(2) == 0) {
        // An SPI of ours where ESP has it, bare or in UDP.
        const size_t at = random_.below(2) * 8;
        body[at] = body[at + 1] = 0;
        body[at + 2] = 0x50;
        body[at + 3] = static_cast<uint8_t>(random_.below(7));
        body[2] = at == 0 ? body[2] : 0x11;
        body[3] = at == 0 ? body[3] : 0x94;
    }
    switch (random_.below(6)) {
        case 0:
            return echo_request(ip, 1, 1, body);
        case 1:
            return udp_packet(ip, 4500, 4500, body);
        case 2:
            return udp_packet(ip, 500, 500, body);
        default:
            return ip_packet(ip, kProtocols[random_.below(kProtocols.size())], body);
    }
}

void Robustness::attack()
{
    Bytes packet;
    const Lane& lane = lanes_[random_.below(lanes_.size())];
    const uint32_t kind = random_.below(16);
    if (kind < 9 && !lane.corpus.empty())
        packet = mutated(lane.corpus[random_.below(lane.corpus.size())]);
    else if (kind < 10 && !lane.corpus.empty())
        packet = lane.corpus[random_.below(lane.corpus.size())];  // a replay, or one held back so far
    else if (kind < 12)
        packet = clear_packet(lane, random_.next());  // what must come by ESP
    else if (kind < 15)
        packet = noise_with_good_headers();
    else
        packet = noise();
    received_++;
    if (packet.empty())
        packet.push_back(0);
    const uint32_t link = random_.below(64);
    if (link == 0)
        victim_->receive(kWan, mutated(frame(victim_->mac(kWan), kHostMac, packet)));
    else if (link == 1)
        victim_->receive(kWan, frame("33:33:ff:00:00:01", kHostMac, packet));
    else if (link == 2)
        victim_->receive(kWan, noise());
    else
        victim_->receive_ip(kWan, packet);
}

void Robustness::check_delivered(const rte_mbuf* m)
{
    const auto* bytes = rte_pktmbuf_mtod(m, const uint8_t*);
    const size_t at = (bytes[14] >> 4 == 4 ? 14u + 20 : 14u + 40) + 8;
    ASSERT_EQ(m->pkt_len, at + kPayloadBytes);
    uint64_t id;
    std::memcpy(&id, bytes + at + 8, 8);
    ASSERT_LT(id, seen_.size());
    ASSERT_EQ(std::memcmp(bytes + at, payload(id).data(), kPayloadBytes), 0) << "not what the peer sealed";
    ASSERT_FALSE(seen_[id]) << "delivered twice";
    seen_[id] = true;
    arrived_++;
}

/// The LAN sees what the peer has sealed, each once; the WAN sees no payload in clear.
void Robustness::collect()
{
    std::array<rte_mbuf*, 64> frames;
    while (const uint32_t count = rte_ring_dequeue_burst(
               victim_->tx_ring(kLan, 0), reinterpret_cast<void**>(frames.data()), frames.size(), nullptr)) {
        for (uint32_t i = 0; i < count; i++)
            check_delivered(frames[i]);
        rte_pktmbuf_free_bulk(frames.data(), count);
    }
    while (const uint32_t count = rte_ring_dequeue_burst(
               victim_->tx_ring(kWan, 0), reinterpret_cast<void**>(frames.data()), frames.size(), nullptr)) {
        for (uint32_t i = 0; i < count; i++)
            ASSERT_EQ(memmem(rte_pktmbuf_mtod(frames[i], const void*), frames[i]->pkt_len, &kMagic, sizeof kMagic),
                      nullptr);
        rte_pktmbuf_free_bulk(frames.data(), count);
    }
    while (const uint32_t count = victim_->data().punt->take(frames))
        rte_pktmbuf_free_bulk(frames.data(), count);
}

TEST(Robustness, TenMillionHostilePackets)
{
    Robustness run(0x5eed);
    run.run(long_run_packets(10'000'000));
    run.check();
    RecordProperty("result", run.report());
    std::printf("%s\n", run.report().c_str());
}

}  // namespace
}  // namespace ipsecgw::worker
