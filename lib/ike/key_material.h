// The keys of IKE SAs and child SAs (RFC 7296 sections 2.14, 2.17 and 2.18, RFC 8784).
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "crypto/hmac.h"
#include "model/algorithms.h"
#include "model/proposal.h"

namespace ipsecgw::ike {

/// What one end seals with and the other opens with.
struct DirectionKeys {
    base::SecretBytes sk_e;  // key, then salt or nonce where the cipher has one (RFC 5282 section 7.1)
    base::SecretBytes sk_a;  // empty with an AEAD
    uint64_t next_iv =
        0;  // explicit IV of the next message sealed with a counter-based cipher; an IV never comes twice
};

/// All keys of one IKE SA. Move-only, wiped when it goes.
struct KeyMaterial {
    model::IkeSuite suite;
    base::SecretBytes sk_d;
    base::SecretBytes sk_pi, sk_pr;
    DirectionKeys initiator;  // SK_ei, SK_ai: the original initiator of this IKE SA seals with them
    DirectionKeys responder;

    [[nodiscard]] DirectionKeys& of(bool from_initiator) noexcept { return from_initiator ? initiator : responder; }
};

/// What the derivation of an IKE SA's keys takes beside secrets.
struct KeyInputs {
    model::IkeSuite suite;
    std::span<const uint8_t> nonce_i, nonce_r;  // of the exchange that makes the SA
    uint64_t spi_i = 0, spi_r = 0;              // of the SA that is made
};

/// SKEYSEED = prf(Ni | Nr, g^ir) and the seven keys (section 2.14). kInternal when the cryptographic library fails.
base::Result<KeyMaterial> derive_keys(const KeyInputs& inputs, std::span<const uint8_t> g_ir);

/// The keys of an IKE SA that replaces another: SKEYSEED = prf(SK_d of the old, g^ir | Ni | Nr) with the PRF of the old
/// one, the rest with that of the new (section 2.18).
base::Result<KeyMaterial> derive_rekeyed_keys(const KeyInputs& inputs, std::span<const uint8_t> g_ir,
                                              const KeyMaterial& old);

/// SK_d, SK_pi and SK_pr after a postquantum preshared key was mixed in: prf+(PPK, SK_x) (RFC 8784 section 3).
struct PpkKeys {
    base::SecretBytes sk_d, sk_pi, sk_pr;
};
base::Result<PpkKeys> mix_ppk(const KeyMaterial& keys, std::span<const uint8_t> ppk);
/// Takes them for the rest of the SA's life. An initiator may still need the plain SK_pi for NO_PPK_AUTH before.
void adopt(KeyMaterial& keys, PpkKeys mixed) noexcept;

/// The keymat of a child SA by the direction its traffic has (section 2.17), each in the order of SuiteLayout.
struct ChildKeys {
    base::SecretBytes initiator_to_responder;  // of the exchange that makes the child, not of the IKE SA
    base::SecretBytes responder_to_initiator;
};

/// What a child's keys come from beside SK_d.
struct ChildKeyInputs {
    model::EspSuite suite;
    std::span<const uint8_t> nonce_i, nonce_r;  // of the exchange that makes the child
    std::span<const uint8_t> g_ir = {};         // with PFS: the shared secret of that exchange
};
base::Result<ChildKeys> derive_child_keys(const KeyMaterial& keys, const ChildKeyInputs& inputs);

/// The hash under a PRF.
[[nodiscard]] crypto::Hash hash_of(model::Prf prf) noexcept;

}  // namespace ipsecgw::ike
