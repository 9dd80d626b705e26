#include <atomic>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "dpdk/qsbr.h"
#include "route/fib.h"
#include "route/tables.h"

namespace ipsecgw::route {
namespace {

net::IpAddress ip(const char* text) { return net::IpAddress::parse(text).value(); }
net::Prefix prefix(const char* text) { return net::Prefix::parse(text).value(); }

/// Longest match by reading the whole list; of equals the later.
const NextHop* naive_lookup(const std::vector<FibEntry>& entries, const net::IpAddress& destination)
{
    const FibEntry* best = nullptr;
    for (const auto& entry : entries)
        if (entry.prefix.contains(destination) && (best == nullptr || entry.prefix.length >= best->prefix.length))
            best = &entry;
    return best == nullptr ? nullptr : &best->next_hop;
}

TEST(Fib, EmptyHasNoRoute)
{
    const auto fib = Fib::build({}).value();
    EXPECT_EQ(fib->lookup(ip("192.0.2.1")), nullptr);
    EXPECT_EQ(fib->lookup(ip("2001:db8::1")), nullptr);
}

TEST(Fib, LongestPrefixWinsAndFamiliesAreApart)
{
    const auto fib = Fib::build({{prefix("0.0.0.0/0"), {0, ip("192.0.2.254")}},
                                 {prefix("10.1.0.0/16"), {1, {}}},
                                 {prefix("10.1.2.3/32"), {2, {}}},
                                 {prefix("2001:db8::/32"), {3, ip("fe80::1")}},
                                 {prefix("2001:db8::5/128"), {4, {}}}})
                         .value();
    EXPECT_EQ(*fib->lookup(ip("8.8.8.8")), (NextHop{0, ip("192.0.2.254")}));
    EXPECT_EQ(fib->lookup(ip("10.1.9.9"))->port, 1);
    EXPECT_EQ(fib->lookup(ip("10.1.2.3"))->port, 2);
    EXPECT_EQ(fib->lookup(ip("2001:db8::4"))->port, 3);
    EXPECT_EQ(fib->lookup(ip("2001:db8::5"))->port, 4);
    EXPECT_EQ(fib->lookup(ip("2001:db9::1")), nullptr);
}

TEST(Fib, LaterOfEqualPrefixesWinsAndHostBitsDoNotCount)
{
    const auto fib = Fib::build({{prefix("10.0.0.1/8"), {1, {}}}, {prefix("10.0.0.0/8"), {2, {}}}}).value();
    EXPECT_EQ(fib->lookup(ip("10.200.0.1"))->port, 2);
}

TEST(Fib, RefusesAnImpossiblePrefixLength)
{
    const auto fib = Fib::build({{{ip("10.0.0.0"), 33}, {}}});
    ASSERT_FALSE(fib);
    EXPECT_EQ(fib.error().code, base::ErrorCode::kInvalidArgument);
}

class FibModel : public testing::TestWithParam<net::Family> {
 protected:
    /// Few distinct bits, so that prefixes nest and repeat.
    net::IpAddress address()
    {
        uint8_t bytes[16];
        for (auto& byte : bytes)
            byte = static_cast<uint8_t>(random_() % 8 == 0 ? random_() : random_() & 0x81);
        return GetParam() == net::Family::kIpv4 ? net::IpAddress::v4(bytes) : net::IpAddress::v6(bytes);
    }
    std::mt19937 random_{4711};
};

TEST_P(FibModel, AgreesWithReadingTheWholeList)
{
    for (int round = 0; round < 20; round++) {
        std::vector<FibEntry> entries;
        const size_t count = random_() % 600;
        for (size_t i = 0; i < count; i++) {
            const auto length = static_cast<uint8_t>(random_() % (net::address_bits(GetParam()) + 1u));
            entries.push_back({{address(), length}, {static_cast<uint16_t>(random_()), {}}});
        }
        const auto fib = Fib::build(entries).value();
        for (int i = 0; i < 500; i++) {
            const auto destination = address();
            const NextHop* expected = naive_lookup(entries, destination);
            const NextHop* actual = fib->lookup(destination);
            ASSERT_EQ(actual == nullptr, expected == nullptr) << destination.to_string();
            if (expected != nullptr) {
                ASSERT_EQ(actual->port, expected->port) << destination.to_string();
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Families, FibModel, testing::Values(net::Family::kIpv4, net::Family::kIpv6));

TEST(Fib, HoldsAsManyRoutesAsItWasGiven)
{
    std::vector<FibEntry> entries;
    for (uint32_t i = 0; i < 50'000; i++) {
        const uint8_t v4[4] = {static_cast<uint8_t>(i >> 16), static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i), 0};
        entries.push_back({{net::IpAddress::v4(v4), 24}, {static_cast<uint16_t>(i), {}}});
    }
    const auto fib = Fib::build(entries).value();
    for (uint32_t i = 0; i < 50'000; i += 997)
        EXPECT_EQ(fib->lookup(entries[i].prefix.address)->port, static_cast<uint16_t>(i));
}

TEST(Fib, ManyMayLiveAtOnceAndGiveTheirMemoryBack)
{
    for (int round = 0; round < 200; round++) {
        std::vector<std::unique_ptr<const Fib>> fibs;
        for (uint16_t i = 0; i < 8; i++)
            fibs.push_back(Fib::build({{prefix("10.0.0.0/8"), {i, {}}}, {prefix("fd00::/8"), {i, {}}}}).value());
        for (uint16_t i = 0; i < 8; i++)
            ASSERT_EQ(fibs[i]->lookup(ip("fd00::1"))->port, i);
    }
}

TEST(Tables, PublishReplacesAndFreesAfterTheGracePeriod)
{
    const auto qsbr = dpdk::Qsbr::create(1).value();
    dpdk::Reclaimer reclaimer(*qsbr);
    const auto tables = Tables::create(reclaimer).value();
    reclaimer.poll();
    qsbr->online(0);
    EXPECT_EQ(tables->fib().lookup(ip("10.0.0.1")), nullptr);

    const Fib* old = &tables->fib();
    tables->publish(Fib::build({{prefix("10.0.0.0/8"), {7, {}}}}).value());
    tables->publish(std::make_unique<const NeighbourTable>(std::vector<NeighbourEntry>{{7, ip("10.0.0.1"), {}}}));
    EXPECT_EQ(tables->fib().lookup(ip("10.0.0.1"))->port, 7);
    EXPECT_NE(tables->neighbours().lookup(7, ip("10.0.0.1")), nullptr);
    reclaimer.poll();
    EXPECT_EQ(reclaimer.pending(), 2u);
    EXPECT_EQ(old->lookup(ip("10.0.0.1")), nullptr);  // a worker may still be reading it
    qsbr->quiescent(0);
    reclaimer.poll();
    EXPECT_EQ(reclaimer.pending(), 0u);
    qsbr->offline(0);
}

/// Workers that keep a route with the generation it was looked up in, as their caches do.
TEST(Tables, WhatWasFoundInAGenerationStaysRightInIt)
{
    constexpr uint16_t kReaders = 2;
    constexpr uint16_t kPublications = 2'000;
    const auto qsbr = dpdk::Qsbr::create(kReaders).value();
    dpdk::Reclaimer reclaimer(*qsbr);
    const auto tables = Tables::create(reclaimer).value();
    const auto there = ip("10.0.0.1");
    const uint64_t first = tables->generation();
    std::atomic<bool> done{false};
    std::atomic<uint64_t> wrong{0}, kept{0};
    std::vector<std::thread> readers;
    for (uint16_t id = 0; id < kReaders; id++)
        readers.emplace_back([&, id] {
            qsbr->online(id);
            uint64_t generation = 0;
            const NextHop* hop = nullptr;
            while (!done.load(std::memory_order_relaxed)) {
                const uint64_t now = tables->generation();
                if (now != generation) {
                    generation = now;
                    hop = tables->fib().lookup(there);
                } else if (hop != nullptr) {
                    kept.fetch_add(1, std::memory_order_relaxed);
                }
                // The port is the generation that the table was published as, or of one that came since.
                if (hop != nullptr)
                    wrong.fetch_add(first + hop->port < generation ? 1 : 0, std::memory_order_relaxed);
                else
                    wrong.fetch_add(generation != first ? 1 : 0, std::memory_order_relaxed);
                qsbr->quiescent(id);
            }
            qsbr->offline(id);
        });
    for (uint16_t i = 1; i <= kPublications || kept.load(std::memory_order_relaxed) == 0; i++) {
        tables->publish(Fib::build({{prefix("10.0.0.0/8"), {i, {}}}}).value());
        while (reclaimer.pending() > 64)
            reclaimer.poll();
    }
    done = true;
    for (auto& reader : readers)
        reader.join();
    reclaimer.poll();
    EXPECT_EQ(wrong.load(), 0u);
    EXPECT_EQ(reclaimer.pending(), 0u);
}

}  // namespace
}  // namespace ipsecgw::route
