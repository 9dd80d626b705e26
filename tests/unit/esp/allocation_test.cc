// "Does not allocate": neither from the heap nor from huge pages, whatever becomes of the packets.
#include <rte_malloc.h>

#include "support/allocations.h"
#include "unit/esp/sa_pair.h"

namespace ipsecgw::test {
namespace {

unsigned hugepage_allocations()
{
    unsigned sum = 0;
    for (int socket = 0; socket < RTE_MAX_NUMA_NODES; ++socket) {
        rte_malloc_socket_stats stats{};
        if (rte_malloc_get_socket_stats(socket, &stats) == 0)
            sum += stats.alloc_count;
    }
    return sum;
}

class Allocation : public EspTest, public testing::WithParamInterface<model::EspSuite> {};

TEST_P(Allocation, NeitherSealNorOpenMakesOne)
{
    if (!can_count_allocations())
        GTEST_SKIP() << "a sanitizer owns malloc";
    auto params = outbound_params(GetParam(), Family::kIpv6);
    params.udp = model::UdpEncapsulation{};
    params.esn = true;
    SaPair pair(params);
    std::vector<rte_mbuf*> burst;
    for (uint8_t i = 0; i < 64; ++i) {
        auto packet = make_packet({.payload_bytes = i * 20u, .seed = i});
        if (i % 16 == 3)
            packet[0] = 0;  // dropped
        burst.push_back(mbuf(packet));
    }
    const uint64_t heap = allocations();
    const unsigned huge = hugepage_allocations();
    const uint16_t sealed = seal_all(*pair.out, burst, drops_);
    for (uint16_t i = 0; i < sealed; ++i)
        burst[i]->l3_len = 48;
    for (uint16_t i = 0; i < sealed; i = static_cast<uint16_t>(i + 7))
        *rte_pktmbuf_mtod_offset(burst[i], uint8_t*, burst[i]->data_len - 1) ^= 1;  // not authentic
    const uint16_t opened = open_all(*pair.in, std::span(burst).first(sealed), drops_);
    drops_.flush();
    EXPECT_EQ(allocations(), heap);
    EXPECT_EQ(hugepage_allocations(), huge);
    EXPECT_EQ(sealed, 60);
    EXPECT_EQ(opened, 51);
    rte_pktmbuf_free_bulk(burst.data(), opened);
}

INSTANTIATE_TEST_SUITE_P(EverySuite, Allocation, testing::ValuesIn(model::all_esp_suites()));

}  // namespace
}  // namespace ipsecgw::test
