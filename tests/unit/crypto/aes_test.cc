#include "crypto/aes.h"

#include <gtest/gtest.h>

#include "support/allocations.h"
#include "support/hex.h"

namespace ipsecgw::crypto {
namespace {

using test::bytes_of;
using test::counting;
using test::hex;

struct AesVector {
    const char* name;
    AesMode mode;
    std::vector<uint8_t> key, iv, plain, cipher;
};

std::vector<uint8_t> counter_block(const char* nonce, const char* iv)
{
    return hex(std::string(nonce) + iv + "00000001");  // RFC 3686 section 4
}

const std::vector<AesVector>& aes_vectors()
{
    static const std::vector<AesVector> vectors = {
        {"RFC 3602 case 1", AesMode::kCbc, hex("06a9214036b8a15b512e03d534120006"),
         hex("3dafba429d9eb430b422da802c9fac41"), bytes_of("Single block msg"),
         hex("e353779c1079aeb82708942dbe77181a")},
        {"RFC 3602 case 2", AesMode::kCbc, hex("c286696d887c9aa0611bbb3e2025a45a"),
         hex("562e17996d093d28ddb3ba695a2e6f58"), counting(32),
         hex("d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1")},
        {"RFC 3602 case 4", AesMode::kCbc, hex("56e47a38c5598974bc46903dba290349"),
         hex("8ce82eefbea0da3c44699ed7db51b7d9"), counting(64, 0xa0),
         hex("c30e32ffedc0774e6aff6af0869f71aa0f3af07a9a31a9c684db207eb0ef8e4e35907aa632c3ffdf868bb7b29d3d46ad83ce9f9a1"
             "0"
             "2ee99d49a53e87f4c3da55")},
        {"SP 800-38A F.2.3, AES-192", AesMode::kCbc, hex("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b"),
         counting(16), hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"),
         hex("4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a")},
        {"SP 800-38A F.2.5, AES-256", AesMode::kCbc,
         hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"), counting(16),
         hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"),
         hex("f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d")},
        {"RFC 3686 vector 1", AesMode::kCtr, hex("ae6852f8121067cc4bf7a5765577f39e"),
         counter_block("00000030", "0000000000000000"), bytes_of("Single block msg"),
         hex("e4095d4fb7a7b3792d6175a3261311b8")},
        {"RFC 3686 vector 2", AesMode::kCtr, hex("7e24067817fae0d743d6ce1f32539163"),
         counter_block("006cb6db", "c0543b59da48d90b"), counting(32),
         hex("5104a106168a72d9790d41ee8edad388eb2e1efc46da57c8fce630df9141be28")},
        {"RFC 3686 vector 3", AesMode::kCtr, hex("7691be035e5020a8ac6e618529f9a0dc"),
         counter_block("00e0017b", "27777f3f4a1786f0"), counting(36),
         hex("c1cf48a89f2ffdd9cf4652e9efdb72d74540a42bde6d7836d59a5ceaaef3105325b2072f")},
        {"RFC 3686 vector 4", AesMode::kCtr, hex("16af5b145fc9f579c175f93e3bfb0eed863d06ccfdb78515"),
         counter_block("00000048", "36733c147d6d93cb"), bytes_of("Single block msg"),
         hex("4b55384fe259c9c84e7935a003cbe928")},
        {"RFC 3686 vector 5", AesMode::kCtr, hex("7c5cb2401b3dc33c19e7340819e0f69c678c3db8e6f6a91a"),
         counter_block("0096b03b", "020c6eadc2cb500d"), counting(32),
         hex("453243fc609b23327edfaafa7131cd9f8490701c5ad4a79cfc1fe0ff42f4fb00")},
        {"RFC 3686 vector 7", AesMode::kCtr, hex("776beff2851db06f4c8a0542c8696f6c6a81af1eec96b4d37fc1d689e6c1c104"),
         counter_block("00000060", "db5672c97aa8f0b2"), bytes_of("Single block msg"),
         hex("145ad01dbf824ec7560863dc71e3e0c0")},
        {"RFC 3686 vector 9", AesMode::kCtr, hex("ff7a617ce69148e4f1726e2f43581de2aa62d9f805532edff1eed687fb54153d"),
         counter_block("001cc5b7", "51a51d70a1c11148"), counting(36),
         hex("eb6c52821d0bbbf7ce7594462aca4faab407df866569fd07f48cc0b583d6071f1ec0e6b8")},
    };
    return vectors;
}

TEST(Aes, EncryptsAndDecryptsRfc3602Rfc3686AndSp800_38a)
{
    for (const auto& vector : aes_vectors()) {
        SCOPED_TRACE(vector.name);
        auto seal = Aes::create(vector.mode, Operation::kSeal, vector.key);
        auto open = Aes::create(vector.mode, Operation::kOpen, vector.key);
        ASSERT_TRUE(seal && open);
        for (int round = 0; round < 3; round++) {
            auto text = vector.plain;
            ASSERT_TRUE(seal->crypt(vector.iv.data(), text));
            EXPECT_EQ(text, vector.cipher);
            ASSERT_TRUE(open->crypt(vector.iv.data(), text));
            EXPECT_EQ(text, vector.plain);
        }
    }
}

TEST(Aes, CbcTakesWholeBlocksOnly)
{
    for (const auto operation : {Operation::kSeal, Operation::kOpen}) {
        auto aes = Aes::create(AesMode::kCbc, operation, counting(16));
        ASSERT_TRUE(aes);
        std::vector<uint8_t> text(64);
        const auto iv = counting(16);
        for (size_t size = 0; size <= text.size(); size++)
            EXPECT_EQ(aes->crypt(iv.data(), std::span(text).first(size)), size % 16 == 0) << size;
    }
}

TEST(Aes, RefusesOtherKeyLengths)
{
    for (const size_t bytes : {0, 8, 15, 17, 33, 64})
        EXPECT_FALSE(Aes::create(AesMode::kCtr, Operation::kSeal, counting(bytes)));
}

TEST(Aes, DoesNotAllocatePerPacket)
{
    if (!test::can_count_allocations())
        GTEST_SKIP() << "a sanitizer owns malloc";
    std::vector<uint8_t> text(1424);
    const auto iv = counting(16);
    for (const auto mode : {AesMode::kCbc, AesMode::kCtr})
        for (const auto operation : {Operation::kSeal, Operation::kOpen}) {
            auto aes = Aes::create(mode, operation, counting(16));
            ASSERT_TRUE(aes);
            const uint64_t before = test::allocations();
            for (int i = 0; i < 100; i++)
                ASSERT_TRUE(aes->crypt(iv.data(), text));
            EXPECT_EQ(test::allocations(), before);
        }
}

}  // namespace
}  // namespace ipsecgw::crypto
