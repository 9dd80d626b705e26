// The fields of a policy.
#include "config/fields_internal.h"
#include "config/reader_internal.h"
#include "model/name.h"

namespace ipsecgw::config {
namespace {

using base::Result;

template <std::vector<model::TrafficSelector> model::Policy::*kMember>
Result<void> add_selector(Reader&, model::Policy& policy, const Value& value)
{
    auto selector = model::TrafficSelector::parse(value.text);
    if (!selector)
        return std::move(selector).error();
    (policy.*kMember).push_back(*selector);
    return {};
}

constexpr Field<model::Policy> kPolicyFields[] = {
    {{"name", Kind::kText, true, "", "1 to 63 characters"},
     [](Reader&, model::Policy& policy, const Value& value) -> Result<void> {
         policy.name = value.text;
         return model::check_name(value.text);
     }},
    {{"priority", Kind::kNumber, false, "1000", "", 0, UINT32_MAX},
     [](Reader&, model::Policy& policy, const Value& value) -> Result<void> {
         policy.priority = static_cast<uint32_t>(value.number);
         return {};
     }},
    {{"action", Kind::kWord, true, "", "protect|bypass|discard"},
     [](Reader&, model::Policy& policy, const Value& value) -> Result<void> {
         policy.action = static_cast<model::Action>(value.number);
         return {};
     }},
    {{"direction", Kind::kWord, false, "both", "both|in|out"},
     [](Reader&, model::Policy& policy, const Value& value) -> Result<void> {
         policy.direction = static_cast<model::PolicyDirection>(value.number);
         return {};
     }},
    {{"local_ts", Kind::kTexts, true, "", "selectors"}, add_selector<&model::Policy::local>},
    {{"remote_ts", Kind::kTexts, true, "", "selectors"}, add_selector<&model::Policy::remote>},
    {{"sa", Kind::kText, false, "none", "name of an outbound SA"},
     [](Reader&, model::Policy& policy, const Value& value) -> Result<void> {
         policy.outbound_sa = value.text;
         return {};
     }},
    {{"sa_in", Kind::kTexts, false, "none", "names of inbound SAs"},
     [](Reader&, model::Policy& policy, const Value& value) -> Result<void> {
         policy.inbound_sas.emplace_back(value.text);
         return {};
     }},
};

}  // namespace

std::span<const Field<model::Policy>> policy_fields()
{
    return kPolicyFields;
}

}  // namespace ipsecgw::config
