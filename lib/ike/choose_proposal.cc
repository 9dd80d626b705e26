#include "ike/choose_proposal.h"

#include <algorithm>
#include <array>

namespace ipsecgw::ike {
namespace {

using model::KeyExchangeGroup;
using model::Proposal;
using model::Transform;
using model::TransformType;

constexpr std::array kTypes = {TransformType::kEncryption, TransformType::kPrf, TransformType::kIntegrity,
                               TransformType::kKeyExchange, TransformType::kSequenceNumbers};

bool is_known(TransformType type)
{
    return std::ranges::find(kTypes, type) != kTypes.end();
}

/// Leaving a type out says the same as offering only its number 0: no integrity algorithm, no key exchange, no ESN.
bool may_be_none(TransformType type)
{
    return type != TransformType::kEncryption && type != TransformType::kPrf;
}

/// True when the proposals agree about `type`; what was chosen, if the peer named any, goes to `out`.
bool choose_transform(TransformType type, const Proposal& offer, const Proposal& own, KeyExchangeGroup preferred,
                      Proposal& out)
{
    auto offered = offer.of(type);
    auto wanted = own.of(type);
    if (offered.empty() && wanted.empty())
        return true;
    const Transform none{type, 0, 0};
    const bool is_named = !offered.empty();
    if (offered.empty() && may_be_none(type))
        offered.push_back(none);
    if (wanted.empty() && may_be_none(type))
        wanted.push_back(none);
    if (type == TransformType::kKeyExchange && preferred != KeyExchangeGroup::kNone) {
        const Transform first{type, static_cast<uint16_t>(preferred), 0};
        if (std::ranges::find(wanted, first) != wanted.end())
            wanted.insert(wanted.begin(), first);
    }
    const auto match = std::ranges::find_first_of(wanted, offered);
    if (match == wanted.end())
        return false;
    if (is_named)
        out.transforms.push_back(*match);
    return true;
}

std::optional<Proposal> match(const Proposal& offer, const Proposal& own, KeyExchangeGroup preferred)
{
    if (offer.protocol != own.protocol ||
        !std::ranges::all_of(offer.transforms, [](const Transform& t) { return is_known(t.type); }))
        return std::nullopt;
    Proposal out{offer.protocol, {}};
    for (const TransformType type : kTypes)
        if (!choose_transform(type, offer, own, preferred, out))
            return std::nullopt;
    return out;
}

}  // namespace

std::optional<ChosenProposal> choose_proposal(std::span<const Proposal> offered, std::span<const Proposal> configured,
                                              KeyExchangeGroup preferred_group)
{
    for (const Proposal& own : configured)
        for (size_t i = 0; i < offered.size(); i++)
            if (auto chosen = match(offered[i], own, preferred_group))
                return ChosenProposal{i, std::move(*chosen)};
    return std::nullopt;
}

bool is_choice_of(const Proposal& answer, const Proposal& offer)
{
    return answer.protocol == offer.protocol &&
           std::ranges::all_of(kTypes,
                               [&](TransformType type) {
                                   const auto chosen = answer.of(type);
                                   const auto choices = offer.of(type);
                                   if (chosen.empty())
                                       return choices.empty() || (may_be_none(type) && offer.has({type, 0, 0}));
                                   return chosen.size() == 1 &&
                                          std::ranges::find(choices, chosen.front()) != choices.end();
                               }) &&
           std::ranges::all_of(answer.transforms, [](const Transform& t) { return is_known(t.type); });
}

std::vector<Proposal> without_groups(std::span<const Proposal> proposals)
{
    std::vector<Proposal> out;
    for (Proposal proposal : proposals) {
        std::erase_if(proposal.transforms, [](const Transform& t) { return t.type == TransformType::kKeyExchange; });
        if (std::ranges::find(out, proposal) == out.end())
            out.push_back(std::move(proposal));
    }
    return out;
}

KeyExchangeGroup first_group(std::span<const Proposal> proposals) noexcept
{
    for (const Proposal& proposal : proposals)
        for (const Transform& transform : proposal.transforms)
            if (transform.type == TransformType::kKeyExchange && transform.id != 0)
                return static_cast<KeyExchangeGroup>(transform.id);
    return KeyExchangeGroup::kNone;
}

bool allows_group(std::span<const Proposal> proposals, KeyExchangeGroup group) noexcept
{
    const Transform wanted{TransformType::kKeyExchange, static_cast<uint16_t>(group), 0};
    return std::ranges::any_of(
        proposals, [&](const Proposal& p) { return std::ranges::find(p.transforms, wanted) != p.transforms.end(); });
}

}  // namespace ipsecgw::ike
