#include "crypto/key_exchange.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "crypto/digest.h"
#include "support/hex.h"
#include "vectors/key_exchange.h"

namespace ipsecgw::crypto {
namespace {

using test::hex;

constexpr uint16_t kAll[] = {14, 15, 16, 19, 20, 21, 31, 32};

std::vector<uint8_t> plain(const base::SecretBytes& secret)
{
    return {secret.view().begin(), secret.view().end()};
}

bool is_modp(uint16_t method)
{
    return method <= 16;
}

bool is_ecp(uint16_t method)
{
    return method >= 19 && method <= 21;
}

KeyExchange make(uint16_t method)
{
    auto pair = KeyExchange::create(method);
    EXPECT_TRUE(pair) << pair.error().what;
    return std::move(pair).value();
}

/// The prime of a MODP method less `less`; it ends in ones, so no borrow goes further.
std::vector<uint8_t> modp_prime_less(uint16_t method, uint8_t less)
{
    auto prime = hex(vectors::kModpPrimes[method - 14]);
    prime.back() = static_cast<uint8_t>(prime.back() - less);
    return prime;
}

void expect_refused(uint16_t method, const std::vector<uint8_t>& peer, const char* reason)
{
    const auto secret = make(method).shared_secret(peer);
    ASSERT_FALSE(secret) << method;
    EXPECT_EQ(secret.error().code, base::ErrorCode::kInvalidArgument) << method;
    EXPECT_NE(secret.error().what.find(reason), std::string::npos) << method << ": " << secret.error().what;
}

TEST(KeyExchange, AgreesOnKnownAnswers)
{
    for (const auto& vector : vectors::kKeyExchange) {
        SCOPED_TRACE(vector.source);
        const auto pair = KeyExchange::from_key_pair(vector.method, hex(vector.private_key), hex(vector.public_value));
        ASSERT_TRUE(pair) << pair.error().what;
        EXPECT_EQ(pair->method(), vector.method);
        const auto value = pair->public_value();
        EXPECT_EQ(std::vector<uint8_t>(value.begin(), value.end()), hex(vector.public_value));
        const auto secret = pair->shared_secret(hex(vector.peer));
        ASSERT_TRUE(secret) << secret.error().what;
        EXPECT_EQ(secret->size(), is_ecp(vector.method) ? value.size() / 2 : value.size());
        auto got = plain(*secret);
        if (is_modp(vector.method)) {
            std::vector<uint8_t> digest(32);
            sha2(Hash::kSha256, got, digest);
            got = digest;
        }
        EXPECT_EQ(got, hex(vector.secret));
    }
}

TEST(KeyExchange, TwoNewPairsAgree)
{
    for (const uint16_t method : kAll) {
        const auto ours = make(method), theirs = make(method);
        EXPECT_EQ(ours.public_value().size(), public_value_bytes(method));
        EXPECT_FALSE(std::ranges::equal(ours.public_value(), theirs.public_value())) << method;
        const auto one = ours.shared_secret(theirs.public_value()), other = theirs.shared_secret(ours.public_value());
        ASSERT_TRUE(one && other) << method;
        EXPECT_EQ(plain(*one), plain(*other)) << method;
        EXPECT_EQ(plain(*one), plain(ours.shared_secret(theirs.public_value()).value())) << "a pair may be asked twice";
    }
}

/// RFC 7296 section 3.4 and RFC 5903 section 7: values and secrets keep their leading zeros.
TEST(KeyExchange, PadsValuesAndSecrets)
{
    // 2^8 with the peer's base: private key 8 makes the public value 256.
    std::vector<uint8_t> two(256), value(256);
    two.back() = 2;
    value[254] = 1;
    const std::vector<uint8_t> eight = {8};
    const auto pair = KeyExchange::from_key_pair(14, eight, value);
    ASSERT_TRUE(pair) << pair.error().what;
    EXPECT_TRUE(std::ranges::equal(pair->public_value(), value));
    const auto secret = pair->shared_secret(two);
    ASSERT_TRUE(secret);
    EXPECT_EQ(plain(*secret), value);
}

TEST(KeyExchange, RefusesWrongLengths)
{
    for (const uint16_t method : kAll) {
        const auto pair = make(method);
        const auto value = pair.public_value();
        std::vector<uint8_t> bytes(value.begin(), value.end());
        bytes.push_back(0);
        expect_refused(method, bytes, "bytes, not");
        bytes.resize(bytes.size() - 2);
        expect_refused(method, bytes, "bytes, not");
        expect_refused(method, {}, "bytes, not");
    }
}

/// RFC 6989 section 2.1.
TEST(KeyExchange, RefusesModpValuesOutOfRange)
{
    for (const uint16_t method : std::initializer_list<uint16_t>{14, 15, 16}) {
        std::vector<uint8_t> value(public_value_bytes(method));
        expect_refused(method, value, "between 1 and p - 1");
        value.back() = 1;
        expect_refused(method, value, "between 1 and p - 1");
        expect_refused(method, modp_prime_less(method, 1), "between 1 and p - 1");
        expect_refused(method, modp_prime_less(method, 0), "between 1 and p - 1");
        expect_refused(method, std::vector<uint8_t>(value.size(), 0xff), "between 1 and p - 1");
        EXPECT_TRUE(make(method).shared_secret(modp_prime_less(method, 2))) << "p - 2 is in range";
    }
}

/// RFC 6989 section 2.3.
TEST(KeyExchange, RefusesPointsOffTheCurve)
{
    for (const uint16_t method : std::initializer_list<uint16_t>{19, 20, 21}) {
        const auto pair = make(method);
        const auto value = pair.public_value();
        std::vector<uint8_t> point(value.begin(), value.end());
        point.back() ^= 1;
        expect_refused(method, point, "not a point of the curve");
        expect_refused(method, std::vector<uint8_t>(value.size()), "not a point of the curve");  // (0, 0)
        expect_refused(method, std::vector<uint8_t>(value.size(), 0xff),
                       "not a point of the curve");  // above the prime
        point.assign(value.begin(), value.end());
        std::rotate(point.begin(), point.begin() + static_cast<ptrdiff_t>(point.size() / 2), point.end());
        expect_refused(method, point, "not a point of the curve");  // x and y exchanged
    }
}

/// u-coordinates of points of order 1, 2, 4 and 8 (RFC 7748 section 7): the secret with any private key is zero.
TEST(KeyExchange, RefusesPointsOfSmallOrder)
{
    for (const char* point : {
             "0000000000000000000000000000000000000000000000000000000000000000",
             "0100000000000000000000000000000000000000000000000000000000000000",
             "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
             "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
             "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
             "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
             "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
         })
        expect_refused(31, hex(point), "small order");
    std::vector<uint8_t> point(56);
    expect_refused(32, point, "small order");
    point.front() = 1;
    expect_refused(32, point, "small order");
    point.assign(56, 0xff);
    point[28] = 0xfe;
    point.front() = 0xfe;  // p - 1
    expect_refused(32, point, "small order");
}

TEST(KeyExchange, RefusesOtherMethodsAndPairs)
{
    for (const uint16_t method : std::initializer_list<uint16_t>{0, 1, 2, 5, 17, 18, 22, 30, 33, 35, 65535}) {
        EXPECT_EQ(public_value_bytes(method), 0u);
        const auto pair = KeyExchange::create(method);
        ASSERT_FALSE(pair);
        EXPECT_EQ(pair.error().code, base::ErrorCode::kUnsupported);
    }
    for (const auto& vector : vectors::kKeyExchange) {
        SCOPED_TRACE(vector.source);
        EXPECT_FALSE(KeyExchange::from_key_pair(vector.method, hex(vector.private_key), hex(vector.peer)));
        EXPECT_FALSE(KeyExchange::from_key_pair(vector.method, {}, hex(vector.public_value)));
        EXPECT_FALSE(KeyExchange::from_key_pair(vector.method, hex(vector.private_key), {}));
    }
}

}  // namespace
}  // namespace ipsecgw::crypto
