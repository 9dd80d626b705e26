#include "base/result.h"

#include <memory>
#include <type_traits>

#include <gtest/gtest.h>

namespace ipsecgw::base {
namespace {

Result<int> half(int n)
{
    if (n % 2 != 0)
        return Error{ErrorCode::kInvalidArgument, std::to_string(n) + " is odd", "give an even number"};
    return n / 2;
}

Result<void> check(int n)
{
    if (n < 0)
        return Error{ErrorCode::kNotFound, "negative"};
    return {};
}

Result<int> quarter(int n)
{
    const int first = GW_TRY(half(n));
    return GW_TRY(half(first));
}

Result<std::unique_ptr<int>> boxed_half(int n)
{
    GW_TRY(check(n));
    return std::make_unique<int>(GW_TRY(half(n)));
}

TEST(Result, HoldsAValue)
{
    auto result = half(8);
    ASSERT_TRUE(result);
    EXPECT_TRUE(result.has_value());
    EXPECT_EQ(*result, 4);
    EXPECT_EQ(result.value(), 4);
    *result = 5;
    EXPECT_EQ(std::as_const(result).value(), 5);
}

TEST(Result, HoldsAnError)
{
    const auto result = half(7);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(result.error().what, "7 is odd");
    EXPECT_EQ(result.error().hint, "give an even number");
}

TEST(Result, TheWrongSideThrows)
{
    EXPECT_THROW(half(7).value(), std::bad_variant_access);
    EXPECT_THROW(static_cast<void>(half(8).error()), std::bad_variant_access);
    EXPECT_THROW(static_cast<void>(check(1).error()), std::bad_optional_access);
}

TEST(Result, ArrowReachesIntoTheValue)
{
    Result<std::string> result(std::string("text"));
    EXPECT_EQ(result->size(), 4u);
}

TEST(Result, MovesWhatCannotBeCopied)
{
    auto box = boxed_half(8);
    ASSERT_TRUE(box);
    std::unique_ptr<int> owned = std::move(box).value();
    EXPECT_EQ(*owned, 4);
    static_assert(!std::is_copy_constructible_v<Result<std::unique_ptr<int>>>);
}

TEST(Result, TryPassesTheFirstErrorOn)
{
    EXPECT_EQ(quarter(12).value(), 3);
    EXPECT_EQ(quarter(7).error().what, "7 is odd");
    EXPECT_EQ(quarter(6).error().what, "3 is odd");
    EXPECT_EQ(boxed_half(-2).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(boxed_half(3).error().code, ErrorCode::kInvalidArgument);
}

TEST(Result, VoidIsSuccessOrError)
{
    EXPECT_TRUE(check(1));
    const auto failed = check(-1);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().what, "negative");
    EXPECT_TRUE(failed.error().hint.empty());
}

// What a caller must not be able to overlook.
TEST(Result, DoesNotConvertToBoolSilently)
{
    static_assert(!std::is_convertible_v<Result<int>, bool>);
    static_assert(!std::is_convertible_v<Result<void>, bool>);
}

}  // namespace
}  // namespace ipsecgw::base
