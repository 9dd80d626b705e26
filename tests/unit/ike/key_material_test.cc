#include "ike/key_material.h"

#include <gtest/gtest.h>

#include "crypto/prf.h"
#include "support/hex.h"
#include "vectors/ike_known_answers.h"
#include "vectors/nist_ikev2_kdf.h"

namespace ipsecgw::ike {
namespace {

using test::counting;
using test::hex;
using Bytes = std::vector<uint8_t>;

Bytes bytes(const base::SecretBytes& secret)
{
    return {secret.view().begin(), secret.view().end()};
}

Bytes joined(std::initializer_list<const base::SecretBytes*> secrets)
{
    Bytes out;
    for (const auto* secret : secrets)
        out.insert(out.end(), secret->view().begin(), secret->view().end());
    return out;
}

model::IkeSuite suite(const vectors::IkeKeySet& set)
{
    return {{set.encryption, set.key_bits, set.integrity}, set.prf, model::KeyExchangeGroup::kCurve25519};
}

/// The inputs that ike_known_answers.h names.
struct Known {
    Bytes nonce_i = counting(32, 0x10), nonce_r = counting(40, 0x50), g_ir = counting(32, 0x80);
    Bytes new_g_ir = counting(34, 0xa0), ppk = counting(32, 0xc0);

