// A worker does with each packet of a flow it knows what it does with one of a flow it does not know, and forgets when
// something changes.
#include <gtest/gtest.h>

#include "base/byte_order.h"
#include "net/checksum.h"
#include "support/site.h"

namespace ipsecgw::worker {
namespace {

using namespace test;
using model::Action;
using telemetry::Drop;

constexpr size_t kIp = 14;  // where the packet starts in a frame

Bytes packet_to_two(size_t payload = 64)
{
    return udp_packet(between_hosts(1), 1000, 2000, text(payload));
}

void mend_checksum(Bytes& frame)
{
    base::store_be16(frame.data() + kIp + 10, 0);
    const uint16_t checksum_be = net::checksum_be(frame.data() + kIp, 20);
    std::memcpy(frame.data() + kIp + 10, &checksum_be, sizeof checksum_be);
}

constexpr const char* kReference = "00:00:00:00:00:00";

/// A frame to the reference address with its deviations, if it has any, as the same deviations from a port's address:
/// every gateway of a process has its own.
Bytes to_port(const Gateway& site, uint16_t port, Bytes bytes)
{
    const Bytes mac = frame(site.mac(port), kReference, {0x45}, 1);
    for (size_t i = 0; i < 6 && i < bytes.size(); i++)
        bytes[i] ^= mac[i];
    return bytes;
}

/// What leaves by a port, less the address it leaves by.
std::vector<Bytes> sent_by(Gateway& site, uint16_t port)
{
    std::vector<Bytes> all = site.sent(port);
    for (Bytes& each : all)
        std::fill(each.begin() + 6, each.begin() + 12, uint8_t{0});
    return all;
}

/// Each bit of the headers wrong, with the checksum as it was and mended; every length from nothing to padded.
std::vector<Bytes> variations(const Bytes& usual, size_t headers)
{
    std::vector<Bytes> all;
    for (size_t bit = 0; bit < headers * 8; bit++) {
        Bytes frame = usual;
        frame[bit / 8] = static_cast<uint8_t>(frame[bit / 8] ^ 1 << bit % 8);
        all.push_back(frame);
        if (bit / 8 < kIp)
            continue;
        mend_checksum(frame);
        all.push_back(frame);
    }
    for (size_t length = 0; length <= usual.size() + 20; length++) {
        Bytes frame = usual;
        frame.resize(length);
        all.push_back(frame);
    }
    for (const uint8_t hops : std::initializer_list<uint8_t>{0, 1, 2, 255}) {
        Bytes frame = usual;
        frame[kIp + 8] = hops;
        mend_checksum(frame);
        all.push_back(frame);
    }
    return all;
}

/// Two sites; the second's traffic, and the first's if it is made so, always goes through all stages.
class Pair {
  public:
    explicit Pair(bool forgetful) : forgetful_(forgetful)
    {
        for (auto* site : {&one_, &two_})
            install(**site, site == &one_ ? 1 : 2, {});
    }
    /// What both sites do with a frame that comes to the first one's LAN. The ESP is opened: it differs by its IV.
    std::vector<Bytes> carry(const Bytes& frame)
    {
        if (forgetful_)
            forget();
        one_->receive(kLan, to_port(*one_, kLan, frame));
        std::vector<Bytes> results = sent_by(*one_, kLan);
        for (const Bytes& sealed : one_->sent_ip(kWan))
            two_->receive_ip(kWan, sealed);
        for (const Bytes& out : sent_by(*two_, kLan))
            results.push_back(out);
        return results;
    }
    std::string report() { return one_->drop_report() + " | " + two_->drop_report(); }
    Gateway& one() { return *one_; }
    Gateway& two() { return *two_; }

    /// New generations of SPD and routes, with the same in them.
    void forget()
    {
        for (auto* site : {&one_, &two_}) {
            (*site)->add_policy("another", Action::kDiscard, {"10.99.0.0/24"}, {"10.98.0.0/24"});
            (*site)->remove_policy("another");
            (*site)->add_neighbour(kLan, "10.99.0.1", "02:99:00:00:00:01");
            (*site)->run();
            (*site)->reclaimer().poll();
        }
    }

