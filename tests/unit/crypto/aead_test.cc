#include "crypto/aead.h"

#include <gtest/gtest.h>

#include "support/allocations.h"
#include "support/hex.h"
#include "vectors/nist_gcm.h"

namespace ipsecgw::crypto {
namespace {

using test::hex;

Aead make(AeadAlgorithm algorithm, Operation operation, const std::vector<uint8_t>& key, size_t tag_bytes)
{
    auto aead = Aead::create(algorithm, operation, key, tag_bytes);
    EXPECT_TRUE(aead) << aead.error().what;
    return std::move(aead).value();
}

TEST(Aead, SealsAndOpensNistGcm)
{
    for (const auto& vector : vectors::kNistGcm) {
        if (vector.plaintext == nullptr)
            continue;
        SCOPED_TRACE(vector.tag);
        const auto key = hex(vector.key), iv = hex(vector.iv), aad = hex(vector.aad), tag = hex(vector.tag);
        auto text = hex(vector.plaintext);
        std::vector<uint8_t> made(tag.size());
        auto seal = make(AeadAlgorithm::kAesGcm, Operation::kSeal, key, tag.size());
        auto open = make(AeadAlgorithm::kAesGcm, Operation::kOpen, key, tag.size());
        // Twice, because the context is reused: the second packet must not see the first.
        for (int round = 0; round < 2; round++) {
            text = hex(vector.plaintext);
            ASSERT_TRUE(seal.seal({iv.data(), aad}, text, made.data()));
            EXPECT_EQ(text, hex(vector.ciphertext));
            EXPECT_EQ(made, tag);
            ASSERT_TRUE(open.open({iv.data(), aad}, text, tag.data()));
            EXPECT_EQ(text, hex(vector.plaintext));
        }
    }
}

TEST(Aead, RefusesWhatNistMarksFail)
{
    int refused = 0;
    for (const auto& vector : vectors::kNistGcm) {
        if (vector.plaintext != nullptr)
            continue;
        SCOPED_TRACE(vector.tag);
        const auto iv = hex(vector.iv), aad = hex(vector.aad), tag = hex(vector.tag);
        auto text = hex(vector.ciphertext);
        auto open = make(AeadAlgorithm::kAesGcm, Operation::kOpen, hex(vector.key), tag.size());
        EXPECT_FALSE(open.open({iv.data(), aad}, text, tag.data()));
        refused++;
    }
    EXPECT_GT(refused, 20);
}

TEST(Aead, ContinuesTheAad)
{
    const auto& vector = vectors::kNistGcm[0];
    const auto iv = hex(vector.iv), aad = hex(vector.aad);
    for (size_t split = 0; split <= aad.size(); split++) {
        auto text = hex(vector.plaintext);
        std::vector<uint8_t> tag(16);
        auto seal = make(AeadAlgorithm::kAesGcm, Operation::kSeal, hex(vector.key), 16);
        const std::span<const uint8_t> all(aad);
        ASSERT_TRUE(seal.seal({iv.data(), all.first(split), all.subspan(split)}, text, tag.data()));
        EXPECT_EQ(tag, hex(vector.tag)) << split;
    }
}

TEST(Aead, SealsRfc7634AppendixA)
{
    const auto key = test::counting(32, 0x80);
    const auto nonce = hex("a0a1a2a31011121314151617");
    const auto aad = hex("0102030400000005");
    const auto plain =
        hex("45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec100007362708090a0b0c0d0e0f1011"
            "12131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363701020204");
    auto text = plain;
    std::vector<uint8_t> tag(16);
    auto seal = make(AeadAlgorithm::kChaCha20Poly1305, Operation::kSeal, key, 16);
    auto open = make(AeadAlgorithm::kChaCha20Poly1305, Operation::kOpen, key, 16);
    for (int round = 0; round < 2; round++) {
        ASSERT_TRUE(seal.seal({nonce.data(), aad}, text, tag.data()));
        EXPECT_EQ(text,
                  hex("24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c614ee8099d52844eb61aa95dfab4c"
                      "02f72aa71e7c4c4f64c9befe2facc638e8f3cbec163fac469b502773f6fb94e664da9165b82829f641e0"));
        EXPECT_EQ(tag, hex("76aaa8266b7fb0f7b11b369907e1ad43"));
        ASSERT_TRUE(open.open({nonce.data(), aad}, text, tag.data()));
        EXPECT_EQ(text, plain);
    }
}

TEST(Aead, RefusesAFlippedBitAnywhere)
{
    const auto& vector = vectors::kNistGcm[0];
    auto open = make(AeadAlgorithm::kAesGcm, Operation::kOpen, hex(vector.key), 16);
    std::vector<std::vector<uint8_t>> fields = {hex(vector.iv), hex(vector.aad), hex(vector.ciphertext),
                                                hex(vector.tag)};
    for (auto& field : fields)
        for (size_t bit = 0; bit < field.size() * 8; bit++) {
            field[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
            auto text = fields[2];
            EXPECT_FALSE(open.open({fields[0].data(), fields[1]}, text, fields[3].data()));
            field[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
        }
    auto text = fields[2];
    EXPECT_TRUE(open.open({fields[0].data(), fields[1]}, text, fields[3].data())) << "works again after the failures";
}

TEST(Aead, RefusesOtherKeyAndTagLengths)
{
    const auto key = test::counting(32);
    for (const size_t bytes : {0, 15, 17, 31, 33})
        EXPECT_FALSE(Aead::create(AeadAlgorithm::kAesGcm, Operation::kSeal, test::counting(bytes), 16));
    EXPECT_FALSE(Aead::create(AeadAlgorithm::kChaCha20Poly1305, Operation::kSeal, test::counting(16), 16));
    for (const size_t bytes : {0, 4, 7, 17})
        EXPECT_FALSE(Aead::create(AeadAlgorithm::kAesGcm, Operation::kSeal, key, bytes));
    EXPECT_FALSE(Aead::create(AeadAlgorithm::kChaCha20Poly1305, Operation::kSeal, key, 12));
}

TEST(Aead, DoesNotAllocatePerPacket)
{
    if (!test::can_count_allocations())
        GTEST_SKIP() << "a sanitizer owns malloc";
    const auto nonce = test::counting(12), aad = test::counting(12);
    for (const auto algorithm : {AeadAlgorithm::kAesGcm, AeadAlgorithm::kChaCha20Poly1305}) {
        const uint64_t start = test::allocations();
        auto seal = make(algorithm, Operation::kSeal, test::counting(32), 16);
        auto open = make(algorithm, Operation::kOpen, test::counting(32), 16);
        EXPECT_GT(test::allocations(), start) << "the counter sees OpenSSL";
        std::vector<uint8_t> text(1420), tag(16);
        const uint64_t before = test::allocations();
        for (int i = 0; i < 100; i++) {
            ASSERT_TRUE(seal.seal({nonce.data(), aad}, text, tag.data()));
            ASSERT_TRUE(open.open({nonce.data(), aad}, text, tag.data()));
            tag[3] ^= 1;
            ASSERT_FALSE(open.open({nonce.data(), aad}, text, tag.data()));
        }
        EXPECT_EQ(test::allocations(), before);
    }
}

}  // namespace
}  // namespace ipsecgw::crypto
