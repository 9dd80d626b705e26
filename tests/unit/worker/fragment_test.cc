// IPv4 packets without DF that are too large for the way ahead.
#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include "support/site.h"

namespace ipsecgw::worker {
namespace {

using namespace test;
using telemetry::Drop;

Bytes large_packet(size_t size, uint16_t offset = 0, bool more = false)
{
    Ip ip = between_hosts(1);
    ip.dont_fragment = false;
    ip.identification = 0x4711;
    ip.fragment_offset = offset;
    ip.more_fragments = more;
    return offset != 0 || more ? ip_packet(ip, 17, text(size)) : udp_packet(ip, 1, 2, text(size));
}

uint16_t fragment_field(const Bytes& packet)
{
    return static_cast<uint16_t>(packet[6] << 8 | packet[7]);
}

/// The payload put together again; checks that pieces are in order, without holes, and right by themselves.
Bytes reassembled(const std::vector<Bytes>& pieces, uint16_t first_offset = 0)
{
    Bytes payload;
    for (const auto& piece : pieces) {
        EXPECT_EQ(defect(piece), "");
        EXPECT_EQ(fragment_field(piece) & 0x1fff, first_offset + payload.size() / 8);
        EXPECT_EQ(piece[4] << 8 | piece[5], 0x4711);
        payload.insert(payload.end(), piece.begin() + 20, piece.end());
    }
    return payload;
}

Bytes payload_of(const Bytes& packet)
{
    return {packet.begin() + 20, packet.end()};
}

TEST(Fragment, CutsBeforeItSeals)
{
    const auto one = make_site({.number = 1}), two = make_site({.number = 2});
    const Ends ends = install(*one, 1, {});
    install(*two, 2, {});
    const Bytes packet = large_packet(1472);
    one->receive_ip(kLan, packet);
    const auto wire = one->sent_ip(kWan);
    ASSERT_EQ(wire.size(), 2u) << one->drop_report();
    for (const auto& sealed : wire) {
        EXPECT_LE(sealed.size(), 1500u);
        EXPECT_EQ(fragment_field(sealed) & 0x3fff, 0) << "the wire carries whole ESP packets";
        two->receive_ip(kWan, sealed);
    }
    const auto pieces = two->sent_ip(kLan);
    ASSERT_EQ(pieces.size(), 2u) << two->drop_report();
    EXPECT_EQ(fragment_field(pieces[0]), 0x2000);
    EXPECT_EQ(fragment_field(pieces[1]) & 0xe000, 0);
    EXPECT_EQ(hops_of(pieces[1]), 62);
    EXPECT_EQ(reassembled(pieces), payload_of(packet));
    EXPECT_EQ(ends.outbound->counters(0).packets.get(), 2u);
    EXPECT_EQ(one->sent(kLan).size(), 0u) << "nothing to tell the sender";
}

TEST(Fragment, CutsForANarrowerLink)
{
    const auto site = make_site({.number = 1, .wan_mtu = 600});
    site->add_policy("out", model::Action::kBypass, lan_of(1), lan_of(2));
    const Bytes packet = large_packet(1400);
    site->receive_ip(kLan, packet);
    const auto pieces = site->sent_ip(kWan);
    ASSERT_EQ(pieces.size(), 3u);
    for (const auto& piece : pieces)
        EXPECT_LE(piece.size(), 600u);
    EXPECT_EQ(reassembled(pieces), payload_of(packet));
}

TEST(Fragment, CutsFragmentsAgain)
{
    const auto site = make_site({.number = 1, .wan_mtu = 1000});
    site->add_policy("out", model::Action::kBypass, lan_of(1), lan_of(2));
    const Bytes middle = large_packet(1400, 100, true);
    site->receive_ip(kLan, middle);
    const auto pieces = site->sent_ip(kWan);
    ASSERT_EQ(pieces.size(), 2u);
    EXPECT_EQ(reassembled(pieces, 100), payload_of(middle));
    EXPECT_EQ(fragment_field(pieces[0]) & 0x2000, 0x2000);
    EXPECT_EQ(fragment_field(pieces[1]) & 0x2000, 0x2000) << "more follow behind the middle";
}

TEST(Fragment, LeavesOptionsAndTransportModeAlone)
{
    const auto site = make_site({.number = 1});
    install(*site, 1, {});
    Ip ip = between_hosts(1);
    ip.dont_fragment = false;
    ip.options = {7, 7, 4, 0, 0, 0, 0, 0};
    site->receive_ip(kLan, udp_packet(ip, 1, 2, text(1460)));
    EXPECT_EQ(site->sent(kWan).size(), 0u);
    EXPECT_EQ(site->drops(Drop::kTooBig), 1u);
    EXPECT_EQ(site->sent(kLan).size(), 1u) << "the sender is told";
    const auto transport = make_site({.number = 1});
    install(*transport, 1, {.mode = model::Mode::kTransport});
    transport->receive_ip(kLan, large_packet(1472));
    EXPECT_EQ(transport->sent(kWan).size(), 0u);
    EXPECT_EQ(transport->drops(Drop::kTooBig), 1u);
}

TEST(Fragment, WithoutMbufsNothingIsLeft)
{
    const auto site = make_site({.number = 1, .wan_mtu = 600, .mbufs = 1023});
    site->add_policy("out", model::Action::kBypass, lan_of(1), lan_of(2));
    site->receive_ip(kLan, large_packet(1400));
    std::vector<rte_mbuf*> held;
    while (rte_mbuf* m = rte_pktmbuf_alloc(site->pool()))
        held.push_back(m);
    rte_pktmbuf_free(held.back());  // one of the two it needs
    held.pop_back();
    site->run();
    EXPECT_EQ(site->sent(kWan).size(), 0u);
    EXPECT_EQ(site->drops(Drop::kNoMbuf), 1u);
    for (rte_mbuf* m : held)
        rte_pktmbuf_free(m);
}

TEST(PathMtu, IsWhatARouterBehindThePortSays)
{
    const auto one = make_site({.number = 1});
    const Ends ends = install(*one, 1, {});
    Ip ip = between_hosts(1);
    for (int round = 0; round < 2; round++) {
        one->receive_ip(kLan, udp_packet(ip, 1, 2, text(1372)));
        EXPECT_EQ(one->sent_ip(kWan).size(), 1u) << one->drop_report();
    }
    ends.outbound->path_mtu.store(1300);
    // Of a flow that has passed before: whole no more.
    one->receive_ip(kLan, udp_packet(ip, 1, 2, text(1372)));
    EXPECT_EQ(one->sent_ip(kWan).size(), 0u);
    const auto told = one->sent_ip(kLan);
    ASSERT_EQ(told.size(), 1u);
    const uint16_t inner = static_cast<uint16_t>(told[0][26] << 8 | told[0][27]);
    EXPECT_EQ(one->drops(Drop::kTooBig), 1u);
    // What it told fits, to the byte.
    one->receive_ip(kLan, udp_packet(ip, 1, 2, text(inner - 28u)));
    const auto fits = one->sent_ip(kWan);
    ASSERT_EQ(fits.size(), 1u) << one->drop_report();
    EXPECT_LE(fits[0].size(), 1300u);
    one->receive_ip(kLan, udp_packet(ip, 1, 2, text(inner - 27u)));
    EXPECT_EQ(one->sent_ip(kWan).size(), 0u);
    ip.dont_fragment = false;
    one->receive_ip(kLan, udp_packet(ip, 1, 2, text(1372)));
    const auto pieces = one->sent_ip(kWan);
    EXPECT_EQ(pieces.size(), 2u) << one->drop_report();
    for (const auto& piece : pieces)
        EXPECT_LE(piece.size(), 1300u);
}

}  // namespace
}  // namespace ipsecgw::worker
