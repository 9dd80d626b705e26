// The window against numbers worked out from the RFC, and against a naive one that remembers everything.
#include "sa/replay_window.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ipsecgw::sa {
namespace {

class Window {
 public:
    explicit Window(uint16_t packets) : words_(ReplayWindow::words_needed(packets)) { ring_.attach(packets, words_); }
    ReplayWindow* operator->() { return &ring_; }
    [[nodiscard]] std::vector<uint64_t> bitmap() const { return words_; }

 private:
    std::vector<uint64_t> words_;
    ReplayWindow ring_;
};

// Remembers each authentic number; decides by the words of RFC 4303 section 3.4.3 alone.
class NaiveWindow {
 public:
    explicit NaiveWindow(uint16_t packets) : packets_(packets) {}

    [[nodiscard]] Replay check(uint64_t sequence) const
    {
        if (packets_ == 0)
            return Replay::kFresh;
        if (sequence == 0)
            return Replay::kTooOld;
        const uint64_t top = highest();
        if (top >= packets_ && sequence <= top - packets_)
            return Replay::kTooOld;
        return seen_.contains(sequence) ? Replay::kSeen : Replay::kFresh;
    }
    void commit(uint64_t sequence)
    {
        if (check(sequence) == Replay::kFresh)
            seen_.insert(sequence);
        while (seen_.size() > 2 * ReplayWindow::kMaxPackets)  // long out of any window
            seen_.erase(seen_.begin());
    }
    [[nodiscard]] uint64_t highest() const { return seen_.empty() ? 0 : *seen_.rbegin(); }

    // RFC 4303 appendix A2.2, cases A and B as printed; nothing for a number before the first subspace.
    [[nodiscard]] std::optional<uint64_t> infer(uint32_t low) const
    {
        const auto top_low = static_cast<uint32_t>(highest());
        const auto top_high = static_cast<uint32_t>(highest() >> 32);
        const uint32_t bottom = top_low - (packets_ - 1u);
        uint64_t high;
        if (top_low >= packets_ - 1u) {
            high = low >= bottom ? top_high : uint64_t{top_high} + 1;
        } else {
            if (low >= bottom && top_high == 0)
                return std::nullopt;
            high = low >= bottom ? top_high - 1 : top_high;
        }
        return high << 32 | low;
    }

