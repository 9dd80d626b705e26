// Packets for the gateway itself, punts, and the ICMP it sends.
#include <gtest/gtest.h>

#include "support/site.h"

namespace ipsecgw::worker {
namespace {

using namespace test;
using model::Action;
using telemetry::Drop;

uint16_t load16(const Bytes& bytes, size_t at)
{
    return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

/// What the gateway must answer to an echo request.
Bytes echo_reply_to(const Bytes& request)
{
    const size_t at = header_bytes_of(request);
    const Ip ip{.source = destination_of(request), .destination = source_of(request)};
    const Bytes body(request.begin() + static_cast<ptrdiff_t>(at) + 4, request.end());
    if (request[0] >> 4 == 6)
        return icmpv6_packet(ip, 129, 0, body);
    Bytes reply =
        echo_request(ip, load16(request, at + 4), load16(request, at + 6), Bytes(body.begin() + 4, body.end()));
    reply[20] = 0;
    const uint32_t sum = load16(reply, 22) + 0x0800u;
    const auto folded = static_cast<uint16_t>((sum & 0xffff) + (sum >> 16));
    reply[22] = static_cast<uint8_t>(folded >> 8);
    reply[23] = static_cast<uint8_t>(folded);
    return reply;
}

TEST(Echo, AnswersInClearOnTheProtectedSide)
{
    const auto site = make_site({.number = 1});
    for (const bool ipv6 : {false, true}) {
        // The WAN address answers there too.
        for (const char* address : {ipv6 ? "2001:db8:1::1" : "10.1.0.1", ipv6 ? "2001:db8:ff::1" : "192.0.2.1"}) {
            Ip ip = between_hosts(1, ipv6);
            ip.destination = address;
            const Bytes request = echo_request(ip, 7, 1, text(56));
            site->receive_ip(kLan, request);
            const auto replies = site->sent_ip(kLan);
            ASSERT_EQ(replies.size(), 1u) << address << " " << site->drop_report();
            EXPECT_EQ(defect(replies[0]), "");
            EXPECT_EQ(replies[0], echo_reply_to(request));
        }
    }
    EXPECT_EQ(site->all_drops(), 0u);
}

TEST(Echo, AnswersANeighbourOnTheWan)
{
    const auto site = make_site({.number = 1});
    install(*site, 1, {});
    const Bytes request = echo_request({.source = "192.0.2.99", .destination = "192.0.2.1"}, 7, 1, text(56));
    site->receive_ip(kWan, request);
    EXPECT_EQ(site->sent_ip(kWan), std::vector<Bytes>{echo_reply_to(request)});
}

TEST(Echo, AnswersLinkLocalOnItsPort)
{
    const auto site = make_site({.number = 1});
    site->add_neighbour(kLan, "fe80::99", kHostMac);
    const Bytes request = echo_request({.source = "fe80::99", .destination = "fe80::1"}, 7, 1, text(8));
    site->receive_ip(kLan, request);
    EXPECT_EQ(site->sent_ip(kLan), std::vector<Bytes>{echo_reply_to(request)});
}

TEST(Echo, LeavesOptionsAndExtensionHeadersOut)
{
    const auto site = make_site({.number = 1});
    Ip ip = between_hosts(1);
    ip.destination = "10.1.0.1";
    const Bytes plain = echo_request(ip, 7, 1, text(32));
    ip.options = {7, 7, 4, 0, 0, 0, 0, 0};
    site->receive_ip(kLan, echo_request(ip, 7, 1, text(32)));
    EXPECT_EQ(site->sent_ip(kLan), std::vector<Bytes>{echo_reply_to(plain)});
    Ip ip6 = between_hosts(1, true);
    ip6.destination = "2001:db8:1::1";
    const Bytes plain6 = echo_request(ip6, 7, 1, text(32));
    ip6.options = Bytes(16);
    ip6.options[1] = 1;
    ip6.first_extension = 60;
    site->receive_ip(kLan, echo_request(ip6, 7, 1, text(32)));
    EXPECT_EQ(site->sent_ip(kLan), std::vector<Bytes>{echo_reply_to(plain6)});
}

TEST(Echo, ADamagedRequestStaysDamaged)
{
    const auto site = make_site({.number = 1});
    Bytes request = echo_request({.source = "10.1.0.5", .destination = "10.1.0.1"}, 7, 1, text(32));
    request.back() ^= 1;
    site->receive_ip(kLan, request);
    const auto replies = site->sent_ip(kLan);
    ASSERT_EQ(replies.size(), 1u);
    EXPECT_EQ(defect(replies[0]), "ICMP checksum");
}

TEST(Echo, ThroughTheTunnelIsAnsweredThroughTheTunnel)
{
    for (const bool ipv6 : {false, true}) {
        const auto one = make_site({.number = 1}), two = make_site({.number = 2});
        install(*one, 1, {});
        install(*two, 2, {});
        Ip ip = between_hosts(1, ipv6);
        ip.destination = ipv6 ? "2001:db8:2::1" : "10.2.0.1";
        const Bytes request = echo_request(ip, 7, 1, text(56));
        one->receive_ip(kLan, request);
        for (const auto& sealed : one->sent_ip(kWan))
            two->receive_ip(kWan, sealed);
        const auto wire = two->sent_ip(kWan);
        ASSERT_EQ(wire.size(), 1u) << two->drop_report();
        EXPECT_EQ(protocol_of(wire[0]), 50);
        EXPECT_FALSE(contains(wire[0], text(24)));
        one->receive_ip(kWan, wire[0]);
        EXPECT_EQ(one->sent_ip(kLan), std::vector<Bytes>{after_a_hop(echo_reply_to(request))}) << one->drop_report();
        EXPECT_EQ(two->sent(kLan).size(), 0u);
    }
}

TEST(Echo, WithoutAnSaTheAnswerStaysHere)
{
    const auto one = make_site({.number = 1}), two = make_site({.number = 2});
    install(*one, 1, {});
    const Ends ends = install(*two, 2, {});
    ends.policy->outbound.store(nullptr);
    Ip ip = between_hosts(1);
    ip.destination = "10.2.0.1";
    const auto ask = [&] {
        one->receive_ip(kLan, echo_request(ip, 7, 1, text(56)));
        for (const auto& sealed : one->sent_ip(kWan))
            two->receive_ip(kWan, sealed);
        two->run();
    };
    ask();
    EXPECT_EQ(two->drops(Drop::kNoSa), 1u);
    two->remove_policy("tunnel");
    ask();
    EXPECT_EQ(two->drops(Drop::kNoPolicy), 1u);
    EXPECT_EQ(two->sent(kWan).size(), 0u);
}

TEST(Echo, AnswersInClearOnlyWhereItWasAsked)
{
    const auto site = make_site({.number = 1});
    // From the LAN in the name of somebody behind the WAN: the answer would leave there in clear.
    site->receive_ip(kLan, echo_request({.source = "203.0.113.9", .destination = "10.1.0.1"}, 7, 1, text(56)));
    EXPECT_EQ(site->sent(kWan).size() + site->sent(kLan).size(), 0u);
    EXPECT_EQ(site->drops(Drop::kNoPolicy), 1u);
}

TEST(Echo, ProtectedAddressesDoNotAnswerInClearOutside)
{
    const auto site = make_site({.number = 1});
    install(*site, 1, {});
    // A protect policy covers the pair: the question had to come by ESP.
    site->receive_ip(kWan, echo_request({.source = "10.2.0.5", .destination = "10.1.0.1"}, 7, 1, text(56)));
    site->run();
    EXPECT_EQ(site->drops(Drop::kClearText), 1u);
    // To the WAN address no policy says so; but the answer goes where a protected route leads, by another port: not in
    // clear.
    const auto other = make_site({.number = 1});
    other->add_route("198.51.100.0/24", kLan, "10.1.0.5");
    other->add_policy("quiet", Action::kProtect, {"192.0.2.1/32"}, {"203.0.113.0/24"});
    other->receive_ip(kWan, echo_request({.source = "203.0.113.9", .destination = "192.0.2.1"}, 7, 1, text(56)));
    EXPECT_EQ(other->sent(kWan).size() + other->sent(kLan).size(), 0u);
    EXPECT_EQ(other->drops(Drop::kClearText), 1u);
    other->add_policy("no", Action::kDiscard, {"192.0.2.1/32"}, {"192.0.2.99/32"}, nullptr,
                      model::PolicyDirection::kOutbound);
    other->receive_ip(kWan, echo_request({.source = "192.0.2.99", .destination = "192.0.2.1"}, 7, 1, text(56)));
    EXPECT_EQ(other->sent(kWan).size(), 0u);
    EXPECT_EQ(other->drops(Drop::kPolicyDiscard), 1u);
}

TEST(Local, AnswersNothingElse)
{
    const auto site = make_site({.number = 1});
    site->receive_ip(kLan, tcp_packet({.source = "10.1.0.5", .destination = "10.1.0.1"}, 5, 22, text(20)));
    site->receive_ip(kLan, udp_packet({.source = "10.1.0.5", .destination = "10.1.0.1"}, 5, 53, text(20)));
    site->receive_ip(kLan,
                     ip_packet({.source = "10.1.0.5", .destination = "10.1.0.1"}, 1, {0, 0, 0xff, 0xff, 0, 0, 0, 0}));
    site->receive_ip(kLan, ip_packet({.source = "10.1.0.5", .destination = "10.1.0.1"}, 1, {8, 0, 0xf7}));
    site->run();
    EXPECT_EQ(site->drops(Drop::kNoListener), 3u);
    EXPECT_EQ(site->drops(Drop::kRunt), 1u);
    EXPECT_EQ(site->sent(kLan).size(), 0u);
}

TEST(Punt, ArpAndNeighbourDiscoveryAsWholeFrames)
{
    const auto site = make_site({.number = 1});
    const Bytes arp = frame("ff:ff:ff:ff:ff:ff", kHostMac, Bytes(28), 0x0806);
    site->receive(kLan, arp);
    const Bytes solicitation =
        icmpv6_packet({.source = "::", .destination = "ff02::1:ff00:1", .hops = 255}, 135, 0, Bytes(20));
    const Bytes nd = frame("33:33:ff:00:00:01", kHostMac, solicitation);
    site->receive(kLan, nd);
    const Bytes advert =
        icmpv6_packet({.source = "2001:db8:1::5", .destination = "2001:db8:1::1", .hops = 255}, 136, 0, Bytes(20));
    site->receive(kLan, frame(site->mac(kLan), kHostMac, advert));
    const auto punts = site->punted();
    ASSERT_EQ(punts.size(), 3u) << site->drop_report();
    for (const auto& punt : punts) {
        EXPECT_EQ(punt.why, worker::Punt::kNeighbourFrame);
        EXPECT_EQ(punt.in_port, kLan);
    }
    EXPECT_EQ(punts[0].bytes, arp);
    EXPECT_EQ(punts[1].bytes, nd);
    EXPECT_EQ(site->all_drops(), 0u);
}

TEST(Punt, UnresolvedNextHops)
{
    const auto site = make_site({.number = 1});
    install(*site, 1, {});
    const Bytes request = echo_request({.source = "10.1.0.77", .destination = "10.1.0.1"}, 7, 1, text(8));
    site->receive_ip(kLan, request);
    auto punts = site->punted();
    ASSERT_EQ(punts.size(), 1u);
    EXPECT_EQ(punts[0].why, worker::Punt::kResolve);
    EXPECT_EQ(punts[0].out_port, kLan);
    EXPECT_EQ(punts[0].next_hop, "10.1.0.77");
    EXPECT_EQ(punts[0].bytes, echo_reply_to(request)) << "an IP packet, ready for its Ethernet header";

    // Through a gateway's address, and sealed: never in clear, not even to control.
    site->add_route("10.2.0.0/24", kWan, "192.0.2.50");
    site->add_route("192.0.2.2/32", kWan, "192.0.2.51");
    site->receive_ip(kLan, udp_packet(between_hosts(1), 1, 2, text(100)));
    punts = site->punted();
    ASSERT_EQ(punts.size(), 1u);
    EXPECT_EQ(punts[0].next_hop, "192.0.2.51");
    EXPECT_EQ(punts[0].out_port, kWan);
    // What a port will seal is in clear until then, and marked: no port sends it otherwise.
    EXPECT_EQ(punts[0].for_port_to_seal, is_inline());
    EXPECT_EQ(contains(punts[0].bytes, text(24)), is_inline());
}

TEST(Punt, IkeOnBothPorts)
{
    const auto site = make_site({.number = 1});
    install(*site, 1, {});
    const Ip ip{.source = "192.0.2.2", .destination = "192.0.2.1"};
    const Bytes ike = udp_packet(ip, 500, 500, text(60));
    const Bytes behind_marker = udp_packet(ip, 4500, 4500, concat(Bytes(4), text(60)));
    site->receive_ip(kWan, ike);
    site->receive_ip(kWan, behind_marker);
    const auto punts = site->punted();
    ASSERT_EQ(punts.size(), 2u);
    EXPECT_EQ(punts[0].why, worker::Punt::kIke);
    EXPECT_EQ(punts[0].bytes, ike);
    EXPECT_EQ(punts[1].bytes, behind_marker);
}

TEST(Punt, APacketWithoutAnSaAsksForOneAtMostOnceASecond)
{
    const auto site = make_site({.number = 1});
    sa::PolicyEntry& asking = site->add_policy("asking", Action::kProtect, lan_of(1), lan_of(2));
    const Bytes packet = udp_packet(between_hosts(1), 1, 2, text(100));
    site->receive_ip(kLan, packet);
    EXPECT_TRUE(site->punted().empty()) << "a policy that does not want it";
    EXPECT_EQ(site->drops(Drop::kNoSa), 1u);

    asking.acquire_tsc.store(0);
    for (int i = 0; i < 20; i++)
        site->receive_ip(kLan, packet);
    const auto punts = site->punted();
    ASSERT_EQ(punts.size(), 1u);
    EXPECT_EQ(punts[0].why, worker::Punt::kAcquire);
    EXPECT_EQ(punts[0].bytes, packet);
    EXPECT_EQ(site->drops(Drop::kNoSa), 1u + 19) << "control counts the one it has";
    EXPECT_EQ(site->sent(kWan).size(), 0u);

    asking.acquire_tsc.store(0);  // as time does
    site->receive_ip(kLan, packet);
    EXPECT_EQ(site->punted().size(), 1u);
}

TEST(NatT, AnAuthenticPacketFromElsewhereIsToldAndPasses)
{
    const Tunnel tunnel{.udp = true};
    if (test::kind() == sa::OffloadKind::kFullProtocol)
        GTEST_SKIP() << "the port does not show the outer header";
    const auto one = make_site({.number = 1});
    const auto two = make_site({.number = 2});
    const Ends ends = install(*one, 1, tunnel);
    install(*two, 2, tunnel);
    const auto sealed = [&] {
        two->receive_ip(kLan, udp_packet(between_hosts(2), 1, 2, text(64)));
        return two->sent_ip(kWan).at(0);
    };
    const auto from_port = [](Bytes packet, uint16_t port) {
        packet[20] = static_cast<uint8_t>(port >> 8);
        packet[21] = static_cast<uint8_t>(port);
        return packet;  // its UDP checksum is zero
    };
    one->receive_ip(kWan, sealed());
    EXPECT_EQ(one->sent(kLan).size(), 1u);
    EXPECT_TRUE(one->punted().empty());

    Bytes forged = from_port(sealed(), 61'000);
    forged.back() ^= 1;
    one->receive_ip(kWan, forged);
    EXPECT_TRUE(one->punted().empty()) << "only what is authentic moves anything";

    for (int packet = 0; packet < 3; packet++)
        one->receive_ip(kWan, from_port(sealed(), 61'000));
    EXPECT_EQ(one->sent(kLan).size(), 3u) << "RFC 4301 section 5.2: the source is no part of the look-up";
    const auto punts = one->punted();
    ASSERT_EQ(punts.size(), 1u) << "once a second";
    EXPECT_EQ(punts[0].why, worker::Punt::kMoved);
    EXPECT_TRUE(punts[0].bytes.empty());
    ends.inbound->moved_tsc = 0;  // as time does
    one->receive_ip(kWan, from_port(sealed(), 61'000));
    EXPECT_EQ(one->sent(kLan).size(), 1u);
    EXPECT_EQ(one->punted().size(), 1u);
}

TEST(NatT, TellsKeepalivesRuntsAndStrangersApart)
{
    const auto site = make_site({.number = 1});
    install(*site, 1, {.udp = true});
    const Ip ip{.source = "192.0.2.2", .destination = "192.0.2.1"};
    site->receive_ip(kWan, udp_packet(ip, 4500, 4500, {0xff}));
    site->receive_ip(kWan, udp_packet(ip, 4500, 4500, {0xfe}));
    site->receive_ip(kWan, udp_packet(ip, 4500, 4500, {}));
    site->receive_ip(kWan, udp_packet(ip, 4500, 4500, {0, 0, 0, 0}));
    site->receive_ip(kWan, udp_packet(ip, 4500, 4500, concat({1, 2, 3, 4}, Bytes(40))));
    site->receive_ip(kWan, udp_packet(ip, 4500, 4444, concat({1, 2, 3, 4}, Bytes(40))));
    site->run();
    EXPECT_EQ(site->drops(Drop::kNatKeepalive), 1u);
    EXPECT_EQ(site->drops(Drop::kRunt), 3u);
    EXPECT_EQ(site->drops(Drop::kUnknownSpi), 1u);
    EXPECT_EQ(site->drops(Drop::kNoListener), 1u);
    EXPECT_EQ(site->all_drops(), 6u);
}

TEST(NatT, OnAPortOfTheSasOwnAndWithBytesBehindUdp)
{
    const auto one = make_site({.number = 1}), two = make_site({.number = 2});
    auto out = sa_params({.udp = true}, 1, model::Direction::kOutbound),
         in = sa_params({.udp = true}, 1, model::Direction::kInbound);
    out.udp = {.local_port = 4500, .remote_port = 14500};
    in.udp = {.local_port = 14500, .remote_port = 4500};
    one->add_policy("tunnel", Action::kProtect, lan_of(1), lan_of(2), &one->add_outbound(out));
    two->add_inbound(in, lan_of(2), lan_of(1));
    const Bytes packet = udp_packet(between_hosts(1), 1, 2, text(100));
    one->receive_ip(kLan, packet);
    auto wire = one->sent_ip(kWan);
    ASSERT_EQ(wire.size(), 1u);
    EXPECT_EQ(load16(wire[0], 22), 14500);
    // Bytes behind the UDP datagram are not ESP's: the IP length says they belong to the packet, UDP's says they do
    // not.
    Bytes longer = ip_packet({.source = "192.0.2.1", .destination = "192.0.2.2"}, 17,
                             concat(Bytes(wire[0].begin() + 20, wire[0].end()), Bytes(6)));
    two->receive_ip(kWan, longer);
    EXPECT_EQ(two->sent_ip(kLan), std::vector<Bytes>{after_a_hop(after_a_hop(packet))}) << two->drop_report();
}

TEST(NatT, EncapsulationMustBeTheSas)
{
    GW_SKIP_IN_FULL_PROTOCOL(
        "flow rules tell encapsulated packets apart, so the port passes others on as ESP: missed-offload");
    const auto one = make_site({.number = 1}), two = make_site({.number = 2});
    install(*one, 1, {});
    const Ends ends = install(*two, 2, {.udp = true});
    one->receive_ip(kLan, udp_packet(between_hosts(1), 1, 2, text(100)));
    for (const auto& sealed : one->sent_ip(kWan))
        two->receive_ip(kWan, sealed);
    EXPECT_EQ(two->sent(kLan).size(), 0u);
    EXPECT_EQ(ends.inbound->drops.get(Drop::kEncapMismatch), 1u);
}

/// The error about `about` that the gateway sent.
void check_error(const Bytes& error, const Bytes& about, uint8_t type, uint8_t code, uint32_t mtu)
{
    EXPECT_EQ(defect(error), "");
    const size_t at = header_bytes_of(error);
    EXPECT_EQ(destination_of(error), source_of(about));
    EXPECT_EQ(error[at], type);
    EXPECT_EQ(error[at + 1], code);
    EXPECT_EQ(static_cast<uint32_t>(load16(error, at + 4)) << 16 | load16(error, at + 6), mtu);
    const Bytes quoted(error.begin() + static_cast<ptrdiff_t>(at) + 8, error.end());
    EXPECT_LE(error.size(), about[0] >> 4 == 4 ? 576u : 1280u);
    EXPECT_TRUE(quoted.size() == about.size() || error.size() == (about[0] >> 4 == 4 ? 576u : 1280u))
        << "as much as fits";
    ASSERT_LE(quoted.size(), about.size());
    // But for hop limit and checksum of the header it is the packet as it came.
    EXPECT_EQ(Bytes(quoted.begin() + 12, quoted.end()),
              Bytes(about.begin() + 12, about.begin() + static_cast<ptrdiff_t>(quoted.size())));
}

TEST(IcmpError, TellsWhenHopsRunOut)
{
    for (const bool ipv6 : {false, true}) {
        const auto site = make_site({.number = 1});
        install(*site, 1, {});
        Ip ip = between_hosts(1, ipv6);
        for (const uint8_t hops : std::initializer_list<uint8_t>{0, 1}) {
            ip.hops = hops;
            const Bytes packet = udp_packet(ip, 1, 2, text(1000));
            site->receive_ip(kLan, packet);
            const auto errors = site->sent_ip(kLan);
            ASSERT_EQ(errors.size(), 1u);
            check_error(errors[0], packet, ipv6 ? 3 : 11, 0, 0);
            EXPECT_EQ(source_of(errors[0]), ipv6 ? "2001:db8:1::1" : "10.1.0.1");
        }
        EXPECT_EQ(site->drops(Drop::kHopLimit), 2u);
        EXPECT_EQ(site->sent(kWan).size(), 0u);
    }
}

TEST(IcmpError, OfAPacketOutOfTheTunnelGoesBackThroughIt)
{
    const auto one = make_site({.number = 1}), two = make_site({.number = 2});
    install(*one, 1, {});
    install(*two, 2, {});
    Ip ip = between_hosts(1);
    ip.hops = 2;
    one->receive_ip(kLan, udp_packet(ip, 1, 2, text(100)));
    for (const auto& sealed : one->sent_ip(kWan))
        two->receive_ip(kWan, sealed);
    const auto wire = two->sent_ip(kWan);
    ASSERT_EQ(wire.size(), 1u) << two->drop_report();
    EXPECT_EQ(protocol_of(wire[0]), 50);
    one->receive_ip(kWan, wire[0]);
    const auto errors = one->sent_ip(kLan);
    ASSERT_EQ(errors.size(), 1u) << one->drop_report();
    EXPECT_EQ(errors[0][20], 11);
    EXPECT_EQ(source_of(errors[0]), "10.2.0.1");
    EXPECT_EQ(two->drops(Drop::kHopLimit), 1u);
}

TEST(IcmpError, TellsTheMtuInsideTheTunnel)
{
    for (const bool ipv6 : {false, true}) {
        const auto site = make_site({.number = 1});
        const Ends ends = install(*site, 1, {});
        size_t fits = 0;
        for (size_t size = 1380; size <= 1460 && fits == 0; size++) {
            const Bytes packet = udp_packet(between_hosts(1, ipv6), 1, 2, text(size));
            site->receive_ip(kLan, packet);
            const auto wire = site->sent_ip(kWan);
            const auto errors = site->sent_ip(kLan);
            ASSERT_EQ(wire.size() + errors.size(), 1u);
            if (!wire.empty()) {
                EXPECT_LE(wire[0].size(), 1500u);
                continue;
            }
            fits = packet.size() - 1;
            check_error(errors[0], packet, ipv6 ? 2 : 3, ipv6 ? 0 : 4, static_cast<uint32_t>(fits));
        }
        EXPECT_NE(fits, 0u);
        EXPECT_EQ(site->drops(Drop::kTooBig), 1u);
        EXPECT_EQ(ends.outbound->drops.get(Drop::kTooBig), 1u);
    }
}

TEST(IcmpError, TellsTheMtuOfAPlainLink)
{
    const auto site = make_site({.number = 1, .wan_mtu = 1400});
    site->add_policy("out", Action::kBypass, lan_of(1), lan_of(2));
    const Bytes fits = udp_packet(between_hosts(1), 1, 2, text(1372)),
                big = udp_packet(between_hosts(1), 1, 2, text(1373));
    site->receive_ip(kLan, fits);
    EXPECT_EQ(site->sent_ip(kWan), std::vector<Bytes>{after_a_hop(fits)});
    site->receive_ip(kLan, big);
    const auto errors = site->sent_ip(kLan);
    ASSERT_EQ(errors.size(), 1u);
    check_error(errors[0], big, 3, 4, 1400);
    EXPECT_EQ(site->drops(Drop::kTooBig), 1u);
}

TEST(IcmpError, SaysNothingOfErrorsAndLaterFragmentsAndWhenOff)
{
    const auto site = make_site({.number = 1}), quiet = make_site({.number = 1, .icmp_errors = false});
    site->add_policy("out", Action::kBypass, lan_of(1), lan_of(2));
    quiet->add_policy("out", Action::kBypass, lan_of(1), lan_of(2));
    Ip ip = between_hosts(1);
    ip.hops = 1;
    site->receive_ip(kLan, ip_packet(ip, 1, {3, 1, 0xfc, 0xfe, 0, 0, 0, 0}));
    Ip ip6 = between_hosts(1, true);
    ip6.hops = 1;
    site->receive_ip(kLan, icmpv6_packet(ip6, 1, 0, Bytes(8)));
    site->receive_ip(kLan, ip_packet(ip, 1, {8}));
    ip.fragment_offset = 100;
    site->receive_ip(kLan, ip_packet(ip, 17, text(40)));
    EXPECT_EQ(site->sent(kLan).size(), 0u);
    EXPECT_EQ(site->drops(Drop::kHopLimit), 4u);
    ip.fragment_offset = 0;
    quiet->receive_ip(kLan, udp_packet(ip, 1, 2, text(40)));
    EXPECT_EQ(quiet->sent(kLan).size(), 0u);
    EXPECT_EQ(quiet->drops(Drop::kHopLimit), 1u);
}

TEST(IcmpError, IsLimitedInRate)
{
    const auto site = make_site({.number = 1});
    site->add_policy("out", Action::kBypass, lan_of(1), lan_of(2));
    Ip ip = between_hosts(1);
    ip.hops = 1;
    for (int i = 0; i < 1000; i++)
        site->receive_ip(kLan, udp_packet(ip, 1, 2, text(40)));
    const size_t errors = site->sent(kLan).size();
    EXPECT_GE(errors, 100u);
    EXPECT_LT(errors, 500u);
    EXPECT_EQ(site->drops(Drop::kHopLimit), 1000u);
}

}  // namespace
}  // namespace ipsecgw::worker
