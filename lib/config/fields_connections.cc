// The fields of a connection, in swanctl.conf's words.
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
using model::IkeConnection;

/// An address, a prefix, or "%any"; several with commas between.
template <std::vector<net::Prefix> IkeConnection::*kMember>
Result<void> add_addresses(Reader&, ConnectionDraft& draft, const Value& value)
{
    for (const auto part : base::split(value.text, ',')) {
        const auto text = base::trim(part);
        if (text == "%any")
            continue;
        if (text == "%any4" || text == "%any6") {
            (draft.connection.*kMember)
                .push_back(net::Prefix::any(text == "%any4" ? net::Family::kIpv4 : net::Family::kIpv6));
            continue;
        }
        auto prefix = net::Prefix::parse(text);
        if (!prefix)
            return Error{ErrorCode::kInvalidArgument, "\"" + std::string(text) + "\" is no address or prefix",
                         "write an address; names are not looked up; %any is everybody"};
        (draft.connection.*kMember).push_back(*prefix);
    }
    return {};
}

Result<void> add_proposals(Reader&, ConnectionDraft& draft, const Value& value)
{
    for (const auto part : base::split(value.text, ',')) {
        auto proposals = model::parse_ike_proposals(part);
        if (!proposals)
            return std::move(proposals).error();
        auto& all = draft.connection.proposals;
        std::copy(proposals->begin(), proposals->end(), std::back_inserter(all));
    }
    return {};
}

template <auto kMember>
Result<void> set_number(Reader&, ConnectionDraft& draft, const Value& value)
{
    using T = std::remove_reference_t<decltype(draft.connection.*kMember)>;
    if constexpr (std::is_same_v<T, std::optional<uint32_t>>)
        draft.connection.*kMember = static_cast<uint32_t>(value.number);
    else
        draft.connection.*kMember = static_cast<T>(value.number);
    return {};
}

template <bool IkeConnection::*kMember>
Result<void> set_flag(Reader&, ConnectionDraft& draft, const Value& value)
{
    draft.connection.*kMember = value.flag;
    return {};
}

/// Words in the order of the enumerators.
template <auto kMember>
Result<void> set_word(Reader&, ConnectionDraft& draft, const Value& value)
{
    using T = std::remove_reference_t<decltype(draft.connection.*kMember)>;
    draft.connection.*kMember = static_cast<T>(value.number);
    return {};
}

/// A setting that has one value here, kept so that files that write it down are read.
Result<void> nothing(Reader&, ConnectionDraft&, const Value&)
{
    return {};
}