    [[nodiscard]] KeyInputs inputs(const vectors::IkeKeySet& set) const
    {
        return {suite(set), nonce_i, nonce_r, 0x0102030405060708, 0x1112131415161718};
    }
};

// tests/vectors/ike_known_answers.py: plain Python over the RFC's text.
TEST(KeyMaterial, KnownAnswersOfAnIkeSa)
{
    const Known known;
    for (const auto& set : vectors::kIkeKeySets) {
        const auto keys = derive_keys(known.inputs(set), known.g_ir);
        ASSERT_TRUE(keys);
        EXPECT_EQ(keys->suite, suite(set));
        EXPECT_EQ(bytes(keys->sk_d), hex(set.sk_d));
        EXPECT_EQ(bytes(keys->initiator.sk_a), hex(set.sk_ai));
        EXPECT_EQ(bytes(keys->responder.sk_a), hex(set.sk_ar));
        EXPECT_EQ(bytes(keys->initiator.sk_e), hex(set.sk_ei));
        EXPECT_EQ(bytes(keys->responder.sk_e), hex(set.sk_er));
        EXPECT_EQ(bytes(keys->sk_pi), hex(set.sk_pi));
        EXPECT_EQ(bytes(keys->sk_pr), hex(set.sk_pr));
    }
}

TEST(KeyMaterial, KnownAnswersOfARekeyedIkeSa)
{
    const Known known;
    for (const auto& set : vectors::kIkeKeySets) {
        const auto old = derive_keys(known.inputs(set), known.g_ir);
        ASSERT_TRUE(old);
        KeyInputs inputs = known.inputs(set);
        inputs.spi_i = 0x2122232425262728;
        inputs.spi_r = 0x3132333435363738;
        const auto keys = derive_rekeyed_keys(inputs, known.new_g_ir, *old);
        ASSERT_TRUE(keys);
        EXPECT_EQ(bytes(keys->sk_d), hex(set.new_sk_d));
        EXPECT_EQ(bytes(keys->responder.sk_e), hex(set.new_sk_er));
        EXPECT_EQ(bytes(keys->sk_pr), hex(set.new_sk_pr));
    }
}

/// RFC 7296 section 2.18: SKEYSEED comes from the PRF of the old SA, the keys from that of the new.
TEST(KeyMaterial, ARekeyingMayChangeThePrf)
{
    const Known known;
    const auto old = derive_keys(known.inputs(vectors::kIkeKeySets[0]), known.g_ir);
    const KeyInputs inputs = known.inputs(vectors::kIkeKeySets[2]);
    const auto keys = derive_rekeyed_keys(inputs, known.new_g_ir, *old);
    ASSERT_TRUE(keys);
    Bytes nonces = known.nonce_i;
    nonces.insert(nonces.end(), known.nonce_r.begin(), known.nonce_r.end());
    const auto skeyseed = crypto::Prf(crypto::Hash::kSha256, old->sk_d.view()).compute(known.new_g_ir, nonces);
    Bytes seed = nonces;
    const auto spis = hex("01020304050607081112131415161718");
    seed.insert(seed.end(), spis.begin(), spis.end());
    const auto sk_d = crypto::Prf(crypto::Hash::kSha512, skeyseed.view()).expand(seed, 64);
    EXPECT_EQ(bytes(keys->sk_d), bytes(*sk_d));
    EXPECT_EQ(keys->sk_pi.size(), 64U);
}

TEST(KeyMaterial, KnownAnswersOfChildren)
{
    const Known known;
    for (const auto& set : vectors::kIkeKeySets) {
        const auto keys = derive_keys(known.inputs(set), known.g_ir);
        ASSERT_TRUE(keys);
        const auto plain =
            derive_child_keys(*keys, {*model::parse_esp_suite("aes128gcm16"), known.nonce_i, known.nonce_r, {}});
        const auto pfs = derive_child_keys(
            *keys, {*model::parse_esp_suite("aes128-sha256"), known.nonce_i, known.nonce_r, known.new_g_ir});
        ASSERT_TRUE(plain && pfs);
        EXPECT_EQ(plain->initiator_to_responder.size(), 20U);
        EXPECT_EQ(joined({&plain->initiator_to_responder, &plain->responder_to_initiator}), hex(set.child));
        EXPECT_EQ(joined({&pfs->initiator_to_responder, &pfs->responder_to_initiator}), hex(set.child_with_pfs));
    }
}

TEST(KeyMaterial, KnownAnswersWithAPpk)
{
    const Known known;
    for (const auto& set : vectors::kIkeKeySets) {
        auto keys = derive_keys(known.inputs(set), known.g_ir);
        ASSERT_TRUE(keys);
        auto mixed = mix_ppk(*keys, known.ppk);
        ASSERT_TRUE(mixed);
        EXPECT_EQ(bytes(keys->sk_pi), hex(set.sk_pi));  // not before it is adopted
        const Bytes sk_ei = bytes(keys->initiator.sk_e);
        adopt(*keys, std::move(*mixed));
        EXPECT_EQ(bytes(keys->sk_d), hex(set.ppk_sk_d));
        EXPECT_EQ(bytes(keys->sk_pi), hex(set.ppk_sk_pi));
        EXPECT_EQ(bytes(keys->sk_pr), hex(set.ppk_sk_pr));
        EXPECT_EQ(bytes(keys->initiator.sk_e), sk_ei);  // RFC 8784 section 3: SK_e and SK_a stay
    }
}

TEST(KeyMaterial, NistAcvpSha256)
{
    namespace nist = vectors::nist_ikev2_kdf;
    const auto nonce_i = hex(nist::kNonceI), nonce_r = hex(nist::kNonceR), g_ir = hex(nist::kGIr);
    const model::IkeSuite wide{*model::parse_esp_suite("aes256-sha512"), model::Prf::kHmacSha256, {}};
    const KeyInputs inputs{wide, nonce_i, nonce_r, 0xc8de93111750e409, 0x32d51b33508997fa};
    const auto keys = derive_keys(inputs, g_ir);
    ASSERT_TRUE(keys);
    const Bytes all = joined({&keys->sk_d, &keys->initiator.sk_a, &keys->responder.sk_a, &keys->initiator.sk_e,
                              &keys->responder.sk_e, &keys->sk_pi, &keys->sk_pr});
    const auto prefix = [](const char* text, size_t size) {
        auto out = hex(text);
        out.resize(size);
        return out;
    };
    EXPECT_EQ(all.size(), 288U);
    EXPECT_EQ(all, prefix(nist::kDkm, all.size()));

    const auto new_g_ir = hex(nist::kGIrNew);
    const auto child = derive_child_keys(*keys, {wide.cipher, nonce_i, nonce_r, {}});
    EXPECT_EQ(joined({&child->initiator_to_responder, &child->responder_to_initiator}), prefix(nist::kDkmChild, 192));
    const auto pfs = derive_child_keys(*keys, {wide.cipher, nonce_i, nonce_r, new_g_ir});
    EXPECT_EQ(joined({&pfs->initiator_to_responder, &pfs->responder_to_initiator}), prefix(nist::kDkmChildPfs, 192));

    const auto rekeyed = derive_rekeyed_keys(inputs, new_g_ir, *keys);
    Bytes seed = nonce_i;
    for (const auto& part : {nonce_r, hex(nist::kSpiI), hex(nist::kSpiR)})
        seed.insert(seed.end(), part.begin(), part.end());
    const auto expected = crypto::Prf(crypto::Hash::kSha256, hex(nist::kSkeyseedRekeyed)).expand(seed, 32);
    EXPECT_EQ(bytes(rekeyed->sk_d), bytes(*expected));
}

}  // namespace
}  // namespace ipsecgw::ike
