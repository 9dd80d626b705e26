// The pre-shared keys of a gateway, found by identity: there may be one for each of 100,000 peers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/secret_bytes.h"
#include "model/ike_connection.h"

namespace ipsecgw::ike {

class SharedSecrets {
  public:
    /// One with the same type and identities is replaced.
    void add(model::SharedSecret secret);

    /// As Credentials::find_psk and find_ppk say. Takes as long as there are secrets whose identities are patterns or
    /// distinguished names, or that name this peer.
    [[nodiscard]] const base::SecretBytes* find_psk(const model::Identity& own, const model::Identity& peer) const;
    [[nodiscard]] const base::SecretBytes* find_ppk(const model::Identity& id) const;

    [[nodiscard]] bool has(model::SecretType type) const;

  private:
    using Places = std::vector<uint32_t>;

    [[nodiscard]] std::span<const uint32_t> naming(const model::Identity& id) const;
    /// Where a secret with these identities can be.
    [[nodiscard]] std::span<const uint32_t> smallest(const std::vector<model::Identity>& ids) const;

    std::vector<model::SharedSecret> secrets_;
    std::unordered_map<std::string, Places> by_name_;   // secrets that name this identity literally
    std::unordered_map<std::string, Places> by_alone_;  // those of them that name no other
    Places others_;                                     // every other secret
};

}  // namespace ipsecgw::ike
