#include "ike/key_material.h"

#include <utility>

#include "base/byte_order.h"
#include "crypto/prf.h"

namespace ipsecgw::ike {
namespace {

using base::Result;
using base::SecretBytes;
using crypto::Prf;

/// Cuts keys off the front of a stream, in order.
class KeyCutter {
  public:
    explicit KeyCutter(const SecretBytes& stream) : rest_(stream.view()) {}
    SecretBytes cut(size_t bytes)
    {
        SecretBytes key(rest_.first(bytes));
        rest_ = rest_.subspan(bytes);
        return key;
    }

  private:
    std::span<const uint8_t> rest_;
};

/// Secrets one after another; `|` in the RFC.
SecretBytes concatenate(std::initializer_list<std::span<const uint8_t>> parts)
{
    size_t size = 0;
    for (const auto part : parts)
        size += part.size();
    SecretBytes out(size);
    auto to = out.mutable_view().begin();
    for (const auto part : parts)
        to = std::copy(part.begin(), part.end(), to);
    return out;
}

/// {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr).
Result<KeyMaterial> expand_keys(const KeyInputs& inputs, const SecretBytes& skeyseed)
{
    const Prf prf(hash_of(inputs.suite.prf), skeyseed.view());
    uint8_t spis[16];
    base::store_be64(spis, inputs.spi_i);
    base::store_be64(spis + 8, inputs.spi_r);
    const SecretBytes seed = concatenate({inputs.nonce_i, inputs.nonce_r, spis});
    const auto layout = inputs.suite.cipher.layout();
    const size_t prf_bytes = prf.bytes();
    const size_t encryption_bytes = size_t{layout.key_bytes} + layout.salt_bytes;
    const SecretBytes stream =
        GW_TRY(prf.expand(seed.view(), 3 * prf_bytes + 2 * (encryption_bytes + layout.integrity_key_bytes)));
    KeyCutter cutter(stream);
    KeyMaterial out;
    out.suite = inputs.suite;
    out.sk_d = cutter.cut(prf_bytes);
    out.initiator.sk_a = cutter.cut(layout.integrity_key_bytes);
    out.responder.sk_a = cutter.cut(layout.integrity_key_bytes);
    out.initiator.sk_e = cutter.cut(encryption_bytes);
    out.responder.sk_e = cutter.cut(encryption_bytes);
    out.sk_pi = cutter.cut(prf_bytes);
    out.sk_pr = cutter.cut(prf_bytes);
    return out;
}

}  // namespace

crypto::Hash hash_of(model::Prf prf) noexcept
{
    switch (prf) {
        case model::Prf::kHmacSha256:
            return crypto::Hash::kSha256;
        case model::Prf::kHmacSha384:
            return crypto::Hash::kSha384;
        case model::Prf::kHmacSha512:
            return crypto::Hash::kSha512;
    }
    return crypto::Hash::kSha256;
}

Result<KeyMaterial> derive_keys(const KeyInputs& inputs, std::span<const uint8_t> g_ir)
{
    const SecretBytes nonces = concatenate({inputs.nonce_i, inputs.nonce_r});
    const SecretBytes skeyseed = Prf(hash_of(inputs.suite.prf), nonces.view()).compute(g_ir);
    return expand_keys(inputs, skeyseed);
}

Result<KeyMaterial> derive_rekeyed_keys(const KeyInputs& inputs, std::span<const uint8_t> g_ir, const KeyMaterial& old)
{
    const SecretBytes nonces = concatenate({inputs.nonce_i, inputs.nonce_r});
    const SecretBytes skeyseed = Prf(hash_of(old.suite.prf), old.sk_d.view()).compute(g_ir, nonces.view());
    return expand_keys(inputs, skeyseed);
}

Result<PpkKeys> mix_ppk(const KeyMaterial& keys, std::span<const uint8_t> ppk)
{
    const Prf prf(hash_of(keys.suite.prf), ppk);
    PpkKeys out;
    out.sk_d = GW_TRY(prf.expand(keys.sk_d.view(), prf.bytes()));
    out.sk_pi = GW_TRY(prf.expand(keys.sk_pi.view(), prf.bytes()));
    out.sk_pr = GW_TRY(prf.expand(keys.sk_pr.view(), prf.bytes()));
    return out;
}

void adopt(KeyMaterial& keys, PpkKeys mixed) noexcept
{
    keys.sk_d = std::move(mixed.sk_d);
    keys.sk_pi = std::move(mixed.sk_pi);
    keys.sk_pr = std::move(mixed.sk_pr);
}

Result<ChildKeys> derive_child_keys(const KeyMaterial& keys, const ChildKeyInputs& inputs)
{
    const Prf prf(hash_of(keys.suite.prf), keys.sk_d.view());
    const SecretBytes seed = concatenate({inputs.g_ir, inputs.nonce_i, inputs.nonce_r});
    const size_t bytes = inputs.suite.layout().keymat_bytes();
    const SecretBytes stream = GW_TRY(prf.expand(seed.view(), 2 * bytes));
    KeyCutter cutter(stream);
    ChildKeys out;
    out.initiator_to_responder = cutter.cut(bytes);
    out.responder_to_initiator = cutter.cut(bytes);
    return out;
}

}  // namespace ipsecgw::ike
