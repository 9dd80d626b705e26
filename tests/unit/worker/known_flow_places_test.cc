#include <set>

#include <gtest/gtest.h>

#include "base/byte_order.h"
#include "worker/known_flows.h"

namespace ipsecgw::worker {
namespace {

// Neighbours in one network are what traffic is made of: they must not share their places.
TEST(KnownFlows, HostsOfANetworkHavePlacesOfTheirOwn)
{
    constexpr uint32_t kHosts = 1000;
    KnownFlows known(kHosts);
    std::set<const KnownFlows::Entry*> by_destination, by_source, by_port;
    for (uint32_t i = 0; i < kHosts; i++) {
        const uint64_t host = base::swap_be32(0x0a800000 + i);
        const uint64_t other = base::swap_be32(0x0a010005);
        by_destination.insert(&known.at({other | host << 32, 0x1100000000}));
        by_source.insert(&known.at({host | other << 32, 0x1100000000}));
        by_port.insert(&known.at({other | other << 32, uint64_t{0x1100000000} | base::swap_be16(static_cast<uint16_t>(i))}));
    }
    for (const auto& places : {by_destination, by_source, by_port})
        EXPECT_GT(places.size(), kHosts * 8 / 10);
}

}  // namespace
}  // namespace ipsecgw::worker
