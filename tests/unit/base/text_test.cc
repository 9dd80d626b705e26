#include "base/text.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace ipsecgw::base {
namespace {

std::optional<std::vector<uint8_t>> hex(std::string_view text)
{
    const auto bytes = decode_hex(text);
    if (!bytes)
        return std::nullopt;
    return std::vector<uint8_t>(bytes->view().begin(), bytes->view().end());
}

TEST(DecodeHex, ReadsWhatPeopleWrite)
{
    const std::vector<uint8_t> expected = {0x00, 0x9f, 0xaB};
    EXPECT_EQ(hex("009fab"), expected);
    EXPECT_EQ(hex("0x009FAB"), expected);
    EXPECT_EQ(hex("0X009fab"), expected);
    EXPECT_EQ(hex("00:9f:ab"), expected);
    EXPECT_EQ(hex("00 9f_ab"), expected);
    EXPECT_EQ(hex(""), std::vector<uint8_t>{});
    EXPECT_EQ(hex("0x"), std::vector<uint8_t>{});
}

TEST(DecodeHex, RefusesTheRest)
{
    for (const char* text : {"0", "009", "0x1", "0g", "g0", "00-9f", "0 0", "0:09", "00:9", "0x00x0", "\xff\xff", "zz"})
        EXPECT_EQ(hex(text), std::nullopt) << text;
    EXPECT_EQ(hex(std::string_view("00\0009", 5)), std::nullopt);
}

TEST(ParseUnsigned, DecimalAndHexadecimalOrNothing)
{
    EXPECT_EQ(parse_unsigned("0"), 0u);
    EXPECT_EQ(parse_unsigned("65536"), 65536u);
    EXPECT_EQ(parse_unsigned("0xDeadBeef"), 0xdeadbeefu);
    EXPECT_EQ(parse_unsigned("18446744073709551615"), UINT64_MAX);
    EXPECT_EQ(parse_unsigned("0xffffffffffffffff"), UINT64_MAX);
    for (const char* text : {"", "0x", "-1", "+1", " 1", "1 ", "1k", "0x1g", "18446744073709551616", "0x10000000000000000", "1.5"})
        EXPECT_EQ(parse_unsigned(text), std::nullopt) << text;
}

TEST(Split, KeepsEmptyParts)
{
    using Parts = std::vector<std::string_view>;
    EXPECT_EQ(split("a,b,c", ','), (Parts{"a", "b", "c"}));
    EXPECT_EQ(split(",a,", ','), (Parts{"", "a", ""}));
    EXPECT_EQ(split("", ','), (Parts{""}));
    EXPECT_EQ(split("abc", ','), (Parts{"abc"}));
}

TEST(Trim, TakesBlanksFromBothEnds)
{
    EXPECT_EQ(trim(" \t a b\r\n"), "a b");
    EXPECT_EQ(trim(" \n "), "");
    EXPECT_EQ(trim(""), "");
}

TEST(Join, PutsTheSeparatorBetween)
{
    EXPECT_EQ(join({"a", "b", "c"}), "a, b, c");
    EXPECT_EQ(join({"a"}), "a");
    EXPECT_EQ(join({}), "");
    EXPECT_EQ(join({"a", "b"}, "/"), "a/b");
}

// An empty first part must not vanish: "", "b" is not "b".
TEST(Join, KeepsEmptyParts) { EXPECT_EQ(join({"", "b", ""}, ","), ",b,"); }

TEST(Format, IsPrintfIntoAString)
{
    EXPECT_EQ(format("%s has SPI 0x%08x", "sa1", 0x100u), "sa1 has SPI 0x00000100");
    EXPECT_EQ(format("%s", ""), "");
    const std::string large(5000, 'x');
    EXPECT_EQ(format("<%s>", large.c_str()), "<" + large + ">");
}

TEST(Nearest, FindsTyposAndNothingFar)
{
    const std::vector<std::string> names = {"protected", "unprotected", "replay_window", "remote"};
    EXPECT_EQ(nearest("protcted", names), "protected");
    EXPECT_EQ(nearest("replay-window", names), "replay_window");
    EXPECT_EQ(nearest("remote", names), "remote");
    EXPECT_EQ(nearest("banana", names), std::nullopt);
    EXPECT_EQ(nearest("x", {}), std::nullopt);
}

std::optional<std::string> base64(std::string_view text)
{
    const auto bytes = decode_base64(text);
    if (!bytes)
        return std::nullopt;
    return std::string(bytes->view().begin(), bytes->view().end());
}

// RFC 4648 section 10.
TEST(DecodeBase64, Rfc4648Section10)
{
    EXPECT_EQ(base64(""), "");
    EXPECT_EQ(base64("Zg=="), "f");
    EXPECT_EQ(base64("Zm8="), "fo");
    EXPECT_EQ(base64("Zm9v"), "foo");
    EXPECT_EQ(base64("Zm9vYg=="), "foob");
    EXPECT_EQ(base64("Zm9vYmE="), "fooba");
    EXPECT_EQ(base64("Zm9vYmFy"), "foobar");
    EXPECT_EQ(base64("Zm9vYmE"), "fooba");
    EXPECT_EQ(base64("+/+/"), "\xfb\xff\xbf");
}

TEST(DecodeBase64, RefusesWhatIsNoBase64)
{
    for (const char* text : {"Z", "Zg=", "=", "====", "Zm9vY", "Zm 9v", "Zm9_", "Zm=v", "Zg==Zg=="})
        EXPECT_EQ(base64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace ipsecgw::base
