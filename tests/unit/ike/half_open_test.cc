#include "ike/half_open.h"

#include <random>

#include <gtest/gtest.h>

#include "base/clock.h"

namespace ipsecgw::ike {
namespace {

class RandomHost : public Host {
  public:
    base::Result<uint32_t> reserve_spi(const net::IpAddress&, const net::IpAddress&) override { return base::Error{}; }
    void release_spi(uint32_t) override {}
    bool random(std::span<uint8_t> bytes) override
    {
        for (auto& byte : bytes)
            byte = static_cast<uint8_t>(random_());
        return true;
    }
    uint64_t last_inbound_ns(uint32_t) override { return 0; }
    uint64_t last_use_ns(ChildSaId) override { return 0; }
    base::Result<net::IpAddress> source_address(const net::IpAddress&) override { return base::Error{}; }
    int64_t unix_seconds() override { return 0; }

  private:
    std::mt19937 random_{1};
};

struct HalfOpenTest : testing::Test {
    EngineOptions options;
    RandomHost host;
    HalfOpen half_open{options, host};
    net::IpAddress address = net::IpAddress::parse("192.0.2.1").value();
    std::array<uint8_t, 4> nonce{1, 2, 3, 4};
    HalfOpen::Origin origin{{address, 500}, 0x1122334455667788, nonce};
};

TEST_F(HalfOpenTest, WantsCookiesFromTheThresholdOn)
{
    for (uint32_t i = 0; i < options.cookie_threshold; i++) {
        EXPECT_EQ(half_open.judge(address, HalfOpen::Cookie::kNone), HalfOpen::Verdict::kAccept);
        half_open.add(address);
    }
    EXPECT_EQ(half_open.judge(address, HalfOpen::Cookie::kNone), HalfOpen::Verdict::kWantCookie);
    EXPECT_EQ(half_open.judge(address, HalfOpen::Cookie::kValid), HalfOpen::Verdict::kAccept);
    half_open.remove(address);
    EXPECT_EQ(half_open.judge(address, HalfOpen::Cookie::kNone), HalfOpen::Verdict::kAccept);
}

TEST_F(HalfOpenTest, LimitsAddressesAndTheWhole)
{
    for (uint32_t i = 0; i < options.half_open_per_address; i++)
        half_open.add(address);
    EXPECT_EQ(half_open.judge(address, HalfOpen::Cookie::kValid), HalfOpen::Verdict::kDrop);
    const auto other = net::IpAddress::parse("192.0.2.2").value();
    EXPECT_EQ(half_open.judge(other, HalfOpen::Cookie::kValid), HalfOpen::Verdict::kAccept);
    options.max_half_open = options.half_open_per_address;
    EXPECT_EQ(half_open.judge(other, HalfOpen::Cookie::kValid), HalfOpen::Verdict::kDrop);
}

TEST_F(HalfOpenTest, ACookieIsBoundToItsOriginAndAges)
{
    const uint64_t start = 1000 * base::kNsPerSecond;
    const auto cookie = half_open.make_cookie(origin, start);
    EXPECT_GE(cookie.size(), 1U);
    EXPECT_LE(cookie.size(), 64U);  // RFC 7296 section 2.6
    EXPECT_TRUE(half_open.is_valid(cookie, origin, start));
    auto other = origin;
    other.spi_i++;
    EXPECT_FALSE(half_open.is_valid(cookie, other, start));
    other = origin;
    other.remote.port++;
    EXPECT_FALSE(half_open.is_valid(cookie, other, start));
    other = origin;
    const std::array<uint8_t, 4> other_nonce{1, 2, 3, 5};
    other.nonce_i = other_nonce;
    EXPECT_FALSE(half_open.is_valid(cookie, other, start));
    EXPECT_FALSE(half_open.is_valid({}, origin, start));
    // The secret changes, and the one before it is believed for a while.
    const uint64_t later = start + 90 * base::kNsPerSecond;
    EXPECT_NE(half_open.make_cookie(origin, later), cookie);
    EXPECT_TRUE(half_open.is_valid(cookie, origin, later));
    EXPECT_FALSE(half_open.is_valid(cookie, origin, start + 121 * base::kNsPerSecond));
}

}  // namespace
}  // namespace ipsecgw::ike
