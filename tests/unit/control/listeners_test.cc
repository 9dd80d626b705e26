// What an IKE daemon hears from the data path, and what it sends: datagrams, acquires, expiries.
#include <algorithm>
#include <cstring>
#include <numeric>

#include <gmock/gmock.h>

#include "base/byte_order.h"
#include "harness.h"
#include "net/checksum.h"
#include "net/headers.h"

namespace ipsecgw::control {
namespace {

using Bytes = std::vector<uint8_t>;

const net::MacAddress kPeerMac{{2, 0, 0, 0, 0, 9}};

Bytes numbered(size_t size)
{
    Bytes bytes(size);
    std::iota(bytes.begin(), bytes.end(), uint8_t{1});
    return bytes;
}

void put16(Bytes& bytes, size_t at, uint16_t value)
{
    bytes[at] = static_cast<uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<uint8_t>(value);
}

/// A frame to our address with a UDP datagram, made by hand; IPv4 or IPv6 by the addresses.
Bytes udp_frame(const net::IpAddress& from, const net::IpAddress& to, uint16_t source, uint16_t destination,
                const Bytes& payload)
{
    const size_t ip_bytes = to.is_v4() ? 20 : 40;
    const auto udp_bytes = static_cast<uint16_t>(8 + payload.size());
    Bytes f(14 + ip_bytes + udp_bytes);
    std::memcpy(&f[0], std::array<uint8_t, 6>{2, 0, 0, 0, 0, 2}.data(), 6);
    std::memcpy(&f[6], kPeerMac.bytes.data(), 6);
    put16(f, 12, to.is_v4() ? net::kEtherTypeIpv4 : net::kEtherTypeIpv6);
    uint8_t* ip_header = &f[14];
    if (to.is_v4()) {
        ip_header[0] = 0x45;
        put16(f, 16, static_cast<uint16_t>(20 + udp_bytes));
        ip_header[8] = 64;
        ip_header[9] = 17;
        std::memcpy(ip_header + 12, from.data(), 4);
        std::memcpy(ip_header + 16, to.data(), 4);
        const uint16_t sum = net::checksum_be(ip_header, 20);
        std::memcpy(ip_header + 10, &sum, 2);
    } else {
        ip_header[0] = 0x60;
        put16(f, 18, udp_bytes);
        ip_header[6] = 17;
        ip_header[7] = 64;
        std::memcpy(ip_header + 8, from.data(), 16);
        std::memcpy(ip_header + 24, to.data(), 16);
    }
    const size_t at = 14 + ip_bytes;
    put16(f, at, source);
    put16(f, at + 2, destination);
    put16(f, at + 4, udp_bytes);
    std::copy(payload.begin(), payload.end(), f.begin() + static_cast<ptrdiff_t>(at) + 8);
    const uint16_t sum =
        net::checksum_finish_be(net::checksum_add(net::checksum_pseudo(from, to, 17, udp_bytes), &f[at], udp_bytes));
    std::memcpy(&f[at + 6], &sum, 2);
    return f;
}

class ListenersTest : public ControlTest {
  protected:
    struct Heard {
        std::string local, remote;
        Bytes payload;
    };
    ListenersTest()
    {
        model::Gateway gateway;
        gateway.neighbours.push_back({"outside", ip("192.0.2.2"), kPeerMac});
        gateway.neighbours.push_back({"outside", ip("2001:db8:ffff::2"), kPeerMac});
        gateway.neighbours.push_back({"outside", ip("192.0.2.254"), kPeerMac});
        gateway.routes.push_back({prefix("198.51.100.0/24"), ip("192.0.2.254"), "outside"});
        EXPECT_TRUE(control->load(gateway));
        Listeners listeners;
        listeners.datagram = [this](const Datagram& datagram) {
            heard.push_back({datagram.local.to_string() + "/" + std::to_string(datagram.local_port),
                             datagram.remote.to_string() + "/" + std::to_string(datagram.remote_port),
                             {datagram.payload.begin(), datagram.payload.end()}});
            return has_room;
        };
        listeners.acquire = [this](const Acquire& acquire) {
            acquires.push_back(std::string(acquire.policy) + " " + acquire.source.to_string() + " " +
                               acquire.destination.to_string() + " " + std::to_string(acquire.protocol) + " " +
                               std::to_string(acquire.source_port) + " " + std::to_string(acquire.destination_port));
        };
        listeners.moved = [this](const SaMoved& moved) {
            moves.push_back(std::string(moved.name) + " " + moved.remote.to_string() + " " +
                            std::to_string(moved.remote_port));
        };
        listeners.expiry = [this](const SaExpiry& expiry) {
            expiries.push_back(std::string(expiry.name) + " " + std::string(expiry.what) +
                               (expiry.end == SaEnd::kSoft   ? " soft"
                                : expiry.end == SaEnd::kHard ? " hard"
                                                             : " exhausted"));
            return expiry.name != "manual";
        };
        control->set_listeners(std::move(listeners));
    }
    void punt_moved(uint32_t spi, const sa::FlowKey& outer)
    {
        rte_mbuf* m = packet(numbered(60));
        worker::info(m).flow = outer;
        worker::info(m).spi = spi;
        worker::info(m).punt = worker::Punt::kMoved;
        ASSERT_TRUE(punt->put(m));
        step();
    }
    void punt_flow(const sa::FlowKey& key)
    {
        rte_mbuf* m = packet(numbered(60));
        worker::info(m).flow = key;
        worker::info(m).punt = worker::Punt::kAcquire;
        ASSERT_TRUE(punt->put(m));
        step();
    }
    /// The IP packets in what left by the outer port; each must go to the peer's MAC.
    std::vector<Bytes> packets_out()
    {
        std::vector<Bytes> packets;
        for (const auto& frame : sent(kOutside)) {
            EXPECT_TRUE(std::equal(kPeerMac.bytes.begin(), kPeerMac.bytes.end(), frame.begin()));
            packets.emplace_back(frame.begin() + 14, frame.end());
        }
        return packets;
    }

