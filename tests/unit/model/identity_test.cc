#include "model/identity.h"

#include <gtest/gtest.h>

#include "support/hex.h"

namespace ipsecgw::model {
namespace {

Identity id(std::string_view text)
{
    auto identity = Identity::parse(text);
    EXPECT_TRUE(identity) << text << ": " << identity.error().what;
    return identity ? *identity : Identity{};
}

std::string data(std::string_view text)
{
    const auto identity = id(text);
    return {identity.data.begin(), identity.data.end()};
}

struct Read {
    const char* text;
    IdentityType type;
    const char* printed;
};

TEST(Identity, ReadsStrongswansSpelling)
{
    static constexpr Read kRead[] = {
        {"%any", IdentityType::kAny, "%any"},
        {"192.0.2.1", IdentityType::kIpv4Address, "192.0.2.1"},
        {"2001:db8::1", IdentityType::kIpv6Address, "2001:db8::1"},
        {"moon.example.org", IdentityType::kFqdn, "moon.example.org"},
        {"moon", IdentityType::kFqdn, "moon"},
        {"@moon", IdentityType::kFqdn, "moon"},
        {"@192.0.2.1", IdentityType::kFqdn, "fqdn:192.0.2.1"},
        {"fqdn:192.0.2.1", IdentityType::kFqdn, "fqdn:192.0.2.1"},
        {"*.example.org", IdentityType::kFqdn, "*.example.org"},
        {"carol@example.org", IdentityType::kRfc822Address, "carol@example.org"},
        {"@@carol@example.org", IdentityType::kRfc822Address, "carol@example.org"},
        {"email:c=d@example.org", IdentityType::kRfc822Address, "email:c=d@example.org"},
        {"@#0011aaff", IdentityType::kKeyId, "keyid:#0011aaff"},
        {"keyid:site 1", IdentityType::kAny, nullptr},
        {"keyid:site-1", IdentityType::kKeyId, "keyid:site-1"},
        {"C=CH, O=Example, CN=moon", IdentityType::kDistinguishedName, "C=CH, O=Example, CN=moon"},
        {"c=CH,o=\"Example, Inc\",cn=moon", IdentityType::kDistinguishedName, "C=CH, O=Example\\, Inc, CN=moon"},
        {"/C=CH/O=a+b\\//CN=m", IdentityType::kAny, nullptr},
        {"/C=CH/O=a\\/b/CN=m", IdentityType::kDistinguishedName, "C=CH, O=a/b, CN=m"},
        {"dn:CN=moon, E=a@b.c, 2.5.4.65=x", IdentityType::kDistinguishedName, "CN=moon, E=a@b.c, 2.5.4.65=x"},
        {"", IdentityType::kAny, nullptr},
        {"two words", IdentityType::kAny, nullptr},
        {"CN=", IdentityType::kAny, nullptr},
        {"XX=1", IdentityType::kAny, nullptr},
        {"CN=\"open", IdentityType::kAny, nullptr},
        {"ipv4:moon", IdentityType::kAny, nullptr},
        {"ipv4:::1", IdentityType::kAny, nullptr},
        {"@#0", IdentityType::kAny, nullptr},
        {"asn1dn:#3000", IdentityType::kAny, nullptr},
        {"email:nobody", IdentityType::kAny, nullptr},
    };
    for (const auto& [text, type, printed] : kRead) {
        const auto identity = Identity::parse(text);
        ASSERT_EQ(identity.has_value(), printed != nullptr) << text;
        if (!identity) {
            EXPECT_FALSE(identity.error().what.empty());
            continue;
        }
        EXPECT_EQ(identity->type, type) << text;
        EXPECT_EQ(identity->to_string(), printed) << text;
        EXPECT_EQ(id(printed), *identity) << text;
        EXPECT_TRUE(is_well_formed(*identity)) << text;
    }
    EXPECT_EQ(data("@moon"), "moon");
    EXPECT_EQ(data("@@carol@example.org"), "carol@example.org");
    EXPECT_EQ(data("192.0.2.1"), (std::string{'\xc0', '\0', '\x02', '\x01'}));
}

// The subject that OpenSSL 3.0 writes: openssl req -x509 -subj "/C=CH/O=Example/CN=moon/emailAddress=a@b.c",
// string_mask = default.
TEST(Identity, EncodesADistinguishedNameAsOpensslDoes)
{
    EXPECT_EQ(id("C=CH, O=Example, CN=moon, E=a@b.c").data,
              test::hex("3044310b30090603550406130243483110300e060355040a13074578616d706c65310d30"
                        "0b060355040313046d6f6f6e3114301206092a864886f70d01090116056140622e63"));
}

TEST(Identity, PatternsCoverWhatTheySay)
{
    EXPECT_TRUE(id("%any").matches(id("moon")));
    EXPECT_TRUE(id("Moon.Example.ORG").matches(id("moon.example.org")));
    EXPECT_TRUE(id("*.example.org").matches(id("moon.example.org")));
    EXPECT_FALSE(id("*.example.org").matches(id("example.org")));
    EXPECT_FALSE(id("*.example.org").matches(id("moon.example.com")));
    EXPECT_FALSE(id("moon.example.org").matches(id("*.example.org")));
    EXPECT_TRUE(id("*@example.org").matches(id("carol@EXAMPLE.org")));
    EXPECT_FALSE(id("carol@example.org").matches(id("Carol@example.org")));
    EXPECT_TRUE(id("*@*.org").matches(id("carol@example.org")));
    EXPECT_FALSE(id("moon").matches(id("keyid:moon")));
    EXPECT_FALSE(id("192.0.2.1").matches(id("192.0.2.2")));
    EXPECT_TRUE(id("C=CH, O=*, CN=*").matches(id("C=CH, O=Example, CN=moon")));
    EXPECT_FALSE(id("C=CH, O=*").matches(id("C=CH, O=Example, CN=moon")));
    EXPECT_FALSE(id("C=CH, O=Example, CN=moon").matches(id("C=CH, O=*, CN=*")));
    EXPECT_FALSE(id("O=Example, C=CH").matches(id("C=CH, O=Example")));
    EXPECT_TRUE(id("C=CH, O=Example  Inc").matches(id("C=ch, O=EXAMPLE Inc")));
}

TEST(Identity, KnowsPatterns)
{
    for (const char* text : {"%any", "*.example.org", "*@example.org", "C=CH, CN=*"})
        EXPECT_TRUE(id(text).is_pattern()) << text;
    for (const char* text : {"moon", "c@example.org", "C=CH, CN=a*", "192.0.2.1", "keyid:*"})
        EXPECT_FALSE(id(text).is_pattern()) << text;
}

TEST(Identity, TheSameIdentityIsNoPattern)
{
    EXPECT_TRUE(id("Moon.example.org").equals(id("moon.example.org")));
    EXPECT_FALSE(id("*.example.org").equals(id("moon.example.org")));
    EXPECT_TRUE(id("*.example.org").equals(id("*.example.org")));
    EXPECT_FALSE(id("CN=*").equals(id("CN=moon")));
    EXPECT_TRUE(id("CN=Moon").equals(id("CN=moon")));
    EXPECT_FALSE(id("%any").equals(id("moon")));
}

TEST(Identity, AUtf8AndAPrintableNameAreTheSame)
{
    Identity utf8 = id("CN=moon");
    ASSERT_EQ(utf8.data, test::hex("300f310d300b060355040313046d6f6f6e"));
    utf8.data[11] = 0x0c;
    EXPECT_TRUE(is_well_formed(utf8));
    EXPECT_TRUE(utf8.matches(id("CN=moon")) && id("CN=moon").matches(utf8));
    EXPECT_EQ(utf8.to_string(), "CN=moon");
    utf8.data[11] = 0x03;  // a BIT STRING is no text
    EXPECT_FALSE(utf8.matches(id("CN=moon")));
    EXPECT_EQ(utf8.to_string(), "asn1dn:#300f310d300b060355040303046d6f6f6e");
}

TEST(Identity, WhatAPeerSendsMustHaveTheForm)
{
    const auto formed = [](IdentityType type, std::vector<uint8_t> bytes) {
        return is_well_formed({type, std::move(bytes)});
    };
    EXPECT_FALSE(formed(IdentityType::kIpv4Address, {1, 2, 3}));
    EXPECT_FALSE(formed(IdentityType::kIpv6Address, {1, 2, 3, 4}));
    EXPECT_FALSE(formed(IdentityType::kFqdn, {}));
    EXPECT_FALSE(formed(IdentityType::kFqdn, {'a', 0, 'b'}));
    EXPECT_FALSE(formed(IdentityType::kRfc822Address, {'a'}));
    EXPECT_FALSE(formed(IdentityType::kDistinguishedName, {0x30, 0}));
    EXPECT_FALSE(formed(IdentityType::kDistinguishedName, test::hex("300f310d300b060355040313046d6f6f")));
    EXPECT_FALSE(formed(IdentityType::kDistinguishedName, test::hex("300f310d300b060355040313046d6f6f6e00")));
    EXPECT_FALSE(formed(IdentityType::kDistinguishedName, test::hex("30810f310d300b060355040313046d6f6f6e")));
    EXPECT_FALSE(formed(IdentityType::kDistinguishedName, test::hex("30023100")));
    EXPECT_TRUE(formed(IdentityType::kKeyId, {0}));
    EXPECT_FALSE(formed(IdentityType::kKeyId, std::vector<uint8_t>(1025)));
    EXPECT_FALSE(formed(static_cast<IdentityType>(4), {1}));
}

}  // namespace
}  // namespace ipsecgw::model
