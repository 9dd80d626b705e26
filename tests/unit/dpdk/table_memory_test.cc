#include "dpdk/table_memory.h"

#include <cstdint>
#include <cstring>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <rte_common.h>

namespace ipsecgw::dpdk {
namespace {

struct Piece {
    uint8_t* memory;
    size_t bytes;
};

/// Zeros, on a line; then no longer zeros.
Piece take(size_t bytes)
{
    auto* memory = static_cast<uint8_t*>(allocate_table_memory(bytes, -1));
    EXPECT_NE(memory, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % RTE_CACHE_LINE_SIZE, 0u);
    for (size_t i = 0; i < bytes; i++)
        if (memory[i] != 0) {
            ADD_FAILURE() << "byte " << i << " of " << bytes << " is not zero";
            break;
        }
    std::memset(memory, 0xa5, bytes);
    return {memory, bytes};
}

TEST(TableMemory, IsZeroAndNobodyElsesWhateverComesAndGoes)
{
    std::mt19937 random(3);
    std::vector<Piece> held;
    for (int i = 0; i < 20'000; i++) {
        if (!held.empty() && random() % 2 == 0) {
            const size_t at = random() % held.size();
            const Piece piece = held[at];
            held[at] = held.back();
            held.pop_back();
            for (const size_t byte : {size_t{0}, piece.bytes / 2, piece.bytes - 1})
                ASSERT_EQ(piece.memory[byte], 0xa5) << "somebody wrote here";
            free_table_memory(piece.memory, piece.bytes);
        } else {
            held.push_back(take(1 + random() % (random() % 50 == 0 ? 100'000 : 2'000)));
        }
    }
    for (const Piece& piece : held)
        free_table_memory(piece.memory, piece.bytes);
    free_table_memory(nullptr, 5);
}

TEST(TableMemory, WhatWasFreedServesTheNextOfItsSize)
{
    const Piece first = take(900);
    free_table_memory(first.memory, first.bytes);
    const Piece second = take(900);
    EXPECT_EQ(second.memory, first.memory);
    free_table_memory(second.memory, second.bytes);
}

TEST(TableMemory, SmallObjectsStandNextToEachOther)
{
    std::set<uintptr_t> pages;
    std::vector<Piece> held;
    for (int i = 0; i < 4000; i++) {
        held.push_back(take(1000));
        pages.insert(reinterpret_cast<uintptr_t>(held.back().memory) >> 21);
    }
    EXPECT_LE(pages.size(), 5u) << "4 MB in pages of 2 MB";
    for (const Piece& piece : held)
        free_table_memory(piece.memory, piece.bytes);
}

TEST(TableMemory, ALargeTableIsThereAtOnce)
{
    TableArray<uint64_t> table(1 << 20);
    EXPECT_EQ(table.size(), size_t{1} << 20);
    EXPECT_EQ(table[(1 << 20) - 1], 0u);
}

TEST(TableMemory, ThreadsShareIt)
{
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; t++)
        threads.emplace_back([] {
            for (int i = 0; i < 2000; i++) {
                const Piece one = take(700), other = take(5000);
                free_table_memory(one.memory, one.bytes);
                free_table_memory(other.memory, other.bytes);
            }
        });
    for (auto& thread : threads)
        thread.join();
}

}  // namespace
}  // namespace ipsecgw::dpdk
