#include "model/proposal.h"

#include <gtest/gtest.h>

namespace ipsecgw::model {
namespace {

using T = TransformType;

std::vector<Transform> ike(const char* text)
{
    const auto proposals = parse_ike_proposals(text);
    EXPECT_TRUE(proposals) << text << ": " << proposals.error().what;
    return proposals ? proposals->at(0).transforms : std::vector<Transform>();
}

std::vector<Transform> esp(const char* text)
{
    const auto proposals = parse_esp_proposals(text);
    EXPECT_TRUE(proposals) << text << ": " << proposals.error().what;
    return proposals ? proposals->at(0).transforms : std::vector<Transform>();
}

using List = std::vector<Transform>;

// Numbers: IANA "Internet Key Exchange Version 2 (IKEv2) Parameters".
TEST(Proposal, IkeWordsAreIanaNumbers)
{
    EXPECT_EQ(ike("aes128-sha256-x25519"),
              (List{{T::kEncryption, 12, 128}, {T::kIntegrity, 12}, {T::kPrf, 5}, {T::kKeyExchange, 31}}));
    EXPECT_EQ(ike("AES256-SHA2_512-prfsha384-MODP4096"),
              (List{{T::kEncryption, 12, 256}, {T::kIntegrity, 14}, {T::kPrf, 6}, {T::kKeyExchange, 16}}));
    EXPECT_EQ(ike("aes192ctr-sha384-ecp521"),
              (List{{T::kEncryption, 13, 192}, {T::kIntegrity, 13}, {T::kPrf, 6}, {T::kKeyExchange, 21}}));
    EXPECT_EQ(ike("chacha20poly1305-prfsha512-curve448"),
              (List{{T::kEncryption, 28, 0}, {T::kPrf, 7}, {T::kKeyExchange, 32}}));
    EXPECT_EQ(ike("aes128gcm64-aes256gcm96-prfsha256-ecp256-ecp384-modp2048-modp3072"), (List{{T::kEncryption, 18, 128},
                                                                                              {T::kEncryption, 19, 256},
                                                                                              {T::kPrf, 5},
                                                                                              {T::kKeyExchange, 19},
                                                                                              {T::kKeyExchange, 20},
                                                                                              {T::kKeyExchange, 14},
                                                                                              {T::kKeyExchange, 15}}));
}

/// As Open vSwitch writes it for strongSwan: beside an AEAD the hash is the PRF's.
TEST(Proposal, AnAeadTakesItsPrfFromTheIntegrityWord)
{
    EXPECT_EQ(ike("aes256gcm16-sha256-modp2048"),
              (List{{T::kEncryption, 20, 256}, {T::kPrf, 5}, {T::kKeyExchange, 14}}));
}

TEST(Proposal, EspWordsAreIanaNumbers)
{
    EXPECT_EQ(esp("aes128gcm128-x25519-esn"),
              (List{{T::kEncryption, 20, 128}, {T::kKeyExchange, 31}, {T::kSequenceNumbers, 1}}));
    EXPECT_EQ(esp("aes128-sha256"), (List{{T::kEncryption, 12, 128}, {T::kIntegrity, 12}, {T::kSequenceNumbers, 0}}));
    EXPECT_EQ(esp("null-sha512-modpnone-ecp256-noesn-esn"), (List{{T::kEncryption, 11, 0},
                                                                  {T::kIntegrity, 14},
                                                                  {T::kKeyExchange, 0},
                                                                  {T::kKeyExchange, 19},
                                                                  {T::kSequenceNumbers, 0},
                                                                  {T::kSequenceNumbers, 1}}));
    EXPECT_EQ(esp("aes256gmac"), (List{{T::kEncryption, 21, 256}, {T::kSequenceNumbers, 0}}));
}

struct RefusedProposal {
    const char* text;
    const char* what;
    const char* hint;
};

TEST(Proposal, RefusesForIkeAndSaysWhatInstead)
{
    static constexpr RefusedProposal kRefused[] = {
        {"", "has an empty word", "aes128"},
        {"aes128--x25519", "has an empty word", "aes128"},
        {"aes128-sha256", "names no key exchange group", "x25519"},
        {"aes128-x25519", "names no integrity algorithm", "sha256"},
        {"aes128gcm16-x25519", "names no pseudo-random function", "prfsha256"},
        {"sha256-x25519", "names no cipher", "aes128"},
        {"aes128gcm16-prfsha256-sha256-x25519", "authenticates by itself", "remove it"},
        {"aes128-aes128gcm16-sha256-x25519", "mixes ciphers", "two proposals"},
        {"aes128-aes128-sha256-x25519", "\"aes128\" twice", "remove one"},
        {"aes128-sha256-x25519-curve25519", "\"curve25519\" twice", "remove one"},
        {"3des-sha256-x25519", "refused: \"3des\" is too weak or obsolete for IKE (RFC 8247)", "aes128gcm16"},
        {"aes128-sha1-x25519", "refused: \"sha1\" is too weak or obsolete for IKE (RFC 8247)", "sha256"},
        {"aes128-md5-x25519", "refused: \"md5\"", "sha256"},
        {"aes128-sha256-modp1024", "refused: group \"modp1024\" is too weak", "x25519"},
        {"aes128-sha256-modp1536", "refused: group \"modp1536\" is too weak", "x25519"},
        {"aes128-sha256-modp2048s256", "refused: group \"modp2048s256\" is too weak", "x25519"},
        {"aes128-sha256-modp8192", "group \"modp8192\" is not implemented", "x25519"},
        {"aes128-sha256-ecp256bp", "group \"ecp256bp\" is not implemented", "x25519"},
        {"aes128-sha256-prfsha1-x25519", "refused: \"prfsha1\"", "prfsha256"},
        {"null-sha256-x25519", "does not encrypt", "aes128gcm16"},
        {"aes128gmac-prfsha256-x25519", "does not encrypt", "aes128gcm16"},
        {"aes128-sha256-x25519-esn", "about ESP's sequence numbers", "esp_proposals"},
        {"aes128-sha256-modpnone", "IKE needs a key exchange", "x25519"},
        {"aes128ccm16-prfsha256-x25519", "not implemented", "aes128gcm16"},
        {"aes128-sha256-x2551", "\"x2551\" is no known algorithm or group", "did you mean x25519?"},
        {"aes128-sha256-prfsha265-x25519", "\"prfsha265\" is no known", "did you mean prfsha256?"},
    };
    for (const auto& [text, what, hint] : kRefused) {
        const auto proposals = parse_ike_proposals(text);
        ASSERT_FALSE(proposals) << text;
        EXPECT_NE(proposals.error().what.find(what), std::string::npos) << text << ": " << proposals.error().what;
        EXPECT_NE(proposals.error().hint.find(hint), std::string::npos) << text << ": " << proposals.error().hint;
    }
}

TEST(Proposal, RefusesForEspAndSaysWhatInstead)
{
    static constexpr RefusedProposal kRefused[] = {
        {"aes128", "names no integrity algorithm", "sha256"},
        {"aes128gcm16-sha256", "authenticates by itself", "remove it"},
        {"aes128gcm16-prfsha256", "pseudo-random function of IKE", "proposals"},
        {"aes128-sha1", "too weak or obsolete for ESP (RFC 8221)", "aes128gcm16"},
        {"aes128gcm16-modp1024", "too weak", "x25519"},
        {"aes128gcm16-noes", "\"noes\" is no known", "did you mean noesn?"},
        {"aes128gcm16-esn-esn", "\"esn\" twice", "remove one"},
    };
    for (const auto& [text, what, hint] : kRefused) {
        const auto proposals = parse_esp_proposals(text);
        ASSERT_FALSE(proposals) << text;
        EXPECT_NE(proposals.error().what.find(what), std::string::npos) << text << ": " << proposals.error().what;
        EXPECT_NE(proposals.error().hint.find(hint), std::string::npos) << text << ": " << proposals.error().hint;
    }
}

/// RFC 8247 and 8221: nothing weak, the mandatory ones among them, AEADs first.
TEST(Proposal, DefaultsAreWhatTheRfcsRecommend)
{
    const auto ike_defaults = parse_ike_proposals("default");
    ASSERT_TRUE(ike_defaults);
    ASSERT_EQ(ike_defaults->size(), 2U);
    EXPECT_EQ(ike_defaults->at(0).transforms[0], (Transform{T::kEncryption, 20, 128}));
    EXPECT_TRUE(ike_defaults->at(1).has({T::kEncryption, 12, 128}));
    EXPECT_TRUE(ike_defaults->at(1).has({T::kPrf, 5}));
    EXPECT_TRUE(ike_defaults->at(1).has({T::kKeyExchange, 14}));
    EXPECT_EQ(ike_defaults->at(0).of(T::kKeyExchange)[0].id, 31);
    const auto esp_defaults = parse_esp_proposals(" Default ");
    ASSERT_TRUE(esp_defaults);
    EXPECT_EQ(esp_defaults->at(0).transforms[0], (Transform{T::kEncryption, 20, 128}));
    EXPECT_TRUE(esp_defaults->at(1).has({T::kIntegrity, 12}));
    EXPECT_TRUE(esp_defaults->at(0).of(T::kKeyExchange).empty());
    EXPECT_EQ(esp_defaults->at(0).of(T::kSequenceNumbers).size(), 2U);
}

TEST(Proposal, PrintsAsItIsRead)
{
    for (const char* text : {"aes128-sha256-prfsha256-x25519", "aes256gcm16-aes128gcm8-prfsha384-modp3072-ecp521"}) {
        EXPECT_EQ(parse_ike_proposals(text)->at(0).to_string(), text);
    }
    EXPECT_EQ(parse_esp_proposals("aes128gcm128-curve25519-esn")->at(0).to_string(), "aes128gcm16-x25519-esn");
    const Proposal foreign{ProtocolId::kIke,
                           {{T::kEncryption, 3},
                            {T::kPrf, 2},
                            {T::kIntegrity, 2},
                            {T::kKeyExchange, 2},
                            {T::kSequenceNumbers, 9},
                            {static_cast<T>(6), 35}}};
    EXPECT_EQ(foreign.to_string(), "encr-3-prf-2-integ-2-group-2-esn-9-transform-6-35");
}

TEST(Proposal, ASuiteIsOneOfEachKind)
{
    const auto suite = to_ike_suite(parse_ike_proposals("aes256-sha384-prfsha512-ecp384")->at(0));
    ASSERT_TRUE(suite);
    EXPECT_EQ(suite->cipher, (EspSuite{Encryption::kAesCbc, 256, Integrity::kHmacSha384}));
    EXPECT_EQ(suite->prf, Prf::kHmacSha512);
    EXPECT_EQ(suite->group, KeyExchangeGroup::kEcp384);
    EXPECT_EQ(suite->name(), "aes256-sha384-prfsha512-ecp384");
    EXPECT_FALSE(to_ike_suite(parse_ike_proposals("aes256-aes128-sha384-ecp384")->at(0)));
    EXPECT_FALSE(to_ike_suite(parse_ike_proposals("aes256-sha384-ecp384-ecp256")->at(0)));
    EXPECT_FALSE(
        to_ike_suite(Proposal{ProtocolId::kIke, {{T::kEncryption, 12, 128}, {T::kPrf, 5}, {T::kKeyExchange, 31}}}));
    EXPECT_FALSE(to_ike_suite(Proposal{
        ProtocolId::kIke, {{T::kEncryption, 20, 128}, {T::kIntegrity, 12}, {T::kPrf, 5}, {T::kKeyExchange, 31}}}));
    EXPECT_TRUE(to_ike_suite(Proposal{
        ProtocolId::kIke, {{T::kEncryption, 20, 128}, {T::kIntegrity, 0}, {T::kPrf, 5}, {T::kKeyExchange, 31}}}));
    EXPECT_FALSE(
        to_ike_suite(Proposal{ProtocolId::kIke, {{T::kEncryption, 21, 128}, {T::kPrf, 5}, {T::kKeyExchange, 31}}}));

    const auto child = to_child_suite(parse_esp_proposals("aes128gcm16-x25519-esn")->at(0));
    ASSERT_TRUE(child);
    EXPECT_EQ(child->name(), "aes128gcm16-x25519-esn");
    EXPECT_FALSE(to_child_suite(parse_esp_proposals("aes128gcm16-esn-noesn")->at(0)));
    const auto without = to_child_suite(Proposal{ProtocolId::kEsp, {{T::kEncryption, 20, 128}}});
    EXPECT_TRUE(without && !without->esn);
    for (const auto& esp_suite : all_esp_suites()) {
        const auto again = to_child_suite(parse_esp_proposals(esp_suite.name())->at(0));
        ASSERT_TRUE(again) << esp_suite.name();
        EXPECT_EQ(again->esp, esp_suite);
    }
}

/// RFC 7296 section 3.3.5: a cipher of one key length has no Key Length attribute, one of several must have it.
TEST(Proposal, KeyLengthsAreThoseOfTheCipher)
{
    EXPECT_TRUE(cipher_of({T::kEncryption, 12, 192}));
    EXPECT_FALSE(cipher_of({T::kEncryption, 12, 0}));
    EXPECT_FALSE(cipher_of({T::kEncryption, 12, 64}));
    EXPECT_TRUE(cipher_of({T::kEncryption, 28, 0}));
    EXPECT_FALSE(cipher_of({T::kEncryption, 28, 256}));
    EXPECT_FALSE(cipher_of({T::kPrf, 12, 128}));
    EXPECT_FALSE(integrity_of({T::kIntegrity, 12, 128}));
    EXPECT_FALSE(group_of(5));
    EXPECT_EQ(group_of(14), KeyExchangeGroup::kModp2048);
}

}  // namespace
}  // namespace ipsecgw::model
