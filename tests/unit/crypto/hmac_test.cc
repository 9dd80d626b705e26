#include "crypto/hmac.h"

#include <gtest/gtest.h>

#include "support/allocations.h"
#include "support/hex.h"

namespace ipsecgw::crypto {
namespace {

using test::bytes_of;
using test::counting;
using test::hex;

struct HmacVector {
    const char* name;
    std::vector<uint8_t> key, message;
    const char* sha256;
    const char* sha384;
    const char* sha512;
};

const std::vector<HmacVector>& hmac_vectors()
{
    static const std::vector<HmacVector> vectors = {
        {"RFC 4231 case 1", std::vector<uint8_t>(20, 0x0b), bytes_of("Hi There"),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
         "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
         "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f"
         "170"
         "2e696c203a126854"},
        {"RFC 4231 case 2", bytes_of("Jefe"), bytes_of("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
         "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
         "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6"
         "b4b"
         "636e070a38bce737"},
        {"RFC 4231 case 3", std::vector<uint8_t>(20, 0xaa), std::vector<uint8_t>(50, 0xdd),
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
         "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27",
         "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee89"
         "426"
         "74278859e13292fb"},
        {"RFC 4231 case 4", counting(25, 1), std::vector<uint8_t>(50, 0xcd),
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
         "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23c4a7d679ccf8a386c674cffb",
         "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f19741120c4"
         "f2d"
         "e2adebeb10a298dd"},
        {"RFC 4231 case 6", std::vector<uint8_t>(131, 0xaa),
         bytes_of("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
         "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
         "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0"
         "aec"
         "8b915a985d786598"},
        {"RFC 4231 case 7", std::vector<uint8_t>(131, 0xaa),
         bytes_of(
             "This is a test using a larger than block-size key and a larger than block-size data. The key needs to "
             "be hashed before being used by the HMAC algorithm."),
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
         "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d3860e6110c46523e",
         "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de15134676fb6de04"
         "460"
         "65c97440fa8c6a58"},
    };
    return vectors;
}

TEST(Hmac, ComputesRfc4231)
{
    for (const auto& vector : hmac_vectors()) {
        SCOPED_TRACE(vector.name);
        const std::pair<Hash, const char*> all[] = {
            {Hash::kSha256, vector.sha256}, {Hash::kSha384, vector.sha384}, {Hash::kSha512, vector.sha512}};
        for (const auto& [hash, expected] : all) {
            const Hmac hmac(hash, vector.key);
            std::vector<uint8_t> mac(digest_bytes(hash));
            hmac.compute(vector.message, {}, mac);
            EXPECT_EQ(mac, hex(expected));
            EXPECT_TRUE(hmac.verify(vector.message, {}, mac));
        }
    }
}

TEST(Hmac, TruncatesRfc4868Section2_7)
{
    // AUTH256-1, AUTH384-1 and AUTH512-1 with the key lengths ESP uses.
    const struct {
        Hash hash;
        size_t key_bytes;
        const char* mac;
    } cases[] = {
        {Hash::kSha256, 32, "198a607eb44bfbc69903a0f1cf2bbdc5"},
        {Hash::kSha384, 48, "b6a8d5636f5c6a7224f9977dcf7ee6c7fb6d0c48cbdee973"},
        {Hash::kSha512, 64, "637edc6e01dce7e6742a99451aae82df23da3e92439e590e43e761b33e910fb8"},
    };
    for (const auto& entry : cases) {
        const Hmac hmac(entry.hash, std::vector<uint8_t>(entry.key_bytes, 0x0b));
        std::vector<uint8_t> mac(digest_bytes(entry.hash) / 2);
        hmac.compute(bytes_of("Hi There"), {}, mac);
        EXPECT_EQ(mac, hex(entry.mac));
    }
}

TEST(Hmac, ContinuesTheMessage)
{
    const auto message = counting(300);
    for (const auto hash : {Hash::kSha256, Hash::kSha384, Hash::kSha512}) {
        const Hmac hmac(hash, counting(32));
        std::vector<uint8_t> whole(16), parts(16);
        hmac.compute(message, {}, whole);
        for (const size_t split : {0, 1, 55, 64, 119, 128, 299, 300}) {
            hmac.compute(std::span(message).first(split), std::span(message).subspan(split), parts);
            EXPECT_EQ(parts, whole) << split;
        }
    }
}

TEST(Hmac, RefusesAFlippedBitAndOddLengths)
{
    const auto message = counting(100);
    const Hmac hmac(Hash::kSha256, counting(32));
    std::vector<uint8_t> mac(16);
    hmac.compute(message, {}, mac);
    for (size_t bit = 0; bit < 128; bit++) {
        auto wrong = mac;
        wrong[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
        EXPECT_FALSE(hmac.verify(message, {}, wrong));
    }
    EXPECT_FALSE(hmac.verify(message, {}, {})) << "nothing authenticates nothing";
    EXPECT_FALSE(hmac.verify(message, {}, std::vector<uint8_t>(33)));
}

TEST(Hmac, DoesNotAllocate)
{
    if (!test::can_count_allocations())
        GTEST_SKIP() << "a sanitizer owns malloc";
    const auto message = counting(1420);
    std::vector<uint8_t> mac(32);
    for (const auto hash : {Hash::kSha256, Hash::kSha384, Hash::kSha512}) {
        const Hmac hmac(hash, counting(32));
        const uint64_t before = test::allocations();
        for (int i = 0; i < 100; i++) {
            hmac.compute(message, {}, mac);
            EXPECT_TRUE(hmac.verify(message, {}, mac));
        }
        EXPECT_EQ(test::allocations(), before);
    }
}

}  // namespace
}  // namespace ipsecgw::crypto
