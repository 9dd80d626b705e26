// What explain() says of a packet is what the worker then does with it: packet by packet, whatever the policies.
#include <random>

#include <gtest/gtest.h>

#include "support/site.h"
#include "worker/explain.h"

namespace ipsecgw::worker {
namespace {

using namespace test;
using model::Action;
using telemetry::Drop;

struct Packet {
    const char* source;
    const char* destination;
    uint16_t from, to;
    bool is_tcp;
    bool is_to_wan;  // arrives there
    size_t payload;
};

ExplainRequest request_for(const Packet& packet, const Bytes& bytes)
{
    ExplainRequest request;
    request.from = packet.is_to_wan ? ExplainRequest::From::kUnprotected : ExplainRequest::From::kProtected;
    const auto source = must(net::IpAddress::parse(packet.source)), destination = must(net::IpAddress::parse(packet.destination));
    std::memcpy(request.flow.source, source.data(), source.bytes().size());
    std::memcpy(request.flow.destination, destination.data(), destination.bytes().size());
    request.flow.set_upper(source.family(), packet.is_tcp ? 6 : 17, {packet.from, packet.to, true});
    request.bytes = static_cast<uint32_t>(bytes.size());
    return request;
}

class Explain : public testing::Test {
  protected:
    Explain() : site(make_site({.number = 1})), ends(install(*site, 1, {}))
    {
        site->add_policy("web", Action::kBypass, {"10.1.0.0/24[tcp]"}, {"10.2.0.0/24[tcp/80]"}, nullptr, model::PolicyDirection::kBoth, 10);
        site->add_policy("no", Action::kDiscard, {"10.1.0.6/32"}, {"10.2.0.0/24"}, nullptr, model::PolicyDirection::kBoth, 5);
        site->add_policy("waits", Action::kProtect, {"10.1.0.0/24"}, {"10.7.0.0/24"}, nullptr, model::PolicyDirection::kBoth, 5);
        site->add_policy("nowhere", Action::kBypass, {"10.1.0.0/24"}, {"172.31.0.0/24"}, nullptr, model::PolicyDirection::kBoth, 5);
    }

    void expect_as_explained(const Packet& packet)
    {
        Ip ip;
        ip.source = packet.source;
        ip.destination = packet.destination;
        const Bytes payload = text(packet.payload);
        const Bytes bytes = packet.is_tcp ? tcp_packet(ip, packet.from, packet.to, payload) : udp_packet(ip, packet.from, packet.to, payload);
        const OwnAddresses own(site->data().ports);
        const Explained told = explain(site->data(), own, request_for(packet, bytes));
        const uint64_t drops_before = told.reason != Drop::kCount ? site->drops(told.reason) : site->all_drops();
        const uint64_t sealed_before = ends.outbound->counters(0).packets.get();
        site->receive_ip(packet.is_to_wan ? kWan : kLan, bytes);
        const auto wan = site->sent_ip(kWan);
        const auto lan = site->sent_ip(kLan);
        const std::string what = std::string(packet.source) + " > " + packet.destination + ": " + site->drop_report();
        switch (told.end) {
            case Explained::End::kDropped:
            case Explained::End::kAsksIke:
                EXPECT_EQ(site->drops(told.reason), drops_before + 1) << what;
                EXPECT_EQ(wan.size() + lan.size(), 0U) << what;
                return;
            case Explained::End::kSealed:
                ASSERT_EQ(wan.size(), 1U) << what;
                EXPECT_EQ(ends.outbound->counters(0).packets.get(), sealed_before + 1);
                EXPECT_EQ(told.sa, ends.outbound);
                if (test::kind() == sa::OffloadKind::kSoftware) {
                    EXPECT_EQ(wan[0].size(), told.wire_bytes);
                }
                return;
            case Explained::End::kForwarded:
                EXPECT_EQ(site->all_drops(), drops_before) << what;
                ASSERT_EQ((told.route.port->index == kWan ? wan : lan).size(), 1U) << what;
                return;
            case Explained::End::kOurs:
                return;
        }
    }

    std::unique_ptr<Gateway> site;
    Ends ends;
};

TEST_F(Explain, SaysWhatHappensToAPacket)
{
    std::mt19937 random(7);
    const auto pick = [&](auto&... choices) {
        const std::array all = {choices...};
        return all[random() % all.size()];
    };
    const char *host = "10.1.0.5", *shut = "10.1.0.6", *far = "10.2.0.5", *waits = "10.7.0.5", *nowhere = "172.31.0.5", *other = "10.9.0.5", *loopback = "127.0.0.1";
    for (int i = 0; i < 400; i++) {
        const bool is_to_wan = random() % 4 == 0;
        const char* inside = pick(host, shut);
        const char* outside = is_to_wan ? pick(far, waits) : pick(far, far, waits, nowhere, other, loopback);
        const uint16_t http = 80, https = 443;
        expect_as_explained({is_to_wan ? outside : inside, is_to_wan ? inside : outside, static_cast<uint16_t>(1024 + random() % 1000), pick(http, https),
                             random() % 2 == 0, is_to_wan, 10 + random() % 1000});
        if (HasFailure())
            return;
    }
}

TEST_F(Explain, AnSaAtItsEndDrops)
{
    ends.outbound->expired.store(true);
    expect_as_explained({"10.1.0.5", "10.2.0.5", 1, 443, true, false, 100});
    ends.outbound->expired.store(false);
    expect_as_explained({"10.1.0.5", "10.2.0.5", 1, 443, true, false, 100});
}

}  // namespace
}  // namespace ipsecgw::worker
