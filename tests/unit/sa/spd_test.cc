#include "sa/spd.h"

#include <string>

#include <gtest/gtest.h>

#include "sa_test_support.h"

namespace ipsecgw::sa {
namespace {

model::TrafficSelector selector(const char* prefix, uint8_t protocol = 0, net::PortRange ports = {})
{
    return {std::move(net::Prefix::parse(prefix)).value(), protocol, ports};
}

model::Policy policy(const char* name, uint32_t priority, model::TrafficSelector local, model::TrafficSelector remote,
                     model::Action action = model::Action::kBypass)
{
    model::Policy p;
    p.name = name;
    p.priority = priority;
    p.action = action;
    p.local = {local};
    p.remote = {remote};
    return p;
}

FlowKey packet(const char* source, const char* destination, uint8_t protocol = 17, uint16_t source_port = 1000,
               uint16_t destination_port = 2000)
{
    const auto from = std::move(net::IpAddress::parse(source)).value();
    const auto to = std::move(net::IpAddress::parse(destination)).value();
    FlowKey key{};
    std::memcpy(key.source, from.data(), 16);
    std::memcpy(key.destination, to.data(), 16);
    key.family = from.family();
    key.protocol = protocol;
    key.source_port = source_port;
    key.destination_port = destination_port;
    key.ports_known = true;
    return key;
}

class SpdTest : public test::Reader {
 protected:
    PolicyEntry* add(const model::Policy& p)
    {
        auto entry = spd_->add(p);
        EXPECT_TRUE(entry) << entry.error().what;
        return entry ? *entry : nullptr;
    }

    std::unique_ptr<Spd> spd_ = std::move(Spd::create(2, reclaimer_)).value();
};

TEST_F(SpdTest, EmptyMatchesNothing)
{
    EXPECT_EQ(spd_->match_outbound(packet("10.0.0.1", "10.1.0.1")), nullptr);
    EXPECT_EQ(spd_->match_inbound(packet("2001:db8::1", "2001:db8::2")), nullptr);
    EXPECT_EQ(spd_->count(), 0u);
}

TEST_F(SpdTest, OutboundSourceIsLocalInboundDestinationIs)
{
    const auto* entry = add(policy("a", 10, selector("10.1.0.0/16"), selector("10.2.0.0/16"), model::Action::kProtect));
    EXPECT_EQ(spd_->match_outbound(packet("10.1.5.5", "10.2.5.5")), entry);
    EXPECT_EQ(spd_->match_outbound(packet("10.2.5.5", "10.1.5.5")), nullptr);
    EXPECT_EQ(spd_->match_inbound(packet("10.2.5.5", "10.1.5.5")), entry);
    EXPECT_EQ(spd_->match_inbound(packet("10.1.5.5", "10.2.5.5")), nullptr);
    EXPECT_EQ(entry->outbound.load(), nullptr);
    EXPECT_EQ(entry->action, model::Action::kProtect);
}

}  // namespace
}  // namespace ipsecgw::sa
