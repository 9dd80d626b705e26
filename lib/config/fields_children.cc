// The fields of a connection's child, in swanctl.conf's words.
#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "config/fields_internal.h"
#include "config/reader_internal.h"
#include "model/name.h"

namespace ipsecgw::config {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using model::ChildConfig;
using model::RekeyLimit;

Result<void> add_proposals(Reader&, ChildDraft& draft, const Value& value)
{
    for (const auto part : base::split(value.text, ',')) {
        auto proposals = model::parse_esp_proposals(part);
        if (!proposals)
            return std::move(proposals).error();
        std::copy(proposals->begin(), proposals->end(), std::back_inserter(draft.child.esp_proposals));
    }
    return {};
}

template <std::vector<model::ChildSelector> ChildConfig::*kMember>
Result<void> add_selectors(Reader&, ChildDraft& draft, const Value& value)
{
    for (const auto part : base::split(value.text, ','))
        (draft.child.*kMember).push_back(GW_TRY(model::ChildSelector::parse(part)));
    return {};
}

template <auto kMember>
Result<void> set_number(Reader&, ChildDraft& draft, const Value& value)
{
    using T = std::remove_reference_t<decltype(draft.child.*kMember)>;
    draft.child.*kMember = static_cast<T>(value.number);
    return {};
}

template <RekeyLimit ChildConfig::*kLimit, auto kMember>
Result<void> set_limit(Reader&, ChildDraft& draft, const Value& value)
{
    draft.child.*kLimit.*kMember = value.number;
    return {};
}

template <model::StartAction ChildConfig::*kMember>
Result<void> set_action(Reader&, ChildDraft& draft, const Value& value)
{
    using model::StartAction;
    for (const auto action : {StartAction::kNone, StartAction::kTrap, StartAction::kStart, StartAction::kTrapStart}) {
        if (value.text == model::to_string(action)) {
            draft.child.*kMember = action;
            return {};
        }
    }
    const auto near = base::nearest(value.text, {"none", "trap", "start", "trap|start"});
    return Error{ErrorCode::kInvalidArgument,
                 "\"" + std::string(value.text) + "\" is none of none, trap, start, trap|start",
                 near ? "did you mean " + *near + "?" : ""};
}

constexpr Field<ChildDraft> kChildFields[] = {
    {{"name", Kind::kText, true, "", "1 to 63 characters"},
     [](Reader&, ChildDraft& draft, const Value& value) -> Result<void> {
         draft.child.name = value.text;
         return model::check_name(value.text);
     }},
    {{"esp_proposals", Kind::kTexts, false, "default", "see proposals"}, add_proposals},
    {{"mode", Kind::kWord, false, "tunnel", "tunnel|transport"}, set_number<&ChildConfig::mode>},
    {{"local_ts", Kind::kTexts, false, "dynamic", "selectors"}, add_selectors<&ChildConfig::local_ts>},
    {{"remote_ts", Kind::kTexts, false, "dynamic", "selectors"}, add_selectors<&ChildConfig::remote_ts>},
    {{"rekey_time", Kind::kTime, false, "1h", "", 0, UINT32_MAX}, set_limit<&ChildConfig::time_s, &RekeyLimit::rekey>},
    {{"life_time", Kind::kTime, false, "110 % of rekey_time", "", 0, UINT32_MAX},
     set_limit<&ChildConfig::time_s, &RekeyLimit::life>},
    {{"rand_time", Kind::kTime, false, "life_time - rekey_time", "", 0, UINT32_MAX},
     set_limit<&ChildConfig::time_s, &RekeyLimit::rand>},
    {{"rekey_bytes", Kind::kNumber, false, "0", "", 0, UINT64_MAX}, set_limit<&ChildConfig::bytes, &RekeyLimit::rekey>},
    {{"life_bytes", Kind::kNumber, false, "110 % of rekey_bytes", "", 0, UINT64_MAX},
     set_limit<&ChildConfig::bytes, &RekeyLimit::life>},
    {{"rand_bytes", Kind::kNumber, false, "life_bytes - rekey_bytes", "", 0, UINT64_MAX},
     set_limit<&ChildConfig::bytes, &RekeyLimit::rand>},
    {{"rekey_packets", Kind::kNumber, false, "0", "", 0, UINT64_MAX},
     set_limit<&ChildConfig::packets, &RekeyLimit::rekey>},
    {{"life_packets", Kind::kNumber, false, "110 % of rekey_packets", "", 0, UINT64_MAX},
     set_limit<&ChildConfig::packets, &RekeyLimit::life>},
    {{"rand_packets", Kind::kNumber, false, "life_packets - rekey_packets", "", 0, UINT64_MAX},
     set_limit<&ChildConfig::packets, &RekeyLimit::rand>},
    {{"start_action", Kind::kText, false, "none", "see actions"}, set_action<&ChildConfig::start_action>},
    {{"close_action", Kind::kText, false, "none", "see actions"}, set_action<&ChildConfig::close_action>},
    {{"dpd_action", Kind::kWord, false, "clear", "clear|trap|restart"}, set_number<&ChildConfig::dpd_action>},
    {{"inactivity", Kind::kTime, false, "0", "", 0, UINT32_MAX}, set_number<&ChildConfig::inactivity_s>},
    {{"priority", Kind::kNumber, false, "1000", "", 0, UINT32_MAX}, set_number<&ChildConfig::priority>},
    {{"replay_window", Kind::kNumber, false, "64", "0 (off) or 32 to 4096", 0, UINT16_MAX},
     set_number<&ChildConfig::replay_window>},
    {{"hw_offload", Kind::kWord, false, "no", "no|yes|crypto|full|packet|auto"},
     [](Reader&, ChildDraft& draft, const Value& value) -> Result<void> {
         using model::HwOffload;
         constexpr HwOffload kMeaning[] = {HwOffload::kNo,   HwOffload::kCrypto, HwOffload::kCrypto,
                                           HwOffload::kFull, HwOffload::kFull,   HwOffload::kAuto};
         draft.child.hw_offload = kMeaning[value.number];
         return {};
     }},
    {{"copy_df", Kind::kFlag, false, "true", "true, false"},
     [](Reader&, ChildDraft& draft, const Value& value) -> Result<void> {
         draft.child.tunnel.df = value.flag ? model::DfPolicy::kCopy : model::DfPolicy::kClear;
         return {};
     }},
    {{"copy_ecn", Kind::kFlag, false, "true", "true, false"},
     [](Reader&, ChildDraft& draft, const Value& value) -> Result<void> {
         draft.child.tunnel.ecn = value.flag ? model::EcnPolicy::kNormal : model::EcnPolicy::kOff;
         return {};
     }},
    {{"copy_dscp", Kind::kWord, false, "out", "out|in|yes|no"},
     [](Reader&, ChildDraft& draft, const Value& value) -> Result<void> {
         const bool outward = value.number == 0 || value.number == 2;
         draft.child.tunnel.dscp = outward ? std::optional<uint8_t>() : std::optional<uint8_t>(uint8_t{0});
         draft.child.tunnel.copy_dscp_inward = value.number == 1 || value.number == 2;
         return {};
     }},
    {{"tfc_padding", Kind::kNumber, false, "0", "", 0, 9700}, set_number<&ChildConfig::tfc_pad_to>},
    {{"policies_fwd_out", Kind::kFlag, false, "true",
      "true, false"},  // as swanctl.conf has it; forwarding is all we do
     [](Reader&, ChildDraft&, const Value&) -> Result<void> { return {}; }},
};

}  // namespace

std::span<const Field<ChildDraft>> child_fields()
{
    return kChildFields;
}

}  // namespace ipsecgw::config
