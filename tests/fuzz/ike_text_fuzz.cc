// What people write about connections: an accepted text prints as one that means the same; a refused one says why,
// without a secret.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "model/ike_connection.h"

namespace {

using namespace ipsecgw;

void require(bool claim)
{
    if (!claim)
        std::abort();
}

void proposals(std::string_view text)
{
    if (const auto parsed = model::parse_ike_proposals(text)) {
        for (const auto& proposal : *parsed) {
            const auto again = model::parse_ike_proposals(proposal.to_string());
            require(again && again->at(0).transforms.size() == proposal.transforms.size());
        }
    } else {
        require(!parsed.error().what.empty());
    }
    if (const auto parsed = model::parse_esp_proposals(text)) {
        for (const auto& proposal : *parsed) {
            const auto again = model::parse_esp_proposals(proposal.to_string());
            require(again && again->at(0) == proposal);
        }
    }
}

void identities(std::string_view text)
{
    if (const auto identity = model::Identity::parse(text)) {
        require(model::is_well_formed(*identity));
        const auto again = model::Identity::parse(identity->to_string());
        require(again && again->equals(*identity));
        require(identity->matches(*identity) && identity->equals(*identity));
    }
    const model::Identity name{model::IdentityType::kDistinguishedName, {text.begin(), text.end()}};
    if (model::is_well_formed(name)) {
        require(name.matches(name) && name.equals(name));
        const auto again = model::Identity::parse(name.to_string());
        require(again && again->equals(name));  // string types may differ
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    proposals(text);
    identities(text);
    if (const auto selector = model::ChildSelector::parse(text)) {
        const auto again = model::ChildSelector::parse(selector->to_string());
        require(again && *again == *selector);
    }
    if (const auto rule = model::AuthRule::parse(text)) {
        const auto again = model::AuthRule::parse(rule->to_string());
        require(again && *again == *rule);
    }
    if (const auto secret = model::parse_secret(text))
        require(!secret->empty());
    else if (size > 8)
        require(secret.error().what.find(text) == std::string::npos);
    return 0;
}
