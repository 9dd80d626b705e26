// A hundred million packets through one worker that seals and one that opens: no mbuf and no memory is lost.
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <sys/resource.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "support/long_run.h"
#include "support/site.h"

namespace ipsecgw::worker {
namespace {

using namespace test;

constexpr uint32_t kBatch = 64;

size_t resident_bytes()
{
    unsigned long total = 0, resident = 0;
    FILE* file = std::fopen("/proc/self/statm", "r");
    if (file == nullptr || std::fscanf(file, "%lu %lu", &total, &resident) != 2)
        ADD_FAILURE() << "no /proc/self/statm";
    if (file != nullptr)
        std::fclose(file);
    return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

/// The same mbufs go round: site 1's LAN, the wire, site 2's LAN, and back to the start with a fresh header. Each round
/// is a fresh sequence number.
class Circle {
  public:
    Circle()
    {
        const Tunnel tunnel;
        install(*one_, 1, tunnel);
        install(*two_, 2, tunnel);
        one_->add_neighbour(kWan, "192.0.2.2", two_->mac(kWan));
        const Bytes packet =
            udp_packet(between_hosts(1), 1, 2, text(64 - 14 - 28));  // 64 bytes with the Ethernet header
        const Bytes bytes = frame(one_->mac(kLan), kHostMac, packet);
        frame_ = bytes;
        for (auto& m : batch_) {
            m = rte_pktmbuf_alloc(one_->pool());
            std::copy(bytes.begin(), bytes.end(), rte_pktmbuf_append(m, static_cast<uint16_t>(bytes.size())));
        }
    }
    ~Circle() { rte_pktmbuf_free_bulk(batch_.data(), kBatch); }
    Circle(const Circle&) = delete;
    Circle& operator=(const Circle&) = delete;

    /// False when one is lost on the way.
    bool go_round()
    {
        void** objects = reinterpret_cast<void**>(batch_.data());
        for (rte_mbuf* m : batch_) {
            rte_pktmbuf_reset_headroom(m);
            std::memcpy(rte_pktmbuf_mtod(m, void*), frame_.data(), frame_.size());
        }
        rte_ring_enqueue_bulk(one_->rx_ring(kLan, 0), objects, kBatch, nullptr);
        while (one_->worker().turn() != 0) {
        }
        if (rte_ring_dequeue_bulk(one_->tx_ring(kWan, 0), objects, kBatch, nullptr) == 0)
            return false;
        rte_ring_enqueue_bulk(two_->rx_ring(kWan, 0), objects, kBatch, nullptr);
        while (two_->worker().turn() != 0) {
        }
        return rte_ring_dequeue_bulk(two_->tx_ring(kLan, 0), objects, kBatch, nullptr) != 0;
    }
    [[nodiscard]] uint32_t mbufs_in_use() const { return one_->mbufs_in_use() + two_->mbufs_in_use(); }
    [[nodiscard]] std::string drops() const { return one_->drop_report() + two_->drop_report(); }
    [[nodiscard]] double cycles_a_packet(int site) const
    {
        const auto& counters = (site == 1 ? one_ : two_)->worker().counters();
        return static_cast<double>(counters.busy_cycles.get()) /
               static_cast<double>(counters.ports[site == 1 ? kLan : kWan].rx_packets.get());
    }

  private:
    std::unique_ptr<Gateway> one_ = make_site({.number = 1});
    std::unique_ptr<Gateway> two_ = make_site({.number = 2});
    Bytes frame_;
    std::array<rte_mbuf*, kBatch> batch_;
};

TEST(Endurance, AHundredMillionPacketsLoseNothing)
{
    const uint64_t rounds = long_run_packets(100'000'000) / kBatch;
    Circle circle;
    size_t resident = 0;
    const auto started = std::chrono::steady_clock::now();
    for (uint64_t i = 0; i < rounds; i++) {
        ASSERT_TRUE(circle.go_round()) << "round " << i << ": " << circle.drops();
        if (i == rounds / 100)
            resident = resident_bytes();  // everything that is set up lazily is
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    EXPECT_EQ(circle.mbufs_in_use(), kBatch);
    EXPECT_LE(resident_bytes(), resident + (256u << 10));
    EXPECT_EQ(circle.drops(), "");
    std::printf("%.1f M packets each way in %.1f s: %.0f cycles to seal, %.0f to open\n",
                static_cast<double>(rounds * kBatch) / 1e6, took.count(), circle.cycles_a_packet(1),
                circle.cycles_a_packet(2));
}

}  // namespace
}  // namespace ipsecgw::worker