  private:
    const bool forgetful_;
    std::unique_ptr<Gateway> one_ = make_site({.number = 1, .icmp_errors = false});
    std::unique_ptr<Gateway> two_ = make_site({.number = 2, .icmp_errors = false});
};

TEST(KnownFlows, AnUnusualFrameInClearFaresAsOfAnUnknownFlow)
{
    Pair knowing(false), forgetful(true);
    const Bytes usual = frame(kReference, kHostMac, packet_to_two());
    ASSERT_EQ(knowing.carry(usual).size(), 1u);
    ASSERT_EQ(forgetful.carry(usual).size(), 1u);
    size_t passed = 0;
    for (const Bytes& varied : variations(usual, kIp + 28)) {
        const auto with = knowing.carry(varied), without = forgetful.carry(varied);
        ASSERT_EQ(with, without) << testing::PrintToString(varied);
        ASSERT_EQ(knowing.report(), forgetful.report()) << testing::PrintToString(varied);
        passed += with.size();
    }
    EXPECT_GT(passed, 100u);
}

TEST(KnownFlows, FramesOfEveryLengthAreSealedOrRefusedAlike)
{
    Pair knowing(false), forgetful(true);
    for (size_t payload = 1300; payload <= 1472; payload++) {
        const Bytes each = frame(kReference, kHostMac, packet_to_two(payload));
        ASSERT_EQ(knowing.carry(each), forgetful.carry(each)) << payload;
    }
    EXPECT_EQ(knowing.report(), forgetful.report());
    EXPECT_GT(knowing.one().drops(Drop::kTooBig), 0u);
}

TEST(KnownFlows, AnUnusualEspFrameFaresAsOfAnUnknownFlow)
{
    GW_SKIP_IN_INLINE_KINDS("the port opens; only it sees the frames");
    Pair pair(false);
    const auto knowing = make_site({.number = 2, .icmp_errors = false});
    const auto forgetful = make_site({.number = 2, .icmp_errors = false});
    // Without a window each variation may have the same number.
    install(*knowing, 2, {.window = 0});
    install(*forgetful, 2, {.window = 0});
    pair.one().receive_ip(kLan, packet_to_two());
    const auto sealed = pair.one().sent_ip(kWan);
    ASSERT_EQ(sealed.size(), 1u);
    const Bytes usual = frame(kReference, "02:bb:00:00:00:01", sealed[0]);
    const auto give = [&](Gateway& site, const Bytes& each) {
        site.receive(kWan, to_port(site, kWan, each));
        auto out = sent_by(site, kLan);
        for (const Bytes& back : sent_by(site, kWan))
            out.push_back(back);
        return out;
    };
    ASSERT_EQ(give(*knowing, usual).size(), 1u);
    for (const Bytes& varied : variations(usual, kIp + 20 + 8)) {
        forgetful->add_neighbour(kLan, "10.99.0.1", "02:99:00:00:00:01");
        ASSERT_EQ(give(*knowing, varied), give(*forgetful, varied)) << testing::PrintToString(varied);
    }
    give(*forgetful, usual);
    EXPECT_EQ(knowing->drop_report(), forgetful->drop_report());
}

TEST(KnownFlows, WhatIsInsideIsAskedForEachPacket)
{
    Pair knowing(false), forgetful(true);
    const Bytes usual = packet_to_two();
    // The first site seals whatever its policy has, the second one's selectors are narrower.
    for (Pair* pair : {&knowing, &forgetful}) {
        sa::InboundSa* sa = pair->two().data().sad->find(spi_of(1));
        ASSERT_NE(sa, nullptr);
        pair->two().set_selectors(*sa, {"10.2.0.0/24[udp/2000-2001]"}, lan_of(1));
    }
    for (int again = 0; again < 2; again++)
        for (uint16_t port = 1998; port < 2004; port++)
            for (const uint8_t hops : std::initializer_list<uint8_t>{1, 2, 3, 64}) {
                Ip ip = between_hosts(1);
                ip.hops = hops;
                const Bytes each = frame(kReference, kHostMac, udp_packet(ip, 1000, port, text(10)));
                ASSERT_EQ(knowing.carry(each), forgetful.carry(each)) << port << " " << int{hops};
            }
    EXPECT_EQ(knowing.report(), forgetful.report());
    EXPECT_GT(knowing.two().drops(Drop::kSelectorMismatch), 0u);
}

TEST(KnownFlows, AnSaThatIsReplacedOrGoneIsFollowedAtOnce)
{
    const auto one = make_site({.number = 1});
    const Ends ends = install(*one, 1, {});
    const auto send = [&] {
        one->receive_ip(kLan, packet_to_two());
        return one->sent(kWan).size();
    };
    EXPECT_EQ(send() + send() + send(), 3u);
    auto params = sa_params({}, 1, model::Direction::kOutbound);
    params.spi++;
    params.name = "next";
    sa::OutboundSa& next = one->add_outbound(params);
    ends.policy->outbound.store(&next, std::memory_order_release);
    EXPECT_EQ(send() + send(), 2u);
    EXPECT_EQ(ends.outbound->counters(0).packets.get(), 3u);
    EXPECT_EQ(next.counters(0).packets.get(), 2u);
    ends.policy->outbound.store(nullptr, std::memory_order_release);
    EXPECT_EQ(send(), 0u);
    EXPECT_EQ(one->drops(Drop::kNoSa), 1u);
    EXPECT_EQ(one->data().spd->hits(*ends.policy), 6u);
}

TEST(KnownFlows, OpenedPacketsFollowRoutesNeighboursAndPolicies)
{
    Pair pair(false);
    const Bytes usual = frame(kReference, kHostMac, packet_to_two());
    const auto mac = [](const std::vector<Bytes>& frames) {
        return frames.size() == 1 ? Bytes(frames[0].begin(), frames[0].begin() + 6) : Bytes{};
    };
    const Bytes before = mac(pair.carry(usual));
    EXPECT_EQ(mac(pair.carry(usual)), before);
    const std::string host = destination_of(packet_to_two());
    pair.two().add_neighbour(kLan, host, "02:cc:00:00:00:09");
    EXPECT_EQ(mac(pair.carry(usual)), (Bytes{0x02, 0xcc, 0, 0, 0, 0x09}));
    pair.two().add_neighbour(kLan, "10.2.0.77", "02:cc:00:00:00:77");
    pair.two().add_route(host + "/32", kLan, "10.2.0.77");
    EXPECT_EQ(mac(pair.carry(usual)), (Bytes{0x02, 0xcc, 0, 0, 0, 0x77}));
    // By the unprotected port it would have to be sealed again, and no SA takes it.
    pair.two().add_route(host + "/32", kWan, "192.0.2.1");
    EXPECT_EQ(pair.carry(usual).size(), 0u);
    EXPECT_EQ(pair.two().sent(kWan).size(), 0u);
}

TEST(KnownFlows, OrderIsKeptBetweenKnownFlowsAndOthers)
{
    Pair pair(false);
    const std::string mac = pair.one().mac(kLan);
    ASSERT_EQ(pair.carry(frame(kReference, kHostMac, packet_to_two())).size(), 1u);
    // One burst, of the known flow and of packets that need the stages: options, and a flow not seen before.
    std::vector<size_t> lengths;
    for (size_t i = 0; i < 24; i++) {
        Ip ip = between_hosts(1);
        if (i % 3 == 1)
            ip.options = Bytes(4, 1);
        pair.one().receive(kLan, frame(mac, kHostMac, udp_packet(ip, i % 5 == 2 ? 1001 : 1000, 2000, text(100 + i))));
    }
    const auto sealed = pair.one().sent_ip(kWan);
    ASSERT_EQ(sealed.size(), 24u);
    for (const Bytes& each : sealed)
        pair.two().receive_ip(kWan, each);
    const auto out = pair.two().sent_ip(kLan);
    ASSERT_EQ(out.size(), 24u);
    for (size_t i = 0; i < out.size(); i++)
        EXPECT_EQ(Bytes(out[i].end() - static_cast<std::ptrdiff_t>(100 + i), out[i].end()), text(100 + i)) << i;
}

TEST(KnownFlows, WhatIsLearnedFromOnesOwnPacketsHelpsNobodyElse)
{
    // An echo reply of the gateway's own passes the outbound SPD; a frame that claims the gateway's address does not.
    const auto one = make_site({.number = 1});
    install(*one, 1, {});
    Ip forged = between_hosts(1);
    forged.source = "10.1.0.1";
    for (int again = 0; again < 3; again++)
        one->receive_ip(kLan, udp_packet(forged, 1000, 2000, text(20)));
    EXPECT_EQ(one->sent(kWan).size(), 0u);
    EXPECT_EQ(one->drops(Drop::kMartian), 3u);
}

}  // namespace
}  // namespace ipsecgw::worker
