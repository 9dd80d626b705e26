// Which of a peer's proposals we take (RFC 7296 sections 2.7 and 3.3.6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/proposal.h"

namespace ipsecgw::ike {

struct ChosenProposal {
    size_t index = 0;          // of the peer's proposal in its list
    model::Proposal proposal;  // one transform of each type the peer offered and we take
};

/// The first of `configured` that one of `offered` satisfies, with our order of preference within it. Of the key
/// exchange groups both would take, `preferred_group` wins: the one the peer's KE payload has, which saves a round
/// trip. A proposal with a transform type we do not know is not acceptable, unknown transforms of known types are
/// passed over.
[[nodiscard]] std::optional<ChosenProposal> choose_proposal(std::span<const model::Proposal> offered,
                                                            std::span<const model::Proposal> configured,
                                                            model::KeyExchangeGroup preferred_group);

/// The answer to an offer of ours is one of its proposals with one of its transforms for each type.
[[nodiscard]] bool is_choice_of(const model::Proposal& answer, const model::Proposal& offer);

/// `proposals` without key exchange transforms: those of the child of an IKE_AUTH exchange (section 1.2). Duplicates
/// that remain go.
[[nodiscard]] std::vector<model::Proposal> without_groups(std::span<const model::Proposal> proposals);

/// The group our KE payload has: the first of the first proposal that has one; kNone: no proposal does.
[[nodiscard]] model::KeyExchangeGroup first_group(std::span<const model::Proposal> proposals) noexcept;
/// One of `proposals` allows `group`.
[[nodiscard]] bool allows_group(std::span<const model::Proposal> proposals, model::KeyExchangeGroup group) noexcept;

}  // namespace ipsecgw::ike
