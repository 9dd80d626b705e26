#include "ike/protect.h"

#include <set>

#include <gtest/gtest.h>

#include "support/hex.h"
#include "vectors/ike_known_answers.h"

namespace ipsecgw::ike {
namespace {

using test::counting;
using test::hex;

bool fixed_random(std::span<uint8_t> out)
{
    uint8_t value = 0xf0;
    for (auto& byte : out)
        byte = value--;
    return true;
}

Bytes stepping(size_t size, uint8_t step, uint8_t first)
{
    Bytes out(size);
    for (auto& byte : out) {
        byte = first;
        first = static_cast<uint8_t>(first + step);
    }
    return out;
}

model::IkeSuite suite_of(const model::EspSuite& cipher)
{
    return {cipher, model::Prf::kHmacSha256, model::KeyExchangeGroup::kCurve25519};
}

DirectionKeys keys_of(const model::EspSuite& cipher)
{
    const auto layout = cipher.layout();
    return {base::SecretBytes(stepping(size_t{layout.key_bytes} + layout.salt_bytes, 7, 1)),
            base::SecretBytes(stepping(layout.integrity_key_bytes, 5, 3)), 1};
}

constexpr Header kHeader{0x0102030405060708, 0x1112131415161718, ExchangeType::kIkeAuth, true, false, 1};

std::vector<Payload> payloads()
{
    return {NotifyPayload{NotifyType::kInitialContact, {}, {}, {}}, VendorIdPayload{counting(21, 0x60)}};
}

std::vector<model::EspSuite> ike_ciphers()
{
    std::vector<model::EspSuite> out;
    for (const auto& suite : model::all_esp_suites())
        if (suite.encryption != model::Encryption::kNull && suite.encryption != model::Encryption::kAesGmac)
            out.push_back(suite);
    return out;
}

/// Opens whatever `datagram` is; nothing when it cannot be.
std::optional<OpenedPayload> open(const model::IkeSuite& suite, const DirectionKeys& keys, const Bytes& datagram)
{
    const auto message = decode_message(datagram);
    if (!message)
        return std::nullopt;
    const auto* encrypted = find_payload<EncryptedPayload>(message->payloads);
    return encrypted == nullptr ? std::nullopt : open_encrypted(suite, keys, datagram, *encrypted);
}

/// A fragment's size limit that gives the content of ike_known_answers.h.
size_t fragment_limit(const model::EspSuite& cipher)
{
    const auto layout = cipher.layout();
    const size_t content = cipher.encryption == model::Encryption::kAesCbc ? 32 : 21;
    return kHeaderBytes + 8 + layout.iv_bytes + content + layout.icv_bytes;
}

// tests/vectors/ike_known_answers.py: plain Python ciphers.
TEST(Protect, SealsTheKnownAnswers)
{
    const Random random = fixed_random;
    for (const auto& known : vectors::kIkeSealed) {
        const auto suite = suite_of({known.encryption, known.key_bits, known.integrity});
        auto keys = keys_of(suite.cipher);
        const auto whole = seal_message({suite, keys, random, 1280}, kHeader, payloads());
        ASSERT_TRUE(whole) << whole.error().what;
        ASSERT_EQ(whole->size(), 1U);
        EXPECT_EQ(whole->front(), hex(known.whole)) << suite.name();
        const auto parts = seal_message({suite, keys, random, fragment_limit(suite.cipher)}, kHeader, payloads());
        ASSERT_TRUE(parts) << parts.error().what;
        ASSERT_EQ(parts->size(), 2U) << suite.name();
        EXPECT_EQ(parts->at(0), hex(known.first_fragment)) << suite.name();
        EXPECT_EQ(parts->at(1), hex(known.second_fragment)) << suite.name();
    }
}

TEST(Protect, OpensTheKnownAnswers)
{
    for (const auto& known : vectors::kIkeSealed) {
        const auto suite = suite_of({known.encryption, known.key_bits, known.integrity});
        const auto keys = keys_of(suite.cipher);
        const auto whole = open(suite, keys, hex(known.whole));
        ASSERT_TRUE(whole) << suite.name();
        EXPECT_EQ(whole->fragments, 0);
        Reassembly reassembly;
        auto second = open(suite, keys, hex(known.second_fragment));
        auto first = open(suite, keys, hex(known.first_fragment));
        ASSERT_TRUE(first && second) << suite.name();
        EXPECT_EQ(reassembly.add(*std::move(second)), Reassembly::Outcome::kKept);
        EXPECT_EQ(reassembly.add(*std::move(first)), Reassembly::Outcome::kComplete);
        const auto joined = reassembly.take();
        EXPECT_EQ(joined.bytes, whole->bytes);
        EXPECT_EQ(joined.first, whole->first);
        const auto inside = decode_payloads(joined.first, joined.bytes);
        ASSERT_TRUE(inside);
        ASSERT_EQ(inside->size(), 2U);
        EXPECT_EQ(std::get<VendorIdPayload>(inside->at(1)).data, counting(21, 0x60));
    }
}

TEST(Protect, EveryCipherOpensWhatItSeals)
{
    const Random random = fixed_random;
    for (const auto& cipher : ike_ciphers()) {
        const auto suite = suite_of(cipher);
        auto keys = keys_of(cipher);
        for (const size_t size : {0, 1, 11, 12, 13, 27, 28, 29, 2000}) {
            const std::vector<Payload> content = {VendorIdPayload{counting(size)}};
            const auto sealed = seal_message({suite, keys, random, 0}, kHeader, content);
            ASSERT_TRUE(sealed && sealed->size() == 1) << suite.name();
            const auto opened = open(suite, keys, sealed->front());
            ASSERT_TRUE(opened) << suite.name() << " " << size;
            EXPECT_EQ(opened->bytes, encode_payloads(content)->bytes);
        }
        const auto empty = seal_message({suite, keys, random, 0}, kHeader, {});
        ASSERT_TRUE(empty) << suite.name();
        const auto opened = open(suite, keys, empty->front());
        ASSERT_TRUE(opened) << suite.name();
        EXPECT_TRUE(opened->bytes.empty());
        EXPECT_EQ(opened->first, PayloadType::kNone);
    }
}

/// Each bit is under the ICV: header, payload header, IV, ciphertext, ICV.
TEST(Protect, NoBitCanBeChanged)
{
    for (const auto& known : vectors::kIkeSealed) {
        const auto suite = suite_of({known.encryption, known.key_bits, known.integrity});
        const auto keys = keys_of(suite.cipher);
        for (const char* text : {known.whole, known.first_fragment}) {
            const auto datagram = hex(text);
            for (size_t bit = 0; bit < datagram.size() * 8; bit++) {
                auto changed = datagram;
                changed[bit / 8] = static_cast<uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
                EXPECT_FALSE(open(suite, keys, changed)) << suite.name() << " bit " << bit;
            }
        }
    }
}

TEST(Protect, NothingShorterIsOpened)
{
    for (const auto& known : vectors::kIkeSealed) {
        const auto suite = suite_of({known.encryption, known.key_bits, known.integrity});
        const auto keys = keys_of(suite.cipher);
        const auto datagram = hex(known.whole);
        for (size_t size = 0; size < datagram.size(); size++) {
            EncryptedPayload encrypted{PayloadType::kNotify, 0, 0, 32};
            EXPECT_FALSE(open_encrypted(suite, keys, std::span(datagram).first(size), encrypted)) << size;
        }
    }
}

/// Counter-based ciphers must never have an IV twice, whatever becomes of the message.
TEST(Protect, NoIvComesTwice)
{
    const Random random = fixed_random;
    const auto suite = suite_of(*model::parse_esp_suite("aes128gcm16"));
    auto keys = keys_of(suite.cipher);
    std::set<Bytes> ivs;
    size_t count = 0;
    for (int i = 0; i < 50; i++) {
        const auto sealed =
            seal_message({suite, keys, random, i % 2 == 0 ? size_t{0} : size_t{100}}, kHeader, payloads());
        ASSERT_TRUE(sealed);
        for (const auto& datagram : *sealed) {
            const auto message = decode_message(datagram);
            const size_t offset = find_payload<EncryptedPayload>(message->payloads)->offset;
            const auto iv = std::span(datagram).subspan(offset, 8);
            ivs.emplace(iv.begin(), iv.end());
            count++;
        }
    }
    EXPECT_EQ(ivs.size(), count);
    keys.next_iv = UINT64_MAX;
    const auto last = seal_message({suite, keys, random, 0}, kHeader, payloads());
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().code, base::ErrorCode::kResourceExhausted);
}

TEST(Protect, SealingFailsWithoutRandomBytesOrKeys)
{
    const Random none = [](std::span<uint8_t>) { return false; };
    const auto cbc = suite_of(*model::parse_esp_suite("aes128-sha256"));
    auto keys = keys_of(cbc.cipher);
    EXPECT_FALSE(seal_message({cbc, keys, none, 0}, kHeader, payloads()));
    const auto gcm = suite_of(*model::parse_esp_suite("aes128gcm16"));
    EXPECT_FALSE(seal_message({gcm, keys, none, 0}, kHeader, payloads()));  // keys of another cipher
    const auto null = suite_of(*model::parse_esp_suite("null-sha256"));
    EXPECT_FALSE(seal_message({null, keys, none, 0}, kHeader, payloads()));
}

TEST(Protect, FragmentsStayWithinTheirLimit)
{
    const Random random = fixed_random;
    for (const auto& cipher : ike_ciphers()) {
        const auto suite = suite_of(cipher);
        auto keys = keys_of(cipher);
        for (const size_t limit : {200, 577, 1232}) {
            const std::vector<Payload> content = {VendorIdPayload{counting(5000)}};
            const auto sealed = seal_message({suite, keys, random, limit}, kHeader, content);
            ASSERT_TRUE(sealed) << suite.name();
            Reassembly reassembly;
            auto outcome = Reassembly::Outcome::kDropped;
            for (const auto& datagram : *sealed) {
                EXPECT_LE(datagram.size(), limit);
                outcome = reassembly.add(*open(suite, keys, datagram));
            }
            ASSERT_EQ(outcome, Reassembly::Outcome::kComplete);
            EXPECT_EQ(reassembly.take().bytes, encode_payloads(content)->bytes);
        }
        EXPECT_FALSE(seal_message({suite, keys, random, 60}, kHeader, payloads())) << suite.name();
    }
}

OpenedPayload fragment(uint16_t number, uint16_t total, size_t size = 10)
{
    return {number == 1 ? PayloadType::kNotify : PayloadType::kNone, number, total,
            Bytes(size, static_cast<uint8_t>(number))};
}

// RFC 7383 section 2.6.
TEST(Reassembly, TakesFragmentsInAnyOrderOnce)
{
    Reassembly reassembly;
    EXPECT_TRUE(reassembly.is_empty());
    EXPECT_EQ(reassembly.add(fragment(3, 3)), Reassembly::Outcome::kKept);
    EXPECT_EQ(reassembly.add(fragment(3, 3, 5)), Reassembly::Outcome::kDropped);
    EXPECT_EQ(reassembly.add(fragment(1, 3)), Reassembly::Outcome::kKept);
    EXPECT_EQ(reassembly.add(fragment(2, 3)), Reassembly::Outcome::kComplete);
    const auto whole = reassembly.take();
    EXPECT_EQ(whole.first, PayloadType::kNotify);
    EXPECT_EQ(whole.fragments, 0);
    ASSERT_EQ(whole.bytes.size(), 30U);
    EXPECT_EQ(whole.bytes[0], 1);
    EXPECT_EQ(whole.bytes[29], 3);
    EXPECT_TRUE(reassembly.is_empty());
}

/// Section 2.5.2: a sender that learns of a smaller path MTU sends the message again in more fragments.
TEST(Reassembly, AFinerFragmentationReplacesACoarser)
{
    Reassembly reassembly;
    EXPECT_EQ(reassembly.add(fragment(1, 2)), Reassembly::Outcome::kKept);
    EXPECT_EQ(reassembly.add(fragment(1, 3)), Reassembly::Outcome::kKept);
    EXPECT_EQ(reassembly.add(fragment(2, 2)), Reassembly::Outcome::kDropped);
    EXPECT_EQ(reassembly.add(fragment(2, 3)), Reassembly::Outcome::kKept);
    EXPECT_EQ(reassembly.add(fragment(3, 3)), Reassembly::Outcome::kComplete);
}

TEST(Reassembly, HoldsNoMoreThanAMessage)
{
    Reassembly reassembly;
    EXPECT_EQ(reassembly.add(fragment(0, 2)), Reassembly::Outcome::kDropped);
    EXPECT_EQ(reassembly.add(fragment(3, 2)), Reassembly::Outcome::kDropped);
    EXPECT_EQ(reassembly.add(fragment(1, 0)), Reassembly::Outcome::kDropped);
    EXPECT_EQ(reassembly.add(fragment(1, 65535)), Reassembly::Outcome::kDropped);
    EXPECT_EQ(reassembly.add(fragment(1, 3, 40'000)), Reassembly::Outcome::kKept);
    EXPECT_EQ(reassembly.add(fragment(2, 3, 40'000)), Reassembly::Outcome::kDropped);
    EXPECT_EQ(reassembly.add(fragment(2, 3, 20'000)), Reassembly::Outcome::kKept);
}

}  // namespace
}  // namespace ipsecgw::ike