    std::vector<Heard> heard;
    bool has_room = true;
    std::vector<std::string> acquires, moves, expiries;
};

TEST_F(ListenersTest, HearsIkeOfBothPortsAndFamiliesWithoutTheMarker)
{
    const Bytes message = numbered(61);
    Bytes behind_marker(4);
    behind_marker.insert(behind_marker.end(), message.begin(), message.end());
    arrive(kOutside, udp_frame(ip("192.0.2.2"), ip("192.0.2.1"), 500, 500, message));
    arrive(kOutside, udp_frame(ip("198.51.100.9"), ip("192.0.2.1"), 61234, 4500, behind_marker));
    arrive(kOutside, udp_frame(ip("2001:db8:ffff::2"), ip("2001:db8:ffff::1"), 500, 500, message));
    step();
    ASSERT_EQ(heard.size(), 3u);
    EXPECT_EQ(heard[0].local, "192.0.2.1/500");
    EXPECT_EQ(heard[0].remote, "192.0.2.2/500");
    EXPECT_EQ(heard[1].local, "192.0.2.1/4500");
    EXPECT_EQ(heard[1].remote, "198.51.100.9/61234");
    EXPECT_EQ(heard[2].local, "2001:db8:ffff::1/500");
    for (const auto& one : heard)
        EXPECT_EQ(one.payload, message);
    EXPECT_EQ(dropped("ike-done"), 3u);
    has_room = false;
    arrive(kOutside, udp_frame(ip("192.0.2.2"), ip("192.0.2.1"), 500, 500, message));
    step();
    EXPECT_EQ(dropped("ike-full"), 1u);
}

TEST_F(ListenersTest, ADamagedDatagramIsNotHeard)
{
    auto damaged = udp_frame(ip("192.0.2.2"), ip("192.0.2.1"), 500, 500, numbered(60));
    damaged.back() ^= 1;
    auto without4 = udp_frame(ip("192.0.2.2"), ip("192.0.2.1"), 500, 500, numbered(60));
    without4[40] = without4[41] = 0;
    auto without6 = udp_frame(ip("2001:db8:ffff::2"), ip("2001:db8:ffff::1"), 500, 500, numbered(60));
    without6[60] = without6[61] = 0;
    for (const auto& frame : {damaged, without4, without6})
        arrive(kOutside, frame);
    step();
    EXPECT_EQ(dropped("udp-checksum"), 2u);
    EXPECT_EQ(heard.size(), 1u) << "over IPv4 there need not be one";
}

/// The part of an IPv4 frame's payload from `from` on, in units of 8 bytes, as a fragment.
Bytes fragment_of(const Bytes& frame, size_t from, size_t bytes, bool more)
{
    constexpr size_t kIp = 14, kHeader = 20;
    Bytes out(frame.begin(), frame.begin() + kIp + kHeader);
    const auto at = frame.begin() + static_cast<ptrdiff_t>(kIp + kHeader + from * 8);
    out.insert(out.end(), at, at + static_cast<ptrdiff_t>(bytes));
    out[kIp + 2] = 0;
    out[kIp + 3] = static_cast<uint8_t>(kHeader + bytes);
    out[kIp + 6] = more ? 0x20 : 0;
    out[kIp + 7] = static_cast<uint8_t>(from);
    out[kIp + 10] = out[kIp + 11] = 0;
    const uint16_t sum = net::checksum_be(&out[kIp], kHeader);
    std::memcpy(&out[kIp + 10], &sum, sizeof sum);
    return out;
}

TEST_F(ListenersTest, HearsAMessageThatCameInFragments)
{
    const auto frame = udp_frame(ip("192.0.2.2"), ip("192.0.2.1"), 500, 500, numbered(60));
    arrive(kOutside, fragment_of(frame, 5, 28, false));
    EXPECT_TRUE(heard.empty());
    arrive(kOutside, fragment_of(frame, 0, 40, true));
    turn_workers();
    step();
    ASSERT_EQ(heard.size(), 1u);
    EXPECT_EQ(heard[0].payload, numbered(60));
}

TEST_F(ListenersTest, SendsOverIpv4WithTheMarkerOnPort4500)
{
    const Bytes message = numbered(100);
    ASSERT_TRUE(control->send({ip("192.0.2.1"), ip("198.51.100.9"), 500, 500, message}));
    ASSERT_TRUE(control->send({ip("192.0.2.1"), ip("198.51.100.9"), 4500, 61234, message}));
    const auto packets = packets_out();
    ASSERT_EQ(packets.size(), 2u);
    for (const auto& p : packets) {
        EXPECT_EQ(net::checksum_be(&p[0], 20), 0);
        EXPECT_EQ(base::load_be16(&p[2]), p.size());
        const auto udp_bytes = static_cast<uint32_t>(p.size() - 20);
        EXPECT_EQ(base::load_be16(&p[24]), udp_bytes);
        const uint64_t pseudo = net::checksum_pseudo(ip("192.0.2.1"), ip("198.51.100.9"), 17, udp_bytes);
        EXPECT_EQ(net::checksum_finish_be(net::checksum_add(pseudo, &p[20], udp_bytes)), 0);
    }
    EXPECT_EQ(Bytes(packets[0].begin() + 28, packets[0].end()), message);
    EXPECT_EQ(base::load_be16(&packets[1][22]), 61234);
    EXPECT_EQ(base::load_be32(&packets[1][28]), 0u);
    EXPECT_EQ(Bytes(packets[1].begin() + 32, packets[1].end()), message);
}

TEST_F(ListenersTest, FragmentsWhatTheLinkCannotTake)
{
    const Bytes message = numbered(4000);
    ASSERT_TRUE(control->send({ip("192.0.2.1"), ip("192.0.2.2"), 500, 500, message}));
    Bytes whole;
    auto packets = packets_out();
    ASSERT_EQ(packets.size(), 3u);
    for (size_t i = 0; i < packets.size(); i++) {
        const Bytes& p = packets[i];
        EXPECT_LE(p.size(), 1500u);
        EXPECT_EQ(net::checksum_be(&p[0], 20), 0);
        EXPECT_EQ(base::load_be16(&p[6]), (i < 2 ? 0x2000 : 0) | whole.size() / 8);
        EXPECT_EQ(base::load_be16(&p[4]), base::load_be16(&packets[0][4]));
        whole.insert(whole.end(), p.begin() + 20, p.end());
    }
    ASSERT_EQ(whole.size(), 4008u);
    EXPECT_EQ(Bytes(whole.begin() + 8, whole.end()), message);

    ASSERT_TRUE(control->send({ip("2001:db8:ffff::1"), ip("2001:db8:ffff::2"), 500, 500, message}));
    whole.clear();
    packets = packets_out();
    ASSERT_EQ(packets.size(), 3u);
    for (size_t i = 0; i < packets.size(); i++) {
        const Bytes& p = packets[i];
        EXPECT_LE(p.size(), 1500u);
        EXPECT_EQ(base::load_be16(&p[4]), p.size() - 40);
        EXPECT_EQ(p[6], net::kProtoFragment);
        EXPECT_EQ(p[40], net::kProtoUdp);
        EXPECT_EQ(base::load_be16(&p[42]), whole.size() | (i < 2 ? 1 : 0));
        whole.insert(whole.end(), p.begin() + 48, p.end());
    }
    ASSERT_EQ(whole.size(), 4008u);
    const uint64_t pseudo = net::checksum_pseudo(ip("2001:db8:ffff::1"), ip("2001:db8:ffff::2"), 17, 4008);
    EXPECT_EQ(net::checksum_finish_be(net::checksum_add(pseudo, whole.data(), whole.size())), 0);
    EXPECT_EQ(Bytes(whole.begin() + 8, whole.end()), message);
}

TEST_F(ListenersTest, ResolvesTheNextHopFirst)
{
    ASSERT_TRUE(control->send({ip("192.0.2.1"), ip("192.0.2.77"), 500, 500, numbered(60)}));
    const auto frames = sent(kOutside);
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(base::load_be16(&frames[0][12]), net::kEtherTypeArp);
}

TEST_F(ListenersTest, SaysWhatCannotBeSent)
{
    EXPECT_EQ(control->send({ip("192.0.2.1"), ip("203.0.113.1"), 500, 500, numbered(60)}).error().code,
              base::ErrorCode::kNotFound);
    EXPECT_EQ(dropped("no-route"), 1u);
    EXPECT_FALSE(control->send({ip("192.0.2.1"), ip("2001:db8:ffff::2"), 500, 500, numbered(60)}));
    EXPECT_FALSE(control->send({ip("192.0.2.1"), ip("192.0.2.2"), 500, 500, {}}));
    const Bytes huge(65'001);
    EXPECT_FALSE(control->send({ip("192.0.2.1"), ip("192.0.2.2"), 500, 500, huge}));
    EXPECT_TRUE(sent(kOutside).empty());
}

TEST_F(ListenersTest, KnowsItsAddressesAndWhichOneLeadsToAPeer)
{
    EXPECT_EQ(control->source_towards(ip("192.0.2.2")), ip("192.0.2.1"));
    EXPECT_EQ(control->source_towards(ip("198.51.100.9")), ip("192.0.2.1"));
    EXPECT_EQ(control->source_towards(ip("10.1.0.9")), ip("10.1.0.1"));
    EXPECT_EQ(control->source_towards(ip("2001:db8:ffff::2")), ip("2001:db8:ffff::1"));
    EXPECT_EQ(control->source_towards(ip("203.0.113.1")), std::nullopt);
    EXPECT_TRUE(control->is_own_address(ip("10.1.0.1")));
    EXPECT_FALSE(control->is_own_address(ip("10.1.0.2")));
}

TEST_F(ListenersTest, HearsWhichPolicyWantsAnSaForWhat)
{
    auto policy = protect("east", "", {});
    policy.acquire = true;
    ASSERT_TRUE(control->add_policy(policy));
    punt_flow(flow("10.1.0.5", "10.2.0.7"));
    EXPECT_THAT(acquires, testing::ElementsAre("east 10.1.0.5 10.2.0.7 17 1000 2000"));
    EXPECT_EQ(dropped("no-sa"), 1u);
    // By the time control looks, the policy may have its SA, or be another.
    ASSERT_TRUE(control->rebind_policy("east", "out", {}));
    ASSERT_TRUE(control->install_sa(outbound("out", 0x2001)));
    punt_flow(flow("10.1.0.5", "10.2.0.7"));
    ASSERT_TRUE(control->remove_policy("east"));
    punt_flow(flow("10.1.0.5", "10.2.0.7"));
    ASSERT_TRUE(control->add_policy(protect("quiet", "", {})));
    punt_flow(flow("10.1.0.5", "10.2.0.7"));
    EXPECT_EQ(acquires.size(), 1u);
    EXPECT_EQ(dropped("no-sa"), 4u);
}

TEST_F(ListenersTest, HearsThatAPeerHasMoved)
{
    auto params = inbound("in", 0x1001);
    params.udp = {4500, 4500};
    ASSERT_TRUE(control->install_sa(std::move(params)));
    ASSERT_TRUE(control->install_sa(inbound("bare", 0x1002)));
    punt_moved(0x1001, flow("198.51.100.9", "192.0.2.1"));
    punt_moved(0x1001, flow("198.51.100.9", "192.0.2.77"));  // the SA of this SPI has another address by now
    punt_moved(0x1002, flow("198.51.100.9", "192.0.2.1"));
    punt_moved(0x1003, flow("198.51.100.9", "192.0.2.1"));
    EXPECT_THAT(moves, testing::ElementsAre("in 198.51.100.9 1000"));
}

TEST_F(ListenersTest, HearsOfEndsAndTheOperatorOfThoseItDoesNotTake)
{
    for (const char* name : {"ike", "manual"}) {
        auto sa = outbound(name, 0x2001);
        sa.remote = ip(name[0] == 'i' ? "192.0.2.2" : "192.0.2.3");
        sa.lifetime = {.soft_seconds = 10, .hard_seconds = 20};
        ASSERT_TRUE(control->install_sa(std::move(sa)));
    }
    testing::internal::CaptureStderr();
    for (int i = 0; i < 20; i++)
        step(kSecond);
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_THAT(expiries, testing::UnorderedElementsAre("ike 10 seconds soft", "ike 20 seconds hard",
                                                        "manual 10 seconds soft", "manual 20 seconds hard"));
    EXPECT_THAT(log, testing::HasSubstr("SA manual (0x00002001): soft lifetime"));
    EXPECT_THAT(log, testing::HasSubstr("SA manual (0x00002001): hard lifetime"));
    EXPECT_THAT(log, testing::Not(testing::HasSubstr("SA ike")));
}

TEST_F(ListenersTest, TellsTheUseOfAnSa)
{
    ASSERT_TRUE(control->install_sa(inbound("in", 0x1001)));
    now += 7 * kSecond;
    auto use = control->inbound_use(0x1001);
    ASSERT_TRUE(use);
    EXPECT_FALSE(use->is_used);
    EXPECT_EQ(use->idle_ns, 7 * kSecond);
    sa::InboundSa* sa = sad->find(0x1001);
    sa->counters.packets.add(3);
    sa->counters.bytes.add(300);
    sa->counters.last_used_tsc.set(1);
    use = control->sa_use("in");
    ASSERT_TRUE(use);
    EXPECT_TRUE(use->is_used);
    EXPECT_EQ(use->packets, 3u);
    EXPECT_EQ(use->bytes, 300u);
    EXPECT_EQ(control->sa_use("out"), std::nullopt);
    EXPECT_EQ(control->inbound_use(0x1002), std::nullopt);
}

}  // namespace
}  // namespace ipsecgw::control
