// The engine with a kernel of its own, against OpenSSL: each length, key, ICV and direction.
#include <algorithm>
#include <cstring>

#include <gtest/gtest.h>

#include "esp/engine_openssl_internal.h"
#include "esp/engine_vaes_gcm_internal.h"
#include "esp/gcm_vaes_internal.h"
#include "unit/esp/engine_packets.h"
#include "unit/esp/shared_engines.h"

namespace ipsecgw::esp {
namespace {

using model::Direction;
using model::Encryption;
using model::EspSuite;
using model::Integrity;

class VaesGcm : public testing::Test {
  protected:
    void SetUp() override
    {
        if (!vaes_gcm_is_supported())
            GTEST_SKIP() << "this CPU has no vector AES";
    }
};

std::vector<EspSuite> gcm_suites()
{
    std::vector<EspSuite> all;
    for (const auto& suite : model::all_esp_suites())
        if (make_vaes_gcm_context(
                {suite, std::vector<uint8_t>(suite.layout().keymat_bytes()), false, Direction::kOutbound}, -1))
            all.push_back(suite);
    return all;
}

sa::CipherContextPtr must(base::Result<sa::CipherContextPtr> made)
{
    EXPECT_TRUE(made) << made.error().what;
    return std::move(made).value();
}

TEST_F(VaesGcm, DoesEveryGcmSuiteAndNoOther)
{
    for (const auto& suite : model::all_esp_suites()) {
        const bool gcm = suite.encryption == Encryption::kAesGcm8 || suite.encryption == Encryption::kAesGcm12 ||
                         suite.encryption == Encryption::kAesGcm16;
        const auto all = gcm_suites();
        EXPECT_EQ(std::find(all.begin(), all.end(), suite) != all.end(), gcm) << suite.name();
    }
}

/// Packets of `size` that OpenSSL sealed, and the same sealed here, byte for byte; then opened here.
void compare_at(const EspSuite& suite, bool esn, size_t size, Random& random)
{
    const auto keymat = random.bytes(suite.layout().keymat_bytes());
    const auto ours = must(make_vaes_gcm_context({suite, keymat, esn, Direction::kOutbound}, -1));
    const auto theirs = must(make_openssl_context({suite, keymat, esn, Direction::kOutbound}));
    const auto open = must(make_vaes_gcm_context({suite, keymat, esn, Direction::kInbound}, -1));
    std::vector<TestPacket> packets;
    packets.emplace_back(suite, random.bytes(size), esn ? random.below(UINT32_MAX) : 0, random);
    std::vector<TestPacket> reference = packets;
    ASSERT_EQ(ours->seal(*ours, texts(packets)), 1u);
    ASSERT_EQ(theirs->seal(*theirs, texts(reference)), 1u);
    const auto wire = packets[0].wire(), expected = reference[0].wire();
    ASSERT_TRUE(std::equal(wire.begin(), wire.end(), expected.begin(), expected.end()));
    ASSERT_EQ(open->open(*open, texts(packets)), 1u);
    ASSERT_TRUE(packets[0].text_is_plain());
    ASSERT_TRUE(packets[0].guards_hold());
}

TEST_F(VaesGcm, SealsAsOpensslDoesAtEachLength)
{
    Random random(11);
    for (const auto& suite : gcm_suites())
        for (const bool esn : {false, true})
            for (size_t size = 4; size <= 2 * 256 + 128; size += 4) {
                SCOPED_TRACE(suite.name() + (esn ? " esn " : " ") + std::to_string(size));
                ASSERT_NO_FATAL_FAILURE(compare_at(suite, esn, size, random));
            }
}

TEST_F(VaesGcm, SealsAsOpensslDoesAtLargeLengths)
{
    Random random(12);
    for (const auto& suite : gcm_suites())
        for (int round = 0; round < 40; round++) {
            const size_t size = 4 * (1 + random.below(65000 / 4));
            SCOPED_TRACE(suite.name() + " " + std::to_string(size));
            ASSERT_NO_FATAL_FAILURE(compare_at(suite, round % 2 == 0, size, random));
        }
}

TEST_F(VaesGcm, EachFlippedBitOfTheIcvIsSeen)
{
    Random random(13);
    for (const auto& suite : gcm_suites())
        for (const size_t size : {4u, 64u, 240u, 300u}) {
            const auto keymat = random.bytes(suite.layout().keymat_bytes());
            const auto seal = must(make_vaes_gcm_context({suite, keymat, false, Direction::kOutbound}, -1));
            const auto open = must(make_vaes_gcm_context({suite, keymat, false, Direction::kInbound}, -1));
            std::vector<TestPacket> sealed;
            sealed.emplace_back(suite, random.bytes(size), 0, random);
            ASSERT_EQ(seal->seal(*seal, texts(sealed)), 1u);
            for (size_t bit = 0; bit < suite.layout().icv_bytes * 8u; bit++) {
                std::vector<TestPacket> packets = sealed;
                packets[0].icv()[bit / 8] = static_cast<uint8_t>(packets[0].icv()[bit / 8] ^ 1 << bit % 8);
                EXPECT_EQ(open->open(*open, texts(packets)), 0u) << suite.name() << " bit " << bit;
                EXPECT_TRUE(packets[0].guards_hold());
            }
        }
}

/// A burst of `sizes` as OpenSSL seals it, then opened with a forged ICV in some of its packets.
void compare_burst(const EspSuite& suite, bool esn, const std::vector<size_t>& sizes, Random& random)
{
    const auto keymat = random.bytes(suite.layout().keymat_bytes());
    const auto ours = must(make_vaes_gcm_context({suite, keymat, esn, Direction::kOutbound}, -1));
    const auto theirs = must(make_openssl_context({suite, keymat, esn, Direction::kOutbound}));
    const auto open = must(make_vaes_gcm_context({suite, keymat, esn, Direction::kInbound}, -1));
    std::vector<TestPacket> packets;
    for (const size_t size : sizes)
        packets.emplace_back(suite, random.bytes(size), esn ? random.below(UINT32_MAX) : 0, random);
    std::vector<TestPacket> reference = packets;
    const uint64_t all = sizes.size() == 64 ? UINT64_MAX : (uint64_t{1} << sizes.size()) - 1;
    ASSERT_EQ(ours->seal(*ours, texts(packets)), all);
    ASSERT_EQ(theirs->seal(*theirs, texts(reference)), all);
    uint64_t good = all;
    for (size_t i = 0; i < packets.size(); i++) {
        const auto wire = packets[i].wire(), expected = reference[i].wire();
        ASSERT_TRUE(std::equal(wire.begin(), wire.end(), expected.begin(), expected.end())) << i;
        if (random.below(4) != 0)
            continue;
        good &= ~(uint64_t{1} << i);
        const size_t bit = random.below(suite.layout().icv_bytes * 8u);
        packets[i].icv()[bit / 8] = static_cast<uint8_t>(packets[i].icv()[bit / 8] ^ 1 << bit % 8);
    }
    ASSERT_EQ(open->open(*open, texts(packets)), good);
    for (size_t i = 0; i < packets.size(); i++) {
        ASSERT_TRUE((good >> i & 1) == 0 || packets[i].text_is_plain()) << i;
        ASSERT_TRUE(packets[i].guards_hold()) << i;
    }
}

TEST_F(VaesGcm, BurstsOfShortAndLongPacketsAreAsOpensslSealsThem)
{
    Random random(15);
    for (const auto& suite : gcm_suites())
        for (int round = 0; round < 60; round++) {
            // Half of the rounds nothing but what goes side by side.
            const size_t most = round % 2 == 0 ? 48 / 4 : 700 / 4;
            std::vector<size_t> sizes(1 + random.below(64));
            for (size_t& size : sizes)
                size = 4 * (1 + random.below(random.below(3) == 0 ? static_cast<uint32_t>(most) : 12));
            SCOPED_TRACE(suite.name() + " " + testing::PrintToString(sizes));
            ASSERT_NO_FATAL_FAILURE(compare_burst(suite, round % 4 < 2, sizes, random));
        }
}

TEST_F(VaesGcm, DestroyingAContextWipesItsKey)
{
    Random random(14);
    const EspSuite suite{Encryption::kAesGcm16, 128, Integrity::kNone};
    const auto keymat = random.bytes(suite.layout().keymat_bytes());
    auto context = must(make_vaes_gcm_context({suite, keymat, false, Direction::kOutbound}, -1));
    const auto* const memory = reinterpret_cast<const uint8_t*>(context.get());  // EAL's, so it stays mapped
    const auto has_key = [&] {
        return memmem(memory, sizeof(VaesGcmContext), keymat.data(), 16) != nullptr;  // the first round key
    };
    EXPECT_TRUE(has_key());
    context.reset();
    EXPECT_FALSE(has_key());
}

TEST_F(VaesGcm, IsWhatAutoTakesForGcm)
{
    for (const auto& suite : gcm_suites()) {
        const std::vector<uint8_t> keymat(suite.layout().keymat_bytes());
        auto keyed = engines().key(suite, keymat, false, Direction::kOutbound, model::EngineChoice::kAuto);
        ASSERT_TRUE(keyed);
        EXPECT_STREQ(keyed->context->engine, kVaesGcmName);
        EXPECT_EQ(keyed->reason, "auto: vaes_gcm, the fastest for " + suite.name());
        EXPECT_TRUE(keyed->context->shareable);
    }
}

}  // namespace
}  // namespace ipsecgw::esp
