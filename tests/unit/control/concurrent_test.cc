// One writer against running workers: SAs are rekeyed, listed and freed while packets go through them.
#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "base/byte_order.h"
#include "harness.h"
#include "net/checksum.h"
#include "net/headers.h"

namespace ipsecgw::control {
namespace {

constexpr int kRekeys = 50;
constexpr uint8_t kOurSide[4] = {192, 0, 2, 1};

/// UDP from 10.1.0.9 to 10.2.0.9, to the gateway's inside port.
std::vector<uint8_t> clear_frame(const net::MacAddress& gateway)
{
    std::vector<uint8_t> frame(14 + 20 + 8 + 32, 0);
    std::copy(gateway.bytes.begin(), gateway.bytes.end(), frame.begin());
    frame[6] = 0x02;
    base::store_be16(&frame[12], net::kEtherTypeIpv4);
    net::Ipv4Header ip{};
    ip.version_ihl = 0x45;
    ip.total_length_be = base::swap_be16(static_cast<uint16_t>(frame.size() - 14));
    ip.ttl = 64;
    ip.protocol = net::kProtoUdp;
    ip.source = {10, 1, 0, 9};
    ip.destination = {10, 2, 0, 9};
    ip.checksum_be = net::checksum_be(&ip, sizeof ip);
    std::memcpy(&frame[14], &ip, sizeof ip);
    base::store_be16(&frame[34], 1000);
    base::store_be16(&frame[36], 2000);
    base::store_be16(&frame[38], 40);
    return frame;
}

class ConcurrentTest : public ControlTest {
  protected:
    /// What we seal comes back to us: the outbound SA has the peer's addresses and the inbound SA's key.
    void install_pair(int generation)
    {
        const std::string number = std::to_string(generation);
        const uint32_t spi = 0x1000 + static_cast<uint32_t>(generation);
        ASSERT_TRUE(control->install_sa(inbound("in-" + number, spi)));
        auto out = outbound("out-" + number, spi);
        std::swap(out.local, out.remote);
        ASSERT_TRUE(control->install_sa(std::move(out)));
    }
    void rekey(int generation)
    {
        const std::string next = std::to_string(generation);
        const std::string last = std::to_string(generation - 1);
        install_pair(generation);
        ASSERT_TRUE(control->rebind_policy("there", "out-" + next, {}));
        ASSERT_TRUE(control->rebind_policy("back", "", {"in-" + last, "in-" + next}));
        ASSERT_TRUE(control->rebind_policy("back", "", {"in-" + next}));
        ASSERT_TRUE(control->remove_sa("out-" + last));
        ASSERT_TRUE(control->remove_sa("in-" + last));
        EXPECT_EQ(control->list_sas({}, 10).size(), 2u);
        step();
    }
    /// Clear packets in, and what left the outside port in again: everything that leaves it must be ESP.
    void pump()
    {
        const auto frame = clear_frame(data.ports[kInside].mac);
        while (!done.load(std::memory_order_acquire)) {
            if (rte_mbuf* m = packet(frame); rte_ring_enqueue(to_gateway[kInside], m) != 0)
                rte_pktmbuf_free(m);
            void* left = nullptr;
            while (rte_ring_dequeue(from_gateway[kOutside], &left) == 0) {
                auto* m = static_cast<rte_mbuf*>(left);
                const auto* bytes = rte_pktmbuf_mtod(m, const uint8_t*);
                if (base::load_be16(bytes + 12) == net::kEtherTypeIpv4)
                    (bytes[23] == net::kProtoEsp && std::memcmp(bytes + 30, kOurSide, 4) == 0 ? sealed : in_clear)++;
                if (rte_ring_enqueue(to_gateway[kOutside], m) != 0)
                    rte_pktmbuf_free(m);
            }
        }
    }

    std::atomic<bool> done{false};
    uint64_t sealed = 0, in_clear = 0;
};

TEST_F(ConcurrentTest, RekeysUnderTrafficLoseNoPolicyAndFreeNothingInUse)
{
    ASSERT_TRUE(control->load({}));
    ASSERT_TRUE(control->add_neighbour({"outside", ip("192.0.2.1"), data.ports[kOutside].mac}));
    install_pair(0);
    ASSERT_TRUE(control->add_policy(protect("there", "out-0", {})));
    auto back = protect("back", "", {"in-0"});
    std::swap(back.local, back.remote);
    ASSERT_TRUE(control->add_policy(std::move(back)));

    std::vector<std::thread> threads;
    for (const auto& worker : workers)
        threads.emplace_back([&worker] { worker->run(); });
    threads.emplace_back([this] { pump(); });
    for (int generation = 1; generation <= kRekeys; generation++) {
        rekey(generation);
        // Each pair carries a packet all the way before the next one takes over.
        while (control->list_sas("in", 1).at(0).packets == 0) {
            step();
            std::this_thread::yield();
        }
    }
    done.store(true, std::memory_order_release);
    for (const auto& worker : workers)
        worker->stop();
    for (auto& thread : threads)
        thread.join();

    EXPECT_GE(sealed, uint64_t{kRekeys});
    EXPECT_EQ(in_clear, 0u);
    EXPECT_EQ(dropped("no-sa"), 0u) << "a rekey has no moment without an SA";
    EXPECT_EQ(dropped("auth"), 0u);
    step();
    EXPECT_EQ(control->stats().retired_objects, 0u);
}

}  // namespace
}  // namespace ipsecgw::control
