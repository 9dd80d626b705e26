// Engines against packets that others have published.
#include <gtest/gtest.h>

#include "crypto/aead.h"
#include "crypto/hmac.h"
#include "esp/engine.h"
#include "support/hex.h"
#include "unit/esp/engine_packets.h"
#include "unit/esp/shared_engines.h"
#include "vectors/esp_packets.h"

namespace ipsecgw::esp {
namespace {

using model::Direction;
using model::Encryption;
using model::EspSuite;
using model::Integrity;
using test::hex;

/// An ESP packet's bytes with the 4 that engines may use before them.
struct Wire {
    explicit Wire(const std::vector<uint8_t>& packet) : memory(packet) { memory.insert(memory.begin(), 4, 0xee); }
    sa::EspText text(const EspSuite& suite, uint32_t sequence_high)
    {
        const auto layout = suite.layout();
        return {memory.data() + 4, static_cast<uint32_t>(memory.size() - 4 - 8 - layout.iv_bytes - layout.icv_bytes),
                sequence_high};
    }
    [[nodiscard]] std::vector<uint8_t> packet() const { return {memory.begin() + 4, memory.end()}; }
    std::vector<uint8_t> memory;
};

EspSuite suite_of(const char* name)
{
    const auto suite = model::parse_esp_suite(name);
    EXPECT_TRUE(suite) << name;
    return *suite;
}

TEST(EngineVectors, OpensAndSealsRfc4106AndRfc7634Packets)
{
    for (const auto& vector : vectors::kEspPackets)
        for (const auto choice : kChoices) {
            SCOPED_TRACE(vector.source);
            const EspSuite suite = suite_of(vector.suite);
            const auto layout = suite.layout();
            const auto keymat = hex(vector.keymat), sealed = hex(vector.packet), plain = hex(vector.plaintext);
            const auto open = key_with(choice, suite, keymat, vector.esn, Direction::kInbound);
            const auto seal = key_with(choice, suite, keymat, vector.esn, Direction::kOutbound);
            if (open == nullptr || seal == nullptr)
                continue;
            Wire wire(sealed);
            const sa::EspText text = wire.text(suite, vector.sequence_high);
            ASSERT_EQ(text.text_bytes, plain.size());
            ASSERT_EQ(open->open(*open, {&text, 1}), 1u);
            const uint8_t* const opened = text.esp + 8 + layout.iv_bytes;
            EXPECT_EQ(std::vector<uint8_t>(opened, opened + plain.size()), plain);
            std::fill_n(text.esp + 8 + layout.iv_bytes + plain.size(), layout.icv_bytes, uint8_t{0});
            ASSERT_EQ(seal->seal(*seal, {&text, 1}), 1u);
            EXPECT_EQ(wire.packet(), sealed);
        }
}

TEST(EngineVectors, OpensRfc3602CbcPacketsUnderEachHmac)
{
    for (const auto& vector : vectors::kCbcPackets)
        for (const auto integrity : {Integrity::kHmacSha256, Integrity::kHmacSha384, Integrity::kHmacSha512})
            for (const auto choice : kChoices) {
                SCOPED_TRACE(vector.source);
                const EspSuite suite{Encryption::kAesCbc, 128, integrity};
                const auto layout = suite.layout();
                // The RFC's packet has no ICV: one is made with lib/crypto, which RFC 4231 checks.
                const auto integrity_key = test::counting(layout.integrity_key_bytes);
                auto keymat = hex(vector.key);
                keymat.insert(keymat.end(), integrity_key.begin(), integrity_key.end());
                const auto hash = integrity == Integrity::kHmacSha256   ? crypto::Hash::kSha256
                                  : integrity == Integrity::kHmacSha384 ? crypto::Hash::kSha384
                                                                        : crypto::Hash::kSha512;
                auto sealed = hex(vector.packet);
                std::vector<uint8_t> icv(layout.icv_bytes);
                crypto::Hmac(hash, integrity_key).compute(sealed, {}, icv);
                sealed.insert(sealed.end(), icv.begin(), icv.end());

                const auto open = key_with(choice, suite, keymat, false, Direction::kInbound);
                if (open == nullptr)
                    continue;
                Wire wire(sealed);
                const sa::EspText text = wire.text(suite, 0);
                ASSERT_EQ(open->open(*open, {&text, 1}), 1u);
                const auto plain = hex(vector.plaintext);
                const uint8_t* const opened = text.esp + 8 + layout.iv_bytes;
                EXPECT_EQ(std::vector<uint8_t>(opened, opened + text.text_bytes), plain);
            }
}

/// RFC 4543 has no vectors: a GMAC packet must carry the tag that GCM, which NIST's vectors check, gives the same bytes
/// as AAD (SP 800-38D section 4).
TEST(EngineVectors, GmacIsGcmOverHeaderIvAndText)
{
    Random random(1);
    for (const uint16_t bits : {uint16_t{128}, uint16_t{192}, uint16_t{256}})
        for (const bool esn : {false, true})
            for (const auto choice : kChoices) {
                const EspSuite suite{Encryption::kAesGmac, bits, Integrity::kNone};
                const auto keymat = random.bytes(suite.layout().keymat_bytes());
                const auto seal = key_with(choice, suite, keymat, esn, Direction::kOutbound);
                if (seal == nullptr)
                    continue;
                TestPacket packet(suite, random.bytes(100), esn ? 0x01020304 : 0, random);
                std::vector<uint8_t> aad(packet.esp(), packet.esp() + 4);
                if (esn)
                    aad.insert(aad.end(), {1, 2, 3, 4});
                aad.insert(aad.end(), packet.esp() + 4, packet.icv());
                std::vector<uint8_t> nonce(keymat.end() - 4, keymat.end());
                nonce.insert(nonce.end(), packet.iv(), packet.iv() + 8);

                const sa::EspText text = packet.as_text();
                ASSERT_EQ(seal->seal(*seal, {&text, 1}), 1u);
                auto gcm = crypto::Aead::create(crypto::AeadAlgorithm::kAesGcm, crypto::Operation::kOpen,
                                                std::span(keymat).first(bits / 8), 16);
                ASSERT_TRUE(gcm);
                EXPECT_TRUE(gcm->open({nonce.data(), aad}, {}, packet.icv()));
                EXPECT_TRUE(packet.text_is_plain());
            }
}

}  // namespace
}  // namespace ipsecgw::esp