 private:
    uint16_t packets_;
    std::set<uint64_t> seen_;
};

TEST(ReplayWindow, WordsNeededLeaveASpareWord)
{
    EXPECT_EQ(ReplayWindow::words_needed(0), 0u);
    EXPECT_EQ(ReplayWindow::words_needed(32), 2u);
    EXPECT_EQ(ReplayWindow::words_needed(64), 2u);
    EXPECT_EQ(ReplayWindow::words_needed(65), 4u);
    EXPECT_EQ(ReplayWindow::words_needed(128), 4u);
    EXPECT_EQ(ReplayWindow::words_needed(192), 4u);
    EXPECT_EQ(ReplayWindow::words_needed(256), 8u);
    EXPECT_EQ(ReplayWindow::words_needed(4096), 128u);
}

TEST(ReplayWindow, FirstNumberIsOneRfc4303Section2_2)
{
    Window window(64);
    EXPECT_EQ(window->check(0), Replay::kTooOld);
    EXPECT_EQ(window->commit(0), Replay::kTooOld);
    EXPECT_EQ(window->check(1), Replay::kFresh);
    EXPECT_EQ(window->commit(1), Replay::kFresh);
    EXPECT_EQ(window->check(1), Replay::kSeen);
    EXPECT_EQ(window->commit(1), Replay::kSeen);
    EXPECT_EQ(window->check(0), Replay::kTooOld);
}

TEST(ReplayWindow, IsExactlyAsWideAsAskedRfc4303Section3_4_3)
{
    for (const uint16_t packets : std::initializer_list<uint16_t>{32, 33, 63, 64, 65, 100, 128, 1000, 4095, 4096}) {
        for (uint64_t top : {uint64_t{5000}, uint64_t{5055}, uint64_t{5056}, uint64_t{5057}, (uint64_t{1} << 32) + 17}) {
            Window window(packets);
            ASSERT_EQ(window->commit(top), Replay::kFresh);
            EXPECT_EQ(window->check(top - packets), Replay::kTooOld) << packets << " below " << top;
            EXPECT_EQ(window->check(top - packets + 1), Replay::kFresh) << packets << " below " << top;
            EXPECT_EQ(window->commit(top - packets + 1), Replay::kFresh);
            EXPECT_EQ(window->check(top - packets + 1), Replay::kSeen);
            EXPECT_EQ(window->commit(top - packets), Replay::kTooOld);
            EXPECT_EQ(window->highest(), top);
        }
    }
}

TEST(ReplayWindow, AForgedNumberDoesNotMoveTheWindow)
{
    for (const uint16_t packets : std::initializer_list<uint16_t>{0, 64, 4096}) {
        Window window(packets);
        for (uint64_t sequence = 1; sequence <= 100; sequence++)
            window->commit(sequence);
        const auto before = window.bitmap();
        for (uint64_t forged : {uint64_t{0}, uint64_t{1}, uint64_t{100}, uint64_t{101}, uint64_t{1000}, uint64_t{UINT32_MAX}, UINT64_MAX}) {
            static_cast<void>(window->check(forged));
            static_cast<void>(window->infer_esn(static_cast<uint32_t>(forged)));
            EXPECT_EQ(window->highest(), 100u);
            EXPECT_EQ(window.bitmap(), before);
        }
        EXPECT_EQ(window->check(101), Replay::kFresh);
    }
}

TEST(ReplayWindow, OffChecksNothingRfc4303Section3_4_3)
{
    Window window(0);
    for (uint64_t sequence : {uint64_t{7}, uint64_t{7}, uint64_t{1}, uint64_t{UINT32_MAX}, uint64_t{0}}) {
        EXPECT_EQ(window->check(sequence), Replay::kFresh);
        EXPECT_EQ(window->commit(sequence), Replay::kFresh);
    }
    EXPECT_EQ(window->highest(), UINT32_MAX);
}

TEST(ReplayWindow, OffInfersTheNearestEsn)
{
    Window window(0);
    EXPECT_EQ(window->infer_esn(0), 0u);
    EXPECT_EQ(window->infer_esn(UINT32_MAX), UINT32_MAX);
    window->commit(UINT32_MAX);
    EXPECT_EQ(window->infer_esn(2), (uint64_t{1} << 32) + 2);
    window->commit((uint64_t{1} << 32) + 2);
    EXPECT_EQ(window->infer_esn(UINT32_MAX - 10), UINT32_MAX - 10);
    EXPECT_EQ(window->infer_esn(3), (uint64_t{1} << 32) + 3);
}

TEST(ReplayWindow, JumpsOfEverySizeForgetTheOldRing)
{
    for (const uint16_t packets : std::initializer_list<uint16_t>{32, 64, 100, 4096}) {
        for (uint64_t jump : {1, 31, 32, 63, 64, 65, 127, 128, 129, 4095, 4096, 4097, 8191, 8192, 8193, 1 << 20, 1 << 30}) {
            Window window(packets);
            NaiveWindow naive(packets);
            for (uint64_t sequence = 1; sequence <= 5000; sequence++) {
                window->commit(sequence);
                naive.commit(sequence);
            }
            ASSERT_EQ(window->commit(5000 + jump), Replay::kFresh);
            naive.commit(5000 + jump);
            for (uint64_t sequence = 5000 + jump; sequence > 0 && sequence + 9000 > 5000 + jump; sequence--)
                ASSERT_EQ(window->check(sequence), naive.check(sequence)) << packets << " " << jump << " " << sequence;
        }
    }
}

TEST(ReplayWindow, EndOfTheSequenceSpace)
{
    Window window(64);
    EXPECT_EQ(window->commit(UINT64_MAX), Replay::kFresh);
    EXPECT_EQ(window->commit(UINT64_MAX), Replay::kSeen);
    EXPECT_EQ(window->check(UINT64_MAX - 63), Replay::kFresh);
    EXPECT_EQ(window->check(UINT64_MAX - 64), Replay::kTooOld);
    // What lies ahead would be past the space: no number there is fresh.
    EXPECT_EQ(window->check(window->infer_esn(5)), Replay::kTooOld);
}

// Rows: window, highest so far, low half on the wire, the 64-bit number appendix A2.2 gives.
struct EsnRow {
    uint16_t packets;
    uint64_t highest;
    uint32_t low;
    uint64_t expected;
};

TEST(ReplayWindow, InfersEsnRfc4303AppendixA2_2)
{
    constexpr uint64_t kOne = uint64_t{1} << 32;
    const EsnRow rows[] = {
        // Case A: the window lies in one subspace.
        {64, 1000, 1000 - 63, 1000 - 63},
        {64, 1000, 1000 - 64, kOne + 1000 - 64},  // left of it: the next subspace
        {64, 1000, 1001, 1001},
        {64, 1000, UINT32_MAX, UINT32_MAX},
        {64, kOne + 1000, 900, 2 * kOne + 900},
        {64, kOne + 63, 0, kOne},  // just case A: Tl = W - 1
        {64, kOne + 63, UINT32_MAX, kOne + UINT32_MAX},
        {64, kOne - 1, 0, kOne},  // the wrap itself
        {64, kOne - 1, 5, kOne + 5},
        {4096, 7 * kOne - 1, 4000, 7 * kOne + 4000},
        // Case B: the window spans two subspaces.
        {64, kOne + 62, UINT32_MAX, UINT32_MAX},
        {64, kOne, UINT32_MAX - 62, UINT32_MAX - 62},
        {64, kOne, UINT32_MAX - 63, kOne + UINT32_MAX - 63},
        {64, kOne, 0, kOne},
        {64, 3 * kOne + 10, UINT32_MAX, 3 * kOne - 1},
        {4096, 3 * kOne + 10, UINT32_MAX - 4000, 3 * kOne - 1 - 4000},
        // Nothing comes before the first subspace.
        {64, 0, 1, 1},
        {64, 0, UINT32_MAX, UINT32_MAX},
        {64, 10, UINT32_MAX, UINT32_MAX},
        {4096, 10, UINT32_MAX - 100, UINT32_MAX - 100},
    };
    for (const EsnRow& row : rows) {
        Window window(row.packets);
        window->commit(row.highest);
        ASSERT_EQ(window->highest(), row.highest);
        EXPECT_EQ(window->infer_esn(row.low), row.expected)
            << "window " << row.packets << " highest " << row.highest << " low " << row.low;
    }
}

class ReplayModel : public testing::TestWithParam<uint16_t> {};

// One random step from the top: mostly near it, sometimes far ahead, sometimes a replay.
uint64_t next_number(std::mt19937_64& random, uint64_t top, uint16_t packets)
{
    const auto below = [&random](uint64_t n) { return random() % n; };
    switch (below(16)) {
        case 0:
            return top + 1 + below(3 * packets);
        case 1:
            return top + 1 + below(3 * ReplayWindow::kMaxPackets);
        case 2:
            return below(200) == 0 ? top + below(uint64_t{1} << 31) : top;
        case 3:
        case 4:
        case 5:
        case 6:
            return top + 1;
        case 7:
            return top >= packets ? top - packets + below(3) : below(3);
        default:
            return top - std::min<uint64_t>(top, below(2 * packets));
    }
}

TEST_P(ReplayModel, AgreesWithANaiveWindow)
{
    for (uint64_t start : {uint64_t{0}, uint64_t{UINT32_MAX} - 20000, (uint64_t{5} << 32) - 3}) {
        std::mt19937_64 random(start + GetParam());
        Window window(GetParam());
        NaiveWindow naive(GetParam());
        if (start != 0) {
            window->commit(start);
            naive.commit(start);
        }
        for (int step = 0; step < 20000; step++) {
            const uint64_t sequence = next_number(random, naive.highest(), GetParam());
            const Replay expected = naive.check(sequence);
            ASSERT_EQ(window->check(sequence), expected) << sequence << " at " << naive.highest();
            const auto low = static_cast<uint32_t>(sequence);
            ASSERT_EQ(window->infer_esn(low), naive.infer(low).value_or(low)) << sequence << " at " << naive.highest();
            if (random() % 8 == 0)
                continue;  // not authentic
            ASSERT_EQ(window->commit(sequence), expected);
            naive.commit(sequence);
            ASSERT_EQ(window->highest(), naive.highest());
        }
    }
}

// A sender that uses ESN, seen through a path that loses and reorders: the low half alone must recover each number.
TEST_P(ReplayModel, RecoversEachEsnAcrossTheWrap)
{
    std::mt19937_64 random(GetParam());
    Window window(GetParam());
    const uint64_t first = (uint64_t{9} << 32) - 5000;
    window->commit(first - 1);
    for (uint64_t base = first; base < first + 10000; base += 1 + random() % 4) {
        const uint64_t top = window->highest();
        const uint64_t sequence = base - std::min<uint64_t>(random() % GetParam(), base - first);
        if (sequence + GetParam() <= top)
            continue;
        ASSERT_EQ(window->infer_esn(static_cast<uint32_t>(sequence)), sequence) << "at " << top;
        window->commit(sequence);
    }
}

INSTANTIATE_TEST_SUITE_P(Sizes, ReplayModel, testing::Values(32, 33, 63, 64, 65, 100, 127, 128, 129, 192, 256, 500, 512, 1000, 1024, 2048, 4095, 4096),
                         [](const auto& size) { return "Packets" + std::to_string(size.param); });

}  // namespace
}  // namespace ipsecgw::sa
