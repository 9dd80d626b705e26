#include "base/secret_bytes.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <ostream>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

namespace ipsecgw::base {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };

static_assert(!std::is_copy_constructible_v<SecretBytes> && !std::is_copy_assignable_v<SecretBytes>);
static_assert(std::is_nothrow_move_constructible_v<SecretBytes> && std::is_nothrow_move_assignable_v<SecretBytes>);
static_assert(!Printable<SecretBytes>);

constexpr std::array<uint8_t, 4> kSecret = {1, 2, 3, 4};

bool holds(const SecretBytes& secret, std::span<const uint8_t> bytes)
{
    return std::ranges::equal(secret.view(), bytes);
}

TEST(SecretBytes, StartsZeroed)
{
    const SecretBytes secret(32);
    EXPECT_EQ(secret.size(), 32u);
    EXPECT_TRUE(std::ranges::all_of(secret.view(), [](uint8_t b) { return b == 0; }));
    EXPECT_TRUE(SecretBytes().empty());
    EXPECT_TRUE(SecretBytes().view().empty());
}

TEST(SecretBytes, KeepsItsOwnCopy)
{
    std::vector<uint8_t> source(kSecret.begin(), kSecret.end());
    const SecretBytes secret{std::span<const uint8_t>(source)};
    source[0] = 99;
    EXPECT_TRUE(holds(secret, kSecret));
}

TEST(SecretBytes, CloneIsIndependent)
{
    SecretBytes secret{std::span(kSecret)};
    const SecretBytes copy = secret.clone();
    secret.mutable_view()[0] = 99;
    EXPECT_TRUE(holds(copy, kSecret));
}

TEST(SecretBytes, MovedFromIsEmpty)
{
    SecretBytes from{std::span(kSecret)};
    SecretBytes to(std::move(from));
    EXPECT_TRUE(holds(to, kSecret));
    EXPECT_EQ(from.size(), 0u);  // NOLINT(bugprone-use-after-move): the state after a move is part of the contract
    EXPECT_TRUE(from.view().empty());
    SecretBytes over(64);
    over = std::move(to);
    EXPECT_TRUE(holds(over, kSecret));
    EXPECT_TRUE(to.empty());  // NOLINT(bugprone-use-after-move)
}

TEST(SecretBytes, SelfAssignmentKeepsTheKey)
{
    SecretBytes secret{std::span(kSecret)};
    SecretBytes& same = secret;
    secret = std::move(same);
    EXPECT_TRUE(holds(secret, kSecret));
}

TEST(Wipe, OverwritesAndTakesNothing)
{
    std::array<uint8_t, 5> bytes = {1, 2, 3, 4, 5};
    wipe(std::span(bytes).first(4));
    EXPECT_EQ(bytes, (std::array<uint8_t, 5>{0, 0, 0, 0, 5}));
    wipe({});
}

TEST(EqualConstantTime, ComparesAllOfIt)
{
    std::array<uint8_t, 4> other = kSecret;
    EXPECT_TRUE(equal_constant_time(kSecret, other));
    for (size_t i = 0; i < other.size(); i++) {
        other = kSecret;
        other[i] ^= 0x80;
        EXPECT_FALSE(equal_constant_time(kSecret, other)) << i;
    }
    EXPECT_FALSE(equal_constant_time(kSecret, std::span(kSecret).first(3)));
    EXPECT_TRUE(equal_constant_time({}, {}));
}

}  // namespace
}  // namespace ipsecgw::base
