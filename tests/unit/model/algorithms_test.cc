#include "model/algorithms.h"

#include <set>

#include <gtest/gtest.h>

namespace ipsecgw::model {
namespace {

struct Expected {
    const char* name;
    unsigned key, salt, integrity_key, iv, icv, align;
};

// Bytes. RFC 4106 sections 3.1, 4, 6 and 8.1; RFC 4543 sections 3.1 to 3.4; RFC 7634 section 2; RFC 3602 sections 2.4
// and 3; RFC 3686 sections 3.1 and 5.1; RFC 2410 section 2; RFC 4868 sections 2.1.1 and 2.3; RFC 4303 section 2.4 for
// the alignment.
constexpr Expected kExpected[] = {
    {"aes128gcm16", 16, 4, 0, 8, 16, 4},       {"aes192gcm16", 24, 4, 0, 8, 16, 4},
    {"aes256gcm16", 32, 4, 0, 8, 16, 4},       {"aes128gcm12", 16, 4, 0, 8, 12, 4},
    {"aes192gcm12", 24, 4, 0, 8, 12, 4},       {"aes256gcm12", 32, 4, 0, 8, 12, 4},
    {"aes128gcm8", 16, 4, 0, 8, 8, 4},         {"aes192gcm8", 24, 4, 0, 8, 8, 4},
    {"aes256gcm8", 32, 4, 0, 8, 8, 4},         {"aes128gmac", 16, 4, 0, 8, 16, 4},
    {"aes192gmac", 24, 4, 0, 8, 16, 4},        {"aes256gmac", 32, 4, 0, 8, 16, 4},
    {"chacha20poly1305", 32, 4, 0, 8, 16, 4},  {"aes128-sha256", 16, 0, 32, 16, 16, 16},
    {"aes192-sha256", 24, 0, 32, 16, 16, 16},  {"aes256-sha256", 32, 0, 32, 16, 16, 16},
    {"aes128-sha384", 16, 0, 48, 16, 24, 16},  {"aes192-sha384", 24, 0, 48, 16, 24, 16},
    {"aes256-sha384", 32, 0, 48, 16, 24, 16},  {"aes128-sha512", 16, 0, 64, 16, 32, 16},
    {"aes192-sha512", 24, 0, 64, 16, 32, 16},  {"aes256-sha512", 32, 0, 64, 16, 32, 16},
    {"aes128ctr-sha256", 16, 4, 32, 8, 16, 4}, {"aes192ctr-sha256", 24, 4, 32, 8, 16, 4},
    {"aes256ctr-sha256", 32, 4, 32, 8, 16, 4}, {"aes128ctr-sha384", 16, 4, 48, 8, 24, 4},
    {"aes192ctr-sha384", 24, 4, 48, 8, 24, 4}, {"aes256ctr-sha384", 32, 4, 48, 8, 24, 4},
    {"aes128ctr-sha512", 16, 4, 64, 8, 32, 4}, {"aes192ctr-sha512", 24, 4, 64, 8, 32, 4},
    {"aes256ctr-sha512", 32, 4, 64, 8, 32, 4}, {"null-sha256", 0, 0, 32, 0, 16, 4},
    {"null-sha384", 0, 0, 48, 0, 24, 4},       {"null-sha512", 0, 0, 64, 0, 32, 4},
};

TEST(Algorithms, LayoutsAreThoseOfTheRfcs)
{
    for (const auto& expected : kExpected) {
        SCOPED_TRACE(expected.name);
        const auto suite = parse_esp_suite(expected.name);
        ASSERT_TRUE(suite);
        const SuiteLayout layout = suite->layout();
        EXPECT_EQ(layout.key_bytes, expected.key);
        EXPECT_EQ(layout.salt_bytes, expected.salt);
        EXPECT_EQ(layout.integrity_key_bytes, expected.integrity_key);
        EXPECT_EQ(layout.iv_bytes, expected.iv);
        EXPECT_EQ(layout.icv_bytes, expected.icv);
        EXPECT_EQ(layout.align_bytes, expected.align);
        EXPECT_EQ(layout.keymat_bytes(), expected.key + expected.salt + expected.integrity_key);
    }
}

TEST(Algorithms, TheListIsComplete)
{
    std::set<std::string> names;
    for (const auto& suite : all_esp_suites())
        names.insert(suite.name());
    std::set<std::string> expected;
    for (const auto& row : kExpected)
        expected.insert(row.name);
    EXPECT_EQ(names, expected);
    EXPECT_EQ(all_esp_suites().size(), std::size(kExpected));
}

TEST(Algorithms, EveryNameReadsBackToItsSuite)
{
    for (const auto& suite : all_esp_suites()) {
        const auto parsed = parse_esp_suite(suite.name());
        ASSERT_TRUE(parsed) << suite.name();
        EXPECT_EQ(*parsed, suite) << suite.name();
    }
}

TEST(Algorithms, AliasesMeanTheSame)
{
    static constexpr const char* kAliases[][2] = {
        {"aes128gcm128", "aes128gcm16"},
        {"aes256gcm96", "aes256gcm12"},
        {"aes192gcm64", "aes192gcm8"},
        {"aes256gcm", "aes256gcm16"},
        {"aesgcm", "aes128gcm16"},
        {"aes-sha256", "aes128-sha256"},
        {"aes128-sha2_256", "aes128-sha256"},
        {"sha2_512-aes256", "aes256-sha512"},
        {"AES128GCM16", "aes128gcm16"},
        {" aes128 - sha256 ", "aes128-sha256"},
        {"sha384-null", "null-sha384"},
        {"aesctr-sha256", "aes128ctr-sha256"},
    };
    for (const auto& [alias, name] : kAliases) {
        const auto suite = parse_esp_suite(alias);
        ASSERT_TRUE(suite) << alias << ": " << suite.error().what;
        EXPECT_EQ(suite->name(), name) << alias;
    }
}

struct Refused {
    const char* text;
    const char* what;
    const char* hint;
};

TEST(Algorithms, RefusalsNameTheWordAndTheWayOut)
{
    static constexpr Refused kRefused[] = {
        {"", "\"\" has an empty word", "write it like"},
        {"aes128gcm16-", "has an empty word", "write it like"},
        {"aes128", "\"aes128\" needs an integrity algorithm", "write aes128-sha256"},
        {"null", "\"null\" needs an integrity algorithm", "write null-sha256"},
        {"sha256", "it names no cipher", "put one before it, like aes128-sha256"},
        {"aes128gcm16-sha256", "authenticates by itself and takes no \"sha256\"", "remove sha256"},
        {"aes128gcm16-aes256gcm16", "two ciphers, \"aes128gcm16\" and \"aes256gcm16\"", "an SA has one"},
        {"aes128-sha256-sha512", "two integrity algorithms, \"sha256\" and \"sha512\"", "an SA has one"},
        {"aes128gcm16-modp2048", "\"modp2048\" is a key exchange group", "remove the word"},
        {"aes128gcm16-ecp256", "\"ecp256\" is a key exchange group", "remove the word"},
        {"aes128gcm16-x25519", "\"x25519\" is a key exchange group", "remove the word"},
        {"aes128-sha256-prfsha256", "is a pseudo-random function of IKE", "remove the word"},
        {"3des-sha256", "refused: \"3des\"", "take aes128gcm16"},
        {"des-md5", "refused: \"des\"", "take aes128gcm16"},
        {"aes128-sha1", "refused: \"sha1\"", "aes128-sha256"},
        {"aes128-md5", "refused: \"md5\"", "aes128-sha256"},
        {"blowfish-sha256", "refused: \"blowfish\"", "take aes128gcm16"},
        {"aes128ccm16", "\"aes128ccm16\" is not implemented", "take aes128gcm16"},
        {"camellia128-sha256", "\"camellia128\" is not implemented", "take aes128gcm16"},
        {"chacha20-poly1305", "\"chacha20\" does not stand alone", "write chacha20poly1305"},
        {"aes128gmc16", "\"aes128gmc16\" is no known algorithm", "did you mean aes128gcm16?"},
        {"aes512gcm16", "\"aes512gcm16\" is no known algorithm", "did you mean"},
        {"zzzzzzzzzzzz", "is no known algorithm", "write it like aes256gcm16"},
        {"aes128gcm16-esn", "\"esn\" is a property of the SA", "remove the word"},
    };
    for (const auto& refused : kRefused) {
        const auto suite = parse_esp_suite(refused.text);
        ASSERT_FALSE(suite) << refused.text;
        EXPECT_NE(suite.error().what.find(refused.what), std::string::npos)
            << refused.text << ": " << suite.error().what;
        EXPECT_NE(suite.error().hint.find(refused.hint), std::string::npos)
            << refused.text << ": " << suite.error().hint;
    }
}

TEST(Algorithms, AProposalSaysEsn)
{
    const auto esn = parse_esp_proposal("aes128gcm16-esn");
    ASSERT_TRUE(esn);
    EXPECT_TRUE(esn->esn);
    EXPECT_EQ(esn->suite.name(), "aes128gcm16");
    EXPECT_TRUE(parse_esp_proposal("esn-sha512-aes256")->esn);
    EXPECT_FALSE(parse_esp_proposal("aes128gcm16")->esn);
    EXPECT_FALSE(parse_esp_proposal("aes128gcm16-noesn")->esn);
    EXPECT_FALSE(parse_esp_proposal("aes128gcm16-esn-noesn"));
}

}  // namespace
}  // namespace ipsecgw::model
