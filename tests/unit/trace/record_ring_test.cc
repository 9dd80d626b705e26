// One writer, one reader: nothing torn, nothing twice, what does not fit is counted.
#include "trace/record_ring.h"

#include <thread>

#include <gtest/gtest.h>

namespace ipsecgw::trace {
namespace {

TEST(RecordRing, GivesBackWhatItTook)
{
    RecordRing ring(4, 8);
    const std::vector<uint8_t> bytes = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    EXPECT_TRUE(ring.put({.packet = 7, .length = 10, .point = Point::kSent}, bytes));
    Record record;
    std::vector<uint8_t> got;
    ASSERT_TRUE(ring.take(record, got));
    EXPECT_EQ(record.packet, 7U);
    EXPECT_EQ(record.length, 10U);
    EXPECT_EQ(record.point, Point::kSent);
    EXPECT_EQ(got, std::vector<uint8_t>(bytes.begin(), bytes.begin() + 8)) << "no more than the snap length";
    EXPECT_FALSE(ring.take(record, got));
}

TEST(RecordRing, IsBoundedAndCountsWhatIsLost)
{
    RecordRing ring(4, 8);
    for (uint64_t i = 0; i < 7; i++)
        EXPECT_EQ(ring.put({.packet = i}, {}), i < 4);
    EXPECT_EQ(ring.lost(), 3U);
    Record record;
    std::vector<uint8_t> bytes;
    for (uint64_t i = 0; i < 4; i++) {
        ASSERT_TRUE(ring.take(record, bytes));
        EXPECT_EQ(record.packet, i);
    }
    EXPECT_TRUE(ring.put({.packet = 9}, {}));
}

TEST(RecordRing, AWriterAndAReaderDoNotTearRecords)
{
    constexpr uint64_t kRecords = 100'000;
    RecordRing ring(64, 16);
    std::thread writer([&] {
        for (uint64_t i = 1; i <= kRecords;) {
            const std::vector<uint8_t> bytes(8, static_cast<uint8_t>(i));
            i += ring.put({.packet = i, .sequence = ~i}, bytes) ? 1 : 0;
        }
    });
    Record record;
    std::vector<uint8_t> bytes;
    for (uint64_t next = 1; next <= kRecords;) {
        if (!ring.take(record, bytes))
            continue;
        ASSERT_EQ(record.packet, next);
        ASSERT_EQ(record.sequence, ~next);
        ASSERT_EQ(bytes, std::vector<uint8_t>(8, static_cast<uint8_t>(next)));
        next++;
    }
    writer.join();
}

}  // namespace
}  // namespace ipsecgw::trace
