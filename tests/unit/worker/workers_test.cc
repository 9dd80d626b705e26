// Several workers: hand-over, shared transmit queues, their threads and their sleep; and that a turn does not allocate.
#include <algorithm>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>
#include <rte_ring.h>

#include "support/allocations.h"
#include "support/site.h"
#include "worker/packet_info.h"

namespace ipsecgw::worker {
namespace {

using namespace test;
using telemetry::Drop;

/// `count` sealed packets of one flow, in order, their UDP source port telling the place.
std::vector<Bytes> sealed_run(Gateway& from, uint16_t count)
{
    std::vector<Bytes> wire;
    for (uint16_t i = 0; i < count; i++) {
        from.receive_ip(kLan, udp_packet(between_hosts(1), i, 2000, text(64)));
        for (auto& sealed : from.sent_ip(kWan))
            wire.push_back(std::move(sealed));
    }
    return wire;
}

std::vector<uint16_t> places(const std::vector<Bytes>& packets)
{
    std::vector<uint16_t> order;
    for (const auto& packet : packets)
        order.push_back(static_cast<uint16_t>(packet[20] << 8 | packet[21]));
    return order;
}

TEST(Handover, KeepsTheOrderOfWhatArrivesElsewhere)
{
    GW_SKIP_IN_INLINE_KINDS("the model NIC chooses the queue: its flow rule brings packets to the owner");
    for (const uint16_t owner : std::initializer_list<uint16_t>{0, 1, 2}) {
        const auto one = make_site({.number = 1}), two = make_site({.number = 2, .workers = 3});
        install(*one, 1, {});
        install(*two, 2, {.window = 1024}, owner);
        const auto wire = sealed_run(*one, 300);
        ASSERT_EQ(wire.size(), 300u);
        const auto elsewhere = static_cast<uint16_t>((owner + 1) % 3);
        for (const auto& sealed : wire)
            two->receive_ip(kWan, sealed, elsewhere);
        two->run();
        const auto order = places(two->sent_ip(kLan));
        ASSERT_EQ(order.size(), 300u) << two->drop_report();
        EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
        EXPECT_EQ(two->worker(elsewhere).counters().handed_over_out.get(), 300u);
        EXPECT_EQ(two->worker(owner).counters().handed_over_in.get(), 300u);
        EXPECT_EQ(two->all_drops(), 0u);
    }
}

TEST(Handover, FromAllQueuesAtOnce)
{
    const auto one = make_site({.number = 1}), two = make_site({.number = 2, .workers = 3});
    install(*one, 1, {});
    const Ends ends = install(*two, 2, {.window = 1024}, 1);
    const auto wire = sealed_run(*one, 300);
    for (uint16_t i = 0; i < wire.size(); i++)
        two->receive_ip(kWan, wire[i], i % 3);
    two->run();
    EXPECT_EQ(two->sent(kLan).size(), 300u) << two->drop_report();
    EXPECT_EQ(ends.inbound->counters.packets.get(), 300u);
}

TEST(Handover, DropsWhatTheOwnersRingDoesNotTake)
{
    GW_SKIP_IN_INLINE_KINDS("the model NIC chooses the queue: its flow rule brings packets to the owner");
    const auto one = make_site({.number = 1}), two = make_site({.number = 2, .workers = 2});
    install(*one, 1, {});
    const Ends ends = install(*two, 2, {.window = 4096}, 1);
    const auto wire = sealed_run(*one, 1200);
    for (const auto& sealed : wire)
        two->receive_ip(kWan, sealed, 0);
    while (two->worker(0).turn() != 0) {
    }
    const uint64_t lost = two->worker(0).drops().count(Drop::kHandoverFull);
    EXPECT_EQ(lost, 1200u - 1023);
    EXPECT_EQ(two->sent(kLan).size(), 1200 - lost);
    EXPECT_EQ(ends.inbound->counters.packets.get(), 1200 - lost);
}

TEST(Handover, LooksTheSaUpAgain)
{
    GW_SKIP_IN_INLINE_KINDS("the model NIC chooses the queue: its flow rule brings packets to the owner");
    const auto one = make_site({.number = 1}), two = make_site({.number = 2, .workers = 3});
    install(*one, 1, {});
    install(*two, 2, {}, 1);
    const auto wire = sealed_run(*one, 2);
    two->receive_ip(kWan, wire[0], 0);
    two->worker(0).turn();  // now in the owner's ring
    two->remove_inbound(spi_of(1));
    two->reclaimer().poll();
    two->run();
    EXPECT_EQ(two->drops(Drop::kUnknownSpi), 1u);
    // Gone and back with another owner: it follows.
    two->add_inbound(sa_params({}, 1, model::Direction::kInbound), lan_of(2), lan_of(1), 1);
    two->receive_ip(kWan, wire[1], 0);
    two->worker(0).turn();
    two->remove_inbound(spi_of(1));
    two->add_inbound(sa_params({}, 1, model::Direction::kInbound), lan_of(2), lan_of(1), 2);
    two->run();
    EXPECT_EQ(two->sent(kLan).size(), 1u) << two->drop_report();
    EXPECT_EQ(two->worker(2).counters().handed_over_in.get(), 1u);
}

TEST(SharedTx, WorkersWithoutAQueueSendThroughTheOwner)
{
    const auto one = make_site({.number = 1, .workers = 3, .wan_tx_queues = 1}), two = make_site({.number = 2});
    install(*one, 1, {});
    install(*two, 2, {.window = 1024});
    for (uint16_t i = 0; i < 90; i++)
        one->receive_ip(kLan, udp_packet(between_hosts(1), i, 2000, text(64)), i % 3);
    const auto wire = one->sent_ip(kWan);
    EXPECT_EQ(wire.size(), 90u) << one->drop_report();
    EXPECT_EQ(one->worker(0).counters().ports[kWan].tx_packets.get(), 90u);
    EXPECT_EQ(one->worker(1).counters().ports[kWan].tx_packets.get(), 0u);
    for (const auto& sealed : wire)
        two->receive_ip(kWan, sealed);
    EXPECT_EQ(two->sent(kLan).size(), 90u);
}

TEST(SharedTx, DropsWhatTheOwnersRingDoesNotTake)
{
    const auto one = make_site({.number = 1, .workers = 2, .wan_tx_queues = 1});
    install(*one, 1, {});
    for (uint16_t i = 0; i < 1200; i++)
        one->receive_ip(kLan, udp_packet(between_hosts(1), i, 2000, text(64)), 1);
    while (one->worker(1).turn() != 0) {
    }
    EXPECT_EQ(one->drops(Drop::kTxFull), 1200u - 1023);
    EXPECT_EQ(one->sent(kWan).size(), 1023u);
}

TEST(Counters, CountFramesAndTurns)
{
    const auto site = make_site({.number = 1});
    site->add_policy("out", model::Action::kBypass, lan_of(1), lan_of(2));
    const Bytes packet = udp_packet(between_hosts(1), 1, 2, text(100));
    for (int i = 0; i < 5; i++)
        site->receive_ip(kLan, packet);
    EXPECT_EQ(site->sent(kWan).size(), 5u);
    const auto& counters = site->worker().counters();
    EXPECT_EQ(counters.ports[kLan].rx_packets.get(), 5u);
    EXPECT_EQ(counters.ports[kLan].rx_bytes.get(), 5 * (packet.size() + 14));
    EXPECT_EQ(counters.ports[kWan].tx_packets.get(), 5u);
    EXPECT_EQ(counters.ports[kWan].tx_bytes.get(), 5 * (packet.size() + 14));
    EXPECT_GT(counters.turns.get(), counters.idle_turns.get());
    EXPECT_GT(counters.busy_cycles.get(), 0u);
}

TEST(Inject, SendsFramesOfControl)
{
    const auto site = make_site({.number = 1});
    const Bytes bytes = frame(kHostMac, site->mac(kLan), Bytes(46), 0x0806);
    rte_mbuf* m = rte_pktmbuf_alloc(site->pool());
    std::copy(bytes.begin(), bytes.end(), rte_pktmbuf_append(m, static_cast<uint16_t>(bytes.size())));
    info(m).out_port = kLan;
    ASSERT_TRUE(site->worker().inject(m));
    EXPECT_EQ(site->sent(kLan), std::vector<Bytes>{bytes});
    int taken = 0;
    for (;; taken++) {
        m = rte_pktmbuf_alloc(site->pool());
        info(m).out_port = kLan;
        if (!site->worker().inject(m))
            break;
    }
    EXPECT_EQ(taken, 511);
    rte_pktmbuf_free(m);
}

TEST(Threads, RunAndStop)
{
    const auto one = make_site({.number = 1}), two = make_site({.number = 2, .workers = 2});
    install(*one, 1, {});
    install(*two, 2, {.window = 1024}, 1);
    two->data().idle_sleep_us = 100;
    std::vector<std::thread> threads;
    for (uint16_t i = 0; i < 2; i++)
        threads.emplace_back([&, i] { two->worker(i).run(); });
    const auto wire = sealed_run(*one, 400);
    for (uint16_t i = 0; i < wire.size(); i++) {
        two->receive_ip(kWan, wire[i], i / 200);
        if (i % 100 == 0)
            std::this_thread::sleep_for(std::chrono::milliseconds(2));  // long enough to fall asleep
    }
    const auto& counters = two->worker(1).counters();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (counters.ports[kLan].tx_packets.get() < 400 && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    // While they run the writer gets its grace periods: sleeping workers are offline, busy ones report.
    two->remove_inbound(spi_of(1));
    while (two->reclaimer().pending() != 0 && std::chrono::steady_clock::now() < deadline)
        two->reclaimer().poll();
    EXPECT_EQ(two->reclaimer().pending(), 0u);
    for (uint16_t i = 0; i < 2; i++)
        two->worker(i).stop();
    for (auto& thread : threads)
        thread.join();
    EXPECT_EQ(counters.ports[kLan].tx_packets.get(), 400u) << two->drop_report();
}

/// Publishes and waits for the grace period; the turns the worker took meanwhile.
uint64_t turns_of_a_grace_period(Gateway& site)
{
    const auto& turns = site.worker().counters().turns;
    const uint64_t before = turns.get();
    site.add_neighbour(kLan, "10.1.0.9", kHostMac);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (site.reclaimer().pending() != 0 && std::chrono::steady_clock::now() < deadline)
        site.reclaimer().poll();
    EXPECT_EQ(site.reclaimer().pending(), 0u);
    return turns.get() - before;
}

TEST(Threads, IdleWorkersLetMemoryGo)
{
    const auto site = make_site({.number = 1});
    std::thread thread([&] { site->worker().run(); });
    while (site->worker().counters().turns.get() == 0)
        std::this_thread::yield();
    turns_of_a_grace_period(*site);  // polling without pause
    site->worker().stop();
    thread.join();
}

TEST(Threads, SleepingWorkersLetMemoryGo)
{
    const auto site = make_site({.number = 1});
    site->data().idle_sleep_us = 500'000;
    std::thread thread([&] { site->worker().run(); });
    while (site->worker().counters().turns.get() < 1001)
        std::this_thread::yield();
    // It sleeps but for a turn each half second: a grace period that saw no turn did not wait for one.
    uint64_t turns = 1;
    for (int tries = 0; tries < 20 && turns != 0; tries++)
        turns = turns_of_a_grace_period(*site);
    EXPECT_EQ(turns, 0u);
    site->worker().stop();
    thread.join();
}

TEST(Allocation, NoTurnAllocates)
{
    if (!can_count_allocations())
        GTEST_SKIP() << "the sanitizer owns malloc";
    const auto one = make_site({.number = 1, .workers = 2, .wan_tx_queues = 1}),
               two = make_site({.number = 2, .workers = 2});
    install(*one, 1, {});
    install(*two, 2, {}, 1);
    Ip last = between_hosts(1);
    last.hops = 1;
    const auto fill = [&] {
        for (uint16_t i = 0; i < 40; i++) {
            const auto queue = static_cast<uint16_t>(i % 2);
            one->receive_ip(kLan, udp_packet(between_hosts(1, i % 3 == 0), i, 2000, text(64)), queue);
            one->receive_ip(kLan, udp_packet(last, i, 2000, text(64)), queue);                // time exceeded
            one->receive_ip(kLan, udp_packet(between_hosts(1), i, 2000, text(1440)), queue);  // too big
            one->receive_ip(kLan, echo_request({.source = "10.1.0.5", .destination = "10.1.0.1"}, 1, i, {}), queue);
            one->receive_ip(kLan, echo_request({.source = "10.1.0.77", .destination = "10.1.0.1"}, 1, i, {}),
                            queue);  // unresolved
            one->receive_ip(kWan, ip_packet({.source = "192.0.2.2", .destination = "192.0.2.1"}, 50, Bytes(60)),
                            queue);  // unknown SPI
            one->receive(kLan, frame("ff:ff:ff:ff:ff:ff", kHostMac, Bytes(28), 0x0806), queue);
        }
    };
    for (int round = 0; round < 2; round++) {  // the second time nothing is new to libraries that set up lazily
        fill();
        const uint64_t before = allocations();
        one->run();
        const uint64_t during = allocations() - before;
        const auto wire = one->sent_ip(kWan);
        EXPECT_GE(wire.size(), 40u);
        for (uint16_t i = 0; i < wire.size(); i++) {
            two->receive_ip(kWan, wire[i], i % 2);
            two->receive_ip(kWan, wire[i], i % 2);  // replay
        }
        const uint64_t again = allocations();
        two->run();
        const uint64_t opened = allocations() - again;
        EXPECT_GE(two->sent(kLan).size(), 40u);
        if (round == 1) {
            EXPECT_EQ(during, 0u);
            EXPECT_EQ(opened, 0u);
        }
        one->punted();
        one->sent(kLan);
    }
}

}  // namespace
}  // namespace ipsecgw::worker
