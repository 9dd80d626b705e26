#include <algorithm>
#include <optional>
#include <utility>

#include "ike/shared_secrets_internal.h"

namespace ipsecgw::ike {

using model::Identity;
using model::IdentityType;

namespace {

using Score = std::pair<int, int>;

/// How well `pattern` describes `id`: 0 not, 1 as anybody, 2 by a pattern, 3 exactly.
constexpr int kExactly = 3;
int fit(const Identity& pattern, const Identity& id)
{
    if (pattern.is_any())
        return 1;
    if (id.is_any())
        return 0;
    if (pattern.equals(id))
        return kExactly;
    return pattern.matches(id) ? 2 : 0;
}

int best_fit(const std::vector<Identity>& patterns, const Identity& id)
{
    int best = 0;
    for (const auto& pattern : patterns)
        best = std::max(best, fit(pattern, id));
    return best;
}

/// How well a secret suits the two: the peer's part first. Nothing when it is meant for others. One that names the two
/// ends of a pair is not for a third who knows one of them.
std::optional<Score> suits(const model::SharedSecret& secret, const Identity& own, const Identity& peer)
{
    if (secret.ids.empty())
        return Score(0, 0);
    const int for_peer = best_fit(secret.ids, peer), for_own = best_fit(secret.ids, own);
    const bool only_own =
        std::all_of(secret.ids.begin(), secret.ids.end(), [&](const Identity& id) { return fit(id, own) != 0; });
    if (for_peer == 0 && !only_own)
        return std::nullopt;
    return Score(for_peer, for_own);
}

/// What equal identities have in common; empty for patterns, and for distinguished names, which are equal in many
/// forms.
std::string key_of(const Identity& id)
{
    const bool text = id.type == IdentityType::kFqdn || id.type == IdentityType::kRfc822Address;
    const bool pattern = text && std::find(id.data.begin(), id.data.end(), '*') != id.data.end();
    if (id.is_any() || pattern || id.type == IdentityType::kDistinguishedName)
        return {};
    std::string key(1, static_cast<char>(id.type));
    for (const uint8_t byte : id.data)
        key += static_cast<char>(text && byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
    return key;
}

template <class Map>
std::span<const uint32_t> places(const Map& map, const std::string& key)
{
    const auto found = map.find(key);
    return found == map.end() ? std::span<const uint32_t>() : std::span<const uint32_t>(found->second);
}

}  // namespace

std::span<const uint32_t> SharedSecrets::naming(const Identity& id) const
{
    return places(by_name_, key_of(id));
}

std::span<const uint32_t> SharedSecrets::smallest(const std::vector<Identity>& ids) const
{
    std::optional<std::span<const uint32_t>> best;
    for (const auto& id : ids) {
        if (key_of(id).empty())
            return others_;
        const auto some = naming(id);
        if (!best || some.size() < best->size())
            best = some;
    }
    return best.value_or(others_);
}

void SharedSecrets::add(model::SharedSecret secret)
{
    for (const uint32_t at : smallest(secret.ids))
        if (secrets_[at].type == secret.type && secrets_[at].ids == secret.ids) {
            secrets_[at] = std::move(secret);
            return;
        }
    const auto at = static_cast<uint32_t>(secrets_.size());
    const bool literal = !secret.ids.empty() && std::none_of(secret.ids.begin(), secret.ids.end(),
                                                             [](const Identity& id) { return key_of(id).empty(); });
    if (!literal)
        others_.push_back(at);
    else
        for (const auto& id : secret.ids)
            by_name_[key_of(id)].push_back(at);
    if (literal && secret.ids.size() == 1)
        by_alone_[key_of(secret.ids.front())].push_back(at);
    secrets_.push_back(std::move(secret));
}

const base::SecretBytes* SharedSecrets::find_psk(const Identity& own, const Identity& peer) const
{
    const model::SharedSecret* best = nullptr;
    Score best_score;
    const auto consider = [&](std::span<const uint32_t> some) {
        for (const uint32_t at : some) {
            if (secrets_[at].type != model::SecretType::kIke)
                continue;
            const auto score = suits(secrets_[at], own, peer);
            if (score && (best == nullptr || *score > best_score)) {
                best = &secrets_[at];
                best_score = *score;
            }
        }
    };
    consider(naming(peer));
    consider(others_);
    // Of the many that may name ourselves only those that name nobody else are for every peer.
    if (best == nullptr || best_score.first < kExactly)
        consider(places(by_alone_, key_of(own)));
    return best == nullptr ? nullptr : &best->secret;
}

const base::SecretBytes* SharedSecrets::find_ppk(const Identity& id) const
{
    const model::SharedSecret* best = nullptr;
    int best_score = 0;
    for (const auto some : {naming(id), std::span<const uint32_t>(others_)})
        for (const uint32_t at : some) {
            const int score = secrets_[at].type == model::SecretType::kPpk ? best_fit(secrets_[at].ids, id) : 0;
            if (score > best_score) {
                best = &secrets_[at];
                best_score = score;
            }
        }
    return best == nullptr ? nullptr : &best->secret;
}

bool SharedSecrets::has(model::SecretType type) const
{
    return std::any_of(secrets_.begin(), secrets_.end(), [type](const auto& secret) { return secret.type == type; });
}

}  // namespace ipsecgw::ike
