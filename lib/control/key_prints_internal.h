// Tells whether two keys are the same when one of them has been wiped.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/secret_bytes.h"
#include "crypto/hmac.h"
#include "crypto/random.h"

namespace ipsecgw::control {

using KeyPrint = std::array<uint8_t, 32>;

/// A MAC of the keying material under a random key of this process: of no use to who does not have that key.
class KeyPrints {
  public:
    KeyPrints() : hmac_(crypto::Hash::kSha256, fresh_key().view()) {}

    [[nodiscard]] KeyPrint of(std::span<const uint8_t> keymat) const noexcept
    {
        KeyPrint print;
        hmac_.compute(keymat, {}, print);
        return print;
    }

  private:
    static base::SecretBytes fresh_key()
    {
        base::SecretBytes key(32);
        // Without entropy no SA is installed either, for lack of an IV; a print is then as good as a plain hash.
        static_cast<void>(crypto::random_bytes(key.mutable_view()));
        return key;
    }

    crypto::Hmac hmac_;
};

}  // namespace ipsecgw::control