constexpr Field<ConnectionDraft> kConnectionFields[] = {
    {{"name", Kind::kText, true, "", "1 to 63 characters"},
     [](Reader&, ConnectionDraft& draft, const Value& value) -> Result<void> {
         draft.connection.name = value.text;
         return model::check_name(value.text);
     }},
    {{"version", Kind::kNumber, false, "2", "", 2, 2}, nothing},
    {{"local_addrs", Kind::kTexts, false, "%any", "addresses, prefixes"}, add_addresses<&IkeConnection::local_addrs>},
    {{"remote_addrs", Kind::kTexts, false, "%any", "addresses, prefixes"}, add_addresses<&IkeConnection::remote_addrs>},
    {{"local_port", Kind::kNumber, false, "500", "", 1, 65535}, set_number<&IkeConnection::local_port>},
    {{"remote_port", Kind::kNumber, false, "500", "", 1, 65535}, set_number<&IkeConnection::remote_port>},
    {{"proposals", Kind::kTexts, false, "default", "see proposals"}, add_proposals},
    {{"encap", Kind::kFlag, false, "false", "true, false"}, set_flag<&IkeConnection::encap>},
    {{"mobike", Kind::kWord, false, "no", "no"}, nothing},
    {{"dpd_delay", Kind::kTime, false, "0", "", 0, UINT32_MAX}, set_number<&IkeConnection::dpd_delay_s>},
    {{"keyingtries", Kind::kNumber, false, "1", "0 (for ever) to 1000", 0, 1000},
     set_number<&IkeConnection::keyingtries>},
    {{"unique", Kind::kWord, false, "no", "no|never|keep|replace"}, set_word<&IkeConnection::unique>},
    {{"rekey_time", Kind::kTime, false, "4h", "", 0, UINT32_MAX}, set_number<&IkeConnection::rekey_time_s>},
    {{"over_time", Kind::kTime, false, "10 % of rekey_time", "", 0, UINT32_MAX},
     set_number<&IkeConnection::over_time_s>},
    {{"rand_time", Kind::kTime, false, "over_time", "", 0, UINT32_MAX}, set_number<&IkeConnection::rand_time_s>},
    {{"reauth_time", Kind::kTime, false, "0", "0 (off)", 0, 0}, nothing},
    {{"fragmentation", Kind::kWord, false, "yes", "yes|accept|force|no"}, set_word<&IkeConnection::fragmentation>},
    {{"childless", Kind::kWord, false, "allow", "allow|prefer|force|never"}, set_word<&IkeConnection::childless>},
    {{"send_cert", Kind::kWord, false, "ifasked", "ifasked|always|never"}, set_word<&IkeConnection::send_cert>},
    {{"send_certreq", Kind::kFlag, false, "true", "true, false"}, set_flag<&IkeConnection::send_certreq>},
    {{"ppk_id", Kind::kText, false, "none", "identity"},
     [](Reader&, ConnectionDraft& draft, const Value& value) -> Result<void> {
         draft.connection.ppk_id = GW_TRY(model::Identity::parse(value.text));
         return {};
     }},
    {{"ppk_required", Kind::kFlag, false, "false", "true, false"}, set_flag<&IkeConnection::ppk_required>},
    {{"local", Kind::kGroup, true, "", "see connections.local"},
     nullptr,
     [](Reader& reader, ConnectionDraft& draft, const libconfig::Setting& group, Origin& origin) {
         reader.read_group(group, local_auth_fields(), draft.connection.local, origin, "local.");
     }},
    {{"remote", Kind::kGroup, true, "", "see connections.remote"},
     nullptr,
     [](Reader& reader, ConnectionDraft& draft, const libconfig::Setting& group, Origin& origin) {
         reader.read_group(group, remote_auth_fields(), draft.connection.remote, origin, "remote.");
     }},
    {{"children", Kind::kGroups, false, "none", "see connections.children"},
     nullptr,
     [](Reader& reader, ConnectionDraft& draft, const libconfig::Setting& list, Origin&) {
         reader.read_groups(list, child_fields(), draft.children);
     }},
};

template <class T>
Result<void> set_auth(Reader&, T& target, const Value& value)
{
    target.auth = GW_TRY(model::AuthRule::parse(value.text));
    return {};
}

template <class T>
Result<void> set_id(Reader&, T& target, const Value& value)
{
    target.id = GW_TRY(model::Identity::parse(value.text));
    return {};
}

/// Files that certificates are in; several with commas between.
template <auto kMember, class T>
Result<void> add_files(Reader& reader, T& target, const Value& value)
{
    for (const auto part : base::split(value.text, ','))
        (target.*kMember).push_back(GW_TRY(reader.readable_file(value.line, base::trim(part))));
    return {};
}

constexpr Field<model::LocalAuth> kLocalFields[] = {
    {{"auth", Kind::kText, false, "pubkey", "see authentication"}, set_auth<model::LocalAuth>},
    {{"id", Kind::kText, false, "the certificate's subject, or the address", "identity"}, set_id<model::LocalAuth>},
    {{"certs", Kind::kTexts, false, "none", "files"}, add_files<&model::LocalAuth::certs, model::LocalAuth>},
};

constexpr Field<model::RemoteAuth> kRemoteFields[] = {
    {{"auth", Kind::kText, false, "pubkey", "see authentication"}, set_auth<model::RemoteAuth>},
    {{"id", Kind::kText, false, "%any", "identity or pattern"}, set_id<model::RemoteAuth>},
    {{"certs", Kind::kTexts, false, "none", "files"}, add_files<&model::RemoteAuth::certs, model::RemoteAuth>},
    {{"cacerts", Kind::kTexts, false, "all authorities", "files"},
     add_files<&model::RemoteAuth::cacerts, model::RemoteAuth>},
    {{"revocation", Kind::kWord, false, "relaxed", "relaxed|ifuri|strict"},
     [](Reader&, model::RemoteAuth& remote, const Value& value) -> Result<void> {
         remote.revocation = static_cast<model::Revocation>(value.number);
         return {};
     }},
};

}  // namespace

std::span<const Field<ConnectionDraft>> connection_fields()
{
    return kConnectionFields;
}
std::span<const Field<model::LocalAuth>> local_auth_fields()
{
    return kLocalFields;
}
std::span<const Field<model::RemoteAuth>> remote_auth_fields()
{
    return kRemoteFields;
}

}  // namespace ipsecgw::config
