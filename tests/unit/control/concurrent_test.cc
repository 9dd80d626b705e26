// One writer against running workers: SAs are rekeyed, listed and freed while packets go through them.
#include <atomic>
#include <cstring>
#include <iostream>
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
    explicit ConcurrentTest(uint32_t max_sas = 1024) : ControlTest(2, max_sas) {}
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

constexpr uint32_t kOtherPairs = 5000;
constexpr int kReloads = 8;
constexpr size_t kNumberAt = 42;       // in a clear frame: the payload of its UDP
constexpr uint32_t kInFlight = 128;    // packets on their way at a time: fewer than any ring has room for
constexpr uint64_t kPatience = 20'000'000;  // empty looks at a ring before what is missing is lost

/// A gateway of ten thousand SAs beside one pair with traffic, which comes back to the sender opened.
class ReloadUnderLoadTest : public ConcurrentTest {
  protected:
    ReloadUnderLoadTest() : ConcurrentTest(2 * kOtherPairs + 1024) {}

    /// Every tenth of the other pairs has other keys in each version, and some come and go.
    [[nodiscard]] static model::Gateway version(uint32_t number)
    {
        model::Gateway gateway;
        gateway.sas.push_back(inbound("in-0", 0x1000));
        gateway.sas.push_back(outbound("out-0", 0x1000));
        std::swap(gateway.sas[1].local, gateway.sas[1].remote);
        gateway.policies.push_back(protect("there", "out-0", {}));
        gateway.policies.push_back(protect("back", "", {"in-0"}));
        std::swap(gateway.policies[1].local, gateway.policies[1].remote);
        gateway.routes.push_back({prefix("10.2.0.0/16"), ip("10.1.0.77"), "inside"});
        gateway.neighbours.push_back({"inside", ip("10.1.0.77"), net::MacAddress{{2, 0, 0, 0, 0, 7}}});
        for (uint32_t i = 1; i <= kOtherPairs; i++) {
            if (i % 50 == number % 50)
                continue;
            const uint32_t spi = 0x100000 + i * 16 + (i % 10 == 0 ? number % 16 : 0);
            gateway.sas.push_back(inbound("other-in-" + std::to_string(i), spi));
            gateway.sas.push_back(outbound("other-out-" + std::to_string(i), spi));
        }
        return gateway;
    }
    bool send(uint32_t number)
    {
        auto frame = clear_frame(data.ports[kInside].mac);
        base::store_be32(&frame[kNumberAt], number);
        rte_mbuf* m = packet(frame);
        if (rte_ring_enqueue(to_gateway[kInside], m) == 0)
            return true;
        rte_pktmbuf_free(m);
        return false;
    }
    /// What left by the outside port, in again.
    void turn_round()
    {
        void* left = nullptr;
        while (rte_ring_dequeue(from_gateway[kOutside], &left) == 0)
            if (rte_ring_enqueue(to_gateway[kOutside], left) != 0)
                rte_pktmbuf_free(static_cast<rte_mbuf*>(left));
    }
    void take_back()
    {
        void* left = nullptr;
        while (rte_ring_dequeue(from_gateway[kInside], &left) == 0) {
            auto* m = static_cast<rte_mbuf*>(left);
            const auto* bytes = rte_pktmbuf_mtod(m, const uint8_t*);
            if (base::load_be16(bytes + 12) == net::kEtherTypeIpv4 && m->data_len > kNumberAt + 4) {
                out_of_order += base::load_be32(bytes + kNumberAt) != received;
                received++;
            }
            rte_pktmbuf_free(m);
        }
    }
    /// As fast as packets come back, until `done`; then until all are back or nothing comes any more.
    void pump_numbers()
    {
        uint64_t idle = 0;
        while (!done.load(std::memory_order_acquire) || (received != sent && idle < kPatience)) {
            if (!done.load(std::memory_order_relaxed) && sent - received < kInFlight)
                sent += send(sent);
            const uint32_t before = received;
            turn_round();
            take_back();
            idle = received == before ? idle + 1 : 0;
            progress.store(received, std::memory_order_relaxed);
        }
    }

    uint32_t sent = 0, received = 0, out_of_order = 0;
    std::atomic<uint32_t> progress{0};
};

TEST_F(ReloadUnderLoadTest, TenThousandSasReloadWithoutALostPacket)
{
    ASSERT_TRUE(control->load(version(0)));
    ASSERT_TRUE(control->add_neighbour({"outside", ip("192.0.2.1"), data.ports[kOutside].mac}, model::Owner::kCli));
    const sa::OutboundSa* const out = bound("there");
    const sa::InboundSa* const in = sad->find(0x1000);
    std::vector<std::thread> threads;
    for (const auto& worker : workers)
        threads.emplace_back([&worker] { worker->run(); });
    threads.emplace_back([this] { pump_numbers(); });
    for (int i = 1; i <= kReloads; i++) {
        const uint32_t before = progress.load();
        const auto wanted = version(static_cast<uint32_t>(i));
        const auto reloaded = control->reload(wanted);
        EXPECT_TRUE(reloaded && reloaded->empty());
        EXPECT_TRUE(control->compare(wanted).changes.empty());
        for (uint64_t looks = 0; progress.load() == before && looks < kPatience; looks++)
            step();
    }
    done.store(true, std::memory_order_release);
    for (; threads.size() > workers.size(); threads.pop_back())
        threads.back().join();
    for (const auto& worker : workers)
        worker->stop();
    for (auto& thread : threads)
        thread.join();

    EXPECT_GT(received, 1000u);
    EXPECT_EQ(received, sent) << "lost";
    EXPECT_EQ(out_of_order, 0u);
    EXPECT_EQ(bound("there"), out) << "the same SA";
    EXPECT_EQ(out->next_sequence, uint64_t{sent} + 1) << "which goes on counting";
    EXPECT_EQ(sad->find(0x1000), in);
    EXPECT_EQ(in->replay.highest(), sent);
    std::cout << sent << " packets during " << kReloads << " reloads of " << control->stats().inbound_sas << " pairs\n";
}

}  // namespace
}  // namespace ipsecgw::control
