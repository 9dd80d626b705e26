#include "net/checksum.h"

#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "base/byte_order.h"

namespace ipsecgw::net {
namespace {

/// RFC 1071 section 1, word by word in network order, folding at each step.
uint16_t naive(const std::vector<uint8_t>& bytes)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < bytes.size(); i += 2) {
        sum += uint32_t{bytes[i]} << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<uint16_t>(~sum);
}

std::vector<uint8_t> random_bytes(std::mt19937& random, size_t length)
{
    std::vector<uint8_t> bytes(length);
    for (auto& byte : bytes)
        byte = static_cast<uint8_t>(random());
    return bytes;
}

TEST(Checksum, Rfc1071Section3Example)
{
    const std::vector<uint8_t> bytes = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    // The RFC's sum is ddf2; the checksum is its complement.
    EXPECT_EQ(base::swap_be16(checksum_be(bytes.data(), bytes.size())), 0x220d);
}

TEST(Checksum, AnIpv4HeaderHoldsByTheDefinitionAndByNothingElse)
{
    std::mt19937 random(4);
    for (int round = 0; round < 2000; round++) {
        auto header = random_bytes(random, 20);
        header[0] = 0x45;
        base::store_be16(header.data() + 10, 0);
        base::store_be16(header.data() + 10, naive(header));
        EXPECT_TRUE(ipv4_checksum_holds(header.data()));
        const size_t bit = random() % 160;
        header[bit / 8] = static_cast<uint8_t>(header[bit / 8] ^ 1 << bit % 8);
        EXPECT_EQ(ipv4_checksum_holds(header.data()), naive(header) == 0) << bit;
        EXPECT_FALSE(ipv4_checksum_holds(header.data()));
    }
}

TEST(Checksum, AgreesWithTheDefinitionAtEachLengthAndAlignment)
{
    std::mt19937 random(1);
    for (size_t length = 0; length < 200; length++)
        for (size_t offset = 0; offset < 8; offset++) {
            const auto bytes = random_bytes(random, offset + length);
            const std::vector<uint8_t> tail(bytes.begin() + static_cast<long>(offset), bytes.end());
            ASSERT_EQ(base::swap_be16(checksum_be(bytes.data() + offset, length)), naive(tail));
        }
}

TEST(Checksum, ExtremesDoNotOverflow)
{
    for (const size_t length : {2u, 4u, 1500u, 65535u, 1u << 20}) {
        const std::vector<uint8_t> ones(length, 0xff);
        EXPECT_EQ(base::swap_be16(checksum_be(ones.data(), length)), naive(ones)) << length;
        const std::vector<uint8_t> zeros(length, 0);
        EXPECT_EQ(checksum_be(zeros.data(), length), 0xffff);
    }
}

TEST(Checksum, EvenPiecesAdd)
{
    std::mt19937 random(2);
    for (int i = 0; i < 1000; i++) {
        const auto bytes = random_bytes(random, 1 + random() % 300);
        const size_t cut = random() % bytes.size() / 2 * 2;
        const uint64_t sum = checksum_add(checksum_add(0, bytes.data(), cut), bytes.data() + cut, bytes.size() - cut);
        ASSERT_EQ(base::swap_be16(checksum_finish_be(sum)), naive(bytes));
    }
}

TEST(Checksum, PseudoHeaderOfBothFamilies)
{
    std::mt19937 random(3);
    for (const bool v4 : {true, false}) {
        const auto source = random_bytes(random, 16), destination = random_bytes(random, 16);
        const auto a = v4 ? IpAddress::v4(source.data()) : IpAddress::v6(source.data());
        const auto b = v4 ? IpAddress::v4(destination.data()) : IpAddress::v6(destination.data());
        // RFC 9293 section 3.1 and RFC 8200 section 8.1, laid out.
        std::vector<uint8_t> header(a.bytes().begin(), a.bytes().end());
        header.insert(header.end(), b.bytes().begin(), b.bytes().end());
        if (v4)
            header.insert(header.end(), {0, 17, 0x12, 0x34});
        else
            header.insert(header.end(), {0, 0, 0x12, 0x34, 0, 0, 0, 17});
        EXPECT_EQ(base::swap_be16(checksum_finish_be(checksum_pseudo(a, b, 17, 0x1234))), naive(header));
    }
}

TEST(Checksum, AdjustGivesWhatSummingAgainGives)
{
    std::mt19937 random(4);
    for (int i = 0; i < 200'000; i++) {
        auto bytes = random_bytes(random, 20);
        const uint16_t before_sum = checksum_be(bytes.data(), bytes.size());
        const size_t at = random() % 10 * 2;
        uint16_t before, after = static_cast<uint16_t>(random() % 4 == 0 ? (random() % 2 == 0 ? 0 : 0xffff) : random());
        std::memcpy(&before, &bytes[at], 2);
        std::memcpy(&bytes[at], &after, 2);
        ASSERT_EQ(checksum_adjust(before_sum, before, after), checksum_be(bytes.data(), bytes.size()));
    }
}

TEST(Checksum, Rfc1624Section4Example)
{
    // HC = 0xdd2f, m = 0x5555, m' = 0x3285: the right answer is 0x0000, where RFC 1141's way gives 0xffff.
    EXPECT_EQ(checksum_adjust(0xdd2f, 0x5555, 0x3285), 0x0000);
}

/// Every TTL and protocol, and every sum of the rest: the same as from scratch.
TEST(Checksum, RaisedByWhatAWordHasLost)
{
    for (uint32_t rest = 1; rest < 0x10000; rest += 251)
        for (uint32_t word = 0x0100; word < 0x10000; word += 77) {
            uint8_t bytes[4];
            base::store_be16(bytes, static_cast<uint16_t>(rest));
            base::store_be16(bytes + 2, static_cast<uint16_t>(word));
            const uint16_t before = checksum_be(bytes, sizeof bytes);
            base::store_be16(bytes + 2, static_cast<uint16_t>(word - 0x0100));
            ASSERT_EQ(checksum_raise(before, base::swap_be16(0x0100)), checksum_be(bytes, sizeof bytes))
                << rest << " " << word;
        }
}

}  // namespace
}  // namespace ipsecgw::net
